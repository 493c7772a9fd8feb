package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMannWhitney compares with a count over all orders, and with R.
func TestMannWhitney(t *testing.T) {
	got, ok := MannWhitney([]float64{1, 2, 3}, []float64{4, 5, 6})
	if !ok || got.U != 0 || !got.Exact || !near(got.P, 0.1) {
		t.Errorf("three below three = %+v, want U 0 and p 0.1", got)
	}
	xs, ys := []float64{1.1, 2.7, 3.3, 9.4}, []float64{0.4, 2.2, 5.1, 6.8, 7.7}
	a, _ := MannWhitney(xs, ys)
	if want := countOrders(xs, ys); !near(a.P, want) {
		t.Errorf("P = %g, the count of all orders says %g", a.P, want)
	}
	b, _ := MannWhitney(ys, xs)
	if a.U+b.U != 20 || !near(a.P, b.P) || !near(a.Z, -b.Z) {
		t.Errorf("the other way round %+v, want the mirror image of %+v", b, a)
	}
	// By hand: 6.5 pairs; the variance 64/12·(17 - 66/240) = 89.2.
	tied, _ := MannWhitney([]float64{1, 2, 2, 3, 4, 5, 5, 6}, []float64{4, 5, 6, 6, 7, 8, 8, 9})
	if tied.Exact || tied.U != 6.5 || !near(tied.Z, -25.5/math.Sqrt(89.2)) {
		t.Errorf("with ties %+v", tied)
	}
	if _, ok := MannWhitney([]float64{1, 1}, []float64{1}); ok {
		t.Error("equal values have a test")
	}
	if _, ok := MannWhitney(nil, []float64{1}); ok {
		t.Error("nothing has a test")
	}
}

// countOrders returns the two-sided p of U by trying all ways to choose who is
// in the first sample.
func countOrders(xs, ys []float64) float64 {
	all := slices.Concat(xs, ys)
	u := func(mask int) float64 {
		sum := 0.0
		for i, x := range all {
			for j, y := range all {
				if mask>>i&1 == 1 && mask>>j&1 == 0 && x > y {
					sum++
				}
			}
		}
		return sum
	}
	half := float64(len(xs)*len(ys)) / 2
	far := math.Abs(u(1<<len(xs)-1) - half)
	n, k := 0.0, 0.0
	for mask := range 1 << len(all) {
		size := 0
		for i := range all {
			size += mask >> i & 1
		}
		if size != len(xs) {
			continue
		}
		n++
		if math.Abs(u(mask)-half) >= far {
			k++
		}
	}
	return k / n
}

// TestRankTestSize has the sizes for a change of 18 %, and tries one of them.
func TestRankTestSize(t *testing.T) {
	for _, c := range []struct {
		sigma float64
		want  int
	}{{0.2, 64}, {0.4, 256}, {0.6, 576}, {1, 1599}} {
		if got, ok := RankTestSize(1.18, c.sigma, 0.001, 0.9); !ok || got != c.want {
			t.Errorf("RankTestSize(1.18, %g) = %d, want %d", c.sigma, got, c.want)
		}
	}
	if _, ok := RankTestSize(1, 0.2, 0.001, 0.9); ok {
		t.Error("no change has a size")
	}
	seen := 0
	for i := range 200 {
		r := generator(uint64(i))
		xs := latencies(r, 64, 0.2, 0, flatLevel)
		ys := scaled(latencies(r, 64, 0.2, 0, flatLevel), 1.18)
		if u, _ := MannWhitney(xs, ys); u.P < 0.001 {
			seen++
		}
	}
	if seen < 170 || seen > 192 {
		t.Errorf("64 values a side see 18 %% in %d of 200, want about 180", seen)
	}
}

// TestWelch compares with the formula by hand.
func TestWelch(t *testing.T) {
	got, ok := Welch([]float64{1, 2, 3, 4, 5}, []float64{2, 4, 6, 8, 10}, 0.95)
	if !ok || got.Difference != 3 || !near(got.T, 3/math.Sqrt(2.5)) || !near(got.DF, 6.25/1.0625) {
		t.Errorf("Welch = %+v", got)
	}
	if math.Abs(got.P-0.1075) > 5e-4 || !got.Interval.Contains(0) {
		t.Errorf("P = %g, interval %v, want 0.1075 and one that holds 0", got.P, got.Interval)
	}
	if _, ok := Welch([]float64{1, 1}, []float64{2, 2}, 0.95); ok {
		t.Error("two constants have a t-test")
	}
	if _, ok := Welch([]float64{1}, []float64{2, 3}, 0.95); ok {
		t.Error("one value has a t-test")
	}
}

// TestBenjaminiHochberg by hand, and its properties.
func TestBenjaminiHochberg(t *testing.T) {
	got := BenjaminiHochberg([]float64{0.01, 0.04, 0.03, 0.005})
	want := []float64{0.02, 0.04, 0.04, 0.02}
	for i := range want {
		if !near(got[i], want[i]) {
			t.Errorf("q = %v, want %v", got, want)
			break
		}
	}
	if q := BenjaminiHochberg([]float64{math.NaN(), 0.01}); q[0] != 1 || !near(q[1], 0.02) {
		t.Errorf("q with a NaN = %v", q)
	}
	if q := BenjaminiHochberg(nil); len(q) != 0 {
		t.Errorf("q of nothing = %v", q)
	}
	r := generator(6)
	ps := make([]float64, 200)
	for i := range ps {
		ps[i] = r.Float64()
	}
	qs := BenjaminiHochberg(ps)
	for i := range ps {
		for j := range ps {
			if qs[i] < ps[i] || qs[i] > 1 || ps[i] < ps[j] && qs[i] > qs[j] {
				t.Fatalf("q(%g) = %g, q(%g) = %g", ps[i], qs[i], ps[j], qs[j])
			}
		}
	}
}

// TestTrends: by hand, and no false alarms from memory alone.
func TestTrends(t *testing.T) {
	up := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	got, ok := MannKendall(up)
	if !ok || !near(got.Z, 44/math.Sqrt(125)) || got.Slope != 1 {
		t.Errorf("MannKendall of 1 to 10 = %+v, want Z 3.9355 and slope 1", got)
	}
	slices.Reverse(up)
	if down, _ := MannKendall(up); !near(down.Z, -got.Z) || down.Slope != -1 {
		t.Errorf("MannKendall of 10 to 1 = %+v", down)
	}
	if _, ok := MannKendall([]float64{3, 3, 3, 3, 3, 3, 3, 3, 3}); ok {
		t.Error("a constant has a trend")
	}
	long := make([]float64, 5003)
	for i := range long {
		long[i] = 0.25 * float64(i)
	}
	if l, _ := MannKendall(long); !near(l.Slope, 0.25) || l.P > 1e-12 {
		t.Errorf("MannKendall of a long line = %+v", l)
	}
	plain, alarms := 0, 0
	const reps = 200
	for i := range reps {
		xs := memory(generator(uint64(i)), 120, 1, 0.5)
		if m, _ := MannKendall(xs); m.P < 0.05 {
			alarms++
		}
		if p, _ := MannKendall(shuffled(generator(uint64(i)), xs)); p.P < 0.05 {
			plain++
		}
	}
	// The correction is known to be too weak for a first-order memory; without it
	// there are twice as many.
	if alarms > reps*16/100 || plain > reps*9/100 {
		t.Errorf("at 5 %%: %d alarms of %d with memory, %d without", alarms, reps, plain)
	}
	shift := slices.Concat(memory(generator(7), 40, 1, 0), memory(generator(8), 60, 1, 0))
	for i := range shift[40:] {
		shift[40+i] += 2
	}
	p, ok := Pettitt(shift, 0)
	if !ok || p.At < 37 || p.At > 43 || !p.Up || p.P > 1e-6 {
		t.Errorf("Pettitt = %+v, want a rise at 40", p)
	}
	if q, _ := Pettitt(shift, 0.5); q.P <= p.P || q.At != p.At {
		t.Errorf("Pettitt with correlation = %+v, want less certainty than %+v", q, p)
	}
	if _, ok := Pettitt([]float64{1, 1, 1, 1, 1, 1, 1, 1}, 0); ok {
		t.Error("a constant has a shift")
	}
}

// TestIsotonic by hand, and against random monotone sequences.
func TestIsotonic(t *testing.T) {
	got, ok := Isotonic([]float64{1, 3, 2, 4}, nil)
	if !ok || !slices.Equal(got, []float64{1, 2.5, 2.5, 4}) {
		t.Errorf("Isotonic = %v", got)
	}
	if got, _ := Isotonic([]float64{3, 0}, []float64{2, 1}); !slices.Equal(got, []float64{2, 2}) {
		t.Errorf("Isotonic with weights = %v", got)
	}
	if got, _ := antitonic([]float64{3, 1, 2, 0}, []float64{1, 1, 1, 1}); !slices.Equal(got, []float64{3, 1.5, 1.5, 0}) {
		t.Errorf("antitonic = %v", got)
	}
	for _, bad := range []func() ([]float64, bool){
		func() ([]float64, bool) { return Isotonic(nil, nil) },
		func() ([]float64, bool) { return Isotonic([]float64{1}, []float64{0}) },
		func() ([]float64, bool) { return Isotonic([]float64{1}, []float64{1, 2}) },
	} {
		if got, ok := bad(); ok {
			t.Errorf("bad input has a fit %v", got)
		}
	}
	r := generator(12)
	for range 50 {
		ys := make([]float64, 12)
		for i := range ys {
			ys[i] = r.NormFloat64() + float64(i)/6
		}
		fit, _ := Isotonic(ys, nil)
		if !slices.IsSorted(fit) {
			t.Fatalf("fit %v is not monotone", fit)
		}
		for range 50 {
			other := perturbed(r, fit)
			if distance(ys, other) < distance(ys, fit)-1e-12 {
				t.Fatalf("%v is nearer to %v than the fit %v", other, ys, fit)
			}
		}
	}
}

// perturbed returns another monotone sequence.
func perturbed(r *rand.Rand, xs []float64) []float64 {
	out := slices.Clone(xs)
	for i := range out {
		out[i] += 0.2 * r.NormFloat64()
	}
	slices.Sort(out)
	return out
}

// distance returns the squared distance.
func distance(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}
