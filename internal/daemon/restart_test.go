package daemon

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// again stops the daemon, waits, and starts another on the same data.
func (r *rig) again(down time.Duration, text string) {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Fatalf("Stop() = %v", err)
	}
	time.Sleep(down)
	r.start(text)
}

// TestARestartPagesNothingTwice: with records and without, what fires goes on
// without a word, and what ended while nobody looked is said to have, with all
// that its firing said.
func TestARestartPagesNothingTwice(t *testing.T) {
	for name, head := range map[string]string{"with records": "", "without": "history: off\n"} {
		for _, down := range []time.Duration{time.Second, 20 * time.Minute} {
			t.Run(name+", down for "+down.String(), func(t *testing.T) {
				in(t, func(t *testing.T, r *rig) {
					ops := &hook{}
					r.net.Serve(t, "ops.test:80", ops)
					var healed atomic.Bool
					r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
						if healed.Load() || req.URL.Path == "/good" {
							good(w, req)
							return
						}
						status(http.StatusBadGateway)(w, req)
					}))
					text := head + `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
						model("bad", "http://m.test/bad", "@every 10s") + model("good", "http://m.test/good", "@every 10s")
					r.start(text)
					time.Sleep(2 * time.Minute)
					for range 3 {
						r.again(down, text)
						time.Sleep(3 * time.Minute)
						synctest.Wait()
					}
					fired := ops.of("TargetFailing", "bad", "firing")
					if len(fired) != 1 {
						t.Fatalf("%d pages over three restarts, want 1", len(fired))
					}
					if got := ops.of("TargetFailing", "bad", "resolved"); len(got) != 0 {
						t.Fatalf("%d resolves of what still fails, want none", len(got))
					}
					healed.Store(true)
					r.again(down, text)
					// Of five results three must be seen to be good.
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					resolved := ops.of("TargetFailing", "bad", "resolved")
					if len(resolved) != 1 {
						t.Fatalf("%d resolves, want 1; logs:\n%s", len(resolved), r.logs)
					}
					for _, key := range []string{"summary", "evidence", "runbook_url", "fault"} {
						if resolved[0].Annotations[key] == "" {
							t.Errorf("the resolve says no %s: %v", key, resolved[0].Annotations)
						}
					}
					if got := ops.of("Watchdog", "", "firing"); len(got) != 0 {
						t.Errorf("Watchdog woke somebody %d times", len(got))
					}
				})
			})
		}
	}
}

// TestWhatIsToldIsRecorded: when a page or a resolve arrives, the results that
// made it are on the disk, so that whoever starts after a kill finds the alert as
// it was told.
func TestWhatIsToldIsRecorded(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var healed atomic.Bool
		told := map[string][]int{}
		r.net.Serve(t, "ops.test:80", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			var message struct {
				Alerts []struct{ Status string }
			}
			if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
				t.Error(err)
			}
			last, err := r.d.records.Last(t.Context(), "bad", "local", probe.Baseline, 5)
			if err != nil {
				t.Error(err)
			}
			bad := 0
			for _, one := range last {
				if one.Counts == probe.Bad {
					bad++
				}
			}
			told[message.Alerts[0].Status] = append(told[message.Alerts[0].Status], bad)
		}))
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			// The evaluation that follows comes before the second of its batch is over.
			time.Sleep(300 * time.Millisecond)
			if healed.Load() {
				good(w, req)
				return
			}
			status(http.StatusBadGateway)(w, req)
		}))
		r.start(`evaluation_interval: 1s
notify: [{name: ops, webhook: {url: "http://ops.test/hook"}, match: {name: bad}}]
alerts: [{name: NeverSucceeded, expr: "vector(0) > 1"}]
models:
` + model("bad", "http://m.test/bad", "@every 10s"))
		time.Sleep(2 * time.Minute)
		healed.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(told["firing"]) != 1 || told["firing"][0] != 3 || len(told["resolved"]) != 1 || told["resolved"][0] != 2 {
			t.Errorf("of the last five results on the disk were bad: %v, want 3 as it fired and 2 as it resolved", told)
		}
	})
}

// TestAResultLostBeforeAKillResolvesNothing: where the disk did not take the last
// result that made an alert before hfwatch was killed, too few are bad after the
// start. It fires on until enough was seen, and then ends.
func TestAResultLostBeforeAKillResolvesNothing(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var healed atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if healed.Load() {
				good(w, req)
				return
			}
			status(http.StatusBadGateway)(w, req)
		}))
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]
alerts: [{name: Gateway, when: "outcome(server_error|overloaded|unknown) in 3 of 5"}]
models:
` + model("bad", "http://m.test/bad", "@every 20s")
		r.start(text)
		time.Sleep(75 * time.Second)
		names := []string{"TargetFailing", "Gateway"}
		for _, name := range names {
			if got := ops.of(name, "bad", "firing"); len(got) != 1 {
				t.Fatalf("%d pages of %s, want 1", len(got), name)
			}
		}
		path := filepath.Join(r.d.now.Load().cfg.Data.Dir, recordsName)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		lose(t, path)
		time.Sleep(time.Second)
		r.start(text)
		time.Sleep(2 * time.Minute)
		for _, name := range names {
			if fired, ended := ops.of(name, "bad", "firing"), ops.of(name, "bad", "resolved"); len(fired) != 1 || len(ended) != 0 {
				t.Errorf("%s: %d pages and %d resolves of what fails on, want 1 and none", name, len(fired), len(ended))
			}
		}
		healed.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, name := range names {
			if ended := ops.of(name, "bad", "resolved"); len(ended) != 1 {
				t.Errorf("%s: %d resolves, want 1", name, len(ended))
			}
		}
	})
}

// lose deletes all results but two from the records.
func lose(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "DELETE FROM results WHERE id NOT IN (SELECT id FROM results ORDER BY due LIMIT 2)"); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM results").Scan(&left); err != nil || left != 2 {
		t.Fatalf("%d results are left (%v), want 2", left, err)
	}
}

// TestAModelTakenOutWhileDownIsResolved.
func TestAModelTakenOutWhileDownIsResolved(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/bad" {
				status(http.StatusBadGateway)(w, req)
			}
		}))
		head := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n"
		r.start(head + model("bad", "http://m.test/bad", "@every 10s") + model("ok", "http://m.test/ok", "@every 10s"))
		time.Sleep(2 * time.Minute)
		r.again(time.Minute, head+model("ok", "http://m.test/ok", "@every 10s"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(ops.of("TargetFailing", "bad", "resolved")); got != 1 {
			t.Errorf("%d resolves, want 1", got)
		}
	})
}

// manager is an Alertmanager's API that keeps what it was posted, and resolves
// as the real one does: what is not posted again ends at its endsAt.
type manager struct {
	t  *testing.T
	mu sync.Mutex
	// ends is when each alert ends, by its labels' target and name.
	ends map[string]time.Time
	// gaps are the alerts that had ended by the clock when they were posted
	// firing again.
	gaps     []string
	resolved map[string]map[string]string
	posts    int
}

func (m *manager) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var list []struct {
		Labels, Annotations map[string]string
		StartsAt, EndsAt    time.Time
		GeneratorURL        string
	}
	if r.Method != http.MethodPost || r.URL.Path != "/am/api/v2/alerts" {
		m.t.Errorf("%s %s, want POST /am/api/v2/alerts", r.Method, r.URL.Path)
	}
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posts++
	now := time.Now()
	for _, a := range list {
		key := a.Labels["alertname"] + " " + a.Labels["target"]
		if before, ok := m.ends[key]; ok && before.Before(now) && m.resolved[key] == nil && a.EndsAt.After(now) {
			m.gaps = append(m.gaps, key)
		}
		m.ends[key] = a.EndsAt
		delete(m.resolved, key)
		if !a.EndsAt.After(now) {
			m.resolved[key] = a.Annotations
			if a.GeneratorURL == "" || a.StartsAt.IsZero() {
				m.t.Errorf("the resolve of %s has no link or no start", key)
			}
		}
	}
}

// TestAlertmanagersHearNoFalseResolve: over half an hour of flapping targets,
// restarts and reloads, each of two members is always posted to before what it
// knows expires, and every resolve bears the words of its firing.
func TestAlertmanagersHearNoFalseResolve(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.opts.ExternalURL = "http://watch.test"
		members := []*manager{}
		for _, host := range []string{"am1.test:80", "am2.test:80"} {
			m := &manager{t: t, ends: map[string]time.Time{}, resolved: map[string]map[string]string{}}
			members = append(members, m)
			r.net.Serve(t, host, m)
		}
		r.opts.ExternalURL = "http://watch.test"
		begun := time.Now()
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			flap := req.URL.Path == "/flap" && int(time.Since(begun)/(7*time.Minute))%2 == 1
			if flap || req.URL.Path == "/good" {
				good(w, req)
				return
			}
			status(http.StatusBadGateway)(w, req)
		}))
		text := `notify: [{name: am, alertmanager: {urls: ["http://am1.test/am", "http://am2.test/am/"]}}]` + "\nmodels:\n" +
			model("bad", "http://m.test/bad", "@every 10s") + model("flap", "http://m.test/flap", "@every 10s")
		r.start(text)
		for i := range 10 {
			time.Sleep(170 * time.Second)
			if i%3 == 0 {
				r.again(time.Duration(i)*20*time.Second, text)
				continue
			}
			r.write(configFile, text+"# "+strings.Repeat("x", i)+"\n"+model("good", "http://m.test/good", "@every 10s"))
			if err := r.d.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, m := range members {
			m.mu.Lock()
			if len(m.gaps) > 0 {
				t.Errorf("member %d resolved by itself what went on: %v", i, m.gaps)
			}
			if _, ended := m.resolved["TargetFailing bad"]; ended || m.ends["TargetFailing bad"].Before(time.Now()) {
				t.Errorf("member %d does not know that bad still fails: ends %v", i, m.ends["TargetFailing bad"])
			}
			for key, annotations := range m.resolved {
				if annotations["summary"] == "" {
					t.Errorf("member %d: the resolve of %s has no words", i, key)
				}
			}
			if m.posts < 30 {
				t.Errorf("member %d was posted to %d times in half an hour, want at least once a minute", i, m.posts)
			}
			m.mu.Unlock()
		}
	})
}

// TestALongColdStartIsNotForgotten: what fires of the last cold start ends with
// the next and not with the baselines after a restart, with records and without.
func TestALongColdStartIsNotForgotten(t *testing.T) {
	for name, head := range map[string]string{"with records": "", "without": "history: off\n"} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				ops := &hook{}
				r.net.Serve(t, "ops.test:80", ops)
				var loading atomic.Bool
				r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if !loading.Load() {
						good(w, req)
						return
					}
					w.WriteHeader(http.StatusServiceUnavailable)
					_, _ = w.Write([]byte(`{"error":"Model org/m is currently loading","estimated_time":20.0}`))
				}))
				text := head + `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]
alerts: [{name: ColdLong, when: "cold_start > 2m in 1 of 1"}]
models:
` + model("m", "http://m.test/", "@every 20s")
				loads := func(d time.Duration) {
					loading.Store(true)
					time.Sleep(d)
					loading.Store(false)
					time.Sleep(10 * time.Minute)
					synctest.Wait()
				}
				r.start(text)
				time.Sleep(2 * time.Minute)
				loads(5 * time.Minute)
				r.again(time.Second, text)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if f, e := len(ops.of("ColdLong", "m", "firing")), len(ops.of("ColdLong", "m", "resolved")); f != 1 || e != 0 {
					t.Fatalf("%d pages and %d resolves after a restart, want 1 and 0", f, e)
				}
				loads(time.Minute)
				if f, e := len(ops.of("ColdLong", "m", "firing")), len(ops.of("ColdLong", "m", "resolved")); f != 1 || e != 1 {
					t.Errorf("%d pages and %d resolves after a short cold start, want 1 and 1", f, e)
				}
			})
		})
	}
}
