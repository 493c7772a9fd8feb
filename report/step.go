package report

import (
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/stats"
)

// winsorLimit draws in what lies further from the median, in robust standard
// deviations: the limit that warm-ups are judged with.
const winsorLimit = 4

// locate dates the change of a signal's level over the period: the likeliest
// single break of the logarithms of its medians without their daily cycle, and
// the times that hold it. Absent where no break is significant, where bins are
// missing, and where the break goes the other way than the verdict. It names
// when something changed; whether it did is for the comparison.
func locate(hours []Hour, s Signal, from, to time.Time, length time.Duration, v Verdict) *Step {
	like := likeliest(within(hours, to.Add(-week), to), s)
	xs := bins(alike(hours, s, like), s, from, to, length)
	// A target that is younger than the period begins later.
	for len(xs) > 0 && math.IsNaN(xs[0]) {
		xs, from = xs[1:], from.Add(length)
	}
	if float64(present(xs)) < fullEnough*float64(len(xs)) {
		return nil
	}
	logs := make([]float64, len(xs))
	for i, x := range xs {
		if logs[i] = math.Log(x); math.IsNaN(x) {
			logs[i] = logs[i-1]
		}
	}
	flat := logs
	if period := int(day / length); period > 1 {
		var ok bool
		if flat, ok = stats.Deseason(logs, period); !ok {
			return nil
		}
	}
	b, ok := stats.FindBreak(stats.Winsorize(flat, winsorLimit), confidence)
	if !ok || !b.Significant() || (b.Shift > 0) != (v == Slower) {
		return nil
	}
	at := func(i int) time.Time { return from.Add(time.Duration(i) * length) }
	return &Step{At: at(b.At), Low: at(b.Low), High: at(b.High), Ratio: math.Exp(b.Shift)}
}

// beside returns the changes that were seen within the range of a step, or a
// day before or after it: what to look at first.
func (s *Step) beside(changes []Change) []Change {
	var out []Change
	for _, c := range changes {
		if !c.At.Before(s.Low.Add(-day)) && !c.At.After(s.High.Add(day)) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return a.At.Compare(b.At) })
	return out
}
