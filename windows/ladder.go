package windows

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// rungs is what a search found at one number in flight: the means of the rungs
// that count.
type rungs struct{ rate, value, n float64 }

// ladder returns the charts of a search, and a window whose curve they are drawn
// over: its points are numbers in flight in place of seconds.
func ladder(c *load.Capacity) (load.Window, []graph) {
	found := map[int]rungs{}
	for _, r := range c.Rungs {
		if r.Discarded == "" {
			is := found[r.InFlight]
			found[r.InFlight] = rungs{is.rate + r.Rate, is.value + r.Value, is.n + 1}
		}
	}
	var w load.Window
	for _, n := range slices.Sorted(maps.Keys(found)) {
		w.Curve = append(w.Curve, load.Second{At: probe.Measured(time.Duration(n) * time.Second)})
	}
	mean := func(of func(rungs) float64) func(load.Second) (float64, bool) {
		return func(s load.Second) (float64, bool) {
			at, _ := s.At.Get()
			is := found[int(at/time.Second)]
			return of(is) / is.n, true
		}
	}
	limit, unit := c.Objective.Ratio, ""
	if d, ok := c.Objective.Limit.Get(); ok {
		limit, unit = d.Seconds(), "s"
	}
	count := func(at, _ float64) string { return load.Digits(math.Round(at*10)/10, 4) }
	return w, []graph{
		{title: "Answers a second, by how many are in flight", unit: "/s", scale: count, lines: []line{{"answered", "a", mean(func(r rungs) float64 { return r.rate })}}},
		{title: c.Objective.String() + ", by how many are in flight", unit: unit, scale: count, lines: []line{
			{"measured", "a", mean(func(r rungs) float64 { return r.value })},
			{"limit", "d", func(load.Second) (float64, bool) { return limit, true }},
		}},
	}
}
