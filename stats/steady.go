package stats

import "math"

// Answer says what is known of the end of a warm-up.
type Answer string

const (
	// SteadyFound means that the steady state begins after the warm-up given,
	// which is 0 for a series that is steady from its first warm request.
	SteadyFound Answer = "found"
	// SteadyAtLeast means that the warm-up is at least as long as given: it fades
	// out slowly, and every method undercounts that.
	SteadyAtLeast Answer = "at_least"
	// SteadyPossible means that only the second opinion sees a warm-up.
	SteadyPossible Answer = "possible"
	// SteadyNone means that no steady state was reached.
	SteadyNone Answer = "none"
	// SteadyUnknown means that there is too little to judge by.
	SteadyUnknown Answer = "unknown"
)

// Reason says why there is no steady state, or why nothing is known of it.
type Reason string

const (
	// ReasonTooFew is fewer than 20 requests after the cold ones.
	ReasonTooFew Reason = "too_few"
	// ReasonNotPositive says that a value is not a positive number.
	ReasonNotPositive Reason = "not_positive"
	// ReasonLateChange says that the last change is too near the end.
	ReasonLateChange Reason = "late_change"
	// ReasonTrend says that what follows the last change still drifts by over 10 %.
	ReasonTrend Reason = "trend"
	// ReasonUnstable says that the state of the end was left for long before, and
	// may be left again.
	ReasonUnstable Reason = "unstable"
)

// Series is what SteadyState judges: one positive value (a latency) for each
// request in the order they were sent, from the first answer on.
type Series struct {
	Values []float64
	// Starts are the times at which the requests were sent, in any unit and from
	// any zero; nil where they are not known.
	Starts []float64
}

// Verdict is the answer of SteadyState, in parts from which a sentence is made:
// "1 cold request (19.8 s), then 29 requests, 14 s; steady 512 ms [497, 528]".
type Verdict struct {
	Answer Answer
	Reason Reason
	// N is the number of requests judged, cold ones included.
	N int
	// Cold is the number of cold requests at the beginning, ColdSum the sum of
	// their values.
	Cold    int
	ColdSum float64
	// WarmUp is the number of requests between the cold ones and the steady
	// state. Low and High bound it at 95 %; they are absent, HasWarmUpRange false,
	// unless it was found as one change.
	WarmUp                int
	WarmUpLow, WarmUpHigh int
	HasWarmUpRange        bool
	// WarmUpSpan is the time from the first request after the cold ones to the
	// first of the steady state, in the unit of Starts; absent without them.
	WarmUpSpan    float64
	HasWarmUpSpan bool
	// Slowdown says that the requests before the steady state were faster.
	Slowdown bool
	// SteadyFrom is the index of the first request of the steady state.
	SteadyFrom int
	// Disturbed is the number of later requests in stretches that differed from
	// the steady state for a while.
	Disturbed int
	// Median is that of the steady state, Interval its 95 % interval, with NEff
	// independent values by the lag-1 correlation Rho of their logarithms.
	Median      float64
	Interval    Interval
	HasInterval bool
	NEff, Rho   float64
}

// The numbers of SteadyState.
const (
	maxCold       = 5
	coldFactor    = 3
	coldSigmas    = 3.5
	fewestSteady  = 20
	shortestPart  = 5
	material      = 1.10
	materialScale = 2
	steadyShare   = 0.8
	winsorLimit   = 4
	mostForPELT   = 1500
)

// SteadyState finds where a series settles. Leading requests of more than three
// times the steady median and beyond its spread (3.5 robust standard deviations
// of the logarithm), at most five, are cold and judged apart. The logarithms of
// the rest, scaled and drawn in robustly, are cut by PELT on mean and variance
// with the penalty 4·ln n·(1+ρ)/(1-ρ), ρ being the correlation left when the
// largest break is taken out, or by RobustLag1 where that is clearly less; where
// that finds nothing, FindBreak at 1 % decides, which sees steps that PELT's
// penalty for any number of changes has to miss. Stretches whose median is
// within 10 % and whose spread within twice that of the end are the same state
// (Barrett et al., 2017, compare with the last segment likewise). Failing both, an
// exponential decay that explains the series beyond the correlation of what it
// leaves over is a warm-up of at least the time until it is within 10 %, and
// MSER-5 confirmed by Mann-Whitney and a ratio over 1.10 is a possible warm-up.
// A warm-up that falls in several steps, or that a decay explains as well as a
// step, is a lower bound. There is no steady state where the last change is
// within the last 20 requests (a tenth of a long series), where the state of the
// end had been left before for more than a fifth of what followed, or where
// Mann-Kendall with Hamed and Rao's correction sees the rest drift by over 10 %.
// All but Answer, Reason, N, Cold and ColdSum is then absent.
func SteadyState(s Series) Verdict {
	v := Verdict{Answer: SteadyUnknown, Reason: ReasonTooFew, N: len(s.Values)}
	for _, x := range s.Values {
		if !(x > 0) || math.IsInf(x, 0) {
			v.Reason = ReasonNotPositive
			return v
		}
	}
	if v.N < 2*maxCold {
		return v
	}
	v.setCold(s.Values, s.Values[v.N/2:])
	if v.N-v.Cold < fewestSteady {
		return v
	}
	v.judge(s.Values)
	if v.Answer != SteadyNone {
		// Half of the series may still have been warming up: the steady part
		// itself is the better measure of cold.
		if before := v.Cold; v.setCold(s.Values, s.Values[v.SteadyFrom:]) != before {
			v.judge(s.Values)
		}
	}
	switch {
	case v.N-v.Cold < fewestSteady:
		return Verdict{Answer: SteadyUnknown, Reason: ReasonTooFew, N: v.N, Cold: v.Cold, ColdSum: v.ColdSum}
	case v.Answer == SteadyNone:
		return Verdict{Answer: SteadyNone, Reason: v.Reason, N: v.N, Cold: v.Cold, ColdSum: v.ColdSum}
	}
	v.describe(s)
	return v
}

// setCold counts the leading requests that are cold against the others given.
func (v *Verdict) setCold(xs, others []float64) int {
	v.Cold, v.ColdSum = 0, 0
	ys := logs(others)
	centre, scale, ok := RobustScale(ys)
	if !ok {
		centre, scale = ys[0], 0
	}
	limit := centre + max(math.Log(coldFactor), coldSigmas*scale)
	for v.Cold < min(maxCold, len(xs)) && math.Log(xs[v.Cold]) > limit {
		v.ColdSum += xs[v.Cold]
		v.Cold++
	}
	return v.Cold
}

// logs returns the natural logarithms.
func logs(xs []float64) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = math.Log(x)
	}
	return ys
}

// describe fills in what is known of the steady part.
func (v *Verdict) describe(s Series) {
	steady := s.Values[v.SteadyFrom:]
	drawn := Winsorize(logs(steady), winsorLimit)
	if rho, ok := Lag1(drawn); ok {
		n := float64(len(drawn))
		v.Rho = min(max(0, rho+(1+3*rho)/n), 0.95)
	}
	v.NEff = EffectiveSize(len(steady), v.Rho)
	v.Median, _ = Median(steady)
	v.Interval, v.HasInterval = QuantileInterval(sortedCopy(steady), 0.5, 0.95, v.NEff)
	if v.WarmUp > 0 && len(s.Starts) == len(s.Values) && finite(s.Starts) {
		v.WarmUpSpan, v.HasWarmUpSpan = s.Starts[v.SteadyFrom]-s.Starts[v.Cold], true
	}
}
