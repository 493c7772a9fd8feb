// Package stats is the mathematics of hfwatch on plain numbers: quantiles and
// their intervals, the end of a warm-up, trends, capacity, and whether one week
// was slower than another. Each function names the source of its method.
//
// # Conventions
//
// Values are float64 in whatever unit the caller chose, and results are in the
// same unit. Probabilities and confidences are shares in (0, 1): 0.95, not 95.
// A result that cannot be known is absent, (x, false), and x is then the zero
// value; it is never a guess and never NaN. Input with a NaN or an infinity has
// no result. Indices count from 0, ranks from 1 as in the literature.
//
// Functions do not change their arguments. Those that take "sorted" want
// ascending order and do not check it. Randomness comes from a seed of the
// caller through PCG, so that a seed means the same number for ever.
//
// The package refuses to know of targets, probes, clocks, storage and words: it
// imports the standard library alone. Everything is pure and may be called from
// several goroutines.
package stats

import (
	"math"
	"slices"
)

// Interval is a closed range in the unit of the values.
type Interval struct {
	Low, High float64
}

// Contains says whether x lies in the interval, its ends included.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// finite says whether xs holds neither NaN nor an infinity.
func finite(xs []float64) bool {
	for _, x := range xs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// share says whether p lies strictly between 0 and 1.
func share(p float64) bool { return p > 0 && p < 1 }

// sortedCopy returns xs in ascending order.
func sortedCopy(xs []float64) []float64 {
	s := slices.Clone(xs)
	slices.Sort(s)
	return s
}
