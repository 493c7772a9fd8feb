package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// headline is the one sentence that matters most of a target: what is slower,
// else what fails, else what is faster, else that nothing moved.
func headline(t Target) string {
	for _, want := range []Verdict{Slower, Faster} {
		if want == Faster {
			if f := failing(t); f != "" {
				return f
			}
		}
		for _, s := range t.Signals {
			if s.WeekAgo.Verdict == want {
				return Sentence(s, "last week", s.WeekAgo)
			}
			if s.PastWeeks.Verdict == want {
				return Sentence(s, "the same hours of past weeks", s.PastWeeks)
			}
		}
	}
	c := t.Errors.ThisWeek
	if c.Good+c.Bad == 0 {
		if c.Apart > 0 {
			return fmt.Sprintf("blind: none of %s results of this week counted", thousands(c.Apart))
		}
		return "no results this week"
	}
	for _, s := range t.Signals {
		if s.WeekAgo.Verdict == NotCompared {
			return "not compared with last week: " + s.WeekAgo.Why
		}
		if s.WeekAgo.Verdict == Unclear {
			return fmt.Sprintf("no clear change: median %s %s [%s, %s] against last week", s.Signal.Title(),
				change(s.WeekAgo.Ratio), change(s.WeekAgo.Low), change(s.WeekAgo.High))
		}
	}
	return "as last week"
}

// failing says that availability fell below last week's whole interval; empty
// where it did not.
func failing(t Target) string {
	now, then := t.Errors.ThisWeek.Availability, t.Errors.LastWeek.Availability
	if now == nil || then == nil || now.High >= then.Low || len(t.Errors.Causes) == 0 {
		return ""
	}
	return fmt.Sprintf("availability %s %% [%s, %s], last week %s %%; most often %s", percent(now.Value), percent(now.Low), percent(now.High),
		percent(then.Value), t.Errors.Causes[0].Outcome)
}

// Sentence says how a signal compares: "median TTFT +18 % [+14 %, +23 %]
// against last week (7+7 days, 2 016 results, q=0.002); step located on Tue 24
// Nov 03:00 ± 4 h".
func Sentence(s SignalReport, period string, shift Shift) string {
	if shift.Verdict == NotCompared {
		return fmt.Sprintf("median %s not compared with %s: %s", s.Signal.Title(), period, shift.Why)
	}
	var b strings.Builder
	bin, _ := shift.Bin.Get()
	fmt.Fprintf(&b, "median %s %s [%s, %s] against %s (%s+%s days, %s results", s.Signal.Title(), change(shift.Ratio), change(shift.Low), change(shift.High),
		period, inDays(shift.Before, bin), inDays(shift.After, bin), thousands(shift.Results))
	if q, ok := shift.Q.Get(); ok {
		fmt.Fprintf(&b, ", %s", qValue(q))
	}
	b.WriteString(")")
	switch shift.Verdict {
	case Same:
		b.WriteString("; the same")
	case Unclear:
		b.WriteString("; no clear change")
	case Slower, Faster:
		if s.Step != nil && shift == s.dated() {
			fmt.Fprintf(&b, "; step located on %s", s.Step.String())
		}
	case NotCompared:
	}
	return b.String()
}

// dated returns the comparison that the step was located for: the first that
// called a change.
func (s SignalReport) dated() Shift {
	if v := s.WeekAgo.Verdict; v == Slower || v == Faster {
		return s.WeekAgo
	}
	return s.PastWeeks
}

// String returns the step's time and half the width of its range: "Tue 24 Nov
// 03:00 ± 4 h", and what changed beside it.
func (s *Step) String() string {
	half := max(s.High.Sub(s.At), s.At.Sub(s.Low))
	text := s.At.UTC().Format("Mon 2 Jan 15:04") + " ± " + hoursOrDays(half)
	for i, c := range s.Beside {
		if i == 3 {
			return text + fmt.Sprintf(" and %d more changes", len(s.Beside)-3)
		}
		text += "; beside it: " + c.String()
	}
	return text
}

// String returns the change in words: "revision abc → def on Mon 23 Nov 14:05".
func (c Change) String() string {
	text := c.What
	switch {
	case c.Before != "" && c.After != "":
		text += " " + c.Before + " → " + c.After
	case c.After != "":
		text += " " + c.After
	}
	return text + " on " + c.At.UTC().Format("Mon 2 Jan 15:04")
}

// hoursOrDays returns a duration in whole hours, or days from two on.
func hoursOrDays(d time.Duration) string {
	if d >= 2*day {
		return fmt.Sprintf("%.0f days", math.Ceil(d.Hours()/24))
	}
	return fmt.Sprintf("%.0f h", math.Ceil(d.Hours()))
}

// inDays returns how many days so many bins are.
func inDays(n int, bin time.Duration) string {
	d := float64(n) * bin.Hours() / 24
	if math.Abs(d-math.Round(d)) < 0.05 {
		return fmt.Sprintf("%.0f", d)
	}
	return fmt.Sprintf("%.1f", d)
}

// change returns a ratio as a signed change in per cent: +18 %.
func change(ratio float64) string {
	c := 100 * (ratio - 1)
	if math.Abs(c) < 9.95 {
		if math.Abs(c) < 0.05 {
			return "±0 %"
		}
		return fmt.Sprintf("%+.1f %%", c)
	}
	return fmt.Sprintf("%+.0f %%", c)
}

// percent returns a share in per cent with as many decimals as tell it from
// 100: 99.95.
func percent(share float64) string {
	p := 100 * share
	switch {
	case p == 100 || p == 0:
		return fmt.Sprintf("%.0f", p)
	case p > 99.9:
		// Rounding must not make perfect what is not.
		return fmt.Sprintf("%.3f", math.Floor(p*1000)/1000)
	case p > 99:
		return fmt.Sprintf("%.2f", p)
	default:
		return fmt.Sprintf("%.1f", p)
	}
}

// qValue returns a q-value.
func qValue(q float64) string {
	if q < 0.001 {
		return "q<0.001"
	}
	return fmt.Sprintf("q=%.3f", q)
}

// thousands returns a number with thin groups of three digits: 2 016.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// latency returns seconds as people read them: 512 ms, 1.83 s, 2m10s.
func latency(seconds float64) string {
	switch {
	case seconds < 0.0995:
		return fmt.Sprintf("%.3g ms", 1000*seconds)
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	case seconds < 120:
		return fmt.Sprintf("%.3g s", seconds)
	default:
		return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
	}
}

// ranged returns a value with its interval: 512 ms [497 ms, 528 ms].
func ranged(b *Bounded) string {
	if b == nil {
		return "–"
	}
	return fmt.Sprintf("%s [%s, %s]", latency(b.Value), latency(b.Low), latency(b.High))
}
