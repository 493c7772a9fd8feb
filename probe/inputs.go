package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// Inputs is the pool that a target's input is drawn from.
type Inputs struct {
	// Values are JSON values of what the task's own input field takes.
	Values []json.RawMessage
	// SampleMin and SampleMax are how many of Values, all texts then, are drawn
	// without replacement and joined by Join. Both 0 draws one value as it is.
	SampleMin, SampleMax int
	Join                 string
	// Set is the hash of the pool, by which results of like inputs are known;
	// see WithSet. Empty is unknown.
	Set string
}

// WithSet returns the pool with its hash: of all values, in their order, and of
// how they are drawn.
func (in Inputs) WithSet() Inputs {
	parts := make([][]byte, 0, len(in.Values)+1)
	parts = append(parts, fmt.Appendf(nil, "%d %d %q", in.SampleMin, in.SampleMax, in.Join))
	for _, v := range in.Values {
		parts = append(parts, v)
	}
	in.Set = hash(parts...)
	return in
}

// Draw returns one input, drawn by r. It returns an error where there is
// nothing to draw from or a sampled value is not a text.
func (in Inputs) Draw(r *rand.Rand) (json.RawMessage, error) {
	if len(in.Values) == 0 {
		return nil, fmt.Errorf("inputs: there are none")
	}
	if in.SampleMax == 0 {
		return in.Values[r.IntN(len(in.Values))], nil
	}
	n := min(in.SampleMin+r.IntN(in.SampleMax-in.SampleMin+1), len(in.Values))
	var text bytes.Buffer
	for i, at := range r.Perm(len(in.Values))[:n] {
		var s string
		if err := json.Unmarshal(in.Values[at], &s); err != nil {
			return nil, fmt.Errorf("inputs.from[%d]: a sampled input must be a text: %w", at, err)
		}
		if i > 0 {
			text.WriteString(in.Join)
		}
		text.WriteString(s)
	}
	return json.Marshal(text.String())
}
