package stats

import (
	"math"
	"slices"
)

// Cost says what a segment of a series costs: twice its negative
// log-likelihood, constants left out.
type Cost int

const (
	// MeanVariance lets both the mean and the variance change: n·ln(s²).
	MeanVariance Cost = iota
	// MeanOnly takes the variance for 1 throughout, so scale the series first:
	// the sum of squared deviations from the segment's mean.
	MeanOnly
)

// varianceFloor bounds a segment's variance from below, as a share of that of
// the whole series, so that a few equal values are not infinitely likely.
const varianceFloor = 1e-4

// rounding is the variance, as a share of the squared mean, below which values
// differ by what arithmetic left behind.
const rounding = 1e-24

// PELT returns where the segments of a series begin, without the first, in
// ascending order: the cut into segments that minimises the sum of their costs
// plus the penalty for each cut, found exactly (Killick, Fearnhead and Eckley,
// "Optimal detection of changepoints with a linear computational cost", JASA
// 107, 2012). The penalty is in the unit of the cost, twice a log-likelihood;
// Barrett et al. ("Virtual machine warmup blows hot and cold", OOPSLA 2017) use
// 15·ln n. A segment has at least shortest values, and never fewer than 2.
// Nothing is found in fewer than two segments' worth, and in input that is not
// finite. Time grows with n where changes come at a steady pace, with n² at
// worst.
func PELT(xs []float64, cost Cost, penalty float64, shortest int) []int {
	n, shortest := len(xs), max(shortest, 2)
	if n < 2*shortest || !finite(xs) {
		return nil
	}
	sums := newSums(xs, cost)
	best := make([]float64, n+1) // the least cost of the first t values
	from := make([]int, n+1)     // where the last segment of that cut begins
	best[0] = -penalty
	for t := 1; t <= n; t++ {
		best[t] = math.Inf(1)
	}
	type candidate struct{ at, until int }
	candidates := []candidate{{0, n + 1}}
	for t := shortest; t <= n; t++ {
		if at := t - shortest; at >= shortest {
			candidates = append(candidates, candidate{at, n + 1})
		}
		for _, c := range candidates {
			if total := best[c.at] + sums.cost(c.at, t) + penalty; total < best[t] {
				best[t], from[t] = total, c.at
			}
		}
		// A beginning that is beaten by a cut at t stays beaten, but a cut at t
		// is allowed only once t has its own shortest segment behind it.
		kept := candidates[:0]
		for _, c := range candidates {
			if best[c.at]+sums.cost(c.at, t) >= best[t] {
				c.until = min(c.until, t+shortest)
			}
			if t+1 < c.until {
				kept = append(kept, c)
			}
		}
		candidates = kept
	}
	var cuts []int
	for t := from[n]; t > 0; t = from[t] {
		cuts = append(cuts, t)
	}
	slices.Reverse(cuts)
	return cuts
}

// sums answers for the cost of any stretch of a series in constant time.
type sums struct {
	kind         Cost
	one, squared []float64
	floor        float64
}

// newSums prepares the sums of a series, centred against loss of digits.
func newSums(xs []float64, kind Cost) sums {
	m, squares := variance(xs)
	s := sums{kind: kind, one: make([]float64, len(xs)+1), squared: make([]float64, len(xs)+1)}
	s.floor = max(varianceFloor*squares/float64(len(xs)), rounding*m*m, math.SmallestNonzeroFloat64)
	for i, x := range xs {
		s.one[i+1] = s.one[i] + (x - m)
		s.squared[i+1] = s.squared[i] + (x-m)*(x-m)
	}
	return s
}

// cost returns the cost of the values from a on and before b, a < b.
func (s sums) cost(a, b int) float64 {
	n := float64(b - a)
	sum := s.one[b] - s.one[a]
	squares := max(0, s.squared[b]-s.squared[a]-sum*sum/n)
	if s.kind == MeanOnly {
		return squares
	}
	spread := squares / n
	// The likelihood is maximised over variances from the floor on, which keeps
	// a cut from ever costing more than no cut: what the pruning of PELT needs.
	allowed := max(spread, s.floor)
	return n * (math.Log(allowed) + spread/allowed - 1)
}
