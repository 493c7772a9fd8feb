package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/stats"
)

// say returns the steady state in words.
func (s *Steady) say(v stats.Verdict) string {
	var parts []string
	if s.Cold > 0 {
		cold, _ := s.ColdTime.Get()
		parts = append(parts, fmt.Sprintf("%s (%s)", plural(s.Cold, "cold request"), short(cold)))
	}
	warm := plural(s.WarmUp, "request")
	if d, ok := s.WarmUpTime.Get(); ok && s.WarmUp > 0 {
		warm += " / " + short(d)
	}
	switch v.Answer {
	case stats.SteadyUnknown:
		return "steady state unknown: too few requests to judge by"
	case stats.SteadyNone:
		return "no steady state reached: " + reasonWords(v.Reason)
	case stats.SteadyAtLeast:
		parts = append(parts, "warm-up of at least "+warm)
	case stats.SteadyPossible:
		parts = append(parts, "possibly a warm-up of "+warm)
	case stats.SteadyFound:
		if s.WarmUp > 0 {
			parts = append(parts, "warm-up "+warm)
		} else {
			parts = append(parts, "no warm-up")
		}
	}
	median, _ := s.Median.Get()
	state := "steady state " + short(median) + " median"
	if low, ok := s.Low.Get(); ok {
		high, _ := s.High.Get()
		state += fmt.Sprintf(" [%s, %s]", short(low), short(high))
	}
	if n, ok := s.NEff.Get(); ok {
		state += fmt.Sprintf(", n_eff %.0f", n)
	}
	return strings.Join(parts, ", then ") + "; " + state
}

// reasonWords says a reason of package stats.
func reasonWords(r stats.Reason) string {
	switch r {
	case stats.ReasonLateChange:
		return "it changed too near the end"
	case stats.ReasonTrend:
		return "it still drifted"
	case stats.ReasonUnstable:
		return "it left its state for long"
	default:
		return string(r)
	}
}

// plural returns a number and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// short returns a time in three digits. What rounds to a thousand of a unit is
// one of the next.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= 999500*time.Microsecond:
		return Digits(d.Seconds(), 3) + "s"
	case d >= 999500*time.Nanosecond:
		return Digits(d.Seconds()*1e3, 3) + "ms"
	default:
		return Digits(d.Seconds()*1e6, 3) + "µs"
	}
}

// Digits returns a number as people read it: with n significant digits, with all
// of those before the point, and without an exponent.
func Digits(v float64, n int) string {
	text := strconv.FormatFloat(v, 'g', n, 64)
	if !strings.Contains(text, "e") {
		return text
	}
	if math.Abs(v) >= 1 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	rounded, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// perSecond returns a rate in three digits.
func perSecond(v float64) string { return Digits(v, 3) + "/s" }
