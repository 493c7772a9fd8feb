package stats

import "math"

// Break is the likeliest single change of the mean of a series.
type Break struct {
	// At is the index of the first value after the change.
	At int
	// Shift is the mean after it less the mean before it.
	Shift float64
	// Statistic is the largest squared t-statistic over all places, corrected for
	// autocorrelation; Critical is what it exceeds by chance in about 1 % of
	// series without a change.
	Statistic, Critical float64
	// Rho is the lag-1 correlation of what is left when the change is taken out,
	// corrected for its bias and at least 0.
	Rho float64
	// Low and High hold At with the confidence asked for, given that there is
	// one change.
	Low, High int
}

// Significant says whether the break is too large for chance at about 1 %.
func (b Break) Significant() bool { return b.Statistic > b.Critical }

// edge is how many values stand on either side of a break at least.
const edge = 5

// FindBreak tests for one change of the mean at an unknown place: the supremum
// of the Wald statistic (Andrews, "Tests for parameter instability and structural
// change with unknown change point", Econometrica 61, 1993), whose variance is
// multiplied by (1+ρ)/(1-ρ). The correlation is that of the residuals, since a
// change of level would otherwise pass for correlation and hide itself, plus its
// bias 2(1+3ρ)/n (Marriott and Pope, 1954, doubled for the fitted place). The
// critical value 13+300/n is Andrews's at 1 % with room for short series, set
// by simulation; for ρ = 0.4 it is exceeded by chance in about 1 % of series of
// 60 to 500 values, for ρ = 0.7 in 1 to 2 %. The range of the place weighs each by its
// likelihood with the noise integrated out, (residual squares)^(-n_eff/2). Feed
// it what is roughly normal: logarithms of latencies, outliers drawn in
// (Winsorize). Absent below 20 values and for a constant.
func FindBreak(xs []float64, confidence float64) (Break, bool) {
	n := len(xs)
	if n < 4*edge || !share(confidence) || !finite(xs) {
		return Break{}, false
	}
	centre, squares := variance(xs)
	if squares <= rounding*centre*centre*float64(n) {
		return Break{}, false
	}
	// gains[k] is by how much a cut before xs[k] lowers the residual squares.
	gains := make([]float64, n)
	at, sum := edge, 0.0
	for i, x := range xs[:n-edge] {
		sum += x - centre
		k := i + 1
		if k < edge {
			continue
		}
		gains[k] = sum * sum * float64(n) / (float64(k) * float64(n-k))
		if gains[k] > gains[at] {
			at = k
		}
	}
	b := Break{At: at, Shift: mean(xs[at:]) - mean(xs[:at]), Critical: 13 + 300/float64(n)}
	left := squares - gains[at]
	if left <= 1e-12*squares {
		// A step without noise: as certain as can be.
		b.Statistic, b.Low, b.High = math.MaxFloat64, at, at
		return b, true
	}
	b.Rho = residualLag1(xs, at)
	b.Statistic = gains[at] / (left / float64(n-2)) / inflation(b.Rho)
	b.Low, b.High = placeRange(gains, squares, at, EffectiveSize(n, b.Rho), confidence)
	return b, true
}

// residualLag1 returns the lag-1 correlation of xs when the means before and
// after the index at are taken out, with the correction of FindBreak.
func residualLag1(xs []float64, at int) float64 {
	before, after := mean(xs[:at]), mean(xs[at:])
	cross, squares, last := 0.0, 0.0, 0.0
	for i, x := range xs {
		r := x - after
		if i < at {
			r = x - before
		}
		if i > 0 {
			cross += r * last
		}
		squares += r * r
		last = r
	}
	if squares == 0 {
		return 0
	}
	rho := cross / squares
	return min(max(0, rho+2*(1+3*rho)/float64(len(xs))), 0.95)
}

// placeRange returns the shortest run of places around the best one that holds
// the confidence's share of all weight.
func placeRange(gains []float64, squares float64, at int, neff, confidence float64) (low, high int) {
	weights := make([]float64, len(gains))
	total := 0.0
	for k := edge; k <= len(gains)-edge; k++ {
		weights[k] = math.Exp(-neff / 2 * math.Log((squares-gains[k])/(squares-gains[at])))
		total += weights[k]
	}
	low, high = at, at
	for held := weights[at]; held < confidence*total; {
		below, above := -1.0, -1.0
		if low > edge {
			below = weights[low-1]
		}
		if high < len(weights)-edge {
			above = weights[high+1]
		}
		switch {
		case below < 0 && above < 0:
			return low, high
		case below >= above:
			low--
			held += below
		default:
			high++
			held += above
		}
	}
	return low, high
}

// Winsorize returns xs with what lies further than limit robust standard
// deviations from the median drawn in to that distance (RobustScale).
func Winsorize(xs []float64, limit float64) []float64 {
	out := append([]float64(nil), xs...)
	centre, scale, ok := RobustScale(xs)
	if !ok {
		return out
	}
	for i, x := range out {
		out[i] = min(max(x, centre-limit*scale), centre+limit*scale)
	}
	return out
}

// Deseason returns xs less the median of all values at the same phase of a cycle
// of period values, such as the 24 hours of a day, plus the median of all: what
// FindBreak needs of hourly values. Absent below two cycles.
func Deseason(xs []float64, period int) ([]float64, bool) {
	if period < 1 || len(xs) < 2*period || !finite(xs) {
		return nil, false
	}
	all, _ := Median(xs)
	out := make([]float64, len(xs))
	phase := make([]float64, 0, len(xs)/period+1)
	for p := range period {
		phase = phase[:0]
		for i := p; i < len(xs); i += period {
			phase = append(phase, xs[i])
		}
		m, _ := Median(phase)
		for i := p; i < len(xs); i += period {
			out[i] = xs[i] - m + all
		}
	}
	return out, true
}
