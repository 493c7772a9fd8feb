package task

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// fault is a rule that an answer broke, and the place where it did. A nil fault
// is none.
type fault struct{ place, rule string }

// breaks returns a fault at the value itself; in places it further up.
func breaks(format string, args ...any) *fault {
	return &fault{rule: fmt.Sprintf(format, args...)}
}

// in returns f as seen from the value that holds it under prefix.
func (f *fault) in(prefix string) *fault {
	if f != nil {
		f.place = prefix + f.place
	}
	return f
}

// at returns f as seen from the list that holds it at index i.
func (f *fault) at(i int) *fault {
	if f == nil {
		return nil
	}
	return f.in("[" + strconv.Itoa(i) + "]")
}

// String returns one sentence: the place and the rule.
func (f *fault) String() string {
	switch {
	case f.place == "":
		return "the answer: " + f.rule
	case f.place[0] == '.':
		return f.place[1:] + ": " + f.rule
	default:
		return f.place + ": " + f.rule
	}
}

// reject returns the verdict on an answer that is not the task's.
func reject(shape string, f *fault) probe.Verdict {
	return probe.Verdict{Outcome: probe.InvalidOutput, Reason: f.String(), Shape: shape}
}

// kind names the JSON type of a decoded value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// quote returns s in quotes, at most 80 characters of it.
func quote(s string) string {
	const most = 80
	n := 0
	for i := range s {
		if n == most {
			return strconv.Quote(s[:i]) + "…"
		}
		n++
	}
	return strconv.Quote(s)
}

// clip returns at most n bytes of s, cut between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// plural returns the count and the noun, with an s where the count needs one.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// short returns a number as text with at most six digits.
func short(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }
