package task

import (
	"encoding/json"
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// textClassification gives a text the labels that a model knows.
//
// The nonce goes behind the text. Of a batch only the last text carries it.
type textClassification struct{ quiet }

// Name returns the Hub's name of the task.
func (textClassification) Name() string { return "text-classification" }

// Build returns {"inputs": …, "parameters": …}. An input is a text, a list of
// texts, or for text-embeddings-inference a list of lists of one or two texts.
// That engine reads a list of two texts as one pair; every other as a batch.
func (t textClassification) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	inputs, _, err := t.inputs(ask)
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), inputs, p)
}

// inputs returns the inputs with the nonce, and how many there are.
func (t textClassification) inputs(ask probe.Ask) (json.RawMessage, int, error) {
	var groups []json.RawMessage
	if json.Unmarshal(ask.Input, &groups) != nil || len(groups) == 0 || rawKind(groups[0]) != "a list" {
		all, err := readTexts(t.Name(), ask.Input)
		if err != nil {
			return nil, 0, err
		}
		return all.marked(ask.Nonce).json(), len(all.list), nil
	}
	for i, raw := range groups {
		group, err := readTexts(t.Name(), raw)
		if err != nil {
			return nil, 0, fmt.Errorf("[%d]: %w", i, err)
		}
		if group.single || len(group.list) > 2 {
			return nil, 0, fmt.Errorf("%s wants a list of lists of one or two texts: [%d] is something else", t.Name(), i)
		}
		if i == len(groups)-1 {
			group = group.marked(ask.Nonce)
		}
		groups[i] = group.json()
	}
	return joined(groups), len(groups), nil
}

// Check accepts the labels of one input, [{label, score}], the labels of each,
// [[{label, score}]], and the one best label of each, [{label, score}].
func (t textClassification) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	_, inputs, err := t.inputs(ask)
	if err != nil {
		inputs = 0
	}
	units := scaleOf(lenient(ask.Parameters))
	if nested(value) {
		tops, broken := nestedLabels(value, units, inputs, ask.Route == probe.RouteURL)
		if broken != nil {
			return reject("list<list<label>>", broken)
		}
		return judge(ask, good("list<list<label>>"), subject{labels: tops, value: value})
	}
	all, broken := labels(value, units)
	if broken != nil {
		return reject("", broken)
	}
	// Of two texts either engine's reading is possible: two best labels, or the
	// labels of one pair.
	if inputs > 2 {
		if broken := matchesCount(len(all), inputs, "label"); broken != nil {
			return reject("list<label>", broken)
		}
	}
	tops := []scored{top(all)}
	if inputs > 1 && len(all) == inputs {
		tops = all
	}
	return judge(ask, good("list<label>"), subject{labels: tops, value: value})
}

// nestedLabels returns the best label of each input; with pairs two texts may be
// one.
func nestedLabels(v any, units scale, inputs int, pairs bool) ([]scored, *fault) {
	outer, bad := list(v, "lists")
	if bad != nil {
		return nil, bad
	}
	tops := make([]scored, len(outer))
	for i, inner := range outer {
		all, bad := labels(inner, units)
		if bad != nil {
			return nil, bad.at(i)
		}
		tops[i] = top(all)
	}
	// A pair of texts is one input to text-embeddings-inference, which no router
	// has behind it.
	if pairs && inputs == 2 && len(tops) == 1 {
		return tops, nil
	}
	return tops, matchesCount(len(tops), inputs, "list")
}
