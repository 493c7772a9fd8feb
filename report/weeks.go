package report

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

const (
	week = 7 * 24 * time.Hour
	day  = 24 * time.Hour
	// margin is the change that matters, and discoveries the rate of false ones
	// among those that are called, both as measured in docs/statistics.md.
	margin      = 0.05
	discoveries = 0.05
	confidence  = 0.95
	// fullEnough is the share of bins with a value from which a length of bins
	// is taken.
	fullEnough = 0.8
	// leastDays is how many days' worth of bins each side needs.
	leastDays = 3
	// leastPast is how many past weeks make a comparison with past weeks.
	leastPast = 2
)

// binLengths are the lengths of time that medians are taken over, finest first:
// a target that is probed every six hours has nothing to compare by the hour.
func binLengths() []time.Duration {
	return []time.Duration{
		time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour, day,
	}
}

// bins returns the medians of a signal over equal stretches of [from, to), NaN
// where a stretch has no result.
func bins(hours []Hour, s Signal, from, to time.Time, length time.Duration) []float64 {
	parts := make([][]Distribution, int(to.Sub(from)/length))
	for _, h := range hours {
		if i := int(h.Start.Sub(from) / length); !h.Start.Before(from) && i < len(parts) {
			parts[i] = append(parts[i], h.of(s))
		}
	}
	out := make([]float64, len(parts))
	for i, p := range parts {
		out[i] = math.NaN()
		if v, ok := Merge(p...).Quantile(0.5); ok && v > 0 {
			out[i] = v
		}
	}
	return out
}

// present counts the values that are there.
func present(xs []float64) int {
	n := 0
	for _, x := range xs {
		if !math.IsNaN(x) {
			n++
		}
	}
	return n
}

// binLength returns the finest length of bins that serves both weeks: one at
// which most bins have a value or, where no length does, one at which there
// are enough days' worth of them. Absent where there is none.
func binLength(hours []Hour, s Signal, earlier, later time.Time) (time.Duration, bool) {
	enough := time.Duration(0)
	for _, length := range binLengths() {
		a := bins(hours, s, earlier, earlier.Add(week), length)
		b := bins(hours, s, later, later.Add(week), length)
		least, worth := min(present(a), present(b)), leastDays*int(day/length)
		if float64(least) >= fullEnough*float64(len(a)) {
			return length, true
		}
		if enough == 0 && least >= worth {
			enough = length
		}
	}
	return enough, enough > 0
}

// likeliest returns the likeness of most results of a signal, the first by name
// among equals. Only tokens that are counted make their source matter.
func likeliest(hours []Hour, s Signal) Likeness {
	counts := map[Likeness]int64{}
	for _, h := range hours {
		counts[h.Likeness.as(s)] += h.of(s).N
	}
	var best Likeness
	most := int64(-1)
	for like, n := range counts {
		if n > most || n == most && fmt.Sprint(like) < fmt.Sprint(best) {
			best, most = like, n
		}
	}
	return best
}

// as leaves out what does not matter for the signal.
func (l Likeness) as(s Signal) Likeness {
	if s != TPOT {
		l.Tokens = ""
	}
	return l
}

// alike returns the hours of the likeness.
func alike(hours []Hour, s Signal, like Likeness) []Hour {
	var out []Hour
	for _, h := range hours {
		if h.Likeness.as(s) == like {
			out = append(out, h)
		}
	}
	return out
}

// difference says in what two likenesses differ.
func (l Likeness) difference(o Likeness) string {
	switch {
	case l.Params != o.Params:
		return "parameters"
	case l.Inputs != o.Inputs:
		return "inputs"
	default:
		return "source of token counts"
	}
}

// againstLastWeek compares the week that begins at later with the one before.
func againstLastWeek(hours []Hour, s Signal, later time.Time, seed uint64) Shift {
	earlier := later.Add(-week)
	now, then := within(hours, later, later.Add(week)), within(hours, earlier, later)
	if merged(now, s).N == 0 {
		return Shift{Verdict: NotCompared, Why: "there are no results of this week"}
	}
	like := likeliest(now, s)
	same := alike(hours, s, like)
	length, ok := binLength(same, s, earlier, later)
	if !ok {
		return Shift{Verdict: NotCompared, Why: lacking(then, s, like, "last week")}
	}
	a, b := bins(same, s, earlier, later, length), bins(same, s, later, later.Add(week), length)
	shift := compare(a, b, length, seed)
	shift.Results = merged(within(same, earlier, later.Add(week)), s).N
	return shift
}

// lacking says why there is nothing to compare with.
func lacking(then []Hour, s Signal, like Likeness, period string) string {
	switch other := likeliest(then, s); {
	case merged(then, s).N == 0:
		return "there are no results of " + period
	case other != like:
		return "the " + like.difference(other) + " are not those of " + period
	default:
		return fmt.Sprintf("a side has results of fewer than %d days", leastDays)
	}
}

// againstPastWeeks compares the week that begins at later with the median of
// the same hours of the weeks before it, back to from.
func againstPastWeeks(hours []Hour, s Signal, from, later time.Time, seed uint64) Shift {
	now := within(hours, later, later.Add(week))
	if merged(now, s).N == 0 {
		return Shift{Verdict: NotCompared, Why: "there are no results of this week"}
	}
	same := alike(hours, s, likeliest(now, s))
	length, ok := binLength(same, s, later.Add(-week), later)
	if !ok {
		return Shift{Verdict: NotCompared, Why: lacking(within(hours, from, later), s, likeliest(now, s), "past weeks")}
	}
	var past [][]float64
	for at := later.Add(-week); !at.Before(from); at = at.Add(-week) {
		if w := bins(same, s, at, at.Add(week), length); present(w) >= leastDays*int(day/length) {
			past = append(past, w)
		}
	}
	if len(past) < leastPast {
		return Shift{Verdict: NotCompared, Why: fmt.Sprintf("there are alike results of %d past weeks, and %d are needed", len(past), leastPast)}
	}
	usual := make([]float64, len(past[0]))
	for i := range usual {
		var values []float64
		for _, w := range past {
			if !math.IsNaN(w[i]) {
				values = append(values, w[i])
			}
		}
		if usual[i], ok = stats.Median(values); !ok {
			usual[i] = math.NaN()
		}
	}
	shift := compare(usual, bins(same, s, later, later.Add(week), length), length, seed)
	shift.Results = merged(within(same, from, later.Add(week)), s).N
	return shift
}

// compare compares two weeks of bins. The verdict is that of the interval
// alone; discover takes back what the false discovery rate does not bear out.
func compare(a, b []float64, length time.Duration, seed uint64) Shift {
	o := stats.DefaultCompare(seed)
	o.Block, o.Margin, o.Confidence = int(day/length), margin, confidence
	c, ok := stats.Compare(a, b, o)
	if !ok {
		return Shift{Verdict: NotCompared, Why: fmt.Sprintf("a side has results of fewer than %d days", leastDays)}
	}
	verdicts := map[stats.Change]Verdict{
		stats.ChangeUp: Slower, stats.ChangeDown: Faster, stats.ChangeNone: Same, stats.ChangeUnclear: Unclear,
	}
	return Shift{
		Verdict: verdicts[c.Change], Ratio: c.Ratio, Low: c.Interval.Low, High: c.Interval.High, P: probe.Some(c.P),
		Bin: probe.Measured(length), Before: c.Before, After: c.After, Paired: c.Paired,
	}
}

// discover corrects all comparisons of a report for their number: what is
// slower or faster by its interval is unclear unless its q-value is small. It
// returns how many were compared.
func discover(shifts []*Shift) int {
	compared := slices.DeleteFunc(slices.Clone(shifts), func(s *Shift) bool { return s.Verdict == NotCompared })
	ps := make([]float64, len(compared))
	for i, s := range compared {
		ps[i], _ = s.P.Get()
	}
	for i, q := range stats.BenjaminiHochberg(ps) {
		compared[i].Q = probe.Some(q)
		if v := compared[i].Verdict; q >= discoveries && (v == Slower || v == Faster) {
			compared[i].Verdict = Unclear
		}
	}
	return len(compared)
}
