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
	if len(text) <= limit && isClean(text) {
		return text
	}
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
func RedactTokens(text string) string {
	if !strings.Contains(text, "hf_") {
		return text
	}
	return hubTokens.ReplaceAllString(text, Redacted)
}

// isClean reports that text is one line of visible ASCII with single spaces within
// it.
func isClean(text string) bool {
	space := true
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return !space || text == ""
}
