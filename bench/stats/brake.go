package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/hfwatch/hfwatch/stats"
)

// queue is a server with places for several requests at once, each taking an
// exponential time of one second at the mean, fed by Poisson arrivals.
type queue struct {
	servers int
	load    float64 // arrivals as a share of capacity
}

// readings runs the queue from a warm start and returns, for each second, the
// number in flight and the mean wait of those who began in it.
func (q queue) readings(r *rand.Rand, seconds int) (times, inFlight, waits []float64) {
	const warm = 200
	free := make([]float64, q.servers) // when each place is free again
	type job struct{ in, begin, out float64 }
	var jobs []job
	rate := q.load * float64(q.servers)
	// Before the window the load is moderate, so that every run starts steady.
	for t := 0.0; t < warm+float64(seconds); {
		now := rate
		if t < warm {
			now = min(rate, 0.7*float64(q.servers))
		}
		t += r.ExpFloat64() / now
		first := 0
		for i, f := range free {
			if f < free[first] {
				first = i
			}
		}
		begin := max(t, free[first])
		out := begin + r.ExpFloat64()
		free[first] = out
		jobs = append(jobs, job{t, begin, out})
	}
	last := 0.05
	for s := range seconds {
		at := warm + float64(s)
		n, began, wait := 0, 0, 0.0
		for _, j := range jobs {
			if j.in <= at+1 && j.out > at+1 {
				n++
			}
			if j.begin > at && j.begin <= at+1 {
				began++
				wait += j.begin - j.in
			}
		}
		if began > 0 {
			last = 0.05 + wait/float64(began)
		}
		times, inFlight, waits = append(times, float64(s)), append(inFlight, float64(n)), append(waits, last)
	}
	return times, inFlight, waits
}

// plainRises is the uncorrected test: a slope of more than 1.645 of its standard
// errors.
func plainRises(xs, ys []float64) bool {
	n := float64(len(xs))
	mx, _ := stats.Mean(xs)
	my, _ := stats.Mean(ys)
	sxx, sxy, left := 0.0, 0.0, 0.0
	for i := range xs {
		sxx += (xs[i] - mx) * (xs[i] - mx)
		sxy += (xs[i] - mx) * (ys[i] - my)
	}
	b := sxy / sxx
	for i := range xs {
		d := ys[i] - my - b*(xs[i]-mx)
		left += d * d
	}
	return b > 1.96*math.Sqrt(left/(n-2)/sxx)
}

// brakes prints how often the brake of over-saturation is pulled.
func brakes(w io.Writer, n int, seed uint64) {
	fmt.Fprintf(w, "\n## The brake\n\n%d queues of 8 places for each cell, watched for so many seconds after the load was set. In percent: the brake pulled, at 95 %%.\n\n"+
		"| load | seconds | plain t interval | OverSaturated |\n| --- | --- | --- | --- |\n", n)
	cell := 5000
	for _, load := range []float64{0.7, 0.9, 1.1, 1.3, 1.6} {
		for _, seconds := range []int{30, 60, 120} {
			cell++
			plain, own := 0, 0
			for i := range n {
				t, f, wait := queue{8, load}.readings(source(seed, cell, i), seconds)
				if plainRises(t, f) && plainRises(t, wait) {
					plain++
				}
				if stats.OverSaturated(t, f, wait, 0.95) {
					own++
				}
			}
			fmt.Fprintf(w, "| %.0f %% | %d | %.1f | %.1f |\n", 100*load, seconds, percent(plain, n), percent(own, n))
		}
	}
}
