package stats

import "math"

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
		if at := decays(drawn); at > 0 {
			if len(ys)-at < fewestSteady {
				v.Answer, v.Reason = SteadyNone, ReasonTrend
				return
			}
			v.Answer = SteadyAtLeast
			v.place(at)
			last = at
		} else if cut, seen := MSER(xs[v.Cold:], 5); seen && cut > 0 && Confirms(xs[v.Cold:], cut, found.Rho, 3, material) {
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
