package task

import (
	"github.com/hfwatch/hfwatch/probe"
)

// sequence is summarization or translation: a text becomes another, under a key
// of the task's own.
//
// The nonce goes behind the text, from where translations carry it over; what
// is expected is judged without it. Of a batch only the last text carries it.
type sequence struct {
	quiet
	name, key string
}

// Name returns the Hub's name of the task.
func (t sequence) Name() string { return t.name }

// Build returns {"inputs": …, "parameters": …}. These models carry a bound on
// their own output, so that no bound is added.
func (t sequence) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	all, err := readTexts(t.name, ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.name, all.marked(ask.Nonce).json(), p)
}

// Check accepts [{key: text}], one for each input, and a bare {key: text}.
func (t sequence) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	shape, items, single := "list<"+t.key+">", []any{value}, false
	if _, isObject := value.(map[string]any); isObject {
		shape, single = "obj{"+t.key+"}", true
	} else {
		var broken *fault
		if items, broken = list(value, "objects"); broken != nil {
			return reject("", broken)
		}
	}
	said := make([]string, len(items))
	for i, item := range items {
		s, broken := t.text(item)
		if broken != nil {
			if !single {
				broken = broken.at(i)
			}
			return reject(shape, broken)
		}
		said[i] = s
	}
	inputs := asked(t.name, ask)
	if broken := matchesCount(len(items), len(inputs.list), "text"); broken != nil {
		return reject(shape, broken)
	}
	v := good(shape)
	if t.name == "translation" && len(inputs.list) > 0 && unmark(said[0], ask.Nonce) == unmark(inputs.list[0], ask.Nonce) {
		v.Warnings = append(v.Warnings, "the translation is the input itself")
	}
	return judge(ask, v, subject{texts: said, written: true})
}

// text returns the text of one answer.
func (t sequence) text(v any) (string, *fault) {
	o, bad := object(v)
	if bad != nil {
		return "", bad
	}
	if _, given := o[t.key]; !given {
		if _, generated := o["generated_text"]; generated {
			return "", breaks("absent, but there is a generated_text: the engine serves this model as text-generation").in(key(t.key))
		}
	}
	s, bad := text(o, t.key)
	if bad != nil {
		return "", bad
	}
	if blank(s) {
		return "", breaks("blank").in(key(t.key))
	}
	return s, nil
}
