package stats

import (
	"fmt"
	"math"
	"testing"
)

// sentence is what a report makes of a verdict.
func sentence(v Verdict) string {
	return fmt.Sprintf("%s: %d cold (%.1f), then %d requests in %.0f; steady %.0f [%.0f, %.0f]",
		v.Answer, v.Cold, v.ColdSum, v.WarmUp, v.WarmUpSpan, v.Median, v.Interval.Low, v.Interval.High)
}

// TestSteadySentence: every part of the sentence is a value of the verdict.
func TestSteadySentence(t *testing.T) {
	s := Series{Values: make([]float64, 130), Starts: make([]float64, 130)}
	for i := range s.Values {
		s.Values[i] = 500 + float64(i*7%13) - 6
		if i <= 29 {
			s.Values[i] *= 1.6
		}
		s.Starts[i] = 20 + float64(i)/2
	}
	s.Values[0], s.Starts[0] = 19800, 0
	got := SteadyState(s)
	if want := "found: 1 cold (19800.0), then 29 requests in 14; steady 500 [499, 501]"; sentence(got) != want {
		t.Errorf("got  %s\nwant %s", sentence(got), want)
	}
	if got.SteadyFrom != 30 || !got.HasWarmUpRange || got.WarmUpLow != 29 || got.WarmUpHigh != 29 || got.N != 130 || !got.HasInterval || !got.HasWarmUpSpan || got.Slowdown || got.Disturbed != 0 {
		t.Errorf("SteadyState = %+v", got)
	}
}

// TestSteadyAnswers has a sentence for each answer.
func TestSteadyAnswers(t *testing.T) {
	noisy := func(n int, sigma float64, level func(i int) float64) []float64 {
		return latencies(generator(21), n, sigma, 0, level)
	}
	constant := make([]float64, 40)
	for i := range constant {
		constant[i] = 0.5
	}
	for _, c := range []struct {
		why    string
		values []float64
		answer Answer
		reason Reason
		cold   int
		warm   int
	}{
		{"steady from the first request", noisy(200, 0.2, flatLevel), SteadyFound, "", 0, 0},
		{"a constant is steady", constant, SteadyFound, "", 0, 0},
		{"thirty slow requests", noisy(200, 0.1, stepAt(30)), SteadyFound, "", 0, 30},
		{"two cold ones before them", append([]float64{20000, 9000}, noisy(200, 0.1, stepAt(30))...), SteadyFound, "", 2, 30},
		{"at most five are cold", append([]float64{9e4, 9e4, 9e4, 9e4, 9e4}, noisy(200, 0.1, flatLevel)...), SteadyFound, "", 5, 0},
		{"a decay has no sharp end", noisy(200, 0.05, func(i int) float64 { return 1 + math.Exp(-float64(i)/15) }), SteadyAtLeast, "", 0, -1},
		{"a change ten requests before the end", noisy(100, 0.05, func(i int) float64 {
			if i >= 90 {
				return 1.5
			}
			return 1
		}), SteadyNone, ReasonLateChange, 0, 0},
		{"a state that was left for long before", noisy(240, 0.05, func(i int) float64 {
			if i >= 80 && i < 170 {
				return 2
			}
			return 1
		}), SteadyNone, ReasonUnstable, 0, 0},
		{"growing all the time", noisy(150, 0.05, func(i int) float64 { return math.Exp(float64(i) / 100) }), SteadyNone, "", 0, 0},
		{"too few to judge, but cold ones are seen", append([]float64{20000}, noisy(15, 0.1, flatLevel)...), SteadyUnknown, ReasonTooFew, 1, 0},
		{"nothing", nil, SteadyUnknown, ReasonTooFew, 0, 0},
		{"zero is no latency", []float64{0, 1, 1}, SteadyUnknown, ReasonNotPositive, 0, 0},
		{"nor is NaN", []float64{1, math.NaN(), 1}, SteadyUnknown, ReasonNotPositive, 0, 0},
	} {
		v := SteadyState(Series{Values: c.values})
		if v.Answer != c.answer || v.Cold != c.cold || c.reason != "" && v.Reason != c.reason || c.warm >= 0 && v.WarmUp != c.warm {
			t.Errorf("%s: %+v", c.why, v)
		}
		if v.Answer == SteadyNone && (v.SteadyFrom != 0 || v.Median != 0 || v.HasInterval) {
			t.Errorf("%s: no steady state, and yet %+v", c.why, v)
		}
		if (v.Answer == SteadyNone || v.Answer == SteadyUnknown) != (v.Reason != "") {
			t.Errorf("%s: answer %q with reason %q", c.why, v.Answer, v.Reason)
		}
	}
}

// TestSteadyShapes: slowdowns, passing disturbances and long series.
func TestSteadyShapes(t *testing.T) {
	slower := SteadyState(Series{Values: latencies(generator(22), 200, 0.1, 0, func(i int) float64 { return 1 / stepAt(40)(i) })})
	if slower.Answer != SteadyFound || !slower.Slowdown || slower.WarmUp != 40 {
		t.Errorf("a fast beginning = %+v", slower)
	}
	blip := SteadyState(Series{Values: latencies(generator(23), 300, 0.1, 0, func(i int) float64 {
		if i >= 150 && i < 180 {
			return 2
		}
		return 1
	})})
	if blip.Answer != SteadyFound || blip.WarmUp != 0 || blip.Disturbed != 30 {
		t.Errorf("a passing disturbance = %+v, want no warm-up and 30 disturbed", blip)
	}
	long := SteadyState(Series{Values: latencies(generator(24), 20_000, 0.3, 0, stepAt(3000))})
	if long.Answer != SteadyFound || math.Abs(float64(long.WarmUp-3000)) > 20 {
		t.Errorf("a long series = %+v, want 3000", long)
	}
	spiky := latencies(generator(25), 200, 0.1, 0, flatLevel)
	for i := 11; i < 200; i += 17 {
		spiky[i] *= 20
	}
	if v := SteadyState(Series{Values: spiky}); v.Answer != SteadyFound || v.WarmUp != 0 || v.Cold != 0 {
		t.Errorf("spikes here and there = %+v, want steady", v)
	}
}

// TestSteadyIsSane: units do not matter, and no series breaks the bookkeeping.
func TestSteadyIsSane(t *testing.T) {
	r := generator(26)
	for round := range 300 {
		n := r.IntN(250)
		end := r.IntN(n + 1)
		xs := latencies(r, n, 0.05+0.5*r.Float64(), 0.9*r.Float64(), stepAt(end))
		if n > 3 && round%3 == 0 {
			xs[0] *= 30
		}
		v, k := SteadyState(Series{Values: xs}), SteadyState(Series{Values: scaled(xs, 0.001)})
		if v.Answer != k.Answer || v.WarmUp != k.WarmUp || v.Cold != k.Cold || v.Reason != k.Reason {
			t.Fatalf("in seconds %+v, in milliseconds %+v", k, v)
		}
		if v.Answer == SteadyNone || v.Answer == SteadyUnknown {
			continue
		}
		if v.SteadyFrom != v.Cold+v.WarmUp || v.N != n || v.HasWarmUpRange && (v.WarmUpLow > v.WarmUp || v.WarmUpHigh < v.WarmUp) || n-v.SteadyFrom < 10 ||
			v.Disturbed < 0 || v.Disturbed > n-v.SteadyFrom || v.HasInterval && !v.Interval.Contains(v.Median) || v.NEff > float64(n) {
			t.Fatalf("%d values with a step at %d: %+v", n, end, v)
		}
	}
}

// TestWarmUps is the acceptance of SteadyState, in small: bench/stats prints the
// whole table.
func TestWarmUps(t *testing.T) {
	const reps = 80
	for _, c := range []struct {
		sigma, rho  float64
		wrong, seen int
	}{{0.15, 0, 2, 78}, {0.15, 0.4, 2, 77}, {0.35, 0, 2, 77}, {0.35, 0.4, 2, 56}} {
		wrong, seen := 0, 0
		var ends []float64
		for i := range reps {
			r := generator(uint64(5000 + i))
			if v := SteadyState(Series{Values: latencies(r, 200, c.sigma, c.rho, flatLevel)}); v.WarmUp > 0 {
				wrong++
			}
			if v := SteadyState(Series{Values: latencies(r, 200, c.sigma, c.rho, stepAt(30))}); v.WarmUp > 0 {
				seen++
				ends = append(ends, float64(v.WarmUp))
			}
		}
		median, _ := Median(ends)
		if wrong > c.wrong || seen < c.seen || math.Abs(median-30) > 7 {
			t.Errorf("σ = %g, ρ = %g: %d of %d flat series warm up, %d steps seen, at %g", c.sigma, c.rho, wrong, reps, seen, median)
		}
	}
}

// TestASmoothDecay: what fades without noise to speak of is all correlation, and
// must not pass for a steady series with a long memory. Of a short series that is
// flat, or has a memory, nothing may be made of it.
func TestASmoothDecay(t *testing.T) {
	const series = 300
	for _, c := range []struct {
		why        string
		n          int
		sigma, rho float64
		level      func(i int) float64
		// nothing counts "found" without a warm-up, seen all that is one.
		mostNothing, mostSeen int
	}{
		{"a smooth decay", 40, 0.05, 0, func(i int) float64 { return 1 + 2*math.Exp(-float64(i)/6) }, 0, series},
		{"a smooth decay of half as much again", 60, 0.05, 0, func(i int) float64 { return 1 + 0.5*math.Exp(-float64(i)/6) }, series / 20, series},
		{"flat", 40, 0.15, 0, flatLevel, series, series * 3 / 100},
		{"flat with a memory", 40, 0.15, 0.4, flatLevel, series, series * 3 / 100},
		{"flat with a memory, long", 200, 0.35, 0.7, flatLevel, series, series * 3 / 100},
	} {
		nothing, seen := 0, 0
		for i := range series {
			v := SteadyState(Series{Values: latencies(generator(uint64(i)), c.n, c.sigma, c.rho, c.level)})
			switch {
			case v.Answer == SteadyFound && v.WarmUp == 0 && v.Cold == 0:
				nothing++
			case v.Answer == SteadyFound || v.Answer == SteadyAtLeast:
				seen++
			}
		}
		t.Logf("%s: nothing seen in %d of %d, a warm-up in %d", c.why, nothing, series, seen)
		if nothing > c.mostNothing || seen > c.mostSeen {
			t.Errorf("%s: nothing seen in %d of %d and a warm-up in %d; want at most %d and %d", c.why, nothing, series, seen, c.mostNothing, c.mostSeen)
		}
	}
}
