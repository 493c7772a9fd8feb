package task

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// subject is what an answer offers to be judged by `expect`.
type subject struct {
	// texts are what the answer says; nil where it says nothing in words.
	texts []string
	// labels are the best label of each input, or with anyLabel all that were
	// found, one of which must do.
	labels   []scored
	anyLabel bool
	// value is the whole answer. With written, the text is the value where it
	// is to be judged as JSON.
	value   any
	written bool
	// heard is true for a text that was spoken: it is compared by its words.
	heard bool
	// vectors are the answer's embeddings; nil where it has none.
	vectors [][]float64
}

// judge returns v, or the verdict that the answer is valid but not what is
// expected.
func judge(ask probe.Ask, v probe.Verdict, s subject) probe.Verdict {
	if ask.Expect.IsZero() {
		return v
	}
	for i, t := range s.texts {
		s.texts[i] = strings.TrimSpace(unmark(t, ask.Nonce))
	}
	for _, rule := range []func(*probe.Expect) string{s.label, s.text, s.length, s.equals, s.schema, s.similar} {
		if broken := rule(ask.Expect); broken != "" {
			v.Outcome, v.Reason = probe.WrongAnswer, broken
			return v
		}
	}
	return v
}

// label judges the label and its score.
func (s subject) label(e *probe.Expect) string {
	if e.Label == "" && e.MinScore.IsZero() {
		return ""
	}
	if s.anyLabel {
		return s.someLabel(e)
	}
	for i, got := range s.labels {
		broken := scoreTooLow(got, e)
		if e.Label != "" && got.label != e.Label {
			broken = fmt.Sprintf("expect.label: the top label is %s (%s), want %s", quote(got.label), short(got.score), quote(e.Label))
		}
		if broken != "" && len(s.labels) > 1 {
			broken += fmt.Sprintf(", for input %d", i)
		}
		if broken != "" {
			return broken
		}
	}
	return ""
}

// someLabel judges that one of the labels found is the one, with its score.
func (s subject) someLabel(e *probe.Expect) string {
	var broken string
	for _, got := range s.labels {
		if e.Label != "" && got.label != e.Label {
			continue
		}
		if broken = scoreTooLow(got, e); broken == "" {
			return ""
		}
	}
	switch {
	case broken != "":
		return broken
	case e.Label != "":
		return fmt.Sprintf("expect.label: %s is not among the %s found", quote(e.Label), plural(len(s.labels), "label"))
	default:
		return "expect.min_score: nothing was found that could have a score"
	}
}

// scoreTooLow says that a score is lower than expected, or nothing.
func scoreTooLow(got scored, e *probe.Expect) string {
	if least, given := e.MinScore.Get(); given && got.score < least {
		return fmt.Sprintf("expect.min_score: %s has %s, want at least %s", quote(got.label), short(got.score), short(least))
	}
	return ""
}

// text judges what the answer contains and matches.
func (s subject) text(e *probe.Expect) string {
	if s.texts == nil {
		return ""
	}
	all := strings.Join(s.texts, "\n")
	for _, part := range e.Contains {
		if holds := strings.Contains(all, part) || s.heard && holdsWords(all, part); !holds {
			return fmt.Sprintf("expect.contains: %s is not in %s", quote(part), quote(all))
		}
	}
	if e.Matches != nil && !e.Matches.MatchString(all) {
		return fmt.Sprintf("expect.matches: %s does not match %s", quote(all), clip(e.Matches.String(), 120))
	}
	return ""
}

// length judges the length of each text, in characters.
func (s subject) length(e *probe.Expect) string {
	for _, t := range s.texts {
		n := utf8.RuneCountInString(t)
		if least, given := e.MinLength.Get(); given && n < least {
			return fmt.Sprintf("expect.min_length: the text has %s, want at least %d", plural(n, "character"), least)
		}
		if most, given := e.MaxLength.Get(); given && n > most {
			return fmt.Sprintf("expect.max_length: the text has %s, want at most %d", plural(n, "character"), most)
		}
	}
	return ""
}

// equals compares the answer with a value: a text with the answer's text,
// anything else with the answer itself.
func (s subject) equals(e *probe.Expect) string {
	if e.Equals == nil {
		return ""
	}
	var want any
	if err := json.Unmarshal(e.Equals, &want); err != nil {
		return fmt.Sprintf("expect.equals: not JSON: %v", err)
	}
	if word, isText := want.(string); isText && s.texts != nil {
		got := strings.Join(s.texts, "\n")
		if s.heard && slices.Equal(wordsOf(got), wordsOf(word)) {
			return ""
		}
		if got != strings.TrimSpace(word) {
			return fmt.Sprintf("expect.equals: the text is %s, want %s", quote(got), quote(word))
		}
		return ""
	}
	got, broken := s.json()
	if broken != "" {
		return "expect.equals: " + broken
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("expect.equals: the answer is not %s", clip(string(e.Equals), 120))
	}
	return ""
}

// schema judges the answer by a JSON Schema.
func (s subject) schema(e *probe.Expect) string {
	if e.Schema == nil {
		return ""
	}
	got, broken := s.json()
	if broken != "" {
		return "expect.json_schema: " + broken
	}
	if err := e.Schema.Validate(got); err != nil {
		return "expect.json_schema: " + clip(strings.Join(strings.Fields(err.Error()), " "), 240)
	}
	return ""
}

// json returns the value to judge, which for a task that writes is its text read
// as JSON.
func (s subject) json() (value any, broken string) {
	if !s.written {
		return s.value, ""
	}
	all := strings.Join(s.texts, "\n")
	if err := json.Unmarshal([]byte(all), &value); err != nil {
		return nil, fmt.Sprintf("the text is not JSON: %s", quote(all))
	}
	return value, ""
}

// similar judges the first vector by its cosine similarity to a stored one,
// a·b / (|a| |b|).
func (s subject) similar(e *probe.Expect) string {
	if e.Similar == nil {
		return ""
	}
	if len(s.vectors) == 0 {
		return "expect.similar_to: the answer has no single vector for the input"
	}
	a, b := s.vectors[0], e.Similar.Vector
	if len(a) != len(b) {
		return fmt.Sprintf("expect.similar_to: the vector has %s, the stored one %d", plural(len(a), "number"), len(b))
	}
	if got := cosine(a, b); !(got >= e.Similar.Min) {
		return fmt.Sprintf("expect.similar_to: the cosine similarity is %s, want at least %s", short(got), short(e.Similar.Min))
	}
	return ""
}

// cosine returns a·b / (|a| |b|) of vectors of one length, NaN where one is all
// zero.
func cosine(a, b []float64) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	return dot / math.Sqrt(aa*bb)
}
