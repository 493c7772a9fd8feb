package stats

import (
	"math"
	"slices"
	"testing"
)

// TestMinSamples has the numbers that are quoted everywhere.
func TestMinSamples(t *testing.T) {
	for _, c := range []struct {
		p           float64
		plain, tail int
	}{{0.5, 6, 6}, {0.9, 29, 36}, {0.95, 59, 72}, {0.99, 299, 368}, {0.999, 2995, 3688}} {
		for _, tails := range []bool{false, true} {
			want, ranks := c.plain, QuantileRanks
			if tails {
				want, ranks = c.tail, EqualTailRanks
			}
			got, ok := MinSamples(c.p, 0.95, tails)
			if !ok || got != want {
				t.Errorf("MinSamples(%g, 0.95, %t) = %d, want %d", c.p, tails, got, want)
			}
			if _, ok := ranks(want, c.p, 0.95); !ok {
				t.Errorf("p%g has no ranks (equal tails %t) at n = %d", 100*c.p, tails, want)
			}
			if _, ok := ranks(want-1, c.p, 0.95); ok {
				t.Errorf("p%g has ranks (equal tails %t) at n = %d", 100*c.p, tails, want-1)
			}
		}
	}
	if n, ok := MinSamples(1, 0.95, false); ok {
		t.Errorf("the maximum is proved by %d samples", n)
	}
}

// TestEarlyStopping is MLPerf's table of how many results prove a percentile.
func TestEarlyStopping(t *testing.T) {
	late := []int{0, 1, 2, 5, 10}
	for _, c := range []struct {
		p, confidence float64
		want          [5]int
	}{
		{0.90, 0.95, [5]int{29, 46, 61, 103, 167}},
		{0.95, 0.95, [5]int{59, 93, 124, 208, 336}},
		{0.99, 0.95, [5]int{299, 473, 628, 1049, 1693}},
		{0.99, 0.99, [5]int{459, 662, 838, 1307, 2010}},
		{0.999, 0.99, [5]int{4603, 6636, 8403, 13105, 20140}},
	} {
		for i, l := range late {
			got, ok := SamplesToProve(l, c.p, c.confidence)
			if !ok || got != c.want[i] {
				t.Errorf("SamplesToProve(%d, %g, %g) = %d, want %d", l, c.p, c.confidence, got, c.want[i])
			}
			if !ProvesQuantile(got, l, c.p, c.confidence) || ProvesQuantile(got-1, l, c.p, c.confidence) {
				t.Errorf("p%g with %d late: the proof does not begin at %d", 100*c.p, l, got)
			}
		}
	}
	if ProvesQuantile(10, 11, 0.9, 0.95) || ProvesQuantile(0, 0, 0.9, 0.95) {
		t.Error("impossible counts prove something")
	}
}

// TestQuantileRanks compares with a search over all pairs, and the pairs of
// one-sided ranks with their definition.
func TestQuantileRanks(t *testing.T) {
	for _, n := range []int{6, 20, 30, 59, 101} {
		for _, p := range []float64{0.2, 0.5, 0.9, 0.95} {
			got, ok := QuantileRanks(n, p, 0.95)
			narrowest := n
			exists := false
			for l := 1; l < n; l++ {
				for u := l + 1; u <= n; u++ {
					if binomialAtMost(u-1, n, p)-binomialAtMost(l-1, n, p) >= 0.95 {
						narrowest, exists = min(narrowest, u-l), true
					}
				}
			}
			if ok != exists || ok && got.High-got.Low != narrowest {
				t.Errorf("QuantileRanks(%d, %g) = %v, %t, want width %d, %t", n, p, got, ok, narrowest, exists)
			}
			if ok && math.Abs(binomialAtMost(got.High-1, n, p)-binomialAtMost(got.Low-1, n, p)-got.Confidence) > 1e-9 {
				t.Errorf("QuantileRanks(%d, %g) states %g", n, p, got.Confidence)
			}
		}
	}
	if r, _ := QuantileRanks(20, 0.5, 0.95); r.Low != 6 || r.High != 15 {
		t.Errorf("QuantileRanks(20, 0.5, 0.95) = %v, want the 6th to the 15th", r)
	}
	if r, ok := QuantileRanks(50_000_000, 0.999, 0.95); !ok || r.Confidence < 0.95 || r.Confidence > 0.951 || r.Low > 49_950_000 || r.High < 49_950_000 {
		t.Errorf("QuantileRanks of fifty million = %v, %t", r, ok)
	}
	low, _ := LowerRank(100, 0.9, 0.95)
	high, _ := UpperRank(100, 0.9, 0.95)
	if binomialAtMost(low-1, 100, 0.9) > 0.05 || binomialAtMost(low, 100, 0.9) <= 0.05 {
		t.Errorf("LowerRank = %d is not the highest", low)
	}
	if binomialAtLeast(high, 100, 0.9) > 0.05 || binomialAtLeast(high-1, 100, 0.9) <= 0.05 {
		t.Errorf("UpperRank = %d is not the lowest", high)
	}
	if _, ok := UpperRank(298, 0.99, 0.95); ok {
		t.Error("298 values bound p99 from above")
	}
	if r, ok := LowerRank(2, 0.99, 0.95); !ok || r != 2 {
		t.Errorf("LowerRank(2, 0.99) = %d, %t: p99 of two values is at least the larger", r, ok)
	}
}

// TestQuantile is monotone and agrees with its definition.
func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		n    int
		p    float64
		want int
	}{{100, 0.07, 7}, {100, 0.95, 95}, {10, 0.99, 10}, {1, 0.5, 1}, {4, 0.5, 2}, {5, 0, 1}, {5, 1, 5}} {
		if got, ok := QuantileRank(c.n, c.p); !ok || got != c.want {
			t.Errorf("QuantileRank(%d, %g) = %d, want %d", c.n, c.p, got, c.want)
		}
	}
	if _, ok := QuantileRank(0, 0.5); ok {
		t.Error("nothing has a median")
	}
	s := sortedCopy(latencies(generator(5), 333, 0.6, 0, flatLevel))
	last := 0.0
	for p := 0.0; p <= 1; p += 0.001 {
		q, _ := Quantile(s, p)
		if q < last {
			t.Fatalf("the %g-quantile falls from %g to %g", p, last, q)
		}
		last = q
	}
	wide, _ := QuantileInterval(s, 0.9, 0.99, 333)
	narrow, _ := QuantileInterval(s, 0.9, 0.8, 333)
	few, _ := QuantileInterval(s, 0.9, 0.8, 100)
	if wide.Low > narrow.Low || wide.High < narrow.High || few.Low > narrow.Low || few.High < narrow.High {
		t.Errorf("intervals do not widen: %v with 99 %%, %v with 80 %%, %v with fewer", wide, narrow, few)
	}
	if _, ok := QuantileInterval(s, 0.9, 0.95, 28.9); ok {
		t.Error("28 effective values have an interval of p90")
	}
	if i, ok := QuantileInterval(s, 0.5, 0.95, math.Inf(1)); !ok || i.High <= i.Low {
		t.Errorf("an infinite effective size = %v, %t, want that of all values", i, ok)
	}
}

// TestIntervalsCover: a 95 % interval holds the truth in 95 % of samples, with
// and without memory.
func TestIntervalsCover(t *testing.T) {
	const reps = 400
	for _, c := range []struct {
		p     float64
		n     int
		rho   float64
		least float64
	}{{0.5, 60, 0, 0.93}, {0.9, 200, 0, 0.93}, {0.99, 500, 0, 0.93}, {0.5, 200, 0.5, 0.90}, {0.9, 400, 0.5, 0.90}} {
		truth := math.Exp(normalQuantile(c.p))
		hit := 0
		for i := range reps {
			xs := memory(generator(uint64(i)), c.n, 1, c.rho)
			for k := range xs {
				xs[k] = math.Exp(xs[k])
			}
			neff, _ := QuantileSize(xs, c.p)
			if c.rho == 0 {
				neff = float64(c.n)
			}
			slices.Sort(xs)
			if in, ok := QuantileInterval(xs, c.p, 0.95, neff); ok && in.Contains(truth) {
				hit++
			}
		}
		if got := float64(hit) / reps; got < c.least {
			t.Errorf("p%g of %d values at ρ = %g: the interval holds the truth in %.1f %%", 100*c.p, c.n, c.rho, 100*got)
		}
	}
}
