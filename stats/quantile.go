package stats

import "math"

// Ranks names two order statistics, counted from 1, between which a quantile
// lies with the confidence given.
type Ranks struct {
	Low, High int
	// Confidence is the probability that was reached; it is at least the one
	// asked for, since ranks are whole.
	Confidence float64
}

// QuantileRank returns the rank, from 1, of the p-quantile of n values: the
// smallest value that at least a share p of them does not exceed (type 1 of
// Hyndman and Fan, "Sample quantiles in statistical packages", 1996). It is the
// definition that histograms with whole counts have too. Absent without values.
func QuantileRank(n int, p float64) (int, bool) {
	if n < 1 || !(p >= 0 && p <= 1) {
		return 0, false
	}
	// The allowance keeps 0.07*100 = 7.000000000000001 from being rank 8.
	k := int(math.Ceil(float64(n)*p - 1e-9))
	return min(max(k, 1), n), true
}

// Quantile returns the p-quantile of sorted values by QuantileRank.
func Quantile(sorted []float64, p float64) (float64, bool) {
	k, ok := QuantileRank(len(sorted), p)
	if !ok {
		return 0, false
	}
	return sorted[k-1], true
}

// QuantileRanks returns the narrowest pair of ranks l < u for which the interval
// from the l-th to the u-th of n independent values holds the p-quantile with
// at least the confidence: P(l <= B <= u-1) with B ~ Binomial(n, p) (Conover,
// "Practical Nonparametric Statistics", 3rd ed., 3.2; Hahn and Meeker,
// "Statistical Intervals", 5.2). Nothing is assumed of the distribution; ties
// only widen the coverage. Absent where no pair suffices: at 95 % below 6
// values for the median, 29 for p90, 59 for p95, 299 for p99 and 2995 for p99.9.
// It takes time of the order of the root of n.
func QuantileRanks(n int, p, confidence float64) (Ranks, bool) {
	if n < 2 || !share(p) || !share(confidence) {
		return Ranks{}, false
	}
	// The set of the likeliest values of B is found by growing from its mode.
	mode := min(max(int(float64(n+1)*p), 1), n-1)
	odds := p / (1 - p)
	at := math.Exp(logBinomial(mode, n, p))
	low, high, sum := mode, mode, at
	below := at * float64(low) / float64(n-low+1) / odds
	above := at * float64(n-high) / float64(high+1) * odds
	for sum < confidence {
		canLow, canHigh := low > 1 && below > 0, high < n-1 && above > 0
		switch {
		case canLow && (below >= above || !canHigh):
			sum += below
			low--
			below *= float64(low) / float64(n-low+1) / odds
		case canHigh:
			sum += above
			high++
			above *= float64(n-high) / float64(high+1) * odds
		default:
			return Ranks{}, false
		}
	}
	return Ranks{Low: low, High: high + 1, Confidence: min(sum, 1)}, true
}

// EqualTailRanks returns ranks as QuantileRanks does, with the chance of a miss
// split equally between the two sides: each end is then a one-sided bound of
// its own. It needs more values: at 95 % 368 for p99 instead of 299.
func EqualTailRanks(n int, p, confidence float64) (Ranks, bool) {
	low, okLow := LowerRank(n, p, (1+confidence)/2)
	high, okHigh := UpperRank(n, p, (1+confidence)/2)
	if !okLow || !okHigh {
		return Ranks{}, false
	}
	return Ranks{Low: low, High: high, Confidence: binomialAtMost(high-1, n, p) - binomialAtMost(low-1, n, p)}, true
}

// LowerRank returns the highest rank whose value is a lower bound of the
// p-quantile of n independent values with the confidence: what "p99 >= x" can
// say where no interval exists.
func LowerRank(n int, p, confidence float64) (int, bool) {
	if n < 1 || !share(p) || !share(confidence) || binomialAtMost(0, n, p) > 1-confidence {
		return 0, false
	}
	low, high := 1, n+1 // P(B < low) is small enough, P(B < high) is not
	for high-low > 1 {
		if mid := low + (high-low)/2; binomialAtMost(mid-1, n, p) <= 1-confidence {
			low = mid
		} else {
			high = mid
		}
	}
	return low, true
}

// UpperRank returns the lowest rank whose value is an upper bound of the
// p-quantile of n independent values with the confidence.
func UpperRank(n int, p, confidence float64) (int, bool) {
	if n < 1 || !share(p) || !share(confidence) || binomialAtLeast(n, n, p) > 1-confidence {
		return 0, false
	}
	low, high := 0, n // P(B >= high) is small enough, P(B >= low) is not
	for high-low > 1 {
		if mid := low + (high-low)/2; binomialAtLeast(mid, n, p) <= 1-confidence {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}

// QuantileInterval returns the interval of the p-quantile of sorted values. neff
// is the number of independent values they are worth (EffectiveSize), at most
// their number: the ranks are those of neff values, spread over all. Absent
// where neff values have no interval.
func QuantileInterval(sorted []float64, p, confidence, neff float64) (Interval, bool) {
	n := len(sorted)
	if !(neff >= 1) || !finite(sorted) {
		return Interval{}, false
	}
	m := int(min(neff, float64(n)))
	r, ok := QuantileRanks(m, p, confidence)
	if !ok {
		return Interval{}, false
	}
	// The r-th of m values stands at the share r/(m+1); outward to whole ranks.
	scale := float64(n+1) / float64(m+1)
	low := int(math.Floor(float64(r.Low)*scale + 1e-9))
	high := int(math.Ceil(float64(r.High)*scale - 1e-9))
	return Interval{Low: sorted[max(low, 1)-1], High: sorted[min(high, n)-1]}, true
}

// MinSamples returns the smallest number of independent values for which
// QuantileRanks exists, and with equalTails EqualTailRanks.
func MinSamples(p, confidence float64, equalTails bool) (int, bool) {
	if !share(p) || !share(confidence) {
		return 0, false
	}
	return smallest(func(n int) bool {
		if !equalTails {
			return 1-math.Pow(p, float64(n))-math.Pow(1-p, float64(n)) >= confidence
		}
		miss := (1 - confidence) / 2
		return math.Pow(p, float64(n)) <= miss && math.Pow(1-p, float64(n)) <= miss
	})
}

// smallest returns the smallest n from 1 on at which enough becomes true for
// good. Absent beyond two thousand million.
func smallest(enough func(n int) bool) (int, bool) {
	const most = 1 << 31
	high := 1
	for !enough(high) {
		if high *= 2; high > most {
			return 0, false
		}
	}
	low := high / 2 // not enough, or 0
	for high-low > 1 {
		if mid := low + (high-low)/2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}
