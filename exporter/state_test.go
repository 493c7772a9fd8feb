package exporter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// gauges of a target's state under short names; what is absent is absent.
func stateOf(t *testing.T, e *Exporter) map[string]float64 {
	t.Helper()
	all, out := gather(t, e), map[string]float64{}
	for short, name := range map[string]string{
		"first": "first_seen_timestamp_seconds", "result": "last_result_timestamp_seconds",
		"success": "last_success_timestamp_seconds", "bad": "bad_of_last_5", "row": "consecutive_bad", "uncounted": "uncounted_slots",
	} {
		if v, ok := all.value("hfwatch_target_" + name + `{target="a"}`); ok {
			out[short] = v
		}
	}
	return out
}

// TestState follows results one after the other. Each row says what happens and
// the values that it leaves.
func TestState(t *testing.T) {
	type step struct {
		why                 string
		do                  func(e *Exporter, seq int)
		bad, row, uncounted float64
	}
	record := func(o probe.Outcome) func(*Exporter, int) {
		return func(e *Exporter, seq int) {
			if o == probe.OK {
				e.Record(good("a", seq))
				return
			}
			e.Record(failed("a", seq, o))
		}
	}
	kind := func(k probe.Kind, r func(string, int) probe.Result) func(*Exporter, int) {
		return func(e *Exporter, seq int) {
			res := r("a", seq)
			res.Kind = k
			e.Record(res)
		}
	}
	slot := func(lane, result string) func(*Exporter, int) {
		return func(e *Exporter, _ int) { e.Slot("a", lane, result) }
	}
	bad := func(name string, seq int) probe.Result { return failed(name, seq, probe.Timeout) }
	blocked := func(name string, seq int) probe.Result { return failed(name, seq, probe.Billing) }
	e := newTest(t, plain("a"))
	for i, s := range []step{
		{"a good result", record(probe.OK), 0, 0, 0},
		{"a bad one", record(probe.Timeout), 1, 1, 0},
		{"a second bad one", record(probe.ServerError), 2, 2, 0},
		{"one apart is not among the five, and leaves the target blinder", record(probe.Billing), 2, 2, 1},
		{"a slot that was missed", slot("baseline", "missed"), 2, 2, 2},
		{"one that was withheld", slot("baseline", "withheld"), 2, 2, 3},
		{"one for which its group had no place", slot("baseline", "excluded"), 2, 2, 4},
		{"one whose fate has no name here", slot("baseline", "eaten"), 2, 2, 5},
		{"one that ran tells by its result", slot("baseline", "run"), 2, 2, 5},
		{"one that ran late as well", slot("baseline", "late"), 2, 2, 5},
		{"one in a maintenance time that stops probing was meant to bring nothing", slot("baseline", "maintenance"), 2, 2, 5},
		{"slots of windows are not of the baseline", slot("window", "missed"), 2, 2, 5},
		{"a third bad result counts", record(probe.Timeout), 3, 3, 0},
		{"a missed slot once more", slot("baseline", "missed"), 3, 3, 1},
		{"a bad bystander sees the target, and is kept out of what pages", kind(probe.Bystander, bad), 3, 3, 0},
		{"a bystander that is apart sees nothing", kind(probe.Bystander, blocked), 3, 3, 1},
		{"a manual probe is no slot", kind(probe.Manual, good), 3, 3, 1},
		{"a good result ends the row, and is the fifth", record(probe.OK), 3, 0, 0},
		{"a sixth pushes out the first, which was good", record(probe.OK), 3, 0, 0},
		{"the next pushes out a bad one", record(probe.OK), 2, 0, 0},
		{"and the next", record(probe.OK), 1, 0, 0},
		{"the last of the old ones goes as a new one comes", record(probe.Timeout), 1, 1, 0},
	} {
		s.do(e, i)
		got := stateOf(t, e)
		want := map[string]float64{"bad": s.bad, "row": s.row, "uncounted": s.uncounted}
		for _, name := range []string{"first", "result", "success"} {
			delete(got, name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after step %d, %s (-want +got):\n%s", i, s.why, diff)
		}
	}
}

// TestTimestamps are when results ended, never zero, and never go back.
func TestTimestamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newTest(t, plain("a"))
		start := float64(time.Now().Unix())
		due := func(seq int) float64 { return float64(began().Unix()) + 60*float64(seq) }
		for _, c := range []struct {
			why             string
			result          probe.Result
			last, succeeded float64
		}{
			{"a bad result is one, and no success: first seen until then", failed("a", 5, probe.Timeout), due(5) + 2.25, start},
			{"a good one is both", good("a", 6), due(6) + 2.25, due(6) + 2.25},
			{"an older one that comes late moves nothing back", good("a", 4), due(6) + 2.25, due(6) + 2.25},
			{"one apart is a result", failed("a", 7, probe.Billing), due(7) + 2.25, due(6) + 2.25},
			{"one that was never sent ends when it was due", probe.Result{
				Target: "a", Kind: probe.Baseline, Counts: probe.Bad, Outcome: probe.Asleep, Fault: probe.FaultTarget,
				Due: began().Add(8 * time.Minute),
			}, due(8), due(6) + 2.25},
		} {
			e.Record(c.result)
			got := stateOf(t, e)
			if got["result"] != c.last || got["success"] != c.succeeded || got["first"] != start {
				t.Errorf("%s: last result %f, success %f, first seen %f; want %f, %f, %f",
					c.why, got["result"], got["success"], got["first"], c.last, c.succeeded, start)
			}
		}
		ahead := good("a", 9)
		ahead.Sent = time.Now().Add(time.Hour)
		e.Record(ahead)
		if got := stateOf(t, e); got["result"] != start || got["success"] != start {
			t.Errorf("a result from a clock that was ahead ended at %f, want not after now, %f", got["result"], start)
		}
		e = newTest(t, plain("a"))
		time.Sleep(time.Minute)
		e.Record(probe.Result{Target: "a", Kind: probe.Baseline, Counts: probe.Good, Outcome: probe.OK, Fault: probe.FaultNone})
		if got := stateOf(t, e)["result"]; got != float64(time.Now().Unix()) {
			t.Errorf("a result without times ended at %f, want now, %d", got, time.Now().Unix())
		}
	})
}

// TestRestore gives back what the records know, and overwrites nothing newer.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		ago := func(d time.Duration) time.Time { return now.Add(-d) }
		unix := func(d time.Duration) float64 { return float64(ago(d).Unix()) }
		day, hour := 24*time.Hour, time.Hour
		recent := func(text string) (out []probe.Counts) {
			for _, c := range text {
				out = append(out, map[rune]probe.Counts{'g': probe.Good, 'b': probe.Bad, 'a': probe.Apart}[c])
			}
			return out
		}
		recorded := func(counts probe.Counts) *probe.Result {
			return &probe.Result{Target: "a", Kind: probe.Baseline, Counts: counts, Due: now}
		}
		for _, c := range []struct {
			why   string
			live  *probe.Result
			state State
			want  map[string]float64
		}{
			{
				"records that know nothing change nothing", nil,
				State{},
				map[string]float64{"first": unix(0), "success": unix(0), "uncounted": 0},
			},
			{
				"a target that never succeeded: first seen until then", nil,
				State{FirstSeen: ago(day), LastResult: ago(hour), Recent: recent("bbbbbbb")},
				map[string]float64{"first": unix(day), "success": unix(day), "result": unix(hour), "bad": 5, "row": 7, "uncounted": 0},
			},
			{
				"one that was well", nil,
				State{FirstSeen: ago(day), LastResult: ago(hour), LastSuccess: ago(hour), Recent: recent("bgggb")},
				map[string]float64{"first": unix(day), "success": unix(hour), "result": unix(hour), "bad": 2, "row": 1, "uncounted": 0},
			},
			{
				"one that was blind when it ended", nil,
				State{FirstSeen: ago(day), LastResult: ago(hour), LastSuccess: ago(day), Recent: recent("gbaaa")},
				map[string]float64{"first": unix(day), "success": unix(day), "result": unix(hour), "bad": 1, "row": 1, "uncounted": 3},
			},
			{
				"only results apart: no state of what counts", nil,
				State{FirstSeen: ago(day), LastResult: ago(hour), Recent: recent("aa")},
				map[string]float64{"first": unix(day), "success": unix(day), "result": unix(hour), "uncounted": 2},
			},
			{
				"a result has come meanwhile and is newer", recorded(probe.Good),
				State{FirstSeen: ago(day), LastResult: ago(hour), LastSuccess: ago(hour), Recent: recent("bbbbb")},
				map[string]float64{"first": unix(day), "success": unix(0), "result": unix(0), "bad": 0, "row": 0, "uncounted": 0},
			},
			{
				"a bad result has come meanwhile: the last success is the records'", recorded(probe.Bad),
				State{FirstSeen: ago(day), LastSuccess: ago(hour)},
				map[string]float64{"first": unix(day), "success": unix(hour), "result": unix(0), "bad": 1, "row": 1, "uncounted": 0},
			},
			{
				"records from a clock that was ahead do not make the target younger", nil,
				State{FirstSeen: ago(-hour)},
				map[string]float64{"first": unix(0), "success": unix(0), "uncounted": 0},
			},
			{
				"nor do they put results ahead of now", nil,
				State{LastResult: ago(-hour), LastSuccess: ago(-hour)},
				map[string]float64{"first": unix(0), "success": unix(0), "result": unix(0), "uncounted": 0},
			},
		} {
			e := newTest(t, plain("a"))
			if c.live != nil {
				e.Record(*c.live)
			}
			e.Restore("a", c.state)
			e.Restore("removed", c.state)
			if diff := cmp.Diff(c.want, stateOf(t, e)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.why, diff)
			}
		}
	})
}

// TestLater moves a timestamp forward, and back only from ahead of now.
func TestLater(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		why          string
		child        child
		at, expected float64
	}{
		{"what is not known becomes known", child{absent: true}, 500, 500},
		{"forward", child{value: 500}, 600, 600},
		{"not back", child{value: 500}, 400, 500},
		{"not ahead of now", child{value: 500}, 2000, 1000},
		{"back from ahead of now: the clock was set back", child{value: 2000}, 900, 900},
	} {
		if c.child.later(c.at, now); c.child.value != c.expected || c.child.absent {
			t.Errorf("%s: %g, absent %t; want %g", c.why, c.child.value, c.child.absent, c.expected)
		}
	}
}
