package notify

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// The bounds of what is said about a failure.
const (
	// errorBytes bounds what is read of the body of a failed answer.
	errorBytes = 4 << 10
	// textRunes bounds what is shown of a body or of an error.
	textRunes = 200
	// partBytes is the length from which a part of an address is hidden; what is
	// shorter gives nothing away.
	partBytes = 4
)

// redactor hides an address in texts made by others: errors of the network,
// and bodies of answers that may echo the request.
type redactor struct {
	parts   *regexp.Regexp
	longest int
}

// newRedactor returns a redactor of more and of u: the whole address, its host name unless
// that is a plain number or localhost, its credentials, each segment of its
// path and each value of its query. Host names are hidden since some services
// put their token there.
func newRedactor(u *url.URL, more ...probe.Secret) *redactor {
	parts := append(secrets(more), u.String(), u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery)
	parts = append(parts, strings.Split(u.EscapedPath(), "/")...)
	parts = append(parts, strings.Split(u.Path, "/")...)
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		parts = append(parts, pair, value)
	}
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && !strings.EqualFold(u.Hostname(), "localhost") {
		parts = append(parts, u.Host, u.Hostname())
	}
	if u.User != nil {
		password, _ := u.User.Password()
		parts = append(parts, u.User.String(), u.User.Username(), password,
			base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return len(p) < partBytes || !utf8.ValidString(p) })
	// The longest come first: an expression takes the first that fits.
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	r := &redactor{longest: len(u.String())}
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	if len(parts) > 0 {
		r.parts = regexp.MustCompile("(?i)" + strings.Join(parts, "|"))
	}
	return r
}

// text returns s in one line of bounded length without any part of the
// address.
func (r *redactor) text(s string) string {
	if r.parts != nil {
		s = r.parts.ReplaceAllLiteralString(s, probe.Redacted)
	}
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }), " ")
	if runes := []rune(s); len(runes) > textRunes {
		return string(runes[:textRunes]) + "…"
	}
	return s
}

// excerpt returns what may be shown of the beginning of a body. Where the body
// was cut, its last bytes go away: they may be half of something secret, which
// would not be recognised.
func (r *redactor) excerpt(body []byte, cut bool) string {
	if cut {
		body = body[:max(0, len(body)-r.longest)]
	}
	return r.text(string(body))
}

// cause returns the text of an error of the network without the address, which
// package net/http puts before every error.
func (r *redactor) cause(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return r.text(err.Error())
}
