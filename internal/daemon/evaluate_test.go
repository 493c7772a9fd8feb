package daemon

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// TestSamplesThatCannotBeStoredLeaveAlertsAsTheyAre: what fires neither
// resolves nor fires anew while the disk fails; every failure is counted, the
// first is logged, and probing goes on.
func TestSamplesThatCannotBeStoredLeaveAlertsAsTheyAre(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(status(http.StatusInternalServerError))
		r.net.Serve(t, "m.test:80", seen)
		begun := time.Now().Truncate(10 * time.Second)
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("bad", "http://m.test/bad", "@every 10s"))
		time.Sleep(46 * time.Second)
		synctest.Wait()
		if got := ops.of("TargetFailing", "bad", "firing"); len(got) != 1 {
			t.Fatalf("%d pages, want 1", len(got))
		}
		if err := r.d.evaluator.db.Close(); err != nil {
			t.Fatal(err)
		}
		// At 60, 75, …, 645 seconds: far beyond the five minutes after which a
		// series without samples is gone.
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		r.want(40, "hfwatch_evaluation_failures_total", "rule", "")
		if got := strings.Count(r.logs.String(), "samples cannot be stored; alerts stay as they are"); got != 1 {
			t.Errorf("%d lines on the failure, want 1", got)
		}
		if got := ops.of("TargetFailing", "bad", "resolved"); len(got) != 0 {
			t.Errorf("%d resolves of what still fails, want none", len(got))
		}
		if got := ops.of("TargetFailing", "bad", "firing"); len(got) != 1 {
			t.Errorf("%d pages of what goes on, want 1", len(got))
		}
		if got := ops.of("HistoryFailing", "", "firing"); len(got) != 1 {
			t.Errorf("%d pages say that alerts stand still, want 1", len(got))
		}
		if !r.d.front(t.Context(), time.Now()).Blind {
			t.Error("the front page does not say that alerts stand still")
		}
		firing := r.d.front(t.Context(), time.Now()).Firing
		if len(firing) != 1 || firing[0].Name != "TargetFailing" {
			t.Errorf("the front page shows %v, want the alert that goes on", firing)
		}
		n := int(time.Since(begun) / (10 * time.Second))
		sameTimes(t, "bad", seen.of("/bad"), every(begun.Add(10*time.Second), 10*time.Second, n))
	})
}

// TestStandingStillIsPagedAndResolved: one failed tick pages nobody, the second
// does, and the first that works resolves it.
func TestStandingStillIsPagedAndResolved(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		// Not started, so that no tick comes in between.
		r.write(configFile, `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]`+"\nmodels:\n"+model("a", "http://m.test/a", "@every 10s"))
		r.build()
		e := r.d.evaluator
		tell := func(err error) {
			e.page(t.Context(), err, time.Now(), alerts.Routing{})
			time.Sleep(time.Second)
			synctest.Wait()
		}
		disk := errors.New("no space left on device")
		tell(disk)
		tell(nil)
		tell(disk)
		if got := ops.of("HistoryFailing", "", "firing"); len(got) != 0 {
			t.Errorf("%d pages of single failures, want none", len(got))
		}
		tell(disk)
		tell(disk)
		if got := ops.of("HistoryFailing", "", "firing"); len(got) != 1 || !e.blind.Load() {
			t.Errorf("%d pages of failures in a row, blind %v, want 1 and true", len(got), e.blind.Load())
		}
		tell(nil)
		if got := ops.of("HistoryFailing", "", "resolved"); len(got) != 1 || e.blind.Load() {
			t.Errorf("%d resolves, blind %v, want 1 and false", len(got), e.blind.Load())
		}
	})
}

// TestAReloadGivesUpOnFilesThatDoNotCome, says so, and leaves everything as it
// is; a later one works.
func TestAReloadGivesUpOnFilesThatDoNotCome(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s"))
		load, come := r.d.opts.Load, make(chan struct{})
		r.d.opts.Load = func() (*config.Config, error) { <-come; return load() }
		begun := time.Now()
		if err := r.d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "did not come within 10s") || time.Since(begun) != loadWithin {
			t.Errorf("Reload() = %v after %v, want it to give up after %v", err, time.Since(begun), loadWithin)
		}
		if err := r.d.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "still waits") {
			t.Errorf("a second Reload() = %v, want it refused while the first waits", err)
		}
		close(come)
		synctest.Wait()
		if err := r.d.Reload(t.Context()); err != nil {
			t.Errorf("Reload() = %v once the files come", err)
		}
	})
}

// TestAClockStepIsCountedAndLogged: the evaluation sees that the wall clock was
// set against the monotonic one.
func TestAClockStepIsCountedAndLogged(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.write(configFile, "models:\n"+model("a", "http://m.test/a", "@every 1h"))
		r.build()
		e := r.d.evaluator
		e.tick(t.Context())
		time.Sleep(15 * time.Second)
		e.tick(t.Context())
		r.want(0, "hfwatch_clock_steps_total", "kind", "backward")
		// A monotonic clock that has gone a minute further than the wall clock is
		// a wall clock that was set back by a minute.
		e.origin = e.origin.Add(-time.Minute)
		time.Sleep(15 * time.Second)
		e.tick(t.Context())
		r.want(1, "hfwatch_clock_steps_total", "kind", "backward")
		r.want(0, "hfwatch_clock_steps_total", "kind", "forward")
		if got := r.logs.String(); !strings.Contains(got, `"the clock stepped","kind":"backward","by":"-1m0s"`) {
			t.Errorf("the step is not logged:\n%s", got)
		}
		time.Sleep(15 * time.Second)
		e.tick(t.Context())
		r.want(1, "hfwatch_clock_steps_total", "kind", "backward")
		r.want(0, "hfwatch_evaluation_failures_total", "rule", "")
	})
}

// TestTicksBringBudgetsAndMaintenanceUpToDate, which nobody tells of.
func TestTicksBringBudgetsAndMaintenanceUpToDate(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start(`budget: {requests_per_month: 1000000}
alerting: off
history: off
maintenance: [{name: noon, schedule: "1 0 * * *", for: 1m}]
models:
` + model("a", "http://m.test/a", "@every 10s", "budget: {requests_per_day: 10000}"))
		time.Sleep(46 * time.Second) // A tick at 00:00:48, after four slots.
		r.want(0.0004, "hfwatch_budget_used_ratio", "target", "a", "period", "day", "unit", "requests")
		r.want(0.000004, "hfwatch_budget_used_ratio", "target", "", "period", "month", "unit", "requests")
		r.want(0, "hfwatch_maintenance_active", "maintenance", "noon")
		time.Sleep(30 * time.Second)
		r.want(1, "hfwatch_maintenance_active", "maintenance", "noon")
		r.want(0.0007, "hfwatch_budget_used_ratio", "target", "a", "period", "day", "unit", "requests")
		time.Sleep(time.Minute)
		r.want(0, "hfwatch_maintenance_active", "maintenance", "noon")
	})
}

// TestTheWordOfAnotherClock: the Date of an answer, and when it came.
func TestTheWordOfAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &evaluator{origin: time.Now()}
		time.Sleep(time.Minute)
		date := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		e.Record(probe.Result{Date: date})
		time.Sleep(time.Minute)
		e.Record(probe.Result{})
		if e.hint.Time != date || e.hint.Mono != time.Minute {
			t.Errorf("hint = %s at %s, want %s at 1m: a result without a date says nothing", e.hint.Time, e.hint.Mono, date)
		}
	})
}

// TestWithoutAlertingAndHistoryNothingIsStored, and probing goes on.
func TestWithoutAlertingAndHistoryNothingIsStored(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var n atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			n.Add(1)
			good(w, req)
		}))
		r.start("alerting: off\nhistory: off\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(time.Minute)
		// A sender there is, since Watchdog is told of all the same.
		if r.d.evaluator.db != nil || r.d.records != nil || r.d.evaluator.rules != nil {
			t.Error("series, records or rules were opened, want none")
		}
		if n.Load() != 6 {
			t.Errorf("%d probes, want 6", n.Load())
		}
		r.want(6, "hfwatch_probes_total", "target", "a", "outcome", "ok")
		if f := r.d.front(t.Context(), time.Now()); f.Alerting || len(f.Firing) != 0 || len(f.Targets) != 1 {
			t.Errorf("the front page = %+v, want one target and no alerts", f)
		}
	})
}

// TestLogsSayWhatChangesAndNothingElse: a line for each change of a target's
// state, none for each result.
func TestLogsSayWhatChangesAndNothingElse(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var n atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("X-Request-Id", "req-1")
			switch k := n.Add(1); {
			case k <= 3:
				good(w, req)
			case k <= 6:
				status(http.StatusInternalServerError)(w, req)
			default:
				good(w, req)
			}
		}))
		r.start("alerting: off\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(2 * time.Minute)
		var got []string
		for line := range strings.SplitSeq(r.logs.String(), "\n") {
			if strings.Contains(line, `"target changed"`) {
				_, rest, _ := strings.Cut(line, `"level":`)
				got = append(got, rest)
			}
		}
		want := []string{
			`"INFO","msg":"target changed","target":"a","outcome":"ok"}`,
			`"WARN","msg":"target changed","target":"a","outcome":"server_error","fault":"target","err":"500 Internal Server Error: Internal Server Error","request_id":"req-1"}`,
			`"INFO","msg":"target changed","target":"a","outcome":"ok"}`,
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestSamplesAreEvenlySpaced whatever a timer is late by, and never go back.
func TestSamplesAreEvenlySpaced(t *testing.T) {
	last := time.Date(2026, 11, 25, 12, 0, 0, 3e6, time.UTC)
	for _, tt := range []struct {
		name     string
		at, want time.Duration // after the last
	}{
		{"on time", 15 * time.Second, 15 * time.Second},
		{"a little late", 15*time.Second + 9*time.Millisecond, 15 * time.Second},
		{"after a late one", 15*time.Second - 150*time.Millisecond, 15 * time.Second},
		{"later than a hundredth", 15*time.Second + 151*time.Millisecond, 15*time.Second + 151*time.Millisecond},
		{"one missed", 30*time.Second + 2*time.Millisecond, 30*time.Second + 2*time.Millisecond},
		{"the last tick of a shutdown", 4 * time.Second, 4 * time.Second},
		{"at once", 0, time.Millisecond},
		{"behind one that was aligned forward", -20 * time.Millisecond, time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := aligned(last, last.Add(tt.at), 15*time.Second).Sub(last); got != tt.want {
				t.Errorf("aligned() = %v after the last, want %v", got, tt.want)
			}
		})
	}
	first := last.Add(7 * time.Millisecond)
	if got := aligned(time.Time{}, first, 15*time.Second); !got.Equal(first) {
		t.Errorf("the first is at %v, want %v", got, first)
	}
}

// TestHoursAreRecorded: every full hour of every target has one point.
func TestHoursAreRecorded(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("evaluation_interval: 5m\nmodels:\n" + model("a", "http://m.test/a", "@every 5m") + model("b", "http://m.test/b", "@every 10m"))
		begin := time.Now()
		time.Sleep(2*time.Hour + 6*time.Minute)
		synctest.Wait()
		for name, want := range map[string]float64{"a": 12, "b": 6} {
			res, err := r.d.evaluator.db.QueryHourly(t.Context(), alerts.HourlyResults+`{counts="good",target="`+name+`"}`, begin, time.Now())
			if err != nil || len(res.Series()) != 1 {
				t.Fatalf("%d series, %v, want 1", len(res.Series()), err)
			}
			got := res.Series()[0].Points
			if len(got) != 2 {
				t.Fatalf("%d points of two hours, want 2", len(got))
			}
			// The first hour has fewer samples than its range.
			for _, p := range got[1:] {
				if p.At.Minute() != 0 || math.Abs(p.Value-want) > 1e-9 {
					t.Errorf("%v results of %s at %v, want %v", p.Value, name, p.At, want)
				}
			}
		}
		r.want(0, "hfwatch_evaluation_failures_total", "rule", "")
	})
}
