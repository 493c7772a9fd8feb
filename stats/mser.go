package stats

import "math"

// MSER returns how many leading values to cut so that the mean of the rest has
// the smallest standard error: the d that minimises Σ_{i>=d}(x_i-m)²/(n-d)² over
// means of batches (White, "An effective truncation heuristic for bias reduction
// in simulation output", Simulation 69(6), 1997; MSER-5 by White, Cobb and
// Spratt, 2000, has batches of 5). The result is a multiple of batch. It always
// proposes something: on a flat series it cuts in a third of all cases, so it
// needs a second test (Confirms). Cuts in the second half are not tried, since a
// handful of values at the end has a small error by chance. Absent where the best
// cut is the last one tried, which means that no steady part was seen, and below
// four batches.
func MSER(xs []float64, batch int) (int, bool) {
	if batch < 1 || len(xs)/batch < 4 || !finite(xs) {
		return 0, false
	}
	means := make([]float64, len(xs)/batch)
	for i := range means {
		means[i] = mean(xs[i*batch : (i+1)*batch])
	}
	n := len(means)
	last := n / 2
	centre := mean(means)
	best, at := math.Inf(1), 0
	sum, squares := 0.0, 0.0
	for d := n - 1; d >= 0; d-- {
		x := means[d] - centre
		sum += x
		squares += x * x
		k := float64(n - d)
		if z := max(0, squares-sum*sum/k) / (k * k); d <= last && z <= best {
			best, at = z, d
		}
	}
	if at == last {
		return 0, false
	}
	return at * batch, true
}

// Confirms says whether the values before a cut differ from those after it: the
// Mann-Whitney statistic, with Z multiplied by √((1-ρ)/(1+ρ)) for a lag-1
// correlation of rho, beyond minZ on either side, and the ratio of the medians
// beyond minRatio or below its inverse. The values must be positive for the
// ratio to mean anything.
func Confirms(xs []float64, cut int, rho, minZ, minRatio float64) bool {
	if cut < 1 || cut >= len(xs) {
		return false
	}
	test, ok := MannWhitney(xs[:cut], xs[cut:])
	if !ok || math.Abs(test.Z)/math.Sqrt(inflation(rho)) <= minZ {
		return false
	}
	head, _ := Median(xs[:cut])
	tail, _ := Median(xs[cut:])
	return head > minRatio*tail || tail > minRatio*head
}
