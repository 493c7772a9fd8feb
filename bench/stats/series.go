package main

import (
	"math"
	"math/rand/v2"
)

// source returns the random numbers of one series: the same for every method, so
// that methods are compared on the same series.
func source(seed uint64, cell, series int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(cell)<<32|uint64(series)))
}

// noise is lognormal noise with memory: a first-order autoregression whose
// marginal standard deviation, that of the logarithm, is sigma whatever rho is.
type noise struct{ sigma, rho float64 }

// draw returns n logarithms of noise.
func (z noise) draw(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	e := z.sigma * r.NormFloat64()
	for i := range out {
		out[i] = e
		e = z.rho*e + z.sigma*math.Sqrt(1-z.rho*z.rho)*r.NormFloat64()
	}
	return out
}

// base is the steady latency in milliseconds.
const base = 500

// shape is the level of a series of requests, as a factor on base.
type shape struct {
	name  string
	level func(i int) float64
	// cold is the number of cold requests, end the number of requests after them
	// until the level is steady.
	cold, end int
}

// shapes are the courses that a series of requests takes.
func shapes() []shape {
	return []shape{
		{"flat", func(int) float64 { return 1 }, 0, 0},
		{"one cold request", func(i int) float64 {
			if i == 0 {
				return 40
			}
			return 1
		}, 1, 0},
		{"cold, then decay", func(i int) float64 {
			if i == 0 {
				return 40
			}
			// Within 5 % of the steady level after 28 requests.
			return 1 + 1.5*math.Exp(-float64(i-1)/8.2)
		}, 1, 28},
		{"step of 30", func(i int) float64 {
			if i < 30 {
				return 1.6
			}
			return 1
		}, 0, 30},
	}
}

// requests returns n latencies of a shape with noise.
func requests(r *rand.Rand, n int, s shape, z noise) []float64 {
	out := z.draw(r, n)
	for i, e := range out {
		out[i] = base * s.level(i) * math.Exp(e)
	}
	return out
}

// week is a week of hours.
const week = 7 * 24

// hours returns the hourly medians of n hours with a daily cycle of 5 % and a
// coefficient of variation of 8 %, from the hour first on.
func hours(r *rand.Rand, n, first int, rho float64) []float64 {
	out := noise{math.Sqrt(math.Log1p(0.08 * 0.08)), rho}.draw(r, n)
	for i, e := range out {
		out[i] = base * (1 + 0.05*math.Sin(2*math.Pi*float64(first+i)/24)) * math.Exp(e)
	}
	return out
}
