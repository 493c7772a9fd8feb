package task

import (
	"github.com/hfwatch/hfwatch/probe"
)

// slack is what rounding may add to a score of 0..1.
const slack = 1e-4

// scored is a label and its score.
type scored struct {
	label string
	score float64
}

// scale is what scores are measured in.
type scale uint8

const (
	// rawScale is any number.
	rawScale scale = iota
	// unitScale is 0..1.
	unitScale
	// softScale is 0..1 because the parameters do not ask for anything else.
	softScale
)

// scaleOf returns the scale that the parameters ask for, in the words of
// transformers or of text-embeddings-inference.
func scaleOf(p params) scale {
	if p.word("function_to_apply") == "none" || p.flag("raw_scores") {
		return rawScale
	}
	return softScale
}

// check returns a fault where f is not of the scale.
func (s scale) check(f float64) *fault {
	switch {
	case s == rawScale || f >= -slack && f <= 1+slack:
		return nil
	case s == softScale:
		return breaks("%s is not in 0..1; where raw scores are meant, say so with parameters.function_to_apply: none", short(f))
	default:
		return breaks("%s is not in 0..1", short(f))
	}
}

// scoreOf returns the score of an object.
func scoreOf(o map[string]any, s scale) (float64, *fault) {
	f, bad := number(o, "score")
	if bad != nil {
		return 0, bad
	}
	return f, s.check(f).in(".score")
}

// label returns one {label, score}.
func label(v any, s scale) (scored, *fault) {
	o, bad := object(v)
	if bad != nil {
		return scored{}, bad
	}
	name, bad := text(o, "label")
	if bad != nil {
		return scored{}, bad
	}
	if name == "" {
		return scored{}, breaks("empty").in(".label")
	}
	f, bad := scoreOf(o, s)
	return scored{name, f}, bad
}

// labels returns a list of {label, score}, of which there is at least one.
func labels(v any, s scale) ([]scored, *fault) {
	l, bad := list(v, "labels")
	if bad != nil {
		return nil, bad
	}
	all := make([]scored, len(l))
	for i, item := range l {
		if all[i], bad = label(item, s); bad != nil {
			return nil, bad.at(i)
		}
	}
	return all, nil
}

// top returns the best of at least one.
func top(all []scored) scored {
	best := all[0]
	for _, s := range all[1:] {
		if s.score > best.score {
			best = s
		}
	}
	return best
}

// nested reports whether the first element of the list v is a list.
func nested(v any) bool {
	l, ok := v.([]any)
	if !ok || len(l) == 0 {
		return false
	}
	_, ok = l[0].([]any)
	return ok
}

// matchesCount returns a fault where there are not as many things as inputs;
// want 0 is not known.
func matchesCount(got, want int, thing string) *fault {
	if want == 0 || got == want {
		return nil
	}
	return breaks("%s for %s", plural(got, thing), plural(want, "input"))
}

// span checks start and end, which count characters of a text of the given
// length; a length below 0 is not known. Both may be null where nullable, as
// tokenizers without offsets give them.
func span(o map[string]any, length int, nullable bool) (start, end int, bad *fault) {
	if nullable && o["start"] == nil && o["end"] == nil {
		return 0, 0, nil
	}
	if start, bad = integer(o, "start"); bad != nil {
		return 0, 0, bad
	}
	if end, bad = integer(o, "end"); bad != nil {
		return 0, 0, bad
	}
	if start > end {
		return 0, 0, breaks("%d is before start %d", end, start).in(".end")
	}
	if length >= 0 && end > length {
		return 0, 0, breaks("%d is beyond the text, which has %s", end, plural(length, "character")).in(".end")
	}
	return start, end, nil
}

// key returns the place of a key.
func key(name string) string { return "." + name }

// good returns the verdict on a good answer of the shape.
func good(shape string) probe.Verdict { return probe.Verdict{Outcome: probe.OK, Shape: shape} }
