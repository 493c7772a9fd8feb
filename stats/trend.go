package stats

import (
	"math"
	"slices"
)

// mostForTrend bounds what MannKendall compares pair by pair.
const mostForTrend = 1000

// Trend is the result of MannKendall.
type Trend struct {
	// Z is positive for a rising series, in standard errors.
	Z float64
	// P is two-sided.
	P float64
	// Slope is Sen's: the median of the slopes between all pairs, in the unit of
	// the values for each step of the series.
	Slope float64
}

// MannKendall tests for a monotone trend (Mann, "Nonparametric tests against
// trend", 1945; Kendall's variance with ties) with the correction of Hamed and
// Rao ("A modified Mann-Kendall trend test for autocorrelated data", J. Hydrology
// 204, 1998) from the correlations of the ranks after Sen's slope is taken out.
// Lags up to 10·log10(n) that are significant at 5 % count, and the correction
// never narrows the variance. More than a thousand values are first condensed
// to medians of equal stretches. Absent below 8 values and for a constant.
func MannKendall(xs []float64) (Trend, bool) {
	if len(xs) < 8 || !finite(xs) {
		return Trend{}, false
	}
	group := (len(xs) + mostForTrend - 1) / mostForTrend
	xs = condense(xs, group)
	n := len(xs)
	s := 0.0
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			d := xs[j] - xs[i]
			slopes = append(slopes, d/float64(j-i))
			switch {
			case d > 0:
				s++
			case d < 0:
				s--
			}
		}
	}
	ties := kendallTies(xs)
	m := float64(n)
	spread := (m*(m-1)*(2*m+5) - ties) / 18
	if spread <= 0 {
		return Trend{}, false
	}
	slices.Sort(slopes)
	slope := medianSorted(slopes)
	spread *= hamedRao(xs, slope)
	z := 0.0
	if s != 0 {
		z = (s - math.Copysign(1, s)) / math.Sqrt(spread)
	}
	return Trend{Z: z, P: twoSided(z), Slope: slope / float64(group)}, true
}

// kendallTies returns Σt(t-1)(2t+5) over the groups of t equal values.
func kendallTies(xs []float64) float64 {
	sum := 0.0
	s := sortedCopy(xs)
	for i := 0; i < len(s); {
		j := i + 1
		for j < len(s) && s[j] == s[i] {
			j++
		}
		t := float64(j - i)
		sum += t * (t - 1) * (2*t + 5)
		i = j
	}
	return sum
}

// hamedRao returns the factor by which autocorrelation widens the variance of
// Kendall's S, at least 1.
func hamedRao(xs []float64, slope float64) float64 {
	flat := make([]float64, len(xs))
	for i, x := range xs {
		flat[i] = x - slope*float64(i)
	}
	ranks, _ := midRanks(flat)
	centre, squares := variance(ranks)
	if squares == 0 {
		return 1
	}
	n := float64(len(xs))
	bound := 1.96 / math.Sqrt(n)
	sum := 0.0
	for lag := 1; lag <= int(10*math.Log10(n)) && lag < len(xs)-2; lag++ {
		r := 0.0
		for i := lag; i < len(ranks); i++ {
			r += (ranks[i] - centre) * (ranks[i-lag] - centre)
		}
		r /= squares
		if math.Abs(r) > bound {
			k := float64(lag)
			sum += (n - k) * (n - k - 1) * (n - k - 2) * r
		}
	}
	return max(1, 1+2*sum/(n*(n-1)*(n-2)))
}

// condense returns the medians of consecutive stretches of group values; what is
// left over at the end is left out.
func condense(xs []float64, group int) []float64 {
	if group <= 1 {
		return xs
	}
	out := make([]float64, len(xs)/group)
	for i := range out {
		out[i] = medianSorted(sortedCopy(xs[i*group : (i+1)*group]))
	}
	return out
}

// Shift is the result of Pettitt.
type Shift struct {
	// At is the index of the first value after the change.
	At int
	// Up says that the values after it tend to be larger.
	Up bool
	// P is the approximate probability of as large a shift without a change.
	P float64
}

// Pettitt finds the likeliest single change of level by ranks (Pettitt, "A
// non-parametric approach to the change-point problem", Applied Statistics 28,
// 1979), p = 2·exp(-6K²/(n³+n²)). For a lag-1 correlation of rho, K² is divided
// by (1+ρ)/(1-ρ). Absent below 8 values and for a constant.
func Pettitt(xs []float64, rho float64) (Shift, bool) {
	if len(xs) < 8 || !finite(xs) {
		return Shift{}, false
	}
	ranks, _ := midRanks(xs)
	n := float64(len(xs))
	sum, most, s := 0.0, 0.0, Shift{}
	for i, r := range ranks[:len(ranks)-1] {
		sum += r
		u := 2*sum - float64(i+1)*(n+1)
		if math.Abs(u) > most {
			most, s.At, s.Up = math.Abs(u), i+1, u < 0
		}
	}
	if most == 0 {
		return Shift{}, false
	}
	s.P = min(1, 2*math.Exp(-6*most*most/inflation(rho)/(n*n*n+n*n)))
	return s, true
}
