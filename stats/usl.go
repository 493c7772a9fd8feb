package stats

import "math"

// LittleResidual returns by how much a closed load breaks Little's law N = X·R
// (Little, "A proof for the queuing formula L = λW", 1961), as a share of N:
// (X·R-N)/N with the throughput per second, the mean latency in seconds and the
// mean number in flight. A rung of a ladder with more than a few percent was not
// in steady state, or was measured wrongly. Absent unless N and X are positive
// and R is not negative.
func LittleResidual(throughput, latency, inFlight float64) (float64, bool) {
	if !finite([]float64{throughput, latency, inFlight}) || throughput <= 0 || latency < 0 || inFlight <= 0 {
		return 0, false
	}
	return (throughput*latency - inFlight) / inFlight, true
}

// USL is the Universal Scalability Law X(N) = λN / (1 + σ(N-1) + κN(N-1))
// (Gunther, "Guerrilla Capacity Planning", 2007).
type USL struct {
	// Lambda is the throughput of one, Sigma the share of contention, Kappa that
	// of coherency; none is negative.
	Lambda, Sigma, Kappa float64
	// Rungs is the number of different N it was fitted to; below 6 it is weak.
	Rungs int
	// R2 is the share of the variance of X that it explains, at most 1; low or
	// negative where the law does not hold.
	R2 float64
}

// At returns the throughput at N in flight.
func (u USL) At(n float64) float64 {
	return u.Lambda * n / (1 + u.Sigma*(n-1) + u.Kappa*n*(n-1))
}

// Peak returns the N with the highest throughput, √((1-σ)/κ), at least 1, and
// that throughput. Absent without coherency: throughput then never falls.
func (u USL) Peak() (n, throughput float64, ok bool) {
	if u.Kappa <= 0 {
		return 0, 0, false
	}
	n = math.Sqrt(max(0, 1-u.Sigma) / u.Kappa)
	n = max(1, n)
	return n, u.At(n), true
}

// Ceiling returns what throughput never exceeds: that of the peak, or λ/σ where
// there is none. Absent where the law is linear.
func (u USL) Ceiling() (float64, bool) {
	if _, x, ok := u.Peak(); ok {
		return x, true
	}
	if u.Sigma <= 0 {
		return 0, false
	}
	return u.Lambda / u.Sigma, true
}

// FitUSL fits the law to pairs of N >= 1 and throughput X > 0. N/X is linear in 1,
// N-1 and N(N-1), so it is solved without iteration, each pair weighted by
// (X/N)² so that errors count in proportion; a negative σ or κ is taken as 0 and
// the rest fitted again. Use it as a model and a cross-check, not as the verdict.
// Absent below four different N.
func FitUSL(ns, xs []float64) (USL, bool) {
	if len(ns) != len(xs) || !finite(ns) || !finite(xs) {
		return USL{}, false
	}
	rungs := map[float64]bool{}
	for i, n := range ns {
		if n < 1 || xs[i] <= 0 {
			return USL{}, false
		}
		rungs[n] = true
	}
	if len(rungs) < 4 {
		return USL{}, false
	}
	best, found := USL{}, false
	least := math.Inf(1)
	for _, use := range [][]bool{{true, true, true}, {true, true, false}, {true, false, true}, {true, false, false}} {
		c, residual, ok := uslSquares(ns, xs, use)
		if !ok || c[0] <= 0 || c[1] < 0 || c[2] < 0 || residual >= least {
			continue
		}
		least, found = residual, true
		best = USL{Lambda: 1 / c[0], Sigma: c[1] / c[0], Kappa: c[2] / c[0], Rungs: len(rungs)}
	}
	if !found {
		return USL{}, false
	}
	_, total := variance(xs)
	left := 0.0
	for i, n := range ns {
		left += (xs[i] - best.At(n)) * (xs[i] - best.At(n))
	}
	if total > 0 {
		best.R2 = 1 - left/total
	}
	return best, true
}

// uslSquares solves the weighted normal equations for the terms in use and
// returns the coefficients of 1, N-1 and N(N-1), and the weighted squares left.
func uslSquares(ns, xs []float64, use []bool) (c [3]float64, residual float64, ok bool) {
	var terms []int
	for k, u := range use {
		if u {
			terms = append(terms, k)
		}
	}
	// Relative rows: each regressor and the target divided by N/X.
	row := func(i int) (r [3]float64) {
		n, w := ns[i], xs[i]/ns[i]
		return [3]float64{w, w * (n - 1), w * n * (n - 1)}
	}
	m := len(terms)
	a := make([][]float64, m)
	for p := range a {
		a[p] = make([]float64, m+1)
		for i := range ns {
			r := row(i)
			for q := range m {
				a[p][q] += r[terms[p]] * r[terms[q]]
			}
			a[p][m] += r[terms[p]]
		}
	}
	solved, ok := solve(a)
	if !ok {
		return c, 0, false
	}
	for p, v := range solved {
		c[terms[p]] = v
	}
	for i := range ns {
		r := row(i)
		d := 1 - c[0]*r[0] - c[1]*r[1] - c[2]*r[2]
		residual += d * d
	}
	return c, residual, true
}

// solve solves linear equations whose right side is the last column, by Gaussian
// elimination with pivoting; it overwrites a.
func solve(a [][]float64) ([]float64, bool) {
	n := len(a)
	for k := range n {
		pivot := k
		for i := k + 1; i < n; i++ {
			if math.Abs(a[i][k]) > math.Abs(a[pivot][k]) {
				pivot = i
			}
		}
		if a[pivot][k] == 0 {
			return nil, false
		}
		a[k], a[pivot] = a[pivot], a[k]
		for i := k + 1; i < n; i++ {
			f := a[i][k] / a[k][k]
			for j := k; j <= n; j++ {
				a[i][j] -= f * a[k][j]
			}
		}
	}
	x := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		sum := a[i][n]
		for j := i + 1; j < n; j++ {
			sum -= a[i][j] * x[j]
		}
		x[i] = sum / a[i][i]
	}
	return x, true
}
