package stats

import (
	"math"
	"testing"
)

// TestLittle by hand.
func TestLittle(t *testing.T) {
	if got, ok := LittleResidual(10, 0.82, 8); !ok || !near(got, 0.025) {
		t.Errorf("LittleResidual = %g, want 0.025", got)
	}
	for _, bad := range [][3]float64{{0, 1, 1}, {1, -1, 1}, {1, 1, 0}, {math.NaN(), 1, 1}} {
		if _, ok := LittleResidual(bad[0], bad[1], bad[2]); ok {
			t.Errorf("LittleResidual%v has a value", bad)
		}
	}
}

// TestUSL recovers the law that made the numbers.
func TestUSL(t *testing.T) {
	ns := []float64{1, 2, 4, 8, 16, 32, 64}
	for _, want := range []USL{{Lambda: 20, Sigma: 0.05, Kappa: 0.001}, {Lambda: 3, Sigma: 0.2}, {Lambda: 3, Kappa: 0.01}, {Lambda: 5}} {
		xs := make([]float64, len(ns))
		for i, n := range ns {
			xs[i] = want.At(n)
		}
		got, ok := FitUSL(ns, xs)
		if !ok || !near(got.Lambda, want.Lambda) || math.Abs(got.Sigma-want.Sigma) > 1e-9 || math.Abs(got.Kappa-want.Kappa) > 1e-9 || !near(got.R2, 1) || got.Rungs != 7 {
			t.Errorf("FitUSL = %+v, want %+v", got, want)
		}
	}
	u := USL{Lambda: 20, Sigma: 0.05, Kappa: 0.001}
	n, x, ok := u.Peak()
	if !ok || !near(n, math.Sqrt(950)) || u.At(n+1) > x || u.At(n-1) > x {
		t.Errorf("Peak = %g, %g", n, x)
	}
	if c, ok := (USL{Lambda: 3, Sigma: 0.2}).Ceiling(); !ok || !near(c, 15) {
		t.Errorf("Ceiling without coherency = %g, want 15", c)
	}
	if _, ok := (USL{Lambda: 3}).Ceiling(); ok {
		t.Error("a linear law has a ceiling")
	}
	if _, ok := FitUSL([]float64{1, 2, 2, 4}, []float64{1, 2, 2, 3}); ok {
		t.Error("three rungs have a fit")
	}
	// Noise that asks for a negative coherency gets none.
	got, ok := FitUSL([]float64{1, 2, 3, 4, 5, 6}, []float64{1, 1.9, 2.8, 3.9, 5.1, 6.4})
	if !ok || got.Kappa < 0 || got.Sigma < 0 {
		t.Errorf("FitUSL of superlinear numbers = %+v", got)
	}
}

// ladder is the search of the tests.
func ladder(whole bool) Search {
	return Search{First: 1, Least: 0.25, Most: 1024, Growth: 2, Resolution: 0.1, Trials: 40, Whole: whole}
}

// search runs a search against a server whose margins are known.
func search(t *testing.T, s Search, margin func(load float64) (value, stdErr float64)) (SearchStep, []Trial) {
	t.Helper()
	var trials []Trial
	for range 100 {
		step := s.Next(trials)
		if step.End != SearchGoesOn {
			if step.Load != 0 {
				t.Errorf("an end has load %g", step.Load)
			}
			return step, trials
		}
		if step.Load < s.Least || step.Load > s.Most || s.Whole && step.Load != math.Trunc(step.Load) {
			t.Fatalf("load %g is out of bounds", step.Load)
		}
		v, e := margin(step.Load)
		trials = append(trials, Trial{Load: step.Load, Margin: v, StdErr: e})
	}
	t.Fatal("the search does not end")
	return SearchStep{}, nil
}

// TestSearch finds every capacity in few rungs.
func TestSearch(t *testing.T) {
	for capacity := 0.3; capacity < 1000; capacity *= 1.07 {
		step, trials := search(t, ladder(false), func(load float64) (float64, float64) { return 1 - load/capacity, 0 })
		if step.End != SearchBracketed || step.Low > capacity || step.High < capacity || step.High > step.Low*1.1000001 || len(trials) > 17 {
			t.Errorf("capacity %g: %+v after %d rungs", capacity, step, len(trials))
		}
	}
	for capacity := 1; capacity < 1000; capacity += 37 {
		step, _ := search(t, ladder(true), func(load float64) (float64, float64) { return float64(capacity) + 0.5 - load, 0 })
		if step.End != SearchBracketed || step.Low > float64(capacity)+0.5 || step.High < float64(capacity)+0.5 {
			t.Errorf("whole capacity %d: %+v", capacity, step)
		}
	}
	for _, c := range []struct {
		why    string
		search Search
		margin float64
		want   SearchEnd
	}{
		{"the objective is kept everywhere", ladder(false), 1, SearchAllPass},
		{"and nowhere", ladder(false), -1, SearchNonePass},
		{"whole loads begin at one", Search{First: 4, Least: 1, Most: 8, Growth: 2, Resolution: 0.1, Trials: 9, Whole: true}, -1, SearchNonePass},
		{"no trials are allowed", Search{First: 1, Least: 1, Most: 9, Growth: 2, Resolution: 0.1}, 1, SearchSpent},
		{"too few trials are allowed", Search{First: 1, Least: 1, Most: 900, Growth: 2, Resolution: 0.1, Trials: 3}, 1, SearchSpent},
		{"bounds that contradict each other", Search{First: 1, Least: 2, Most: 9, Growth: 2, Resolution: 0.1, Trials: 3}, 1, SearchInvalid},
	} {
		if step, _ := search(t, c.search, func(float64) (float64, float64) { return c.margin, 0 }); step.End != c.want {
			t.Errorf("%s: %q, want %q", c.why, step.End, c.want)
		}
	}
	if got := ladder(false).Next([]Trial{{Load: math.NaN()}}); got.End != SearchInvalid {
		t.Errorf("a NaN: %+v", got)
	}
}

// TestSearchWithNoise: unclear rungs are tried again, and the edge is near.
func TestSearchWithNoise(t *testing.T) {
	good := 0
	for seed := range uint64(100) {
		r := generator(seed)
		step, trials := search(t, ladder(false), func(load float64) (float64, float64) {
			return 1 - load/77 + 0.05*r.NormFloat64(), 0.05
		})
		e, ok := FindEdge(trials, 0.95, 500, seed)
		if step.End == SearchBracketed && ok && !e.Cliff && math.Abs(e.Value-77) < 7.7 && e.Interval.Contains(77) {
			good++
		}
	}
	if good < 85 {
		t.Errorf("the edge was found within 10 %% and its interval in %d of 100 searches", good)
	}
}

// TestFindEdge: a line is crossed, a cliff is a bracket.
func TestFindEdge(t *testing.T) {
	line := []Trial{{Load: 1, Margin: 3}, {Load: math.E, Margin: 2}, {Load: math.E * math.E, Margin: 1}, {Load: math.Exp(3), Margin: -1}}
	e, ok := FindEdge(line, 0.95, 10, 1)
	if !ok || !e.HasValue || e.Cliff || !near(e.Value, math.Exp(2.5)) || !near(e.Interval.Low, e.Value) || !near(e.Interval.High, e.Value) {
		t.Errorf("FindEdge of a line = %+v, want %g exactly", e, math.Exp(2.5))
	}
	sudden := []Trial{{2, 0.50, 0.01}, {4, 0.48, 0.01}, {8, 0.45, 0.01}, {8.6, -3, 0.01}}
	e, ok = FindEdge(sudden, 0.95, 10, 1)
	if !ok || !e.Cliff || e.HasValue || e.Low != 8 || e.High != 8.6 {
		t.Errorf("FindEdge of a cliff = %+v", e)
	}
	if _, ok := FindEdge(line[:2], 0.95, 10, 1); ok {
		t.Error("an edge that was never crossed")
	}
	a, _ := FindEdge([]Trial{{1, 1, 0.2}, {2, 0.5, 0.2}, {4, -0.5, 0.2}}, 0.9, 300, 5)
	b, _ := FindEdge([]Trial{{4, -0.5, 0.2}, {2, 0.5, 0.2}, {1, 1, 0.2}}, 0.9, 300, 5)
	if a != b || !a.Interval.Contains(a.Value) || a.Interval.Low == a.Interval.High {
		t.Errorf("the order of trials matters: %+v and %+v", a, b)
	}
}

// TestBatchMeans and the gain between two rungs.
func TestBatchMeans(t *testing.T) {
	m, se, ok := BatchMeans([]float64{1, 3, 5, 7, 100}, 2)
	if !ok || m != 4 || !near(se, 2) {
		t.Errorf("BatchMeans = %g, %g, want 4, 2", m, se)
	}
	if _, _, ok := BatchMeans([]float64{1}, 2); ok {
		t.Error("one value has batches")
	}
	g, in, ok := Gain(100, 3, 110, 4, 0.95)
	want := normalQuantile(0.975) * math.Hypot(0.04, 0.033)
	if !ok || !near(g, 0.1) || !near(in.Low, 0.1-want) || !near(in.High, 0.1+want) {
		t.Errorf("Gain = %g, %v", g, in)
	}
	if _, _, ok := Gain(0, 1, 1, 1, 0.95); ok {
		t.Error("a gain over nothing")
	}
}

// TestSlopes by hand, and the brake.
func TestSlopes(t *testing.T) {
	xs, ys := make([]float64, 60), make([]float64, 60)
	r := generator(13)
	for i := range xs {
		xs[i] = float64(i)
		ys[i] = 3 + 0.5*float64(i)
	}
	if s, ok := FindSlope(xs, ys, 0.95); !ok || !near(s.Value, 0.5) || !near(s.Interval.Low, 0.5) {
		t.Errorf("FindSlope of a line = %+v", s)
	}
	flat, wave := make([]float64, 60), make([]float64, 60)
	for i := range ys {
		ys[i] += r.NormFloat64()
		flat[i] = r.NormFloat64()
		wave[i] = math.Sin(float64(i) / 15)
	}
	if !OverSaturated(xs, ys, ys, 0.95) || OverSaturated(xs, ys, flat, 0.95) || OverSaturated(xs, flat, ys, 0.95) || OverSaturated(xs, wave, wave, 0.95) {
		t.Error("the brake is not pulled by both, and only by both")
	}
	if OverSaturated(xs[:7], ys[:7], ys[:7], 0.95) {
		t.Error("seven readings pull the brake")
	}
	if _, ok := FindSlope(xs, ys[:59], 0.95); ok {
		t.Error("slices of different length have a slope")
	}
	held := 0
	for i := range 300 {
		if s, _ := FindSlope(xs, memory(generator(uint64(i)), 60, 1, 0.5), 0.95); s.Interval.Contains(0) {
			held++
		}
	}
	if held < 280 {
		t.Errorf("the slope interval of flat readings with memory holds 0 in %d of 300", held)
	}
}
