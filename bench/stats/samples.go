package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hfwatch/hfwatch/stats"
)

// samples prints how many results proofs and intervals need: exact, not simulated.
func samples(w io.Writer) {
	fmt.Fprint(w, "\n## How many results\n\nTo prove that a percentile is at most a limit, with so many results over it (early stopping):\n\n"+
		"| percentile, confidence | 0 | 1 | 2 | 5 | 10 |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range []struct{ p, c float64 }{{0.9, 0.95}, {0.95, 0.95}, {0.99, 0.95}, {0.99, 0.99}, {0.999, 0.99}} {
		fmt.Fprintf(w, "| p%g, %g %% |", 100*row.p, 100*row.c)
		for _, late := range []int{0, 1, 2, 5, 10} {
			n, _ := stats.SamplesToProve(late, row.p, row.c)
			fmt.Fprintf(w, " %d |", n)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "\nFor a two-sided 95 % interval to exist:\n\n| percentile | shortest | equal tails |\n| --- | --- | --- |\n")
	for _, p := range []float64{0.5, 0.9, 0.95, 0.99, 0.999} {
		a, _ := stats.MinSamples(p, 0.95, false)
		b, _ := stats.MinSamples(p, 0.95, true)
		fmt.Fprintf(w, "| p%g | %d | %d |\n", 100*p, a, b)
	}
}

// covered returns in how many of reps samples of n the interval of the p-quantile
// holds the true one, and the medians of its ends as shares of the truth; size
// says how the number of independent values is found.
func covered(p float64, n int, z noise, size string, reps int, seed uint64, cell int) (share, low, high float64) {
	truth := math.Exp(z.sigma * math.Sqrt2 * math.Erfinv(2*p-1))
	hit, exist := 0, 0
	var lows, highs []float64
	for i := range reps {
		y := z.draw(source(seed, cell, i), n)
		neff := float64(n)
		switch size {
		case "values":
			rho, _ := stats.Lag1(y)
			neff = stats.EffectiveSize(n, rho)
		case "exceedances":
			neff, _ = stats.QuantileSize(y, p)
		}
		for k := range y {
			y[k] = math.Exp(y[k])
		}
		slices.Sort(y)
		in, ok := stats.QuantileInterval(y, p, 0.95, neff)
		if !ok {
			continue
		}
		exist++
		if in.Contains(truth) {
			hit++
		}
		lows, highs = append(lows, in.Low/truth), append(highs, in.High/truth)
	}
	if exist == 0 {
		return 0, 0, 0
	}
	low, _ = stats.Median(lows)
	high, _ = stats.Median(highs)
	return percent(hit, exist), low, high
}

// intervals prints the coverage of quantile intervals.
func intervals(w io.Writer, n int, seed uint64) {
	reps := 5 * n
	fmt.Fprintf(w, "\n## Intervals of quantiles\n\n%d samples for each cell, lognormal with σ = 0.6, a 95 %% interval. In percent: how often it holds the true quantile,\n"+
		"taken as independent, with the effective size by the correlation of the values, and by that of exceedances; the median ends of the last\nrelative to the truth. A dash: no interval exists.\n\n"+
		"| quantile | n | ρ | independent | Lag1 | QuantileSize | ends |\n| --- | --- | --- | --- | --- | --- | --- |\n", reps)
	cell := 4000
	for _, q := range []struct {
		p float64
		n int
	}{{0.5, 50}, {0.5, 200}, {0.9, 200}, {0.99, 1000}, {0.99, 3000}} {
		for _, rho := range []float64{0, 0.4, 0.8} {
			cell++
			z := noise{0.6, rho}
			plain, _, _ := covered(q.p, q.n, z, "independent", reps, seed, cell)
			values, _, _ := covered(q.p, q.n, z, "values", reps, seed, cell)
			share, low, high := covered(q.p, q.n, z, "exceedances", reps, seed, cell)
			fmt.Fprintf(w, "| p%g | %d | %g | %.1f | %.1f | %.1f | %+.0f %% / %+.0f %% |\n", 100*q.p, q.n, rho, plain, values, share, 100*(low-1), 100*(high-1))
		}
	}
}
