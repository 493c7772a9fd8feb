package probe

import (
	"regexp"
	"strings"
	"unicode"
)

// hubTokens matches Hugging Face's tokens, whoever's they are.
var hubTokens = regexp.MustCompile(`hf_[A-Za-z0-9]{20,}`)

// Clean returns text as one bounded line: runs of spaces and control
// characters become one space, bytes that are no UTF-8 the replacement
// character, and what is beyond limit bytes an ellipsis.
func Clean(text string, limit int) string {
	var out strings.Builder
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			space = out.Len() > 0
			continue
		}
		if out.Len() >= limit {
			out.WriteString("…")
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(r)
	}
	return out.String()
}

// RedactTokens returns text with everything that looks like a Hugging Face
// token blotted out.
func RedactTokens(text string) string { return hubTokens.ReplaceAllString(text, Redacted) }
