package coldstart

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// lineOf is a time line of running endpoints: seconds, ready and wanted.
func lineOf(all ...[3]int) *Timeline {
	var line Timeline
	for _, r := range all {
		line.Add(time.Duration(r[0])*sec, Reading{ManagedRunning, r[1], r[2]})
	}
	return &line
}

// TestTimelineIsBounded and keeps what differs, with the last of all.
func TestTimelineIsBounded(t *testing.T) {
	t.Parallel()
	line := lineOf([3]int{0, 1, 1}, [3]int{30, 1, 1}, [3]int{70, 1, 2})
	if len(line.Moments) != 2 {
		t.Errorf("%d moments, want the 2 that differ", len(line.Moments))
	}
	for i := range mostMoments {
		line.Add(time.Duration(100+i)*sec, Reading{ManagedRunning, i % 2, 2})
	}
	last := line.Moments[mostMoments-1]
	if len(line.Moments) != mostMoments || line.Dropped != 2 || last.After != probe.Measured((99+mostMoments)*sec) {
		t.Errorf("%d moments, %d dropped, the last at %v", len(line.Moments), line.Dropped, last.After)
	}
}

// TestLags walks what an autoscaler can do about a rise of demand.
func TestLags(t *testing.T) {
	t.Parallel()
	at := func(s int) probe.Seconds { return probe.Measured(time.Duration(s) * sec) }
	step := []Demand{{After: 0, Rate: 1}, {After: 10 * sec, Rate: 5}, {After: 180 * sec, Rate: 20}, {After: 300 * sec, Rate: 1}}
	for _, row := range []struct {
		name   string
		line   *Timeline
		demand []Demand
		want   []Lag
	}{
		{"nothing was read", lineOf(), step, nil},
		{"each rise brings one more", lineOf([3]int{0, 1, 1}, [3]int{70, 1, 2}, [3]int{100, 2, 2}, [3]int{200, 2, 3}, [3]int{260, 3, 3}), step, []Lag{
			{Rate: 1, From: at(0), Replicas: 1},
			{Rate: 5, From: at(10), Decided: at(60), Ready: at(90), Replicas: 1, Wanted: 2},
			{Rate: 20, From: at(180), Decided: at(20), Ready: at(80), Replicas: 2, Wanted: 3},
		}},
		{"it does not follow", lineOf([3]int{0, 1, 1}), step[:2], []Lag{{Rate: 1, From: at(0), Replicas: 1}, {Rate: 5, From: at(10), Replicas: 1}}},
		{"the first reading came late", lineOf([3]int{3, 1, 1}), step[:1], []Lag{{Rate: 1, From: at(0), Replicas: 1}}},
		{
			"capacity comes after the next rise, and for both", lineOf([3]int{0, 1, 1}, [3]int{60, 1, 2}, [3]int{120, 2, 2}),
			[]Demand{{After: 0, Rate: 5}, {After: 90 * sec, Rate: 6}},
			[]Lag{
				{Rate: 5, From: at(0), Decided: at(60), Ready: at(120), Replicas: 1, Wanted: 2},
				{Rate: 6, From: at(90), Decided: at(0), Ready: at(30), Replicas: 1, Wanted: 2},
			},
		},
		{
			"capacity comes when the demand has gone", lineOf([3]int{0, 1, 1}, [3]int{60, 1, 2}, [3]int{120, 2, 2}),
			[]Demand{{After: 0, InFlight: 5}, {After: 90 * sec, InFlight: 1}},
			[]Lag{
				{InFlight: 5, From: at(0), Decided: at(60), Replicas: 1, Wanted: 2},
			},
		},
		{"two more, one after the other", lineOf([3]int{0, 0, 0}, [3]int{5, 0, 1}, [3]int{50, 1, 1}, [3]int{60, 1, 2}, [3]int{90, 2, 2}), step[:1], []Lag{
			{Rate: 1, From: at(0), Decided: at(5), Ready: at(90), Wanted: 2},
		}},
	} {
		s := Scaling{Timeline: *row.line}
		s.Judge(row.demand)
		if diff := cmp.Diff(row.want, s.Lags); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
	s := Scaling{Timeline: *lineOf([3]int{0, 1, 1}, [3]int{70, 1, 2}, [3]int{100, 2, 2}, [3]int{200, 2, 3}, [3]int{260, 3, 3})}
	s.Judge(step)
	if s.WorstLag != at(90) {
		t.Errorf("worst = %v, want 90 s", s.WorstLag)
	}
}
