package stats

import (
	"math"
	"slices"
)

// ChangeOptions are the settings of Changes.
type ChangeOptions struct {
	// P is the level of the test that confirms a change.
	P float64
	// MinRatio is the change of level that matters, above 1: 1.05 for 5 %.
	MinRatio float64
	// Shortest is the fewest values between changes, at least 2.
	Shortest int
}

// DefaultChanges returns the settings for daily medians: p < 0.001, 5 %, three days.
func DefaultChanges() ChangeOptions {
	return ChangeOptions{P: 0.001, MinRatio: 1.05, Shortest: 3}
}

// weakP is the level at which a split becomes a candidate.
const weakP = 0.01

// Changes returns where the level of a series of positive values changes, in
// ascending order, each the index of the first value after a change: E-divisive
// with energy distances of the logarithms (Matteson and James, "A nonparametric
// approach for multiple change point analysis of multivariate data", JASA 109,
// 2014) in the two passes of Hunter (Fleming et al., "Hunter: using change point
// detection to hunt for performance regressions", ICPE 2023): splits become
// candidates by Welch's t-test at a weak level, and the weakest is then dropped
// until each is significant between its neighbours and large enough. T is divided
// by √((1+ρ)/(1-ρ)) of the residuals of all candidates. It says when something
// changed; whether it did is for Compare. Nothing is found in values that are not
// positive. Time grows with n².
func Changes(xs []float64, o ChangeOptions) []int {
	for _, x := range xs {
		if !(x > 0) || math.IsInf(x, 0) {
			return nil
		}
	}
	if !share(o.P) || !(o.MinRatio >= 1) {
		return nil
	}
	ys := logs(xs)
	at := divide(ys, 0, max(2, o.Shortest), nil)
	widening := inflation(segmentLag1(ys, at))
	for len(at) > 0 {
		weakest, worst := -1, o.P
		for i := range at {
			before, after := neighbours(ys, at, i)
			p, size := contrast(before, after, widening)
			if size < math.Log(o.MinRatio) {
				p = 1
			}
			if p >= worst {
				weakest, worst = i, p
			}
		}
		if weakest < 0 {
			return at
		}
		at = slices.Delete(at, weakest, weakest+1)
	}
	return nil
}

// divide appends the candidates in ys, which begins at the index from.
func divide(ys []float64, from, shortest int, found []int) []int {
	at, ok := energySplit(ys, shortest)
	if !ok {
		return found
	}
	if p, size := contrast(ys[:at], ys[at:], 1); p >= weakP || size == 0 {
		return found
	}
	found = divide(ys[:at], from, shortest, found)
	found = append(found, from+at)
	return divide(ys[at:], from+at, shortest, found)
}

// neighbours returns the segments before and after the i-th cut.
func neighbours(ys []float64, at []int, i int) (before, after []float64) {
	first, last := 0, len(ys)
	if i > 0 {
		first = at[i-1]
	}
	if i+1 < len(at) {
		last = at[i+1]
	}
	return ys[first:at[i]], ys[at[i]:last]
}

// contrast returns the p-value of Welch's t-test with a variance widened by a
// factor, and the size of the difference. Levels without noise differ for
// certain.
func contrast(before, after []float64, widening float64) (p, size float64) {
	t, ok := Welch(before, after, 0.95)
	if !ok {
		size = math.Abs(mean(after) - mean(before))
		if size == 0 {
			return 1, 0
		}
		return 0, size
	}
	return min(1, 2*studentTail(math.Abs(t.T)/math.Sqrt(widening), t.DF)), math.Abs(t.Difference)
}

// segmentLag1 returns the lag-1 correlation of what is left when each segment's
// mean is taken out, with (1+3ρ)/n given back for each mean, at least 0.
func segmentLag1(ys []float64, at []int) float64 {
	left := make([]float64, 0, len(ys))
	last := 0
	for _, cut := range append(slices.Clone(at), len(ys)) {
		if cut == last {
			continue
		}
		m := mean(ys[last:cut])
		for _, y := range ys[last:cut] {
			left = append(left, y-m)
		}
		last = cut
	}
	rho, ok := Lag1(left)
	if !ok {
		return 0
	}
	return min(max(0, rho+float64(len(at)+1)*(1+3*rho)/float64(len(ys))), 0.95)
}

// energySplit returns the split with the largest scaled energy distance between
// its sides, nm/(n+m)·(2·E|X-Y| - E|X-X'| - E|Y-Y'|).
func energySplit(ys []float64, shortest int) (int, bool) {
	n := len(ys)
	if n < 2*shortest {
		return 0, false
	}
	// Sums of |y_i-y_j| within the left, within the right and between, as one
	// value after the other changes sides.
	within := func(i, from, to int) (sum float64) {
		for _, y := range ys[from:to] {
			sum += math.Abs(ys[i] - y)
		}
		return sum
	}
	left, right, between := 0.0, 0.0, 0.0
	for i := range n {
		right += within(i, 0, i)
	}
	best, at := math.Inf(-1), 0
	for k := 1; k < n; k++ {
		toLeft, toRight := within(k-1, 0, k-1), within(k-1, k, n)
		left += toLeft
		right -= toRight
		between += toRight - toLeft
		if k < shortest || n-k < shortest {
			continue
		}
		a, b := float64(k), float64(n-k)
		q := a * b / (a + b) * (2*between/(a*b) - left/(a*(a-1)/2) - right/(b*(b-1)/2))
		if q > best {
			best, at = q, k
		}
	}
	return at, true
}
