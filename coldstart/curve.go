package coldstart

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// Settled is a verdict on a warm-up, in seconds; see stats.Verdict, whose it is.
// PELT with the penalty 4·ln n·(1+ρ)/(1-ρ) is asked first, MSER-5 with
// confirmation second.
type Settled struct {
	Answer stats.Answer `json:"answer"`
	Reason stats.Reason `json:"reason,omitempty"`
	N      int          `json:"n"`
	// Cold is the number of cold requests, ColdSum what they took together.
	Cold    int           `json:"cold"`
	ColdSum probe.Seconds `json:"cold_seconds,omitzero"`
	// Requests and Span are the warm-up between them and the steady state; Low
	// and High bound Requests at 95 %, where there are such bounds.
	Requests int            `json:"requests"`
	Low      probe.Opt[int] `json:"requests_low,omitzero"`
	High     probe.Opt[int] `json:"requests_high,omitzero"`
	Span     probe.Seconds  `json:"seconds,omitzero"`
	Slowdown bool           `json:"slowdown,omitempty"`
	// Median is that of the steady state, MedianLow to MedianHigh its 95 %
	// interval, NEff the number of independent answers behind it.
	Median     probe.Seconds `json:"steady_seconds,omitzero"`
	MedianLow  probe.Seconds `json:"steady_low_seconds,omitzero"`
	MedianHigh probe.Seconds `json:"steady_high_seconds,omitzero"`
	NEff       float64       `json:"n_eff,omitempty"`
}

// series returns the values of a curve in seconds, with when each was sent.
func series(curve []Point, of func(Point) probe.Seconds) (values, starts []float64) {
	for _, p := range curve {
		if d, ok := of(p).Get(); ok && d > 0 {
			sent, _ := p.Sent.Get()
			values, starts = append(values, d.Seconds()), append(starts, sent.Seconds())
		}
	}
	return values, starts
}

// settledOf returns the verdict on one measure of a curve; nil where it has no
// values at all.
func settledOf(curve []Point, of func(Point) probe.Seconds) *Settled {
	values, starts := series(curve, of)
	if len(values) == 0 {
		return nil
	}
	v := stats.SteadyState(stats.Series{Values: values, Starts: starts})
	s := &Settled{Answer: v.Answer, Reason: v.Reason, N: v.N, Cold: v.Cold, Requests: v.WarmUp, Slowdown: v.Slowdown}
	if v.Cold > 0 {
		s.ColdSum = seconds(v.ColdSum)
	}
	if v.Answer == stats.SteadyNone || v.Answer == stats.SteadyUnknown {
		return s
	}
	s.NEff, s.Median = math.Round(v.NEff*10)/10, seconds(v.Median)
	if v.HasWarmUpRange {
		s.Low, s.High = probe.Some(v.WarmUpLow), probe.Some(v.WarmUpHigh)
	}
	if v.HasWarmUpSpan {
		s.Span = seconds(v.WarmUpSpan)
	}
	if v.HasInterval {
		s.MedianLow, s.MedianHigh = seconds(v.Interval.Low), seconds(v.Interval.High)
	}
	return s
}

// seconds returns a number of seconds as a measured duration.
func seconds(s float64) probe.Seconds {
	return probe.Measured(time.Duration(math.Round(s * float64(time.Second))))
}

// sentence says an episode in words: "1 cold request (19.8 s), then 29 requests,
// 14 s; steady 512 ms [497, 528]".
func (e *Episode) sentence() string {
	if e.End == EndInterrupted {
		return e.soFar() + "; cut off by the end of hfwatch"
	}
	return e.soFar()
}

// soFar says what was seen of it.
func (e *Episode) soFar() string {
	var parts []string
	if e.Refused > 0 {
		parts = append(parts, count(e.Refused, "request")+" refused")
	}
	if e.FirstAnswer.IsZero() {
		waited := ""
		switch {
		case e.Ended.IsZero():
			waited = " yet"
		case e.End != EndInterrupted:
			waited = " within " + about(e.Ended.Sub(e.Began))
		}
		return strings.Join(append(parts, "no valid answer"+waited), ", ")
	}
	if e.WarmUp == nil {
		return strings.Join(append(parts, "answered"), ", ")
	}
	if w := e.WarmUp.Words(); w != "" {
		parts = append(parts, w)
	}
	return strings.Join(parts, ", ")
}

// Words returns the verdict as a sentence.
func (s *Settled) Words() string {
	var parts []string
	if s.Cold > 0 {
		sum, _ := s.ColdSum.Get()
		parts = append(parts, fmt.Sprintf("%s (%s)", count(s.Cold, "cold request"), about(sum)))
	}
	then := pick(s.Cold > 0, "then ", "")
	switch s.Answer {
	case stats.SteadyNone:
		return strings.Join(append(parts, then+"no steady state in "+count(s.N-s.Cold, "request")+" ("+reason(s.Reason)+")"), ", ")
	case stats.SteadyUnknown:
		return strings.Join(append(parts, then+"too few answers to judge by ("+fmt.Sprint(s.N-s.Cold)+")"), ", ")
	case stats.SteadyFound, stats.SteadyAtLeast, stats.SteadyPossible:
	}
	parts = append(parts, then+s.warmUp())
	return strings.Join(parts, ", ") + "; " + s.steady()
}

// warmUp says how long it was.
func (s *Settled) warmUp() string {
	if s.Requests == 0 {
		return "no warm-up seen"
	}
	text := count(s.Requests, "request")
	if span, ok := s.Span.Get(); ok {
		text += ", " + about(pick(span >= 10*time.Second, span.Round(time.Second), span))
	}
	switch s.Answer {
	case stats.SteadyAtLeast:
		text = "at least " + text
	case stats.SteadyPossible:
		text = "possibly " + text
	case stats.SteadyFound, stats.SteadyNone, stats.SteadyUnknown:
	}
	return text + pick(s.Slowdown, " faster than later", "")
}

// steady says the steady state.
func (s *Settled) steady() string {
	median, _ := s.Median.Get()
	low, ok := s.MedianLow.Get()
	high, _ := s.MedianHigh.Get()
	if median < time.Second {
		text := fmt.Sprintf("steady %d ms", median.Round(time.Millisecond).Milliseconds())
		if ok {
			text += fmt.Sprintf(" [%d, %d]", low.Round(time.Millisecond).Milliseconds(), high.Round(time.Millisecond).Milliseconds())
		}
		return text
	}
	text := fmt.Sprintf("steady %.2f s", median.Seconds())
	if ok {
		text += fmt.Sprintf(" [%.2f, %.2f]", low.Seconds(), high.Seconds())
	}
	return text
}

// reason says a reason in words.
func reason(r stats.Reason) string {
	switch r {
	case stats.ReasonLateChange:
		return "the last change is too near the end"
	case stats.ReasonTrend:
		return "it still drifts"
	case stats.ReasonUnstable:
		return "it came and went"
	case stats.ReasonTooFew, stats.ReasonNotPositive:
	}
	return string(r)
}

// count returns a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// about returns a duration as people say it.
func about(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 20*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	default:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
}
