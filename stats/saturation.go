package stats

import "math"

// Slope is a straight line's.
type Slope struct {
	// Value is the change of y for each unit of x, Interval its interval.
	Value    float64
	Interval Interval
	// Rho is the lag-1 correlation of the residuals, at least 0, by which the
	// interval was widened.
	Rho float64
}

// FindSlope fits a line by least squares and returns its slope with the t
// interval at the confidence. The standard error is multiplied by
// √((1+ρ)/(1-ρ)) of the residuals, bias 2(1+2ρ)/n added: readings a second apart
// are not independent, and a plain t interval sees a trend in every wave. Absent
// below 8 points, where xs do not vary, and where the slices differ in length.
func FindSlope(xs, ys []float64, confidence float64) (Slope, bool) {
	n := len(xs)
	if n < 8 || n != len(ys) || !share(confidence) || !finite(xs) || !finite(ys) {
		return Slope{}, false
	}
	mx, sxx := variance(xs)
	my := mean(ys)
	if sxx == 0 {
		return Slope{}, false
	}
	sxy := 0.0
	for i := range xs {
		sxy += (xs[i] - mx) * (ys[i] - my)
	}
	s := Slope{Value: sxy / sxx}
	squares, cross, last := 0.0, 0.0, 0.0
	for i := range xs {
		r := ys[i] - my - s.Value*(xs[i]-mx)
		squares += r * r
		if i > 0 {
			cross += r * last
		}
		last = r
	}
	if squares > 0 {
		rho := cross / squares
		s.Rho = min(max(0, rho+2*(1+2*rho)/float64(n)), 0.95)
	}
	se := math.Sqrt(squares / float64(n-2) / sxx * inflation(s.Rho))
	half := studentQuantile((1+confidence)/2, float64(n-2)) * se
	s.Interval = Interval{Low: s.Value - half, High: s.Value + half}
	return s, true
}

// OverSaturated says whether both the number in flight and the time to the first
// token rise, each with its whole slope interval above 0: the brake of guidellm
// (scheduler/constraints/saturation.py), with intervals that allow for
// correlation (FindSlope). One rising alone is a ramp or a slow model. The times
// are in any unit; give it 30 s to 120 s of readings, one a second.
func OverSaturated(times, inFlight, firstToken []float64, confidence float64) bool {
	a, okA := FindSlope(times, inFlight, confidence)
	b, okB := FindSlope(times, firstToken, confidence)
	return okA && okB && a.Interval.Low > 0 && b.Interval.Low > 0
}
