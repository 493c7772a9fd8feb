package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/hfwatch/hfwatch/stats"
)

// length is the number of requests in a series.
const length = 200

// opinion is what a method says of a series: the number of requests before the
// steady state, after cold cold ones; sure is false for what is only possible.
type opinion struct {
	cold, warm int
	sure, none bool
	atLeast    bool
	ranged     bool
	low, high  int
}

// method is a way to find the end of a warm-up.
type method struct {
	name  string
	judge func(xs []float64) opinion
}

// methods are hfwatch's own and those that it was measured against.
func methods() []method {
	plain := func(y []float64) float64 { return 1 }
	return []method{
		{"PELT, 3 ln n", pelt(3, plain)},
		{"PELT, 15 ln n (Barrett)", pelt(15, plain)},
		{"MSER-5 alone", func(xs []float64) opinion {
			d, _ := stats.MSER(xs, 5)
			return opinion{warm: d, sure: true}
		}},
		{"PELT, 4 ln n (1+ρ)/(1-ρ), ρ of the series", pelt(4, func(y []float64) float64 {
			rho, _ := stats.Lag1(y)
			return widen(rho)
		})},
		{"PELT, 4 ln n (1+ρ)/(1-ρ), ρ of residuals", pelt(4, func(y []float64) float64 {
			b, _ := stats.FindBreak(stats.Winsorize(y, 4), 0.95)
			return widen(b.Rho)
		})},
		{"MSER-5 confirmed", func(xs []float64) opinion {
			rho, _ := stats.RobustLag1(logarithms(xs))
			if d, ok := stats.MSER(xs, 5); ok && stats.Confirms(xs, d, rho, 3, 1.1) {
				return opinion{warm: d, sure: true}
			}
			return opinion{}
		}},
		{"SteadyState", steady},
	}
}

// steady is hfwatch's own method.
func steady(xs []float64) opinion {
	v := stats.SteadyState(stats.Series{Values: xs})
	return opinion{
		cold: v.Cold, warm: v.WarmUp, sure: v.Answer == stats.SteadyFound || v.Answer == stats.SteadyAtLeast,
		none: v.Answer == stats.SteadyNone, atLeast: v.Answer == stats.SteadyAtLeast, ranged: v.HasWarmUpRange, low: v.WarmUpLow, high: v.WarmUpHigh,
	}
}

// pelt returns the plain use of PELT: everything before the last change is
// warm-up.
func pelt(factor float64, widening func([]float64) float64) func([]float64) opinion {
	return func(xs []float64) opinion {
		y := logarithms(xs)
		cuts := stats.PELT(y, stats.MeanVariance, factor*math.Log(float64(len(y)))*widening(y), 2)
		if len(cuts) == 0 {
			return opinion{}
		}
		return opinion{warm: cuts[len(cuts)-1], sure: true}
	}
}

// widen returns (1+ρ)/(1-ρ) of a positive correlation.
func widen(rho float64) float64 { return (1 + max(rho, 0)) / (1 - max(rho, 0)) }

// logarithms returns the natural logarithms.
func logarithms(xs []float64) []float64 {
	y := make([]float64, len(xs))
	for i, x := range xs {
		y[i] = math.Log(x)
	}
	return y
}

// cell is what came of one method on the series of one shape and noise.
type cell struct {
	n int
	// warm counts sure warm-ups, possible the others, none the series without
	// steady state; cold those with the right number of cold requests.
	warm, possible, none, cold, atLeast int
	// ends are the lengths of the warm-ups, sure or possible, in order.
	ends []float64
	// ranges counts those with a range, covered those whose range holds the truth.
	ranges, covered int
}

// try judges n series.
func try(m method, s shape, z noise, n int, seed uint64, at int) cell {
	c := cell{n: n}
	for i := range n {
		o := m.judge(requests(source(seed, at, i), length, s, z))
		c.add(o, s)
	}
	slices.Sort(c.ends)
	return c
}

// add counts one opinion.
func (c *cell) add(o opinion, s shape) {
	if o.cold == s.cold {
		c.cold++
	}
	switch {
	case o.none:
		c.none++
		return
	case o.warm == 0:
		return
	case o.sure:
		c.warm++
	default:
		c.possible++
	}
	if o.atLeast {
		c.atLeast++
	}
	if o.ranged {
		c.ranges++
		if o.low <= s.end && s.end <= o.high {
			c.covered++
		}
	}
	c.ends = append(c.ends, float64(o.warm))
}

// percent returns k of n in percent.
func percent(k, n int) float64 { return 100 * float64(k) / float64(n) }

// end returns a quantile of the ends that were found.
func (c cell) end(p float64) float64 {
	v, _ := stats.Quantile(c.ends, p)
	return v
}

// warmups prints the table of warm-ups: n series for each cell.
func warmups(w io.Writer, n int, seed uint64) {
	fmt.Fprintf(w, "\n## The end of a warm-up\n\n%d series of %d requests for each cell; σ is the standard deviation of the logarithm. In percent of the\n"+
		"series: warm-ups that were called found (or at least), those called only possible, series said to have no steady state.\n", n, length)
	for k, s := range shapes() {
		fmt.Fprintf(w, "\n### %s\n\n| method | σ | ρ | found | possible | none | end p10 / p50 / p90 | at least | cold right | range holds the truth |\n"+
			"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n", s.name)
		for _, m := range methods() {
			for j, z := range noises() {
				c := try(m, s, z, n, seed, k*100+j)
				fmt.Fprintf(w, "| %s | %.2f | %.1f | %.1f | %.1f | %.1f | %.0f / %.0f / %.0f | %.1f | %.0f | %s |\n", m.name, z.sigma, z.rho,
					percent(c.warm, n), percent(c.possible, n), percent(c.none, n), c.end(0.1), c.end(0.5), c.end(0.9),
					percent(c.atLeast, n), percent(c.cold, n), ratio(c.covered, c.ranges))
			}
		}
	}
}

// ratio prints k of n in percent, and a dash for nothing of nothing.
func ratio(k, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", percent(k, n))
}

// noises are the noises of the cells.
func noises() []noise {
	return []noise{{0.15, 0}, {0.15, 0.4}, {0.35, 0}, {0.35, 0.4}, {0.35, 0.7}}
}
