package stats

import "slices"

// Isotonic returns the non-decreasing sequence that is nearest to ys in weighted
// squares, by pooling adjacent violators (Ayer, Brunk, Ewing, Reid and Silverman,
// 1955; Barlow, Bartholomew, Bremner and Brunk, "Statistical Inference under
// Order Restrictions", 1972). weights are positive; nil means all equal. Absent
// where ys is empty or the weights do not fit.
func Isotonic(ys, weights []float64) ([]float64, bool) {
	if len(ys) == 0 || !finite(ys) || weights != nil && (len(weights) != len(ys) || !finite(weights)) {
		return nil, false
	}
	type pool struct {
		value, weight float64
		n             int
	}
	pools := make([]pool, 0, len(ys))
	for i, y := range ys {
		p := pool{value: y, weight: 1, n: 1}
		if weights != nil {
			p.weight = weights[i]
		}
		if p.weight <= 0 {
			return nil, false
		}
		for len(pools) > 0 && pools[len(pools)-1].value > p.value {
			q := pools[len(pools)-1]
			pools = pools[:len(pools)-1]
			w := p.weight + q.weight
			p = pool{value: (p.value*p.weight + q.value*q.weight) / w, weight: w, n: p.n + q.n}
		}
		pools = append(pools, p)
	}
	fitted := make([]float64, 0, len(ys))
	for _, p := range pools {
		for range p.n {
			fitted = append(fitted, p.value)
		}
	}
	return fitted, true
}

// antitonic is Isotonic for a non-increasing sequence.
func antitonic(ys, weights []float64) ([]float64, bool) {
	y := slices.Clone(ys)
	slices.Reverse(y)
	w := slices.Clone(weights)
	slices.Reverse(w)
	fitted, ok := Isotonic(y, w)
	slices.Reverse(fitted)
	return fitted, ok
}
