package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// near says whether two numbers agree to a relative 1e-6.
func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))
}

// generator returns reproducible random numbers.
func generator(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// memory returns n values of a first-order autoregression with the marginal
// standard deviation sigma.
func memory(r *rand.Rand, n int, sigma, rho float64) []float64 {
	out := make([]float64, n)
	e := sigma * r.NormFloat64()
	for i := range out {
		out[i] = e
		e = rho*e + sigma*math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	return out
}

// latencies returns lognormal noise around 500 with the levels given.
func latencies(r *rand.Rand, n int, sigma, rho float64, level func(i int) float64) []float64 {
	out := memory(r, n, sigma, rho)
	for i, e := range out {
		out[i] = 500 * level(i) * math.Exp(e)
	}
	return out
}

// level is a flat series, and stepAt one of 1.6 times as much at first.
func flatLevel(int) float64 { return 1 }

func stepAt(n int) func(int) float64 {
	return func(i int) float64 {
		if i < n {
			return 1.6
		}
		return 1
	}
}

// shuffled returns a permutation of xs.
func shuffled(r *rand.Rand, xs []float64) []float64 {
	out := slices.Clone(xs)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// TestDistributions compares with published tables.
func TestDistributions(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"t(0.975, 10) of every table", studentQuantile(0.975, 10), 2.228138852},
		{"t(0.995, 1), the Cauchy distribution", studentQuantile(0.995, 1), 63.65674116},
		{"t(0.95, 1e6) is nearly normal", studentQuantile(0.95, 1e6), 1.644855},
		{"P(T > 2.228, 10)", studentTail(2.228138852, 10), 0.025},
		{"P(T > -2.228, 10)", studentTail(-2.228138852, 10), 0.975},
		{"z(0.975)", normalQuantile(0.975), 1.959963985},
		{"P(Z > 1.96)", normalTail(1.959963985), 0.025},
		{"P(B <= 3), n = 10, p = 1/2: 176/1024", binomialAtMost(3, 10, 0.5), 176.0 / 1024},
		{"P(B >= 8), n = 10, p = 1/2: 56/1024", binomialAtLeast(8, 10, 0.5), 56.0 / 1024},
		{"P(B <= 0), n = 299, p = 1 %", binomialAtMost(0, 299, 0.01), math.Pow(0.99, 299)},
		{"P(B < 0)", binomialAtMost(-1, 5, 0.3), 0},
		{"P(B <= n)", binomialAtMost(5, 5, 0.3), 1},
	} {
		if !near(c.got, c.want) {
			t.Errorf("%s = %.9g, want %.9g", c.name, c.got, c.want)
		}
	}
	for _, n := range []int{7, 60, 2000} {
		for _, p := range []float64{0.01, 0.5, 0.93} {
			sum := 0.0
			for k := range n {
				sum += math.Exp(logBinomial(k, n, p))
				if got := binomialAtMost(k, n, p); math.Abs(got-sum) > 1e-9 {
					t.Fatalf("binomialAtMost(%d, %d, %g) = %.12g, the sum is %.12g", k, n, p, got, sum)
				}
			}
		}
	}
}

// TestOrderDoesNotMatter: what is said of a sample does not depend on its order.
func TestOrderDoesNotMatter(t *testing.T) {
	r := generator(1)
	xs := latencies(r, 101, 0.5, 0, flatLevel)
	ys := latencies(r, 57, 0.5, 0, flatLevel)
	median, _ := Median(xs)
	mad, _ := MAD(xs)
	trimmed, _ := TrimmedMean(xs, 0.1)
	rank, _ := MannWhitney(xs, ys)
	before := slices.Clone(xs)
	for range 20 {
		p := shuffled(r, xs)
		m, _ := Median(p)
		d, _ := MAD(p)
		tm, _ := TrimmedMean(p, 0.1)
		u, _ := MannWhitney(p, shuffled(r, ys))
		if m != median || d != mad || tm != trimmed || u != rank {
			t.Fatalf("after a shuffle %g %g %g %v, want %g %g %g %v", m, d, tm, u, median, mad, trimmed, rank)
		}
	}
	if !slices.Equal(before, xs) {
		t.Error("an argument was changed")
	}
}

// TestRobust compares with values by hand.
func TestRobust(t *testing.T) {
	for _, c := range []struct {
		why  string
		got  func() (float64, bool)
		want float64
		ok   bool
	}{
		{"the middle of an odd number", func() (float64, bool) { return Median([]float64{3, 1, 2}) }, 2, true},
		{"between the middles of an even number", func() (float64, bool) { return Median([]float64{4, 1, 2, 3}) }, 2.5, true},
		{"nothing has no median", func() (float64, bool) { return Median(nil) }, 0, false},
		{"a NaN has no median", func() (float64, bool) { return Median([]float64{1, math.NaN()}) }, 0, false},
		{"an outlier does not move the MAD", func() (float64, bool) { return MAD([]float64{1, 2, 3, 4, 1e9}) }, 1, true},
		{"a tenth off each end", func() (float64, bool) { return TrimmedMean([]float64{-1e9, 1, 2, 3, 4, 5, 6, 7, 8, 1e9}, 0.1) }, 4.5, true},
		{"no trim is the mean", func() (float64, bool) { return TrimmedMean([]float64{1, 2, 6}, 0) }, 3, true},
		{"half cannot be trimmed off each end", func() (float64, bool) { return TrimmedMean([]float64{1, 2}, 0.5) }, 0, false},
		{"the mean", func() (float64, bool) { return Mean([]float64{1, 2, 6}) }, 3, true},
		{"no mean of nothing", func() (float64, bool) { return Mean(nil) }, 0, false},
	} {
		if got, ok := c.got(); got != c.want || ok != c.ok {
			t.Errorf("%s: got %g, %t, want %g, %t", c.why, got, ok, c.want, c.ok)
		}
	}
	if _, s, ok := RobustScale([]float64{5, 5, 5, 5, 9}); !ok || !near(s, math.Sqrt(math.Pi/2)*0.8) {
		t.Errorf("RobustScale with most values equal = %g, %t", s, ok)
	}
	if _, _, ok := RobustScale([]float64{5, 5, 5}); ok {
		t.Error("a constant has a scale")
	}
	r := generator(2)
	xs := make([]float64, 5000)
	for i := range xs {
		xs[i] = 10 + 3*r.NormFloat64()
	}
	if c, s, _ := RobustScale(xs); math.Abs(c-10) > 0.15 || math.Abs(s-3) > 0.15 {
		t.Errorf("RobustScale of N(10, 3) = %g, %g", c, s)
	}
	if w := Winsorize([]float64{1, 2, 3, 4, 1e9}, 2); !near(w[4], 3+2*madToSigma) || w[0] != 1 {
		t.Errorf("Winsorize = %v", w)
	}
}

// TestAutocorrelation recovers known correlations, and is not fooled by a step.
func TestAutocorrelation(t *testing.T) {
	for _, rho := range []float64{0, 0.4, 0.8} {
		xs := memory(generator(3), 4000, 1, rho)
		plain, _ := Lag1(xs)
		robust, _ := RobustLag1(xs)
		if math.Abs(plain-rho) > 0.05 || math.Abs(robust-rho) > 0.1 {
			t.Errorf("ρ = %g: Lag1 %g, RobustLag1 %g", rho, plain, robust)
		}
		for i := range xs[:1000] {
			xs[i] += 5
		}
		stepped, _ := Lag1(xs)
		robust, _ = RobustLag1(xs)
		b, _ := FindBreak(xs, 0.95)
		if stepped < 0.8 || math.Abs(robust-rho) > 0.1 || math.Abs(b.Rho-rho) > 0.05 {
			t.Errorf("ρ = %g with a step: Lag1 %g, RobustLag1 %g, FindBreak %g", rho, stepped, robust, b.Rho)
		}
	}
	for _, c := range []struct {
		n    int
		rho  float64
		want float64
	}{{100, 0, 100}, {100, 0.5, 100.0 / 3}, {100, -0.5, 100}, {2, 0.9, 1}, {0, 0, 0}, {10, math.NaN(), 0}} {
		if got := EffectiveSize(c.n, c.rho); !near(got, c.want) {
			t.Errorf("EffectiveSize(%d, %g) = %g, want %g", c.n, c.rho, got, c.want)
		}
	}
	if _, ok := Lag1([]float64{1, 1, 1}); ok {
		t.Error("a constant has a correlation")
	}
	if _, ok := RobustLag1([]float64{1, 2}); ok {
		t.Error("two values have a correlation")
	}
	xs := memory(generator(4), 3000, 1, 0.6)
	median, _ := QuantileSize(xs, 0.5)
	tail, _ := QuantileSize(xs, 0.99)
	if median < 600 || median > 1600 || tail < 1.3*median || tail > 3000 {
		t.Errorf("QuantileSize = %g for the median, %g for p99 of 3000", median, tail)
	}
	if _, ok := QuantileSize([]float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 0.5); ok {
		t.Error("a constant has a size")
	}
}
