package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// The time of day of the windows in these tests: a bubble begins at midnight.
const atTwo = "2 0 * * *"

// windowed returns a model with a window, probed every ten seconds.
func windowed(name, address, window string, more ...string) string {
	return model(name, address, "@every 10s", append([]string{"window: " + window}, more...)...)
}

// records returns the records of the windows of a target, newest first.
func (r *rig) windows(name string) []load.Window {
	r.t.Helper()
	// The writer lets records gather for a second.
	time.Sleep(2 * time.Second)
	events, err := r.d.records.Events(r.t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindWindow}, Target: name})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []load.Window
	for _, e := range events {
		w, err := windowOf(e)
		if err != nil {
			r.t.Fatal(err)
		}
		if w.ID != e.ID || !w.Started.Equal(e.At) {
			r.t.Errorf("event %s at %s holds window %s of %s", e.ID, e.At, w.ID, w.Started)
		}
		out = append(out, w)
	}
	return out
}

// TestWindowOnSchedule runs when it is due, beside baselines that go on as
// bystanders until five minutes after, and is recorded once.
func TestWindowOnSchedule(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(50 * time.Millisecond)
			good(w, req)
		}))
		r.net.Serve(t, "other.test:80", http.HandlerFunc(good))
		r.start("alerting: off\nmodels:\n" +
			windowed("m", "http://m.test/m", `{schedule: "`+atTwo+`", stages: [{rate: 5/s, for: 20s}, {rate: 10/s, ramp: 10s, for: 30s}], max_in_flight: 8}`) +
			model("neighbour", "http://m.test/n", "@every 10s") + model("stranger", "http://other.test/", "@every 10s"))
		time.Sleep(2*time.Minute + 30*time.Second)
		if v, ok := r.value("hfwatch_window_live_rate", "target", "m"); !ok || v < 5 {
			t.Errorf("the rate under way is %v (there: %t), want at least 5", v, ok)
		}
		time.Sleep(30 * time.Second)
		r.want(1, "hfwatch_windows_total", "target", "m", "verdict", "complete")
		// 100 of the first stage, 75 of the ramp, 200 of what follows it.
		r.want(375, "hfwatch_results_total", "target", "m", "kind", "window", "counts", "good")
		r.want(375, "hfwatch_window_requests", "target", "m", "stage", "all", "state", "sent")
		r.want(1, "hfwatch_slots_total", "target", "m", "lane", "window", "result", "run")
		for _, name := range []string{"m", "neighbour"} {
			// Slots at 00:02:00 to 00:03:00, of which the first may be before the window.
			if n, ok := r.value("hfwatch_results_total", "target", name, "kind", "bystander", "counts", "good"); !ok || n < 6 {
				t.Errorf("%s has %v bystanders (there: %t), want at least 6", name, n, ok)
			}
		}
		if n, ok := r.value("hfwatch_results_total", "target", "stranger", "kind", "bystander", "counts", "good"); ok {
			t.Errorf("stranger has %v bystanders, want none", n)
		}
		all := r.windows("m")
		if len(all) != 1 {
			t.Fatalf("%d windows are recorded, want 1", len(all))
		}
		w := all[0]
		if w.Verdict != load.Complete || w.EndedBy != load.EndPlan || w.Trigger != triggerSchedule || w.Sent != 375 || len(w.Stages) != 2 || w.Response.HDR == "" || len(w.Curve) == 0 {
			t.Errorf("the record is %s by %s, begun by %s, with %d sent, %d stages, %d points", w.Verdict, w.EndedBy, w.Trigger, w.Sent, len(w.Stages), len(w.Curve))
		}
		if len(w.Asked) != 1 || w.Asked[0].Target != "m" || w.Asked[0].InputsHash == "" || w.Asked[0].ParamsHash == "" {
			t.Errorf("asked = %+v", w.Asked)
		}
		if len(w.Neighbours) != 2 || w.Neighbours[1].Target != "neighbour" || w.Neighbours[1].During.N < 4 || w.Neighbours[1].Before.N < 10 || w.Neighbours[1].Before.Median.IsZero() {
			t.Errorf("neighbours = %+v", w.Neighbours)
		}
		// Five minutes after its end baselines are baselines again.
		before, _ := r.value("hfwatch_results_total", "target", "m", "kind", "baseline", "counts", "good")
		time.Sleep(4*time.Minute + 30*time.Second)
		r.want(before, "hfwatch_results_total", "target", "m", "kind", "baseline", "counts", "good")
		time.Sleep(time.Minute)
		if after, _ := r.value("hfwatch_results_total", "target", "m", "kind", "baseline", "counts", "good"); after <= before {
			t.Errorf("no baseline has come since the window: %v", after)
		}
		// The last window is there again after a restart.
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.build()
		r.want(375, "hfwatch_window_requests", "target", "m", "stage", "all", "state", "sent")
		r.want(0, "hfwatch_windows_total", "target", "m", "verdict", "complete")
	})
}

// TestWindowSkipped for each reason that a configuration or a target can give:
// nothing is sent, and the reason is counted, logged and recorded.
func TestWindowSkipped(t *testing.T) {
	const stages = `stages: [{rate: 5/s, for: 10s}], max_in_flight: 4}`
	window := `{schedule: "` + atTwo + `", ` + stages
	for _, c := range []struct{ reason, more, rest string }{
		{reason: "baselines", rest: "\nmaintenance: []"},
		{reason: "budget", more: "budget: {requests_per_day: 8665}"},
		{reason: "maintenance", rest: "\nmaintenance:\n  - {name: nightly, schedule: \"1 0 * * *\", for: 10m}"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				var n atomic.Int64
				r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if c.reason == "baselines" && n.Add(1) == 11 {
						status(http.StatusInternalServerError)(w, req)
						return
					}
					good(w, req)
				}))
				more := []string{}
				if c.more != "" {
					more = append(more, c.more)
				}
				r.start("alerting: off\nmodels:\n" + windowed("m", "http://m.test/m", window, more...) + c.rest)
				time.Sleep(3 * time.Minute)
				r.want(1, "hfwatch_windows_skipped_total", "target", "m", "reason", c.reason)
				if v, ok := r.value("hfwatch_results_total", "target", "m", "kind", "window", "counts", "good"); ok {
					t.Errorf("%v requests of the window were sent", v)
				}
				if c.reason == "maintenance" {
					r.want(1, "hfwatch_slots_total", "target", "m", "lane", "window", "result", "maintenance")
					return
				}
				r.want(1, "hfwatch_slots_total", "target", "m", "lane", "window", "result", "withheld")
				all := r.windows("m")
				if len(all) != 1 || all[0].Verdict != load.Skipped || string(all[0].EndedBy) != c.reason || all[0].Reason == "" {
					t.Errorf("records = %+v", all)
				}
				if !strings.Contains(r.logs.String(), "window skipped") {
					t.Error("the log does not say so")
				}
			})
		})
	}
}

// TestOneWindowAnAccount: of two windows that are due on one host, the second
// is skipped; one on another host runs.
func TestOneWindowAnAccount(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.net.Serve(t, "other.test:80", http.HandlerFunc(good))
		window := `{schedule: "` + atTwo + `", stages: [{rate: 1/s, for: 10s}], max_in_flight: 4}`
		r.start("alerting: off\nmodels:\n" + windowed("a", "http://m.test/a", window) + windowed("b", "http://m.test/b", window) + windowed("c", "http://other.test/", window))
		time.Sleep(3 * time.Minute)
		r.want(1, "hfwatch_windows_total", "target", "a", "verdict", "complete")
		r.want(1, "hfwatch_windows_skipped_total", "target", "b", "reason", "excluded")
		r.want(1, "hfwatch_windows_total", "target", "c", "verdict", "complete")
	})
}

// TestMixOnSchedule divides its requests by weight, and records them for each
// step.
func TestMixOnSchedule(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("alerting: off\nmodels:\n" + model("a", "http://m.test/a", "@every 10s") + model("b", "http://m.test/b", "@every 10s") +
			"mixes:\n  - {name: desk, schedule: \"" + atTwo + "\", users: 6, think_time: 1s-4s, for: 2m, max_in_flight: 6, steps: [{model: a, weight: 3}, {model: b, weight: 1, name: second}]}\n")
		time.Sleep(5 * time.Minute)
		r.want(1, "hfwatch_windows_total", "target", "desk", "verdict", "complete")
		all := r.windows("desk")
		if len(all) != 1 || all[0].Mix != "desk" || len(all[0].Models) != 2 || all[0].Models[1].Name != "second" {
			t.Fatalf("records = %+v", all)
		}
		a, b := all[0].Models[0].Sent, all[0].Models[1].Sent
		// Six users with 2.5 s between requests for 120 s are about 288.
		if a+b < 230 || a+b > 340 || a < 2*b {
			t.Errorf("%d and %d requests were sent, want about 288 of which three in four are of the first", a, b)
		}
	})
}

// TestBystanderEndsWindow: a neighbour that was good and now fails ends it.
func TestBystanderEndsWindow(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var loaded atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/n" && loaded.Load() {
				status(http.StatusServiceUnavailable)(w, req)
				return
			}
			if req.URL.Path == "/m" && time.Now().Minute() >= 2 {
				loaded.Store(true)
			}
			good(w, req)
		}))
		r.start("alerting: off\nmodels:\n" + windowed("m", "http://m.test/m", `{schedule: "`+atTwo+`", stages: [{rate: 5/s, for: 5m}], max_in_flight: 4}`) +
			model("n", "http://m.test/n", "@every 10s"))
		time.Sleep(4 * time.Minute)
		all := r.windows("m")
		if len(all) != 1 || all[0].Verdict != load.Aborted || all[0].EndedBy != load.EndBystander || !strings.Contains(all[0].EndedWhy, "n, which was good") {
			t.Fatalf("records = %+v", all)
		}
		if took := all[0].Ended.Sub(all[0].Started); took > 35*time.Second {
			t.Errorf("it went on for %s", took)
		}
	})
}

// TestStoppedWindowIsRecorded: stopping hfwatch ends a window at once, with its
// record, and it does not start again by itself.
func TestStoppedWindowIsRecorded(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		text := "alerting: off\nmodels:\n" + windowed("m", "http://m.test/m", `{schedule: "`+atTwo+`", stages: [{rate: 5/s, for: 10m}], max_in_flight: 4}`)
		r.start(text)
		time.Sleep(3 * time.Minute)
		before := time.Now()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 8*time.Second {
			t.Errorf("stopping took %s", took)
		}
		r.start(text)
		time.Sleep(2 * time.Minute)
		all := r.windows("m")
		if len(all) != 1 || all[0].Verdict != load.Aborted || all[0].EndedBy != load.EndInterrupted || all[0].Sent < 250 {
			t.Fatalf("records = %d: %+v", len(all), all)
		}
	})
}

// TestUnfinishedWindowBecomesInterrupted: a record without an end is what a kill
// leaves behind.
func TestUnfinishedWindowBecomesInterrupted(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		text := "alerting: off\nmodels:\n" + windowed("m", "http://m.test/m", `{schedule: "`+atTwo+`", stages: [{rate: 5/s, for: 10m}], max_in_flight: 4}`)
		r.start(text)
		r.d.recordWindow(load.Window{Schema: load.WindowSchema, ID: "left", Target: "m", Location: "local", Started: time.Now(), Plan: load.PlanHead{Arrivals: 3000}})
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.start(text)
		r.want(1, "hfwatch_windows_total", "target", "m", "verdict", "aborted")
		all := r.windows("m")
		if len(all) != 1 || all[0].ID != "left" || all[0].EndedBy != load.EndInterrupted || all[0].Planned != 3000 || all[0].Ended.IsZero() {
			t.Fatalf("records = %+v", all)
		}
		if !strings.Contains(r.logs.String(), "does not start again by itself") {
			t.Error("the log does not say so")
		}
	})
}

// TestWindowStopsWithItsBudget: requests beyond the budget are not sent, and the
// ledger knows what was.
func TestWindowStopsWithItsBudget(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		r.start("alerting: off\nmodels:\n" + windowed("m", "http://m.test/m",
			`{schedule: "`+atTwo+`", users: 4, for: 5m, max_in_flight: 4}`, "budget: {requests_per_day: 8800}"))
		time.Sleep(8 * time.Minute)
		all := r.windows("m")
		if len(all) != 1 || all[0].Verdict != load.BudgetLimited || all[0].EndedBy != load.EndBudget {
			t.Fatalf("records = %+v; logs:\n%s", all, r.logs)
		}
		// 8800 a day, of which a day of baselines is kept.
		if n := all[0].Sent; n < 100 || n > 180 {
			t.Errorf("%d requests were sent, want what the baselines leave", n)
		}
		used, _ := r.value("hfwatch_budget_used_ratio", "target", "m", "period", "day", "unit", "requests")
		if want := float64(len(seen.of("/m"))) / 8800; used < want-0.0001 || used > want+0.0005 {
			t.Errorf("the ledger says %v of the budget is used, the server saw %v", used, want)
		}
	})
}

// TestLargeWindowFitsAnEvent: what is left out is what can be drawn again or
// seen elsewhere.
func TestLargeWindowFitsAnEvent(t *testing.T) {
	t.Parallel()
	w := load.Window{Schema: load.WindowSchema, ID: "w", Target: "m", Started: time.Now(), Ended: time.Now(), Verdict: load.Complete}
	w.Response.HDR = "whole"
	for i := range 20_000 {
		w.Curve = append(w.Curve, load.Second{At: probe.Measured(time.Duration(i) * time.Second), Response: load.Points{N: 1, HDR: strings.Repeat("x", 200)}})
	}
	e, err := windowEvent(w)
	if err != nil || len(e.Data) > history.MaxEvent {
		t.Fatalf("windowEvent() = %d bytes, %v", len(e.Data), err)
	}
	back, err := windowOf(e)
	if err != nil || back.Response.HDR != "whole" {
		t.Errorf("the histogram of the whole is %q, %v", back.Response.HDR, err)
	}
	if fmt.Sprint(w.Curve[0].Response.HDR[:1]) != "x" {
		t.Error("the window itself was changed")
	}
}
