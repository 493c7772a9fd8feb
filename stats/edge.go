package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Edge is the answer to a search: where the objective breaks.
type Edge struct {
	// Low passes and High fails, as measured; the answer lies between.
	Low, High float64
	// Value is the load at which the isotonic fit crosses zero, Interval what
	// the errors of the margins make of it, with the confidence asked for. They
	// are absent, HasValue false, at a cliff.
	Value    float64
	Interval Interval
	HasValue bool
	// Cliff says that the margin falls so much steeper between Low and High than
	// before that a line between them means nothing: the answer is the bracket.
	Cliff bool
}

// FindEdge returns the edge from the trials of a search: the root of an isotonic
// fit, with a parametric bootstrap of the margins through their standard errors.
// It is a cliff where the drop across the edge exceeds that foreseen from the
// slope before it by more than three standard errors and is over four times as
// steep. Absent where nothing passes or nothing fails.
func FindEdge(trials []Trial, confidence float64, resamples int, seed uint64) (Edge, bool) {
	if !share(confidence) || resamples < 1 || !sound(trials) || len(trials) == 0 {
		return Edge{}, false
	}
	rungs := pooled(trials)
	step, low, high := bracket(rungs)
	if low < 0 || high < 0 {
		return Edge{}, false
	}
	e := Edge{Low: step.Low, High: step.High, Cliff: cliff(rungs, low, high)}
	if e.Cliff {
		return e, true
	}
	e.Value, e.HasValue = root(rungs), true
	r := rand.New(rand.NewPCG(seed, 0x6564_6765)) // the second word spells edge
	roots := make([]float64, resamples)
	drawn := make([]rung, len(rungs))
	for i := range roots {
		copy(drawn, rungs)
		for k := range drawn {
			drawn[k].mean += drawn[k].stdErr * r.NormFloat64()
		}
		refit(drawn)
		roots[i] = root(drawn)
	}
	slices.Sort(roots)
	e.Interval.Low, _ = Quantile(roots, (1-confidence)/2)
	e.Interval.High, _ = Quantile(roots, (1+confidence)/2)
	return e, true
}

// root returns where the fit crosses zero, on a line in the logarithm of the load,
// and the end of the measured range where it does not.
func root(rungs []rung) float64 {
	_, low, high := bracket(rungs)
	switch {
	case low < 0:
		return rungs[0].load
	case high < 0:
		return rungs[len(rungs)-1].load
	}
	a, b := rungs[low], rungs[high]
	part := a.fitted / (a.fitted - b.fitted)
	return a.load * math.Pow(b.load/a.load, part)
}

// cliff says whether the margin drops abruptly between two neighbouring rungs.
func cliff(rungs []rung, low, high int) bool {
	if low < 1 {
		return false
	}
	before, a, b := rungs[low-1], rungs[low], rungs[high]
	slope := (before.fitted - a.fitted) / math.Log(a.load/before.load)
	foreseen := slope * math.Log(b.load/a.load)
	drop := a.fitted - b.fitted
	noise := math.Sqrt(a.stdErr*a.stdErr + b.stdErr*b.stdErr)
	return drop > foreseen+3*noise && drop > 4*foreseen
}

// BatchMeans returns the mean of a correlated series and its standard error from
// the spread of the means of equal batches (Law and Kelton, 2000, 9.5.3); what
// is left over at the end is left out. Ten to thirty batches serve; each should
// outlast the memory of the series. Absent below two batches and where a batch
// would be empty.
func BatchMeans(xs []float64, batches int) (m, stdErr float64, ok bool) {
	if batches < 2 || len(xs) < batches || !finite(xs) {
		return 0, 0, false
	}
	size := len(xs) / batches
	means := make([]float64, batches)
	for i := range means {
		means[i] = mean(xs[i*size : (i+1)*size])
	}
	m, squares := variance(means)
	return m, math.Sqrt(squares / float64(batches-1) / float64(batches)), true
}

// Gain returns the marginal gain (b-a)/a of the throughput of a rung over the one
// below, with its interval at the confidence from the standard errors of both
// (the delta method). A ladder ends when the whole interval is below a threshold:
// noise then lengthens it instead of cutting it short. Absent unless a is
// positive.
func Gain(a, errA, b, errB, confidence float64) (float64, Interval, bool) {
	if !finite([]float64{a, errA, b, errB}) || a <= 0 || errA < 0 || errB < 0 || !share(confidence) {
		return 0, Interval{}, false
	}
	gain := b/a - 1
	half := normalQuantile((1+confidence)/2) * math.Hypot(errB/a, b*errA/(a*a))
	return gain, Interval{Low: gain - half, High: gain + half}, true
}
