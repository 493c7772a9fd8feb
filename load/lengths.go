package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"unicode/utf8"
)

// LengthKind names a distribution of input lengths.
type LengthKind string

// The distributions.
const (
	// Uniform draws evenly from Min to Max.
	Uniform LengthKind = "uniform"
	// Normal has Mean and Spread, its standard deviation.
	Normal LengthKind = "normal"
	// Lognormal has Mean and Spread, the sigma of the logarithm.
	Lognormal LengthKind = "lognormal"
)

// Lengths is the distribution of input lengths in characters. The zero value
// draws none: inputs are then drawn evenly from the pool.
type Lengths struct {
	Kind   LengthKind `json:"kind"`
	Mean   float64    `json:"mean,omitempty"`
	Spread float64    `json:"spread,omitempty"`
	// Min and Max bound what is drawn; a Max of 0 is none.
	Min int `json:"min,omitempty"`
	Max int `json:"max,omitempty"`
}

// IsZero reports that no lengths are drawn.
func (l Lengths) IsZero() bool { return l == Lengths{} }

// validate returns what is wrong with l.
func (l Lengths) validate() error {
	switch {
	case l.IsZero():
		return nil
	case l.Min < 0 || l.Max < 0 || l.Max > 0 && l.Max < l.Min:
		return fmt.Errorf("min: %d to %d is no range; give the smaller first", l.Min, l.Max)
	case l.Kind == Uniform && l.Max == 0:
		return errors.New("max: a uniform length needs one")
	case l.Kind == Normal || l.Kind == Lognormal:
		if !(l.Mean > 0) || math.IsInf(l.Mean, 0) || !(l.Spread >= 0) || math.IsInf(l.Spread, 0) {
			return fmt.Errorf("mean: %g with a spread of %g; give a mean above 0 and a spread of at least 0", l.Mean, l.Spread)
		}
	case l.Kind != Uniform:
		return fmt.Errorf("kind: there is no %q; give uniform, normal or lognormal", l.Kind)
	}
	return nil
}

// draw returns the u-quantile as a whole number of at least 1.
func (l Lengths) draw(u float64) int {
	var x float64
	switch l.Kind {
	case Uniform:
		x = float64(l.Min) + math.Floor(u*float64(l.Max-l.Min+1))
	case Normal:
		x = math.Round(l.Mean + l.Spread*normalQuantile(u))
	default:
		// The mean of exp(N(m, s)) is exp(m + s²/2).
		x = math.Round(l.Mean * math.Exp(l.Spread*normalQuantile(u)-l.Spread*l.Spread/2))
	}
	if l.Max > 0 {
		x = min(x, float64(l.Max))
	}
	return int(min(max(x, float64(l.Min), 1), 1<<30))
}

// Pool is a target's inputs ordered by length. It may be used from several
// goroutines.
type Pool struct {
	values  []json.RawMessage
	lengths []int
}

// NewPool returns the pool of the values.
func NewPool(values []json.RawMessage) *Pool {
	p := &Pool{values: slices.Clone(values)}
	slices.SortStableFunc(p.values, func(a, b json.RawMessage) int { return Length(a) - Length(b) })
	for _, v := range p.values {
		p.lengths = append(p.lengths, Length(v))
	}
	return p
}

// Pick returns an input whose length is nearest to the one asked for; of several
// as near, number decides. It returns nil of an empty pool.
func (p *Pool) Pick(length, number int) json.RawMessage {
	if len(p.values) == 0 {
		return nil
	}
	at := sort.SearchInts(p.lengths, length)
	if at == len(p.lengths) || at > 0 && length-p.lengths[at-1] < p.lengths[at]-length {
		at--
	}
	nearest := p.lengths[at]
	first := sort.SearchInts(p.lengths, nearest)
	count := sort.SearchInts(p.lengths, nearest+1) - first
	return p.values[first+number%count]
}

// Length returns the length of an input in characters: of a text that of the
// text, of any other value that of its texts together.
func Length(input json.RawMessage) int {
	var v any
	if err := json.Unmarshal(input, &v); err != nil {
		return len(input)
	}
	return lengthOf(v)
}

// lengthOf returns the characters of all texts within v.
func lengthOf(v any) int {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v)
	case []any:
		n := 0
		for _, item := range v {
			n += lengthOf(item)
		}
		return n
	case map[string]any:
		n := 0
		for key, item := range v {
			if key != "role" {
				n += lengthOf(item)
			}
		}
		return n
	}
	return 0
}
