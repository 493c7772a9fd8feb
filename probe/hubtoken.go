package probe

import (
	"net/url"
	"strings"
)

// MayCarryHubToken reports whether the Hugging Face token may go to u: over
// https, to huggingface.co, its subdomains and the subdomains of
// endpoints.huggingface.cloud. Any spelling that is not plain, such as a name
// with a closing dot or an address with a user, is refused.
func MayCarryHubToken(u *url.URL) bool {
	if u == nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if host == "huggingface.co" {
		return true
	}
	for _, domain := range []string{".huggingface.co", ".endpoints.huggingface.cloud"} {
		if name, ok := strings.CutSuffix(host, domain); ok {
			return plainName(name)
		}
	}
	return false
}

// plainName reports that each label of name is made of letters, digits and
// hyphens.
func plainName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
