package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// PlanSchema is the version of Plan's JSON form.
const PlanSchema = 1

// Plan is one load window as drawn: what is due when. The same seed and stages
// give the same arrivals for ever.
type Plan struct {
	Schema int `json:"schema"`
	// Window is the identity of the window, which its results bear.
	Window string `json:"window"`
	Seed   uint64 `json:"seed"`
	// Process names how arrivals were drawn; see Processes.
	Process string  `json:"process"`
	Stages  []Stage `json:"stages"`
	// Arrivals are in the order of their times; a closed plan has none.
	Arrivals []Arrival `json:"arrivals"`
	// Spec is what it was drawn from; nil of a plan that was made by hand.
	Spec *Spec `json:"spec,omitempty"`
}

// Length returns how long the plan lasts, without a drain.
func (p Plan) Length() time.Duration {
	var d time.Duration
	for _, s := range p.Stages {
		d += lengthOfStage(s)
	}
	return d
}

// level reports that the rate is level at a time: not in a ramp.
func (p *Plan) level(at time.Duration) bool {
	for _, s := range p.Stages {
		if length := lengthOfStage(s); at >= length {
			at -= length
			continue
		}
		ramp, _ := s.Ramp.Get()
		return at >= ramp
	}
	return true
}

// Users returns the number of closed loops, 0 of an open plan.
func (p Plan) Users() int {
	if p.Spec == nil || p.Process != string(Closed) {
		return 0
	}
	return p.Spec.Users
}

// Stage is a part of a plan with one rate, reached over a ramp.
type Stage struct {
	// Rate is in requests a second at the stage's end.
	Rate float64 `json:"rate"`
	// For includes Ramp.
	For  probe.Seconds `json:"for_seconds"`
	Ramp probe.Seconds `json:"ramp_seconds,omitzero"`
}

// Arrival is one request that is due.
type Arrival struct {
	// At counts from the window's start.
	At    probe.Seconds `json:"at_seconds"`
	Stage int           `json:"stage"`
	// Step is the index of the mix's step; 0 for a window of one target.
	Step int `json:"step,omitempty"`
	// Length is that of the input in characters, where a distribution of lengths
	// was drawn from; TokensIn and TokensOut are those of a trace.
	Length    int `json:"length,omitempty"`
	TokensIn  int `json:"tokens_in,omitempty"`
	TokensOut int `json:"tokens_out,omitempty"`
}

// Share is an exact fraction of a plan: the arrivals whose number, modulo Of,
// lies in [From, To). Shares that cover 0 to Of without overlap carry out the
// whole plan, each arrival once.
type Share struct {
	From int `json:"from"`
	To   int `json:"to"`
	Of   int `json:"of"`
}

// Whole is the share of a single worker.
func Whole() Share { return Share{From: 0, To: 1, Of: 1} }

// Validate returns an error unless s is a fraction.
func (s Share) Validate() error {
	if s.Of < 1 || s.From < 0 || s.To <= s.From || s.To > s.Of {
		return fmt.Errorf("share %d-%d of %d: from must be 0 or more, to above from, and of at least to", s.From, s.To, s.Of)
	}
	return nil
}

// Holds reports whether the arrival of that number is in the share.
func (s Share) Holds(number int) bool {
	rest := number % s.Of
	return rest >= s.From && rest < s.To
}

// Numbered is an arrival with its number in the plan, which the identity of its
// result is made of.
type Numbered struct {
	Number int
	Arrival
}

// Taken is the arrivals of a share in the order of their times: a view of the
// plan's, which are not copied, since a plan may have millions.
type Taken struct {
	all   []Arrival
	share Share
}

// Take returns the share's arrivals. An error says that it is no share.
func (p Plan) Take(s Share) (Taken, error) {
	if err := s.Validate(); err != nil {
		return Taken{}, err
	}
	return Taken{p.Arrivals, s}, nil
}

// Len returns how many there are.
func (t Taken) Len() int {
	if t.share.Of == 0 {
		return 0
	}
	width, whole := t.share.To-t.share.From, len(t.all)/t.share.Of
	rest := len(t.all)%t.share.Of - t.share.From
	return whole*width + min(max(rest, 0), width)
}

// At returns the one of index i, from 0 to below Len.
func (t Taken) At(i int) Numbered {
	width := t.share.To - t.share.From
	number := i/width*t.share.Of + t.share.From + i%width
	return Numbered{number, t.all[number]}
}

// Validate returns every way in which p is not a plan.
func (p Plan) Validate() error {
	var errs []error
	if p.Schema != PlanSchema {
		errs = append(errs, fmt.Errorf("plan %s: schema %d is not %d", p.Window, p.Schema, PlanSchema))
	}
	if len(p.Stages) == 0 {
		errs = append(errs, fmt.Errorf("plan %s: it has no stages", p.Window))
	}
	last := time.Duration(0)
	for i, a := range p.Arrivals {
		at, known := a.At.Get()
		if !known || at < last {
			errs = append(errs, fmt.Errorf("plan %s: arrivals[%d]: at %v is before the one before it", p.Window, i, a.At))
			break
		}
		if a.Stage < 0 || a.Stage >= len(p.Stages) {
			errs = append(errs, fmt.Errorf("plan %s: arrivals[%d]: there is no stage %d", p.Window, i, a.Stage))
			break
		}
		last = at
	}
	return errors.Join(errs...)
}
