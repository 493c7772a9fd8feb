package windows

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// TestDrawnCurveEndsWithThePlan where the drain was shorter than a point, and goes
// on where it was longer or something still waited.
func TestDrawnCurveEndsWithThePlan(t *testing.T) {
	t.Parallel()
	at := func(n int) probe.Seconds { return probe.Measured(time.Duration(n) * time.Second) }
	w := load.Window{
		Plan: load.PlanHead{Stages: []load.Stage{{Rate: 1, For: at(2)}, {Rate: 1, For: at(1)}}}, CurveStep: at(1), DrainTime: probe.Measured(20 * time.Millisecond),
		Curve: []load.Second{{At: at(0), Due: 1}, {At: at(1), Due: 1}, {At: at(2)}, {At: at(3), Good: 1}},
	}
	if got := len(drawn(w)); got != 3 {
		t.Errorf("%d points are drawn, want the plan's 3", got)
	}
	w.DrainTime = at(2)
	if got := len(drawn(w)); got != 4 {
		t.Errorf("of a long drain %d points are drawn, want all 4", got)
	}
}

// TestAxisTime is read in the unit that fits.
func TestAxisTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at, end float64
		want    string
	}{{2.5, 15, "2.5s"}, {300, 1800, "5min"}, {20000, 21600, "5.6h"}} {
		if got := axisTime(c.at, c.end); got != c.want {
			t.Errorf("axisTime(%v, %v) = %s, want %s", c.at, c.end, got, c.want)
		}
	}
}

// TestLadder draws the means of the rungs that count, in the order of what was in
// flight, and the limit beside what was measured.
func TestLadder(t *testing.T) {
	t.Parallel()
	c := &load.Capacity{
		Objective: load.Objective{Signal: "response", Quantile: 0.5, Limit: probe.Measured(150 * time.Millisecond)},
		Rungs: []load.Rung{
			{InFlight: 1, Rate: 10, Value: 0.1},
			{InFlight: 4, Rate: 20, Value: 0.2},
			{InFlight: 2, Rate: 18, Value: 0.12},
			{InFlight: 2, Rate: 20, Value: 0.1},
			{InFlight: 3, Rate: 99, Value: 9, Discarded: "Little's law"},
		},
	}
	w, all := ladder(c)
	if len(w.Curve) != 3 || len(all) != 2 {
		t.Fatalf("%d points and %d charts, want 3 and 2", len(w.Curve), len(all))
	}
	for i, want := range [][3]float64{{10, 0.1, 0.15}, {19, 0.11, 0.15}, {20, 0.2, 0.15}} {
		rate, _ := all[0].lines[0].value(w.Curve[i])
		value, _ := all[1].lines[0].value(w.Curve[i])
		limit, _ := all[1].lines[1].value(w.Curve[i])
		if rate != want[0] || value < want[1]-1e-9 || value > want[1]+1e-9 || limit != want[2] {
			t.Errorf("point %d is %v/s, %v s under %v s, want %v", i, rate, value, limit, want)
		}
	}
	for _, g := range all {
		if g.svg(w) == "" {
			t.Errorf("%s is not drawn", g.title)
		}
	}
}
