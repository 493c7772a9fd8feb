package stats

import "math"

// fades says whether a warm-up ends slowly: in several falling steps, or along a
// curve that an exponential decay from the first request explains at least as
// well as a step. Both have three parameters, so their residual squares compare
// as they are.
func fades(ys []float64, cuts []int, start int) bool {
	if cuts[0] < start {
		first, _ := Median(ys[:cuts[0]])
		later, _ := Median(ys[cuts[0]:start])
		if first > later+math.Log(material) {
			return true
		}
	}
	step := make([]float64, len(ys))
	for i := range step[:start] {
		step[i] = 1
	}
	limit := explained(ys, step)
	for scale := 2.0; scale < float64(len(ys))/4; scale *= 1.2 {
		for i := range step {
			step[i] = math.Exp(-float64(i) / scale)
		}
		if explained(ys, step) >= limit {
			return true
		}
	}
	return false
}

// explained returns by how much a rising multiple of a regressor lowers the sum
// of squares of ys.
func explained(ys, regressor []float64) float64 {
	my, mx := mean(ys), mean(regressor)
	cross, squares := 0.0, 0.0
	for i, y := range ys {
		cross += (y - my) * (regressor[i] - mx)
		squares += (regressor[i] - mx) * (regressor[i] - mx)
	}
	if cross <= 0 || squares == 0 {
		return 0
	}
	return cross * cross / squares
}

// The numbers of decays. Its limit is of an F statistic with one degree of freedom
// after a search for the best scale: five standard errors.
const (
	decayLimit = 25
	decayStep  = 1.2
)

// decays returns how many values it takes an exponential decay from the first one
// to come within a tenth of its end; 0 where there is no decay. A smooth one is all
// correlation from one value to the next, so that what looks for changes of level
// takes it for a flat series with a long memory, whose penalty then hides it. Here
// the memory is that of what the decay leaves over: the F statistic of the best
// scale, divided by (1+ρ)/(1-ρ) of the residuals.
func decays(ys []float64) int {
	shape := make([]float64, len(ys))
	decay := func(scale float64) []float64 {
		for i := range shape {
			shape[i] = math.Exp(-float64(i) / scale)
		}
		return shape
	}
	best, scale := 0.0, 0.0
	for s := 2.0; s < float64(len(ys))/4; s *= decayStep {
		if e := explained(ys, decay(s)); e > best {
			best, scale = e, s
		}
	}
	if best == 0 {
		return 0
	}
	decay(scale)
	my, mx := mean(ys), mean(shape)
	cross, squares := 0.0, 0.0
	for i, y := range ys {
		cross += (y - my) * (shape[i] - mx)
		squares += (shape[i] - mx) * (shape[i] - mx)
	}
	height := cross / squares
	rest, sum := make([]float64, len(ys)), 0.0
	for i, y := range ys {
		rest[i] = y - my - height*(shape[i]-mx)
		sum += rest[i] * rest[i]
	}
	n := float64(len(ys))
	rho, _ := Lag1(rest)
	rho = min(max(0, rho+(1+3*rho)/n), 0.95)
	if height <= math.Log(material) || best*(n-3) < decayLimit*inflation(rho)*sum {
		return 0
	}
	return int(math.Ceil(scale * math.Log(height/math.Log(material))))
}
