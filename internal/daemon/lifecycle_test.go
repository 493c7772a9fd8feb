package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// recorded returns what the records in the rig's folder hold of a target.
func (r *rig) recorded(target string) []probe.Result {
	r.t.Helper()
	path := filepath.Join(r.d.now.Load().cfg.Data.Dir, "records.db")
	records, err := history.Open(r.t.Context(), history.Options{Path: path, Logger: r.opts.Logger})
	if err != nil {
		r.t.Fatal(err)
	}
	last, err := records.Last(r.t.Context(), target, "local", probe.Baseline, 1000)
	if err := errors.Join(err, records.Close(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
	return last
}

// TestStopDrainsWithinGrace: a probe in flight may end by itself, and what it
// came to is stored everywhere; one that does not end is cut off.
func TestStopDrainsWithinGrace(t *testing.T) {
	for _, row := range []struct {
		why     string
		answer  time.Duration
		took    time.Duration
		outcome probe.Outcome
		says    string
	}{
		{"an answer within the grace time", 4 * time.Second, 2 * time.Second, probe.OK, ""},
		{"no answer within it", time.Hour, 10 * time.Second, probe.Canceled, "stopping the scheduler: probes in flight were cut off: the grace time is over"},
	} {
		t.Run(row.why, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					select {
					case <-time.After(row.answer):
						good(w, req)
					case <-req.Context().Done():
					}
				}))
				r.opts.Grace = 10 * time.Second
				r.opts.Listener = r.listen("127.0.0.1:9000")
				r.start("models:\n" + strings.Replace(model("a", "http://m.test/a", "@every 1m"), "timeout: 5s", "timeout: 50s", 1))
				time.Sleep(59 * time.Second) // 00:01:02, two seconds into the probe.
				before := time.Now()
				go func() {
					time.Sleep(time.Second)
					if code, body := r.get("GET", "http://127.0.0.1:9000/-/ready"); code != http.StatusServiceUnavailable {
						t.Errorf("/-/ready while stopping = %d %q, want 503", code, body)
					}
					if code, _ := r.get("GET", "http://127.0.0.1:9000/metrics"); code != http.StatusOK {
						t.Errorf("/metrics while stopping = %d, want 200", code)
					}
					if err := r.d.Reload(t.Context()); !errors.Is(err, errStopping) {
						t.Errorf("Reload() while stopping = %v, want %v", err, errStopping)
					}
				}()
				err := r.stop()
				if took := time.Since(before); took != row.took {
					t.Errorf("Stop took %s, want %s", took, row.took)
				}
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != row.says {
					t.Errorf("Stop() = %q, want %q", got, row.says)
				}
				if again := r.stop(); !errors.Is(again, err) {
					t.Errorf("a second Stop() = %v, want %v", again, err)
				}
				last := r.recorded("a")
				if len(last) != 1 || last[0].Outcome != row.outcome {
					t.Errorf("recorded %v, want one result with outcome %s", last, row.outcome)
				}
				r.want(1, "hfwatch_probes_total", "target", "a", "outcome", string(row.outcome))
				// The result, and the event of the start.
				r.want(2, "hfwatch_records_written_total")
			})
		})
	}
}

// TestTheLastResultsAreStoredAsSamples: the last evaluation comes after the
// last probe.
func TestTheLastResultsAreStoredAsSamples(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(4 * time.Second)
			good(w, req)
		}))
		text := "models:\n" + model("a", "http://m.test/a", "@every 1m")
		r.start(text)
		time.Sleep(59 * time.Second)
		if err := r.stop(); err != nil {
			t.Fatalf("Stop() = %v", err)
		}
		stopped := time.Now()
		r.start(text)
		got, err := r.d.evaluator.db.Query(t.Context(), `hfwatch_probes_total{outcome="ok"}`, stopped)
		if err != nil {
			t.Fatal(err)
		}
		if s := got.Series(); len(s) != 1 || s[0].Points[0].Value != 1 {
			t.Errorf("stored probes when it stopped = %v, want one series of value 1", s)
		}
	})
}

// TestRestoreAfterRestart: what a restart must not forget is there before the
// first result, and what was half way to an alert goes on from there.
func TestRestoreAfterRestart(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var n atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch n.Add(1) {
			case 1, 2:
				good(w, req)
			case 3, 4:
				status(http.StatusInternalServerError)(w, req)
			default:
				status(http.StatusPaymentRequired)(w, req)
			}
		}))
		begun := time.Now().Truncate(10 * time.Second)
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("a", "http://m.test/a", "@every 10s")
		r.start(text)
		time.Sleep(50 * time.Second) // Two good, two bad and one refused for billing.
		if err := r.stop(); err != nil {
			t.Fatalf("Stop() = %v", err)
		}
		time.Sleep(time.Hour)
		r.write(configFile, text)
		r.build()
		unix := func(at time.Time) float64 { return float64(at.Unix()) }
		r.want(2, "hfwatch_target_bad_of_last_5", "target", "a")
		r.want(2, "hfwatch_target_consecutive_bad", "target", "a")
		r.want(unix(begun.Add(10*time.Second)), "hfwatch_target_first_seen_timestamp_seconds", "target", "a")
		r.want(unix(begun.Add(20*time.Second)), "hfwatch_target_last_success_timestamp_seconds", "target", "a")
		r.want(unix(begun.Add(50*time.Second)), "hfwatch_target_last_result_timestamp_seconds", "target", "a")
		r.want(0, "hfwatch_probes_total", "target", "a", "outcome", "ok")
		if res := r.last("a"); res.Outcome != probe.Billing {
			t.Errorf("the last outcome = %s, want billing", res.Outcome)
		}
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := ops.of("AccountBlocked", "", "firing"); len(got) != 1 {
			t.Errorf("AccountBlocked = %v, want one page: suspected before the restart, confirmed after", got)
		}
		if got := ops.of("TargetFailing", "a", "firing"); len(got) != 0 {
			t.Errorf("TargetFailing = %v, want none: two are bad", got)
		}
	})
}

func TestCleanupsRunInReverseWhetherTheyFailOrNot(t *testing.T) {
	var c cleanups
	var order []string
	first, third := errors.New("first broke"), errors.New("third broke")
	for _, one := range []struct {
		name string
		err  error
	}{{"first", first}, {"second", nil}, {"third", third}} {
		c.add(one.name, func(context.Context) error {
			order = append(order, one.name)
			return one.err
		})
	}
	err := c.run(t.Context())
	if diff := cmp.Diff([]string{"third", "second", "first"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if want := "stopping the third: third broke\nstopping the first: first broke"; err == nil || err.Error() != want {
		t.Errorf("run() = %v, want %q", err, want)
	}
	if !errors.Is(err, first) || !errors.Is(err, third) {
		t.Errorf("run() = %v, want it to wrap both", err)
	}
	if err := c.run(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second run() = %v after %d cleanups, want nil and no more than 3", err, len(order))
	}
}

// TestNewTakesDownWhatItBuilt: a start that fails half way leaves no lock and
// no goroutine, so that the next one succeeds.
func TestNewTakesDownWhatItBuilt(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		good := "models:\n" + model("a", "http://m.test/a", "@every 10s")
		r.write(configFile, good)
		cfg, err := r.opts.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			why, says string
			prepare   func() error
			undo      func() error
		}{
			{
				"a configuration that is none", "models", func() error { r.write(configFile, "models: 3"); return nil },
				func() error { r.write(configFile, good); return nil },
			},
			{
				"series that are a file", "series", func() error {
					return errors.Join(os.MkdirAll(cfg.Data.Dir, 0o700), os.WriteFile(filepath.Join(cfg.Data.Dir, "series"), nil, 0o600))
				},
				func() error { return os.Remove(filepath.Join(cfg.Data.Dir, "series")) },
			},
			{"a target that the exporter refuses", "is not UTF-8", func() error {
				r.change = func(c *config.Config) {
					bad := *c.Models[0].Target
					bad.Name = "\xff"
					c.Models[0].Target = &bad
				}
				return nil
			}, func() error { r.change = nil; return nil }},
		} {
			if err := row.prepare(); err != nil {
				t.Fatal(err)
			}
			d, err := New(t.Context(), r.opts)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("New() with %s = %v, want an error that says %q", row.why, err, row.says)
			}
			if err == nil {
				_ = d.Stop(t.Context())
			}
			if err := row.undo(); err != nil {
				t.Fatal(err)
			}
		}
		r.build()
		if _, err := New(t.Context(), r.opts); !errors.Is(err, budget.ErrLocked) {
			t.Errorf("a second New() on one folder = %v, want %v", err, budget.ErrLocked)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Stop() without Start = %v", err)
		}
		r.build()
	})
}

// TestOnlyStopEndsIt: the contexts of New and Start may end, and it goes on to
// probe, to evaluate, to serve and to notify.
func TestOnlyStopEndsIt(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(status(http.StatusInternalServerError))
		r.net.Serve(t, "m.test:80", seen)
		r.opts.Listener, r.opts.Probe = r.listen("127.0.0.1:9000"), true
		r.write(configFile, `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]`+"\nmodels:\n"+model("a", "http://m.test/a", "@every 10s"))
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now().Truncate(10 * time.Second)
		d, err := New(ctx, r.opts)
		if err != nil {
			t.Fatal(err)
		}
		r.d = d
		if err := d.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		synctest.Wait()
		sameTimes(t, "a", seen.of("/a"), every(begun.Add(10*time.Second), 10*time.Second, 6))
		if got := ops.of("TargetFailing", "a", "firing"); len(got) != 1 {
			t.Errorf("%d pages, want 1", len(got))
		}
		if code, body := r.get("GET", "http://127.0.0.1:9000/probe?target=a"); code != http.StatusOK || !strings.Contains(body, `"outcome":"server_error"`) {
			t.Errorf("/probe = %d %s, want a probe that was carried out", code, body)
		}
		r.want(0, "hfwatch_evaluation_failures_total", "rule", "")
		r.want(0, "hfwatch_evaluation_failures_total", "rule", "TargetFailing")
		if err := r.stop(); err != nil {
			t.Errorf("Stop() = %v", err)
		}
	})
}

// TestRecordsThatCannotBeOpenedStopNothing: it probes and pages without them,
// and writes what waited once they can be.
func TestRecordsThatCannotBeOpenedStopNothing(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		r.write(configFile, "models:\n"+model("a", "http://m.test/a", "@every 10s"))
		cfg, err := r.opts.Load()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(cfg.Data.Dir, "records.db")
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		begun := time.Now().Truncate(10 * time.Second)
		r.build()
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		sameTimes(t, "a", seen.of("/a"), every(begun.Add(10*time.Second), 10*time.Second, 6))
		r.want(0, "hfwatch_records_written_total")
		if got, _ := r.value("hfwatch_records_write_failures_total"); got == 0 {
			t.Error("no failure to write is counted")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, _ := r.value("hfwatch_records_written_total"); got < 11 {
			t.Errorf("%v results are written, want those that waited too: 11 at least", got)
		}
		if err := r.stop(); err != nil {
			t.Errorf("Stop() = %v", err)
		}
		if got := len(r.recorded("a")); got != 12 {
			t.Errorf("%d results are recorded, want 12", got)
		}
	})
}
