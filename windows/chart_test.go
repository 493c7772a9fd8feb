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
