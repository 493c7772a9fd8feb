package report

import (
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// tails returns the percentiles of a signal over the hours, each with its
// interval, absent where that does not exist.
func tails(hours []Hour, s Signal) Tails {
	all := merged(hours, s)
	t := Tails{N: all.N, P50: bounded(hours, s, all, 0.5), P90: bounded(hours, s, all, 0.9), P95: bounded(hours, s, all, 0.95), P99: bounded(hours, s, all, 0.99)}
	if v, ok := all.max(); ok {
		t.Max = probe.Some(v)
	}
	if v, ok := all.Quantile(0.5); ok {
		t.Effective = effective(hours, s, v)
	}
	return t
}

// bounded returns the p-quantile with its distribution-free interval: between
// the order statistics that its number of independent results gives.
func bounded(hours []Hour, s Signal, all Distribution, p float64) *Bounded {
	v, ok := all.Quantile(p)
	if !ok {
		return nil
	}
	m := int(effective(hours, s, v))
	r, ok := stats.QuantileRanks(m, p, confidence)
	if !ok {
		return nil
	}
	// The r-th of m values stands at the share r/(m+1); outward to whole ranks,
	// as stats.QuantileInterval has it.
	scale := float64(all.N+1) / float64(m+1)
	low := max(int64(math.Floor(float64(r.Low)*scale+1e-9)), 1)
	high := min(int64(math.Ceil(float64(r.High)*scale-1e-9)), all.N)
	return &Bounded{Value: v, Low: all.at(low), High: all.at(high)}
}

// tally is how many results an hour had, and how many of them were hits:
// slower than some value, or bad.
type tally struct{ n, hits int64 }

// effective returns how many independent results the hours are worth for the
// quantile v of a signal.
func effective(hours []Hour, s Signal, v float64) float64 {
	return worth(tallies(hours, func(h Hour) tally { return tally{h.of(s).N, h.of(s).above(v)} }))
}

// tallies returns the tally of each hour that has results, in the order of
// time; rows of one hour are added up.
func tallies(hours []Hour, of func(Hour) tally) []tally {
	at := map[time.Time]tally{}
	for _, h := range hours {
		t, sum := of(h), at[h.Start]
		if t.n > 0 {
			at[h.Start] = tally{sum.n + t.n, sum.hits + t.hits}
		}
	}
	starts := make([]time.Time, 0, len(at))
	for start := range at {
		starts = append(starts, start)
	}
	slices.SortFunc(starts, time.Time.Compare)
	out := make([]tally, len(starts))
	for i, start := range starts {
		out[i] = at[start]
	}
	return out
}

// leastTallies is how many hours it takes to judge how far results depend on
// each other; fewer are taken as independent.
const leastTallies = 10

// worth returns how many independent results the tallies are worth for the
// share of their hits: their number less the design effect, the variance of
// the hourly hits over that of independent results (Kish, "Survey Sampling",
// 1965, 8.2), with the correlation from hour to hour as a first-order
// autoregression (stats.EffectiveSize). Slow results come in runs, and an
// interval that takes them as independent is too narrow. The result is from 1
// to their number.
func worth(ts []tally) float64 {
	var total tally
	for _, t := range ts {
		total = tally{total.n + t.n, total.hits + t.hits}
	}
	n := float64(total.n)
	share := float64(total.hits) / n
	if total.n < 2 || share <= 0 || share >= 1 || len(ts) < leastTallies {
		return n
	}
	residuals := make([]float64, len(ts))
	squares := 0.0
	for i, t := range ts {
		residuals[i] = float64(t.hits) - share*float64(t.n)
		squares += residuals[i] * residuals[i]
	}
	rho, _ := stats.Lag1(residuals)
	inflation := float64(len(ts)) / stats.EffectiveSize(len(ts), max(rho, 0))
	effect := squares * inflation / (n * share * (1 - share))
	return max(min(n/effect, n), 1)
}

// availability returns the share of good results among those that count, with
// its 95 % interval for the number of independent results that the hours are worth;
// nil where nothing counted.
func availability(hours []Hour) *Bounded {
	ts := tallies(hours, func(h Hour) tally { c := h.counted(); return tally{c.Good + c.Bad, c.Bad} })
	var total tally
	for _, t := range ts {
		total = tally{total.n + t.n, total.hits + t.hits}
	}
	if total.n == 0 {
		return nil
	}
	good := float64(total.n-total.hits) / float64(total.n)
	low, high := stats.Wilson(good, worth(ts))
	return &Bounded{Value: good, Low: low, High: high}
}
