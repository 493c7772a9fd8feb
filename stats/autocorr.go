package stats

import (
	"math"
	"slices"
)

// Lag1 returns the correlation of a series with itself one step later, the
// estimate of Box and Jenkins: Σ(x_i-m)(x_{i+1}-m) / Σ(x_i-m)². Outliers and
// steps move it: see RobustLag1. Absent below three values and for a constant.
func Lag1(xs []float64) (float64, bool) {
	if len(xs) < 3 || !finite(xs) {
		return 0, false
	}
	m, squares := variance(xs)
	if squares == 0 {
		return 0, false
	}
	cross := 0.0
	for i := 1; i < len(xs); i++ {
		cross += (xs[i] - m) * (xs[i-1] - m)
	}
	return cross / squares, true
}

// RobustLag1 estimates the same correlation from differences alone, so that
// neither a change of level nor outliers inflate it: median|x_{i+2}-x_i|² over
// median|x_{i+1}-x_i|², less 1 (Chakar, Lebarbier, Lévy-Leduc and Robin, "A
// robust approach for estimating change-points in the mean of an AR(1)
// process", Bernoulli 23(2), 2017). It varies about twice as much as Lag1.
// Absent below ten values and where half of the differences are 0. The result
// is kept within [-0.99, 0.99].
func RobustLag1(xs []float64) (float64, bool) {
	if len(xs) < 10 || !finite(xs) {
		return 0, false
	}
	one, two := medianStep(xs, 1), medianStep(xs, 2)
	if one == 0 {
		return 0, false
	}
	return min(max((two/one)*(two/one)-1, -0.99), 0.99), true
}

// QuantileSize returns how many independent values a series is worth for its
// p-quantile: n over the sum of the correlations of "is above the p-quantile",
// which is all that the interval of a quantile depends on. Rare large values come
// in shorter runs than the values themselves, so a high quantile keeps more than
// EffectiveSize says; the median of a slowly decaying memory keeps less. Lags are
// summed in pairs while a pair is positive (Geyer, "Practical Markov chain Monte
// Carlo", Statistical Science 7(4), 1992, initial positive sequence), each with
// its bias (about 1/n times the sum) given back once. The result is in [1, n].
// Absent below ten values and where none or all are above.
func QuantileSize(xs []float64, p float64) (float64, bool) {
	n := len(xs)
	if n < 10 || !finite(xs) {
		return 0, false
	}
	limit, ok := Quantile(sortedCopy(xs), p)
	if !ok {
		return 0, false
	}
	above := make([]float64, n)
	for i, x := range xs {
		if x > limit {
			above[i] = 1
		}
	}
	centre, squares := variance(above)
	if squares == 0 {
		return 0, false
	}
	lag := func(k int) float64 {
		sum := 0.0
		for i := k; i < n; i++ {
			sum += (above[i] - centre) * (above[i-k] - centre)
		}
		return sum / squares
	}
	total := -1.0 // 1 + 2Σr is 2(r0+r1) + 2(r2+r3) + … less 1
	first := 0
	for k := 0; k+1 < n/2; k += 2 {
		pair := lag(k) + lag(k+1)
		if pair <= 0 {
			break
		}
		total += 2 * pair
		first = k + 1
	}
	total *= 1 + float64(2*first+1)/float64(n)
	return min(max(1, float64(n)/max(total, 1)), float64(n)), true
}

// medianStep returns the median of |x_{i+lag}-x_i|.
func medianStep(xs []float64, lag int) float64 {
	d := make([]float64, len(xs)-lag)
	for i := range d {
		d[i] = math.Abs(xs[i+lag] - xs[i])
	}
	slices.Sort(d)
	return medianSorted(d)
}

// EffectiveSize returns how many independent values n values with lag-1
// correlation rho are worth for a mean or a median: n(1-ρ)/(1+ρ), exact for a
// first-order autoregression as n grows (Wilks, "Statistical Methods in the
// Atmospheric Sciences", 5.2.4). A negative rho gains nothing here, and the
// result is at least 1 where n is.
func EffectiveSize(n int, rho float64) float64 {
	if n < 1 || math.IsNaN(rho) {
		return 0
	}
	return max(1, float64(n)/inflation(rho))
}

// inflation returns (1+ρ)/(1-ρ), by which correlation multiplies the variance of
// a mean, and 1 for a negative ρ.
func inflation(rho float64) float64 {
	rho = min(max(rho, 0), 0.999)
	return (1 + rho) / (1 - rho)
}
