package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Each kind of draw has a stream of its own, so that one more draw of one kind
// leaves the others as they were (MLPerf's LoadGen has four seeds for the same
// reason). The numbers are part of what a seed means.
const (
	streamGaps    = 1
	streamSteps   = 2
	streamLengths = 3
	streamWander  = 4
	// streamUser and the numbers after it belong to the users of closed loops.
	streamUser = 1 << 32
)

// dice returns the stream of a seed.
func dice(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Draw returns the plan that the spec and the seed stand for. Due times are whole
// microseconds, so that the last bits of floating point, which differ between
// processors, do not show. A closed plan has users in place of arrivals: when
// they ask depends on when they were answered.
func Draw(spec Spec, seed uint64) (Plan, error) {
	if err := spec.Validate(); err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", spec.Window, err)
	}
	p := Plan{Schema: PlanSchema, Window: spec.Window, Seed: seed, Process: string(spec.process()), Stages: spec.Stages, Spec: &spec}
	var err error
	switch spec.process() {
	case Closed:
		if len(p.Stages) == 0 {
			p.Stages = []Stage{{For: spec.For}}
		}
		return p, nil
	case Trace:
		err = p.replay(spec)
	case Modulated:
		err = p.arrive(wandering(spec, seed), gaps(spec, seed))
	default:
		err = p.arrive(pieces(spec.Stages), gaps(spec, seed))
	}
	if err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", spec.Window, err)
	}
	steps, lengths := dice(seed, streamSteps), dice(seed, streamLengths)
	for i := range p.Arrivals {
		a := &p.Arrivals[i]
		if len(spec.Steps) > 0 {
			a.Step = pickStep(spec.Steps, steps.Float64())
		}
		if !spec.Lengths.IsZero() {
			a.Length = spec.Lengths.draw(lengths.Float64())
		}
	}
	return p, nil
}

// gaps returns a source of gaps with mean 1 in units of expected arrivals; the
// first is what passes before the first arrival.
func gaps(spec Spec, seed uint64) func() float64 {
	r := dice(seed, streamGaps)
	switch spec.process() {
	case Constant:
		first := true
		return func() float64 {
			if first {
				first = false
				return 0
			}
			return 1
		}
	case Gamma:
		shape := spec.burstiness()
		return func() float64 { return gammaQuantile(shape, r.Float64()) }
	default:
		return func() float64 { return exponential(r.Float64()) }
	}
}

// piece is a stretch of time over which the rate is a straight line.
type piece struct {
	stage      int
	start, end float64
	from, to   float64
}

// area returns the expected arrivals of the piece.
func (p piece) area() float64 { return (p.from + p.to) / 2 * (p.end - p.start) }

// when returns the time within the piece at which so many arrivals are expected
// since its start.
func (p piece) when(area float64) float64 {
	slope := (p.to - p.from) / (p.end - p.start)
	if slope == 0 {
		return p.start + area/p.from
	}
	// The root of slope/2·t² + from·t = area in the form that does not cancel.
	return p.start + 2*area/(p.from+math.Sqrt(max(0, p.from*p.from+2*slope*area)))
}

// pieces returns the stages as straight lines: a ramp and a level each.
func pieces(stages []Stage) []piece {
	var out []piece
	start, rate := 0.0, 0.0
	for i, s := range stages {
		length, _ := s.For.Get()
		ramp, _ := s.Ramp.Get()
		end, level := start+length.Seconds(), start+ramp.Seconds()
		if ramp > 0 {
			out = append(out, piece{i, start, level, rate, s.Rate})
		}
		if level < end {
			out = append(out, piece{i, level, end, s.Rate, s.Rate})
		}
		start, rate = end, s.Rate
	}
	return out
}

// wandering returns the pieces of a modulated rate: cut at each stretch of the
// wander and multiplied by its factor.
func wandering(spec Spec, seed uint64) []piece {
	w := spec.wander()
	every, _ := w.Every.Get()
	r := dice(seed, streamWander)
	factor, until := 1.0, 0.0
	next := func() {
		until += every.Seconds()
		if w.CV > 0 {
			shape := 1 / (w.CV * w.CV)
			factor = gammaQuantile(shape, r.Float64())
		}
	}
	next()
	var out []piece
	for _, p := range pieces(spec.Stages) {
		for p.start < p.end {
			for until <= p.start {
				next()
			}
			end := min(p.end, until)
			at := p.from + (p.to-p.from)*(end-p.start)/(p.end-p.start)
			out = append(out, piece{p.stage, p.start, end, p.from * factor, at * factor})
			p.start, p.from = end, at
		}
	}
	return out
}

// arrive fills in the arrivals: gaps in expected arrivals become times by the
// inverse of the cumulative rate (Çinlar, "Introduction to Stochastic Processes",
// 1975, 4.7).
func (p *Plan) arrive(pieces []piece, gap func() float64) error {
	expected := 0.0
	for _, part := range pieces {
		expected += part.area()
	}
	// Random arrivals are a few more than expected: three deviations of a Poisson's.
	p.Arrivals = make([]Arrival, 0, int(min(expected+3*math.Sqrt(expected)+1, MaxArrivals)))
	next := gap()
	done := 0.0
	for _, part := range pieces {
		area := part.area()
		// A billionth of a request is the rounding of the sums, not a request.
		for next < done+area-1e-9 {
			if len(p.Arrivals) >= MaxArrivals {
				return fmt.Errorf("stages: they come to more than %d arrivals; lower the rate or the time", MaxArrivals)
			}
			p.Arrivals = append(p.Arrivals, Arrival{At: microseconds(part.when(max(0, next-done))), Stage: part.stage})
			next += gap()
		}
		done += area
	}
	return nil
}

// microseconds returns seconds as a measured duration of whole microseconds.
func microseconds(seconds float64) probe.Seconds {
	return probe.Measured(time.Duration(math.Round(seconds*1e6)) * time.Microsecond)
}

// pickStep returns the index of the step that the share u of all weight falls
// on.
func pickStep(steps []Step, u float64) int {
	total := 0.0
	for _, s := range steps {
		total += s.Weight
	}
	u *= total
	for i, s := range steps {
		if u -= s.Weight; u < 0 {
			return i
		}
	}
	return len(steps) - 1
}
