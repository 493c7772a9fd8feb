package load

import (
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// sample is what is kept of one request for the judgement of a steady state.
type sample struct {
	number            int
	sent              time.Duration
	service, response time.Duration
}

// judged is how many requests, from a stage's first on, its warm-up is looked for
// in: the judgement takes time of the order of their square.
const judged = 800

// series keeps samples of the good answers of a stage in bounded memory: the first
// all, and of what follows, when it is full, every other one goes, and only every
// second one, every fourth, … is taken from then on.
type series struct {
	most, stride, seen int
	samples            []sample
}

// take takes one sample.
func (s *series) take(x sample) {
	if s.stride == 0 {
		s.stride = 1
	}
	if s.seen++; (s.seen-1)%s.stride != 0 && s.seen > judged {
		return
	}
	if len(s.samples) >= max(s.most, 2*judged) {
		kept := s.samples[:judged]
		for i := judged; i < len(s.samples); i += 2 {
			kept = append(kept, s.samples[i])
		}
		s.samples = kept
		s.stride *= 2
		if (s.seen-1)%s.stride != 0 {
			return
		}
	}
	s.samples = append(s.samples, x)
}

// ordered returns the samples in the order of their arrivals.
func (s *series) ordered() []sample {
	out := slices.Clone(s.samples)
	slices.SortFunc(out, func(a, b sample) int { return a.number - b.number })
	return out
}

// size returns how much of its number the sample is worth for a quantile, by the
// correlation of what came one after the other; of is what is looked at.
func (s *series) size(of func(sample) time.Duration) sizer {
	ordered := s.ordered()
	// Lags are summed pair by pair: two thousand say all that there is to say.
	if len(ordered) > 2000 {
		ordered = ordered[len(ordered)-2000:]
	}
	xs := make([]float64, len(ordered))
	for i, x := range ordered {
		xs[i] = of(x).Seconds()
	}
	return func(p float64) (float64, bool) {
		if s.stride > 1 {
			return 0, false
		}
		worth, ok := stats.QuantileSize(xs, p)
		return worth / float64(len(xs)), ok
	}
}

// sizes are the sizers of a summary.
type sizes struct{ response, service sizer }

// sizes returns those of the series.
func (s *series) sizes() *sizes {
	return &sizes{
		s.size(func(x sample) time.Duration { return x.response }),
		s.size(func(x sample) time.Duration { return x.service }),
	}
}

// of returns the sizer of a kind, nil where there is none.
func (s *sizes) of(k kind) sizer {
	switch {
	case s == nil || k == lag || k == gap:
		return nil
	case k == response:
		return s.response
	}
	return s.service
}

// steady judges the series of a stage; nil where it has no sample. most bounds
// the times of its distributions.
func (s *series) steady(stage int, most time.Duration) *Steady {
	ordered := s.ordered()
	if len(ordered) == 0 {
		return nil
	}
	n := min(len(ordered), judged)
	in := stats.Series{Values: make([]float64, n), Starts: make([]float64, n)}
	for i, x := range ordered[:n] {
		in.Values[i], in.Starts[i] = x.service.Seconds(), x.sent.Seconds()
	}
	v := stats.SteadyState(in)
	out := &Steady{
		Answer: string(v.Answer), Reason: string(v.Reason), Stage: stage, Requests: s.seen,
		Cold: v.Cold, WarmUp: v.WarmUp, Slowdown: v.Slowdown,
	}
	if v.Cold > 0 {
		out.ColdTime = probe.Measured(duration(v.ColdSum))
	}
	if v.HasWarmUpSpan {
		out.WarmUpTime = probe.Measured(duration(v.WarmUpSpan))
	}
	if v.Answer != stats.SteadyNone && v.Answer != stats.SteadyUnknown {
		out.Median = probe.Measured(duration(v.Median))
		out.NEff = probe.Some(v.NEff)
		if v.HasInterval {
			out.Low, out.High = probe.Measured(duration(v.Interval.Low)), probe.Measured(duration(v.Interval.High))
		}
		serving, answering := newMetric(most, false), newMetric(most, false)
		for _, x := range ordered[v.SteadyFrom:] {
			serving.record(x.service, false)
			answering.record(x.response, false)
		}
		out.Service, out.Response = serving.distribution(nil, nil), answering.distribution(nil, nil)
	}
	out.Sentence = out.say(v)
	return out
}

// duration returns seconds as a duration.
func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
