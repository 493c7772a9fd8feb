package stats

import "math"

// Wilson returns the 95 % interval of a share in [0, 1] that n independent trials
// showed, by Wilson's score (Wilson, "Probable inference, the law of succession,
// and statistical inference", JASA 22, 1927). n need not be whole: correlated
// trials are worth fewer independent ones.
func Wilson(share, n float64) (low, high float64) {
	const z = 1.959963984540054
	centre := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	low, high = max(centre-half, 0), min(centre+half, 1)
	// The ends are exact where none succeeded, or all; sums of floats are not.
	switch share {
	case 0:
		low = 0
	case 1:
		high = 1
	}
	return low, high
}
