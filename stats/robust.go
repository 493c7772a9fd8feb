package stats

import (
	"math"
	"slices"
)

// madToSigma makes the median absolute deviation estimate the standard
// deviation of a normal distribution: 1/Φ⁻¹(3/4).
const madToSigma = 1.4826022185056018

// Median returns the middle value, or the mean of the two middle ones.
func Median(xs []float64) (float64, bool) {
	if len(xs) == 0 || !finite(xs) {
		return 0, false
	}
	return medianSorted(sortedCopy(xs)), true
}

// medianSorted is Median of sorted values, of which there is at least one.
func medianSorted(s []float64) float64 {
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return s[n/2-1] + (s[n/2]-s[n/2-1])/2
}

// MAD returns the median absolute deviation from the median, in the unit of the
// values and not scaled (Hampel, "The influence curve and its role in robust
// estimation", 1974).
func MAD(xs []float64) (float64, bool) {
	_, mad, ok := medianMAD(xs)
	return mad, ok
}

// medianMAD returns the median and the MAD with one allocation.
func medianMAD(xs []float64) (median, mad float64, ok bool) {
	if len(xs) == 0 || !finite(xs) {
		return 0, 0, false
	}
	s := sortedCopy(xs)
	median = medianSorted(s)
	for i, x := range s {
		s[i] = math.Abs(x - median)
	}
	slices.Sort(s)
	return median, medianSorted(s), true
}

// RobustScale returns the median and an estimate of the standard deviation that
// outliers do not move: 1.4826 times the MAD. Where more than half of the values
// are equal the MAD is 0, and the mean absolute deviation times √(π/2) stands in
// (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993). Absent
// below two values and where all are equal.
func RobustScale(xs []float64) (centre, scale float64, ok bool) {
	if len(xs) < 2 {
		return 0, 0, false
	}
	centre, mad, ok := medianMAD(xs)
	if !ok {
		return 0, 0, false
	}
	if mad > 0 {
		return centre, madToSigma * mad, true
	}
	sum := 0.0
	for _, x := range xs {
		sum += math.Abs(x - centre)
	}
	if sum == 0 {
		return 0, 0, false
	}
	return centre, math.Sqrt(math.Pi/2) * sum / float64(len(xs)), true
}

// Mean returns the arithmetic mean.
func Mean(xs []float64) (float64, bool) {
	if len(xs) == 0 || !finite(xs) {
		return 0, false
	}
	return mean(xs), true
}

// mean is Mean of at least one finite value.
func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// variance returns the mean of xs and the sum of squared deviations from it.
func variance(xs []float64) (centre, squares float64) {
	centre = mean(xs)
	for _, x := range xs {
		squares += (x - centre) * (x - centre)
	}
	return centre, squares
}

// TrimmedMean returns the mean of what is left when the share trim is cut off at
// each end, rounded down to whole values. trim is in [0, 0.5); 0 is the mean.
func TrimmedMean(xs []float64, trim float64) (float64, bool) {
	if len(xs) == 0 || !(trim >= 0 && trim < 0.5) || !finite(xs) {
		return 0, false
	}
	cut := int(trim * float64(len(xs)))
	s := sortedCopy(xs)
	return mean(s[cut : len(s)-cut]), true
}
