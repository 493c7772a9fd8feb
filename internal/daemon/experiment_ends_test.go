package daemon

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/sim"
)

// between serves what stands before the simulated management API, and returns the
// configuration that reads it there.
func between(t *testing.T, r *rig, server *sim.Server, text string, says func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	r.net.Serve(t, "between.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { says(w, req, server.Handler()) }))
	return strings.Replace(text, "http://manage.test", "http://between.test", 1)
}

// rests reports whether windows stand back from an experiment of a target.
func rests(r *rig, target string) bool {
	r.d.windows.mu.Lock()
	defer r.d.windows.mu.Unlock()
	return r.d.windows.back[target]
}

// everyTwoHours is the configuration of an experiment at every second hour.
const everyTwoHours = `cold_start: {schedule: "0 */2 * * *", idle: 15m, method: hold, give_up: 8m}`

// TestExperimentsWithoutAManagementAPI: one that refuses, fails or is silent gives
// no leave to wake a model, and the experiment ends all the same.
func TestExperimentsWithoutAManagementAPI(t *testing.T) {
	for name, status := range map[string]int{"401": 401, "429": 429, "500": 500, "silent": 0} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				server := sleeping(t, r, sim.Cold{Idle: simSeconds(900), Initializing: simSeconds(40)})
				var bad atomic.Bool
				bad.Store(true)
				text := between(t, r, server, sleeper("wake: observe_cold", "baseline: off", everyTwoHours), func(w http.ResponseWriter, req *http.Request, next http.Handler) {
					switch {
					case !bad.Load():
						next.ServeHTTP(w, req)
					case status == 0:
						<-req.Context().Done()
					default:
						w.WriteHeader(status)
					}
				})
				r.start(text)
				time.Sleep(2*time.Hour + 40*time.Minute)
				if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 0 {
					t.Errorf("woken %d times by what could not read its state", len(woken))
				}
				if rests(r, "one") {
					t.Error("windows still stand back from an experiment that could never begin")
				}
				// The next slot finds the API well.
				bad.Store(false)
				time.Sleep(2 * time.Hour)
				if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 || len(r.episodes()) != 1 {
					t.Errorf("woken %d times with %d episodes at the next slot, want 1 and 1", len(woken), len(r.episodes()))
				}
			})
		})
	}
}

// TestManagementLags: a management API whose word is some seconds old cuts no
// episode short and invents none.
func TestManagementLags(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Idle: simSeconds(900), Waking: simSeconds(2), Pending: simSeconds(3), Initializing: simSeconds(40), Factor: 1.8, Step: 12})
		type said struct {
			at   time.Time
			body []byte
		}
		var all []said
		// It is asked each second, so that what it said then can be told later.
		done := make(chan struct{})
		t.Cleanup(func() { close(done) })
		var now atomic.Pointer[[]byte]
		go func() {
			for {
				w := httptest.NewRecorder()
				server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://manage.test/v2/endpoint/sim/one", http.NoBody))
				all = append(all, said{time.Now(), bytes.Clone(w.Body.Bytes())})
				for len(all) > 1 && time.Since(all[1].at) >= 12*time.Second {
					all = all[1:]
				}
				now.Store(&all[0].body)
				select {
				case <-done:
					return
				case <-time.After(time.Second):
				}
			}
		}()
		r.start(between(t, r, server, sleeper("wake: observe_cold", "baseline: off", everyTwoHours), func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(*now.Load())
		}))
		time.Sleep(2*time.Hour + 30*time.Minute)
		es := r.episodes()
		if len(es) != 1 || es[0].End != coldstart.EndSteady && es[0].End != coldstart.EndBound {
			t.Errorf("%d episodes, want the experiment's alone, followed to its end", len(es))
		}
	})
}

// TestExperimentRefusedByTheAccount: a token that is refused says nothing of the
// model, and is no cold start that takes too long.
func TestExperimentRefusedByTheAccount(t *testing.T) {
	for _, status := range []int{401, 402} {
		in(t, func(t *testing.T, r *rig) {
			sleeping(t, r, sim.Cold{Idle: simSeconds(900), Initializing: simSeconds(40)})
			asked := 0
			r.net.Serve(t, "door.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"error":"no"}`))
			}))
			r.start(strings.Replace(sleeper("wake: observe_cold", "baseline: off", everyTwoHours), "http://one.test/", "http://door.test/", 1))
			time.Sleep(2*time.Hour + 30*time.Minute)
			for _, e := range r.episodes() {
				if e.End == coldstart.EndGaveUp {
					t.Errorf("%d: the account's refusals are a cold start that was given up", status)
				}
			}
			if v, _ := r.value("hfwatch_cold_start_overdue", "target", "one"); v != 0 {
				t.Errorf("%d: overdue is %v, want 0", status, v)
			}
			if asked != 1 {
				t.Errorf("%d: asked %d times, want once", status, asked)
			}
		})
	}
}

// TestMaintenanceBeginsInAnIdleWait: what would wake the model in a maintenance
// that stops probing does not.
func TestMaintenanceBeginsInAnIdleWait(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Begin: "ready", Idle: simSeconds(900), Initializing: simSeconds(40)})
		r.start("maintenance:\n  - {name: night, schedule: \"5 1 * * *\", for: 2h, probe: false}\n" +
			sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: hold, give_up: 10m}`))
		time.Sleep(time.Hour - 4*time.Minute)
		strange(server)
		time.Sleep(90 * time.Minute)
		for _, rec := range server.Truth() {
			if rec.Route != "management" && rec.Received.After(time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)) {
				t.Fatalf("a request came in the maintenance: %+v", rec)
			}
		}
	})
}

// TestReloadMovesTheEndpointInAnIdleWait: what is woken is what the configuration
// names now.
func TestReloadMovesTheEndpointInAnIdleWait(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Begin: "ready", Idle: simSeconds(900), Initializing: simSeconds(40)})
		text := sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: hold, give_up: 10m}`)
		r.start(text)
		time.Sleep(time.Hour - 4*time.Minute)
		strange(server)
		time.Sleep(5 * time.Minute)
		r.write(configFile, strings.Replace(text, "http://one.test/", "http://other.test/", 1))
		if err := r.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 {
			t.Errorf("woken %d times, want once, by the stranger: the configuration names another endpoint", len(woken))
		}
	})
}

// TestRestartInAnIdleWait: a restart while an experiment waits wakes nothing, not
// even twice, until the next slot.
func TestRestartInAnIdleWait(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Begin: "ready", Idle: simSeconds(900), Initializing: simSeconds(40)})
		text := sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: hold, give_up: 10m}`)
		r.start(text)
		time.Sleep(time.Hour - 4*time.Minute)
		strange(server)
		time.Sleep(5 * time.Minute)
		r.again(time.Minute, text)
		time.Sleep(2 * time.Hour)
		woken, _ := coldStarts(server.ColdTruth("one"))
		if len(woken) != 1 {
			t.Errorf("woken %d times, want once, by the stranger", len(woken))
		}
	})
}

// TestGivenUpWhileItLoads: the experiment ends, the rest of the start is no other
// episode, and the model is warm when it answers.
func TestGivenUpWhileItLoads(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Idle: simSeconds(3600), Initializing: simSeconds(1200), Estimate: "honest"})
		r.start(sleeper("wake: observe_cold", `baseline: {schedule: "*/20 * * * *"}`, everyTwoHours))
		time.Sleep(2*time.Hour + 11*time.Minute)
		r.want(1, "hfwatch_cold_start_overdue", "target", "one")
		time.Sleep(45 * time.Minute)
		es := r.episodes()
		if len(es) != 1 || es[0].End != coldstart.EndGaveUp {
			t.Errorf("%d episodes: %+v", len(es), es)
		}
		r.want(0, "hfwatch_cold_start_overdue", "target", "one")
		if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 {
			t.Errorf("woken %d times", len(woken))
		}
	})
}

// TestTheBudgetEndsInAnEpisode: an experiment whose budget ends in mid-episode is
// over as stopped, and says no more than it saw.
func TestTheBudgetEndsInAnEpisode(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Idle: simSeconds(900), Initializing: simSeconds(40)})
		r.start("budget: {requests_per_day: 20}\n" + sleeper("wake: observe_cold", "baseline: off", strings.Replace(everyTwoHours, "hold", "poll", 1)))
		time.Sleep(3 * time.Hour)
		es := r.episodes()
		if len(es) != 1 || es[0].End != coldstart.EndStopped {
			t.Errorf("%d episodes, want one that was stopped", len(es))
		}
		if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 {
			t.Errorf("woken %d times", len(woken))
		}
		if rests(r, "one") {
			t.Error("windows still stand back")
		}
	})
}

// TestManagementSaysRunningAndProbesAreRefused: the model is loading, whatever the
// management API says, until it answers.
func TestManagementSaysRunningAndProbesAreRefused(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Idle: simSeconds(3600), Initializing: simSeconds(120), Estimate: "honest"})
		r.start(between(t, r, server, sleeper("wake: observe_cold", `baseline: {schedule: "*/20 * * * *"}`), func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"name":"one","status":{"state":"running","readyReplica":1,"targetReplica":1}}`))
		}))
		time.Sleep(time.Minute)
		if s := r.d.tracker.State("one"); s != coldstart.Loading {
			t.Errorf("it is %s, want loading", s)
		}
		time.Sleep(20 * time.Minute)
		es := r.episodes()
		if len(es) != 1 || es[0].Cause != coldstart.CauseNatural || es[0].FirstAnswer.IsZero() {
			t.Errorf("episodes %+v", es)
		}
	})
}
