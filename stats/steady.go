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
// (Barrett et al., 2017, compare with the last segment likewise). Failing both,
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

// judge sets the answer and where the steady state begins.
func (v *Verdict) judge(xs []float64) {
	v.Answer, v.Reason, v.Disturbed, v.Slowdown = SteadyFound, "", 0, false
	ys := logs(xs[v.Cold:])
	drawn := Winsorize(ys, winsorLimit)
	found, ok := FindBreak(drawn, 0.95)
	cuts, single := cutsOf(drawn, found)
	start, last, reason := settle(ys, cuts, v)
	if reason != "" {
		v.Answer, v.Reason = SteadyNone, reason
		return
	}
	v.place(start)
	switch {
	case start > 0:
		if !v.Slowdown && fades(drawn, cuts, start) {
			v.Answer = SteadyAtLeast
		} else if single {
			v.WarmUpLow, v.WarmUpHigh, v.HasWarmUpRange = found.Low, found.High, true
		}
	case len(cuts) == 0 && ok:
		if cut, seen := MSER(xs[v.Cold:], 5); seen && cut > 0 && Confirms(xs[v.Cold:], cut, found.Rho, 3, material) {
			v.Answer = SteadyPossible
			v.place(cut)
			head, _ := Median(ys[:cut])
			tail, _ := Median(ys[cut:])
			v.Slowdown = head < tail
			last = cut
		}
	}
	// What a slow warm-up leaves at its end is not a drift of the steady state.
	if last > 0 {
		last += (len(ys) - last) / 3
	}
	if drifts(ys[last:]) {
		v.Answer, v.Reason = SteadyNone, ReasonTrend
	}
}

// place sets the warm-up to n requests after the cold ones.
func (v *Verdict) place(n int) {
	v.WarmUp, v.SteadyFrom = n, v.Cold+n
	v.WarmUpLow, v.WarmUpHigh, v.HasWarmUpRange = 0, 0, false
}

// cutsOf returns where the state changes, and whether the break alone says so or
// agrees with the only cut.
func cutsOf(drawn []float64, found Break) (cuts []int, single bool) {
	group := (len(drawn) + mostForPELT - 1) / mostForPELT
	short := condense(drawn, group)
	rho := found.Rho
	if group > 1 {
		b, _ := FindBreak(short, 0.95)
		rho = b.Rho
	}
	// Several changes leave the residuals of one break correlated. Differences do
	// not see them, but vary: their upper end is a second bound.
	if robust, ok := RobustLag1(short); ok {
		rho = min(rho, max(0, robust+4/math.Sqrt(float64(len(short)))))
	}
	penalty := 4 * math.Log(float64(len(short))) * inflation(rho)
	for _, cut := range PELT(short, MeanVariance, penalty, shortestPart) {
		cuts = append(cuts, cut*group)
	}
	if len(cuts) == 0 && found.Significant() {
		return []int{found.At}, true
	}
	return cuts, len(cuts) == 1 && found.Low <= cuts[0] && cuts[0] <= found.High
}

// settle returns where the state of the end begins, and where the last stretch
// begins; or why there is none.
func settle(ys []float64, cuts []int, v *Verdict) (start, last int, reason Reason) {
	if len(cuts) == 0 {
		return 0, 0, ""
	}
	last = cuts[len(cuts)-1]
	if len(ys)-last < max(fewestSteady, len(ys)/10) {
		return 0, 0, ReasonLateChange
	}
	end := ys[last:]
	bounds := append(append([]int{0}, cuts...), len(ys))
	start, same := last, len(end)
	kept, left := same, false
	for i := len(bounds) - 3; i >= 0; i-- {
		part := ys[bounds[i]:bounds[i+1]]
		if !alike(part, end) {
			continue
		}
		same += len(part)
		if float64(same) >= steadyShare*float64(len(ys)-bounds[i]) {
			start, kept, left = bounds[i], same, false
		} else if len(part) >= 2*shortestPart {
			left = true
		}
	}
	if left {
		return 0, 0, ReasonUnstable
	}
	v.Disturbed = len(ys) - start - kept
	if start > 0 {
		head, _ := Median(ys[:start])
		tail, _ := Median(end)
		v.Slowdown = head < tail
	}
	return start, last, ""
}

// alike says whether two stretches of logarithms are the same state.
func alike(a, b []float64) bool {
	ma, sa, _ := medianMAD(a)
	mb, sb, _ := medianMAD(b)
	if math.Abs(ma-mb) > math.Log(material) {
		return false
	}
	return len(a) < 2*shortestPart || sa <= materialScale*sb && sb <= materialScale*sa
}

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

// drifts says whether a stretch of logarithms has a trend that matters. Hamed and
// Rao's correction leaves three times the false alarms it should at ρ = 0.4, so
// the line's own interval has to agree; it is asked first, being cheap.
func drifts(ys []float64) bool {
	order := make([]float64, len(ys))
	for i := range order {
		order[i] = float64(i)
	}
	line, ok := FindSlope(order, Winsorize(ys, winsorLimit), 0.99)
	if !ok || line.Interval.Contains(0) {
		return false
	}
	t, ok := MannKendall(ys)
	return ok && t.P < 0.01 && math.Abs(t.Slope)*float64(len(ys)) > math.Log(material)
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
