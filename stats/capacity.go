package stats

import (
	"cmp"
	"math"
	"slices"
)

// Trial is what a search for capacity learns from one rung.
type Trial struct {
	// Load is the number in flight, or a rate.
	Load float64
	// Margin is by how much the objective was kept, in any unit: positive where
	// it was, negative where it was not.
	Margin float64
	// StdErr is the standard error of Margin; 0 where it is exact.
	StdErr float64
}

// Search is a search for the highest load whose objective is kept: it grows the
// load by a factor until the objective breaks, then narrows the bracket where an
// isotonic fit of the margins puts the edge (the method of aiperf's "find maximum
// passing concurrency", its bisection steered by the fit). It is a plain value; Next is a
// function of it and of the trials so far, so that a search is continued from a
// record as well as from memory.
type Search struct {
	// First is where it begins; Least and Most bound it. 0 < Least <= First <= Most.
	First, Least, Most float64
	// Growth is the factor between rungs of the bracket, above 1.
	Growth float64
	// Resolution is the width of the bracket that answers, as a share of its
	// lower end: 0.1 for 10 %.
	Resolution float64
	// Trials is the most rungs that it may use.
	Trials int
	// Whole restricts loads to whole numbers.
	Whole bool
}

// SearchEnd says why a search ended.
type SearchEnd string

const (
	// SearchGoesOn says that there is a next rung.
	SearchGoesOn SearchEnd = ""
	// SearchBracketed says that the edge lies between two loads that are near enough.
	SearchBracketed SearchEnd = "bracketed"
	// SearchAllPass says that the objective was kept at the highest load allowed.
	SearchAllPass SearchEnd = "all_pass"
	// SearchNonePass says that it was broken at the lowest load allowed.
	SearchNonePass SearchEnd = "none_pass"
	// SearchSpent says that the trials are used up.
	SearchSpent SearchEnd = "spent"
	// SearchInvalid says that the bounds contradict each other, or a trial is not a number.
	SearchInvalid SearchEnd = "invalid"
)

// SearchStep is what to do next.
type SearchStep struct {
	// Load is the next rung; 0 once End is set.
	Load float64
	End  SearchEnd
	// Low is the highest load that passes and High the lowest that fails, by the
	// isotonic fit; 0 where there is none yet.
	Low, High float64
}

// repeats is how many trials a rung gets whose margin is within its error.
const repeats = 3

// Next returns the next rung, or why there is none.
func (s Search) Next(trials []Trial) SearchStep {
	if !(s.Least > 0 && s.Least <= s.First && s.First <= s.Most && s.Growth > 1 && s.Resolution > 0) || math.IsInf(s.Most, 0) || !sound(trials) {
		return SearchStep{End: SearchInvalid}
	}
	if len(trials) == 0 {
		return SearchStep{Load: s.round(s.First), End: s.spent(0)}.closed()
	}
	rungs := pooled(trials)
	step, low, high := bracket(rungs)
	switch {
	case high < 0 && step.Low >= s.Most:
		step.End = SearchAllPass
	case high < 0:
		step.Load = s.round(min(s.Most, step.Low*s.Growth))
	case low < 0 && step.High <= s.Least:
		step.End = SearchNonePass
	case low < 0:
		step.Load = s.round(max(s.Least, step.High/s.Growth))
	default:
		step = s.narrow(step, rungs[low], rungs[high])
	}
	if step.End == SearchGoesOn {
		step.End = s.spent(len(trials))
	}
	return step.closed()
}

// narrow decides within a bracket: done, once more at an unclear end, or between.
func (s Search) narrow(step SearchStep, low, high rung) SearchStep {
	near := step.High <= step.Low*(1+s.Resolution)*(1+1e-12) || s.Whole && step.High-step.Low <= 1
	for _, r := range []rung{high, low} {
		if near && r.n < repeats && math.Abs(r.mean) < 2*r.stdErr {
			step.Load = r.load
			return step
		}
	}
	if near {
		step.End = SearchBracketed
		return step
	}
	// Where the line between the ends crosses zero, kept off the ends.
	part := 0.5
	if drop := low.fitted - high.fitted; drop > 0 {
		part = min(max(low.fitted/drop, 0.25), 0.75)
	}
	step.Load = s.round(step.Low * math.Pow(step.High/step.Low, part))
	if s.Whole {
		step.Load = min(max(step.Load, math.Floor(step.Low)+1), math.Ceil(step.High)-1)
	}
	return step
}

// spent says whether n trials are all that is allowed.
func (s Search) spent(n int) SearchEnd {
	if n >= s.Trials {
		return SearchSpent
	}
	return SearchGoesOn
}

// closed takes the load out of a step that is an end.
func (s SearchStep) closed() SearchStep {
	if s.End != SearchGoesOn {
		s.Load = 0
	}
	return s
}

// round makes a load whole where only whole loads exist.
func (s Search) round(load float64) float64 {
	if s.Whole {
		return min(max(math.Round(load), math.Ceil(s.Least)), math.Floor(s.Most))
	}
	return load
}

// sound says whether all trials are numbers that can be worked with.
func sound(trials []Trial) bool {
	for _, t := range trials {
		if !finite([]float64{t.Load, t.Margin, t.StdErr}) || t.Load <= 0 || t.StdErr < 0 {
			return false
		}
	}
	return true
}

// rung is all trials of one load together.
type rung struct {
	load, mean, stdErr, fitted float64
	n                          int
}

// pooled returns the trials by load, in ascending order, with a non-increasing
// fit of their margins. Trials weigh by their number, not by their stated
// precision, which may be wrong.
func pooled(trials []Trial) []rung {
	sorted := slices.Clone(trials)
	slices.SortStableFunc(sorted, func(a, b Trial) int { return cmp.Compare(a.Load, b.Load) })
	var rungs []rung
	for _, t := range sorted {
		if k := len(rungs); k == 0 || rungs[k-1].load != t.Load {
			rungs = append(rungs, rung{load: t.Load})
		}
		r := &rungs[len(rungs)-1]
		n := float64(r.n)
		r.mean = (r.mean*n + t.Margin) / (n + 1)
		r.stdErr = math.Sqrt(r.stdErr*r.stdErr*n*n+t.StdErr*t.StdErr) / (n + 1)
		r.n++
	}
	refit(rungs)
	return rungs
}

// refit sets the fitted margins from the means.
func refit(rungs []rung) {
	means, weights := make([]float64, len(rungs)), make([]float64, len(rungs))
	for i, r := range rungs {
		means[i], weights[i] = r.mean, float64(r.n)
	}
	fitted, _ := antitonic(means, weights)
	for i, f := range fitted {
		rungs[i].fitted = f
	}
}

// bracket returns the ends of the bracket and their indices, -1 for none.
func bracket(rungs []rung) (step SearchStep, low, high int) {
	low, high = -1, -1
	for i, r := range rungs {
		if r.fitted >= 0 {
			low, step.Low = i, r.load
		} else {
			high, step.High = i, r.load
			break
		}
	}
	return step, low, high
}
