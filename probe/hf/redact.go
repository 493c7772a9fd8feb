package hf

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// maxReason bounds a result's error, maxExcerpt what is kept of an answer
	// that was not good.
	maxReason  = 300
	maxExcerpt = 1024
	// maxExcerptSource is how much of a stream an excerpt is made from: more than
	// is kept of it, so that no secret is cut in two before it is blotted out.
	maxExcerptSource = 4 << 10
	// maxName bounds names that the other side chose.
	maxName = 128
	// maxWarnings bounds how many warnings a result carries.
	maxWarnings = 8
	// minSecret is the length below which a text is too common to be blotted
	// out wherever it stands.
	minSecret = 6
)

// secrets are the texts of one endpoint that no result may hold.
type secrets []string

// secretsOf returns what the endpoint's credentials look like wherever they
// may be repeated: as given, without their scheme, and escaped.
func secretsOf(e *probe.Endpoint) secrets {
	var s secrets
	s.add(e.HubToken.Reveal())
	s.add(e.AuthValue.Reveal())
	for name, value := range e.Headers {
		if secretName(name) {
			s.add(value)
		}
	}
	for _, u := range []*url.URL{e.URL, e.Proxy} {
		if u == nil {
			continue
		}
		if password, ok := u.User.Password(); ok {
			s.add(password)
		}
	}
	if e.URL != nil {
		for name, values := range e.URL.Query() {
			for _, value := range values {
				if secretName(name) {
					s.add(value)
				}
			}
		}
	}
	// The longest first, since one may be the beginning of another.
	slices.SortFunc(s, func(a, b string) int { return len(b) - len(a) })
	return s
}

// add takes one secret in its forms.
func (s *secrets) add(v string) {
	forms := []string{v}
	if _, bare, ok := strings.Cut(v, " "); ok {
		forms = append(forms, bare)
	}
	for _, form := range forms {
		if len(form) < minSecret {
			continue
		}
		*s = append(*s, form)
		if escaped := url.QueryEscape(form); escaped != form {
			*s = append(*s, escaped)
		}
	}
}

// secretName reports that a field of this name holds a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, sign := range []string{"auth", "key", "token", "secret", "pass", "pwd", "cookie", "sig", "credential"} {
		if strings.Contains(name, sign) {
			return true
		}
	}
	return false
}

// redact returns text with every secret blotted out.
func (s secrets) redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, probe.Redacted)
	}
	return probe.RedactTokens(text)
}

// clean returns text as one bounded line; see probe.Clean.
func clean(text string, limit int) string { return probe.Clean(text, limit) }

// hide blots the secrets out of everything in the result that the other side,
// or an error, had a hand in, and bounds it.
func (s secrets) hide(res *probe.Result) {
	one := func(text *string, limit int) {
		if *text != "" {
			*text = clean(s.redact(*text), limit)
		}
	}
	one(&res.Error, maxReason)
	one(&res.Excerpt, maxExcerpt)
	for _, name := range []*string{
		&res.RequestID, &res.RateLimit.Name, &res.Provider, &res.Revision, &res.ServedModel, &res.FinishReason, &res.Shape, &res.RemoteAddr,
	} {
		one(name, maxName)
	}
	if len(res.Warnings) > maxWarnings {
		res.Warnings = res.Warnings[:maxWarnings]
	}
	for i := range res.IDs {
		one(&res.IDs[i], maxName)
	}
	for i := range res.Warnings {
		one(&res.Warnings[i], maxReason)
	}
}
