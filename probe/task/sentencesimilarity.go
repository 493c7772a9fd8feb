package task

import (
	"encoding/json"
	"fmt"

	"github.com/hfwatch/hfwatch/probe"
)

// sentenceSimilarity compares one sentence with others.
//
// The nonce goes behind the last of the others: its score moves a little, the
// rest stay exact.
type sentenceSimilarity struct{ quiet }

// Name returns the Hub's name of the task.
func (sentenceSimilarity) Name() string { return "sentence-similarity" }

// Build returns {"inputs": {"source_sentence": …, "sentences": […]}}: under
// inputs, where the engines want them, not under parameters
// (huggingface.js issue 1316).
func (t sentenceSimilarity) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	source, others, err := t.read(ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	var b body
	b.value("source_sentence", source)
	b.raw("sentences", others.marked(ask.Nonce).json())
	inputs, err := b.bytes()
	if err != nil {
		return probe.Request{}, err
	}
	r, err := post(ask, t.Name(), inputs, p)
	if ask.Route == probe.RouteHFInference {
		// The same weights serve feature-extraction too.
		r.Path = "/pipeline/sentence-similarity"
	}
	return r, err
}

// read reads an input.
func (t sentenceSimilarity) read(raw json.RawMessage) (source string, others texts, err error) {
	const want = `sentence-similarity wants {"source_sentence": …, "sentences": […]}`
	var in struct {
		Source    json.RawMessage `json:"source_sentence"`
		Sentences json.RawMessage `json:"sentences"`
	}
	if rawKind(raw) != "an object" || json.Unmarshal(raw, &in) != nil {
		return "", texts{}, fmt.Errorf("%s, got %s", want, rawKind(raw))
	}
	if source, err = readText(want+": source_sentence", in.Source); err != nil {
		return "", texts{}, err
	}
	if rawKind(in.Sentences) != "a list" {
		return "", texts{}, fmt.Errorf("%s: sentences, got %s", want, rawKind(in.Sentences))
	}
	if others, err = readTexts(t.Name(), in.Sentences); err != nil {
		return "", texts{}, fmt.Errorf("sentences: %w", err)
	}
	return source, others, nil
}

// Check accepts a list of numbers, and the toolkit's {"similarities": […]}: one
// cosine similarity for each of the sentences.
func (t sentenceSimilarity) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	shape, place, numbers := "list<number>", "", value
	if o, isObject := value.(map[string]any); isObject {
		shape, place, numbers = "obj{similarities}", ".similarities", o["similarities"]
	}
	items, broken := list(numbers, "numbers")
	if broken != nil {
		return reject("", broken.in(place))
	}
	all := make([]scored, len(items))
	for i, item := range items {
		f, isNumber := item.(float64)
		if !isNumber {
			return reject("", breaks("%s, want a number", kind(item)).at(i).in(place))
		}
		if f < -1.01 || f > 1.01 {
			return reject(shape, breaks("%s is not in -1..1", short(f)).at(i).in(place))
		}
		all[i] = scored{fmt.Sprintf("sentence %d", i), f}
	}
	if _, others, err := t.read(ask.Input); err == nil && len(others.list) != len(all) {
		return reject(shape, breaks("%s for %s", plural(len(all), "number"), plural(len(others.list), "sentence")).in(place))
	}
	return judge(ask, good(shape), subject{labels: []scored{top(all)}, value: value})
}
