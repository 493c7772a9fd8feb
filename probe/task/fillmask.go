package task

import (
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// fillMask guesses the word behind a mask.
//
// The nonce goes behind the text. Of a batch only the last text carries it.
type fillMask struct{ quiet }

// Name returns the Hub's name of the task.
func (fillMask) Name() string { return "fill-mask" }

// Build returns {"inputs": …, "parameters": …}. That the text has a mask is not
// checked: [MASK], <mask> and others are each model's own.
func (t fillMask) Build(ask probe.Ask) (probe.Request, error) {
	p, err := readParams(ask.Parameters)
	if err != nil {
		return probe.Request{}, err
	}
	all, err := readTexts(t.Name(), ask.Input)
	if err != nil {
		return probe.Request{}, err
	}
	return post(ask, t.Name(), all.marked(ask.Nonce).json(), p)
}

// Check accepts [{score, token, token_str, sequence}], and a list of such lists
// for several masks or several texts.
func (t fillMask) Check(ask probe.Ask, a probe.Answer) probe.Verdict {
	value, bad := decode(a)
	if bad != nil {
		return *bad
	}
	inputs := asked(t.Name(), ask)
	if !nested(value) {
		all, said, broken := guesses(value)
		if broken != nil {
			return reject("", broken)
		}
		if broken := matchesCount(1, len(inputs.list), "list of predictions"); broken != nil {
			return reject("list<guess>", broken)
		}
		return judge(ask, good("list<guess>"), subject{labels: []scored{top(all)}, texts: said, value: value})
	}
	const shape = "list<list<guess>>"
	outer, broken := list(value, "lists")
	if broken != nil {
		return reject("", broken)
	}
	var tops []scored
	var texts []string
	for i, item := range outer {
		all, said, broken := guesses(item)
		if broken != nil {
			return reject(shape, broken.at(i))
		}
		tops, texts = append(tops, top(all)), append(texts, said...)
	}
	if n := masks(inputs); n > 1 && len(outer) != n {
		return reject(shape, breaks("%s for %s", plural(len(outer), "list"), plural(n, "mask")))
	}
	if !inputs.single {
		if broken := matchesCount(len(outer), len(inputs.list), "list"); broken != nil {
			return reject(shape, broken)
		}
	}
	return judge(ask, good(shape), subject{labels: tops, texts: texts, value: value})
}

// masks returns how many masks a single text has, of the tokens that most models
// have for one; 0 is not known.
func masks(in texts) int {
	if !in.single || len(in.list) == 0 {
		return 0
	}
	return max(strings.Count(in.list[0], "[MASK]"), strings.Count(in.list[0], "<mask>"))
}

// guesses returns the guesses for one mask, and the texts that they make.
func guesses(v any) (all []scored, texts []string, bad *fault) {
	items, bad := list(v, "predictions")
	if bad != nil {
		return nil, nil, bad
	}
	for i, item := range items {
		s, said, bad := guess(item)
		if bad != nil {
			return nil, nil, bad.at(i)
		}
		all, texts = append(all, s), append(texts, said)
	}
	return all, texts, nil
}

// guess returns one guess. The key is token_str on the wire; the published
// schema's tokenStr is not what any engine sends.
func guess(v any) (s scored, said string, bad *fault) {
	o, bad := object(v)
	if bad != nil {
		return s, "", bad
	}
	if s.score, bad = scoreOf(o, unitScale); bad != nil {
		return s, "", bad
	}
	if _, bad = integer(o, "token"); bad != nil {
		return s, "", bad
	}
	if s.label, bad = text(o, "token_str"); bad != nil {
		return s, "", bad
	}
	s.label = strings.TrimSpace(s.label)
	said, bad = text(o, "sequence")
	return s, said, bad
}
