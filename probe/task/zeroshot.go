package task

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// zeroShot gives a text scores for labels that the request names.
//
// The nonce goes behind the text; the labels stay as they are, since the answer
// repeats them. Of a batch only the last text carries it.
type zeroShot struct{ quiet }

// Name returns the Hub's name of the task.
func (zeroShot) Name() string { return "zero-shot-classification" }

// Build returns {"inputs": …, "parameters": {"candidate_labels": …}}.
func (t zeroShot) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	if _, err := candidates(t.Name(), p); err != nil {
		return probe.Request{}, err
	}
	all, err := readTexts(t.Name(), ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), all.marked(ask.Nonce).json(), p)
}

// candidates returns the labels that were asked for: a list, or as transformers
// reads it one text with commas.
func candidates(name string, p params) ([]string, error) {
	want := "parameters.candidate_labels: " + name + ` wants a list of different labels, such as ["refund", "legal"]`
	raw, given := p.get("candidate_labels")
	if !given {
		return nil, fmt.Errorf("%s", want)
	}
	names := strings.Split(p.word("candidate_labels"), ",")
	if rawKind(raw) != "a text" {
		names = nil
		if rawKind(raw) != "a list" || json.Unmarshal(raw, &names) != nil {
			return nil, fmt.Errorf("%s, got %s", want, rawKind(raw))
		}
	}
	for i, label := range names {
		names[i] = strings.TrimSpace(label)
		if names[i] == "" {
			return nil, fmt.Errorf("%s, got a blank one", want)
		}
		if slices.Contains(names[:i], names[i]) {
			return nil, fmt.Errorf("%s, got %s twice", want, quote(names[i]))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s, got none", want)
	}
	return names, nil
}

// Check accepts the form of transformers, {sequence, labels, scores}, that of
// hf-inference since the end of 2025, [{label, score}], and a list of either
// for a batch.
func (t zeroShot) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	p := lenient(ask.Parameters)
	want, err := candidates(t.Name(), p)
	if err != nil {
		want = nil
	}
	// With one label transformers scores it by itself, so that nothing sums to 1.
	rules := zeroShotRules{labels: want, sums: !p.flag("multi_label") && len(want) > 1}
	inputs := len(asked(t.Name(), ask).list)
	shape, items, single := zeroShotForm(value)
	if items == nil {
		return reject(shape, breaks("%s, want labels with scores", describe(value)))
	}
	if broken := matchesCount(len(items), inputs, "answer"); broken != nil {
		return reject(shape, broken)
	}
	tops := make([]scored, len(items))
	for i, item := range items {
		all, broken := rules.read(item)
		if broken != nil {
			if !single {
				broken = broken.at(i)
			}
			return reject(shape, broken)
		}
		tops[i] = top(all)
	}
	return judge(ask, good(shape), subject{labels: tops, value: value})
}

// describe names a JSON value and whether it is empty.
func describe(v any) string {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
	case map[string]any:
		if len(v) == 0 {
			return "an empty object"
		}
	}
	return kind(v)
}

// zeroShotForm returns the shape, the answers for each input, and whether the
// value is the answer of a single one. No items is an unknown form.
func zeroShotForm(v any) (shape string, items []any, single bool) {
	switch v := v.(type) {
	case map[string]any:
		return "obj{labels,scores}", []any{v}, true
	case []any:
		if len(v) == 0 {
			return "", nil, false
		}
		if nested(v) {
			return "list<list<label>>", v, false
		}
		if first, isObject := v[0].(map[string]any); isObject && first["labels"] != nil {
			return "list<obj{labels,scores}>", v, false
		}
		return "list<label>", []any{v}, true
	default:
		return "", nil, false
	}
}

// zeroShotRules are what one input's scores must fulfil.
type zeroShotRules struct {
	// labels are those asked for; nil is not known.
	labels []string
	sums   bool
}

// read returns the scores of one input in either form.
func (r zeroShotRules) read(v any) ([]scored, *fault) {
	all, bad := r.pairs(v)
	if bad != nil {
		return nil, bad
	}
	var sum float64
	seen := make(map[string]bool, len(all))
	for _, s := range all {
		name := strings.TrimSpace(s.label)
		if r.labels != nil && !slices.Contains(r.labels, name) {
			return nil, breaks("label %s was not asked for", quote(s.label))
		}
		if seen[name] {
			return nil, breaks("label %s stands there twice", quote(s.label))
		}
		seen[name] = true
		sum += s.score
	}
	for _, name := range r.labels {
		if !seen[name] {
			return nil, breaks("label %s is missing", quote(name))
		}
	}
	if r.sums && math.Abs(sum-1) > 0.02 {
		return nil, breaks("the scores sum to %s, want 1 within 0.02", short(sum))
	}
	return all, nil
}

// pairs returns labels with scores from {labels, scores} or [{label, score}].
func (zeroShotRules) pairs(v any) ([]scored, *fault) {
	o, isObject := v.(map[string]any)
	if !isObject {
		return labels(v, unitScale)
	}
	names, bad := list(o["labels"], "labels")
	if bad != nil {
		return nil, bad.in(".labels")
	}
	scores, bad := list(o["scores"], "scores")
	if bad != nil {
		return nil, bad.in(".scores")
	}
	if len(names) != len(scores) {
		return nil, breaks("%s for %s", plural(len(scores), "score"), plural(len(names), "label")).in(".scores")
	}
	all := make([]scored, len(names))
	for i := range names {
		name, isText := names[i].(string)
		if !isText {
			return nil, breaks("%s, want a text", kind(names[i])).at(i).in(".labels")
		}
		f, isNumber := scores[i].(float64)
		if !isNumber {
			return nil, breaks("%s, want a number", kind(scores[i])).at(i).in(".scores")
		}
		if bad := unitScale.check(f); bad != nil {
			return nil, bad.at(i).in(".scores")
		}
		all[i] = scored{name, f}
	}
	return all, nil
}
