package stats

import (
	"math"
	"slices"
	"testing"
)

// TestPELTIsExact compares with all cuts that dynamic programming can make.
func TestPELTIsExact(t *testing.T) {
	r := generator(9)
	for round := range 60 {
		n := 10 + r.IntN(60)
		xs := memory(r, n, 1, 0.3)
		for i := range xs[:r.IntN(n)] {
			xs[i] = xs[i]*(0.5+r.Float64()) + 2
		}
		shortest := 2 + r.IntN(5)
		penalty := 1 + 8*r.Float64()
		for _, kind := range []Cost{MeanVariance, MeanOnly} {
			got := PELT(xs, kind, penalty, shortest)
			if a, b := total(xs, kind, penalty, got), total(xs, kind, penalty, partition(xs, kind, penalty, shortest)); math.Abs(a-b) > 1e-9*max(1, math.Abs(b)) {
				t.Fatalf("round %d: PELT costs %g with %v, the best is %g", round, a, got, b)
			}
			if !slices.IsSorted(got) {
				t.Fatalf("cuts %v are not in order", got)
			}
			last := 0
			for _, c := range append(got, n) {
				if c-last < shortest {
					t.Fatalf("cuts %v leave a segment shorter than %d", got, shortest)
				}
				last = c
			}
		}
	}
	if cuts := PELT([]float64{1, math.NaN(), 3, 4, 5, 6}, MeanOnly, 1, 2); cuts != nil {
		t.Errorf("a NaN is cut at %v", cuts)
	}
	constant := make([]float64, 50)
	if cuts := PELT(constant, MeanVariance, 5, 2); cuts != nil {
		t.Errorf("a constant is cut at %v", cuts)
	}
}

// total returns the penalised cost of cuts.
func total(xs []float64, kind Cost, penalty float64, cuts []int) float64 {
	s := newSums(xs, kind)
	sum, last := -penalty, 0
	for _, c := range append(slices.Clone(cuts), len(xs)) {
		sum += s.cost(last, c) + penalty
		last = c
	}
	return sum
}

// partition finds the best cuts without pruning.
func partition(xs []float64, kind Cost, penalty float64, shortest int) []int {
	s := newSums(xs, kind)
	n := len(xs)
	best, cuts := make([]float64, n+1), make([][]int, n+1)
	for t := 1; t <= n; t++ {
		best[t] = math.Inf(1)
		if t >= shortest {
			best[t] = s.cost(0, t)
		}
		for at := shortest; at <= t-shortest; at++ {
			if c := best[at] + s.cost(at, t) + penalty; c < best[t] {
				best[t], cuts[t] = c, append(slices.Clone(cuts[at]), at)
			}
		}
	}
	return cuts[n]
}

// TestBreaks: a step is found where it is, and its range holds it.
func TestBreaks(t *testing.T) {
	xs := make([]float64, 60)
	for i := range xs[30:] {
		xs[30+i] = 1
	}
	if b, ok := FindBreak(xs, 0.95); !ok || b.At != 30 || b.Low != 30 || b.High != 30 || b.Shift != 1 || !b.Significant() {
		t.Errorf("a step without noise = %+v", b)
	}
	if _, ok := FindBreak(make([]float64, 60), 0.95); ok {
		t.Error("a constant has a break")
	}
	const reps = 200
	held, alarms := 0, 0
	for i := range reps {
		ys := memory(generator(uint64(i)), 150, 1, 0.4)
		if b, _ := FindBreak(ys, 0.95); b.Significant() {
			alarms++
		}
		for k := range ys[:50] {
			ys[k] += 2
		}
		if b, _ := FindBreak(ys, 0.95); b.Low <= 50 && 50 <= b.High {
			held++
		}
	}
	if held < reps*92/100 || alarms > reps*3/100 {
		t.Errorf("the range holds the place in %d of %d, %d false alarms", held, reps, alarms)
	}
	days := make([]float64, 24*14)
	for i := range days {
		days[i] = 10 + math.Sin(2*math.Pi*float64(i)/24)
	}
	flat, ok := Deseason(days, 24)
	for _, x := range flat {
		if !ok || math.Abs(x-10) > 1e-9 {
			t.Fatalf("Deseason leaves %g, want 10", x)
		}
	}
	if _, ok := Deseason(days[:30], 24); ok {
		t.Error("a day and a quarter has a cycle")
	}
}

// TestMSER cuts a transient, and proposes nothing where no steady part was seen.
func TestMSER(t *testing.T) {
	r := generator(10)
	xs := latencies(r, 200, 0.1, 0, stepAt(30))
	if d, ok := MSER(xs, 5); !ok || d != 30 {
		t.Errorf("MSER-5 = %d, %t, want 30", d, ok)
	}
	falling := make([]float64, 200)
	for i := range falling {
		falling[i] = 1000 - float64(i)
	}
	if d, ok := MSER(falling, 5); ok {
		t.Errorf("MSER-5 of what falls to the end = %d, want nothing", d)
	}
	if !Confirms(xs, 30, 0, 3, 1.1) || Confirms(xs, 30, 0.99, 3, 1.1) || Confirms(xs, 0, 0, 3, 1.1) || Confirms(xs, 30, 0, 3, 2) {
		t.Error("Confirms does not weigh place, correlation and ratio")
	}
}

// TestChanges: E-divisive finds two steps and nothing in noise.
func TestChanges(t *testing.T) {
	r := generator(11)
	xs := latencies(r, 60, 0.03, 0, func(i int) float64 {
		switch {
		case i < 20:
			return 1
		case i < 45:
			return 1.2
		}
		return 1.05
	})
	if got := Changes(xs, DefaultChanges()); !slices.Equal(got, []int{20, 45}) {
		t.Errorf("Changes = %v, want 20 and 45", got)
	}
	alarms := 0
	for i := range 200 {
		if len(Changes(latencies(generator(uint64(i)), 28, 0.05, 0, flatLevel), DefaultChanges())) > 0 {
			alarms++
		}
	}
	if alarms > 8 {
		t.Errorf("%d of 200 flat months have changes", alarms)
	}
	if got := Changes([]float64{1, 1, 1, 2, 2, 2}, DefaultChanges()); !slices.Equal(got, []int{3}) {
		t.Errorf("two levels without noise: %v", got)
	}
	for _, bad := range [][]float64{nil, {1, 2}, {1, 1, 1, 1, 1, 1, 1}, {1, 2, -1, 4, 5, 6}, {1, 2, math.NaN(), 4, 5, 6}} {
		if got := Changes(bad, DefaultChanges()); got != nil {
			t.Errorf("Changes(%v) = %v", bad, got)
		}
	}
	at, ok := energySplit([]float64{0, 0, 0, 0, 5, 5, 5}, 2)
	if !ok || at != 4 {
		t.Errorf("energySplit = %d", at)
	}
}
