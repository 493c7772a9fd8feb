package task

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hfwatch/hfwatch/probe"
)

// questionAnswering finds the answer to a question in a context.
//
// The nonce goes behind the context, so that the offsets of an answer in it
// stay true.
type questionAnswering struct{ quiet }

// Name returns the Hub's name of the task.
func (questionAnswering) Name() string { return "question-answering" }

// Build returns {"inputs": {"question": …, "context": …}, "parameters": …}.
func (t questionAnswering) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	question, context, err := t.read(ask)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("question", question)
	b.value("context", context)
	inputs, err := b.bytes()
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), inputs, p)
}

// read returns the question, and the context with the nonce.
func (questionAnswering) read(ask probe.Ask) (question, context string, err error) {
	const want = `question-answering wants {"question": …, "context": …}`
	var in struct {
		Question json.RawMessage `json:"question"`
		Context  json.RawMessage `json:"context"`
	}
	if rawKind(ask.Input) != "an object" || json.Unmarshal(ask.Input, &in) != nil {
		return "", "", fmt.Errorf("%s, got %s", want, rawKind(ask.Input))
	}
	if question, err = readText(want+": question", in.Question); err != nil {
		return "", "", err
	}
	if context, err = readText(want+": context", in.Context); err != nil {
		return "", "", err
	}
	return question, suffix(context, ask.Nonce), nil
}

// Check accepts one {answer, score, start, end}, and a list of them, which
// engines send where top_k is above 1.
func (t questionAnswering) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	_, context, err := t.read(ask)
	if err != nil {
		context = ""
	}
	impossible := lenient(ask.Parameters).flag("handle_impossible_answer")
	if _, isObject := value.(map[string]any); isObject {
		found, broken := answerIn(value, context, impossible)
		if broken != nil {
			return reject("obj{answer}", broken)
		}
		return judge(ask, good("obj{answer}"), subject{texts: []string{found.label}, labels: []scored{found}, value: value})
	}
	items, broken := list(value, "answers")
	if broken != nil {
		return reject("", broken)
	}
	all := make([]scored, len(items))
	for i, item := range items {
		if all[i], broken = answerIn(item, context, impossible); broken != nil {
			return reject("list<obj{answer}>", broken.at(i))
		}
	}
	best := top(all)
	return judge(ask, good("list<obj{answer}>"), subject{texts: []string{best.label}, labels: []scored{best}, value: value})
}

// answerIn returns one answer, which must stand in the context where it says; an
// empty context is not known. Offsets count characters, as Python does.
func answerIn(v any, context string, impossible bool) (scored, *fault) {
	o, bad := object(v)
	if bad != nil {
		return scored{}, bad
	}
	said, bad := text(o, "answer")
	if bad != nil {
		return scored{}, bad
	}
	score, bad := scoreOf(o, unitScale)
	if bad != nil {
		return scored{}, bad
	}
	length := -1
	if context != "" {
		length = utf8.RuneCountInString(context)
	}
	start, end, bad := span(o, length, false)
	if bad != nil {
		return scored{}, bad
	}
	switch {
	case blank(said) && impossible:
	case blank(said):
		return scored{}, breaks("blank, which only parameters.handle_impossible_answer allows").in(".answer")
	case context != "" && !stands(said, []rune(context), start, end):
		return scored{}, breaks("%s does not stand in the context at %d..%d", quote(said), start, end).in(".answer")
	}
	return scored{said, score}, nil
}

// stands reports whether said is what context has between start and end, but
// for blanks and case, and for the words at both ends, which engines align to
// (align_to_words) or cut.
func stands(said string, context []rune, start, end int) bool {
	const words = 32
	said = plain(said)
	exact := plain(string(context[start:end]))
	if exact != "" && strings.Contains(said, exact) {
		return true
	}
	wide := plain(string(context[max(0, start-words):min(len(context), end+words)]))
	return strings.Contains(wide, said)
}

// plain returns s in lower case with single blanks.
func plain(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
