package daemon

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
	"github.com/hfwatch/hfwatch/sim"
)

// fleetOf returns a configuration of n targets behind one host and one key,
// five minutes apart and spread over a minute.
func fleetOf(n int) string {
	text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n"
	for i := range n {
		text += strings.Replace(model(fmt.Sprintf("t%02d", i), fmt.Sprintf("http://m.test/%d", i), "*/5 * * * *"), "jitter: 0s", "jitter: 60s", 1)
	}
	return text
}

// TestUnpaidInMidMorning: forty targets, and the account is not paid from ten
// o'clock on. At most five requests go out in any hour, one alert names billing
// and no other pages, and fifteen minutes after it was paid all go on.
func TestUnpaidInMidMorning(t *testing.T) {
	fleet := 40
	if raceOn {
		fleet = 15
	}
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var unpaid atomic.Bool
		var mu sync.Mutex
		var refused []time.Time
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !unpaid.Load() {
				good(w, req)
				return
			}
			mu.Lock()
			refused = append(refused, time.Now())
			mu.Unlock()
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = io.WriteString(w, `{"error":"You have depleted your monthly included credits."}`)
		}))
		// A minute between evaluations: hours of a fleet cost seconds.
		r.start("evaluation_interval: 1m\n" + fleetOf(fleet))
		time.Sleep(30 * time.Minute)
		unpaid.Store(true)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for i, from := range refused {
			n := 0
			for _, at := range refused[i:] {
				if at.Sub(from) < time.Hour {
					n++
				}
			}
			if n > 5 {
				t.Errorf("%d requests within an hour of %s, want at most 5", n, from)
			}
		}
		if len(refused) < 8 {
			t.Errorf("%d requests in two hours: nobody looks whether it was paid", len(refused))
		}
		r.want(1, "hfwatch_account_suspended", "reason", "billing")
		unpaid.Store(false)
		paid := time.Now()
		for time.Since(paid) < 15*time.Minute {
			time.Sleep(10 * time.Second)
			if _, there := r.value("hfwatch_account_suspended"); !there {
				break
			}
		}
		if _, there := r.value("hfwatch_account_suspended"); there {
			t.Error("still suspended 15 minutes after it was paid")
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		for i := range fleet {
			if res := r.last(fmt.Sprintf("t%02d", i)); res.Outcome != probe.OK {
				t.Errorf("t%02d is %s after it was paid", i, res.Outcome)
			}
		}
		ops.mu.Lock()
		defer ops.mu.Unlock()
		var firing []string
		for _, p := range ops.pages {
			if p.Status == "firing" && p.Labels["alertname"] != "Watchdog" {
				firing = append(firing, p.Labels["alertname"]+" "+p.Labels["reason"])
			}
		}
		if len(firing) != 1 || firing[0] != "AccountBlocked billing" {
			t.Errorf("pages = %q, want one that names billing", firing)
		}
	})
}

// TestUnpaidAtTheSimulator switches the simulated account at run time.
func TestUnpaidAtTheSimulator(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		scenario, err := sim.LoadScenario(strings.NewReader(`{"models":[{"name":"s","model":"org/sentiment","tasks":["text-classification"],"backend":"hf-inference"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		s, err := sim.New(scenario, sim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		seen := noting(s.Handler().ServeHTTP)
		r.net.Serve(t, "router.test:80", seen)
		text := "evaluation_interval: 1m\nhub: {url: \"http://router.test\"}\nmodels:\n"
		for i := range 12 {
			text += fmt.Sprintf("  - {name: s%02d, model: org/sentiment, task: text-classification, inputs: [\"good\"]}\n", i)
		}
		r.start(text)
		const path = "/hf-inference/models/org/sentiment"
		time.Sleep(time.Hour)
		if got := r.last("s00"); got.Outcome != probe.OK {
			t.Fatalf("the simulator answers %s: %s", got.Outcome, got.Error)
		}
		before := len(seen.of(path))
		if err := s.SetAccount(sim.Account{Faults: []sim.AccountFault{{Fault: sim.Fault{Kind: "payment_required"}}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		r.want(1, "hfwatch_account_suspended", "scope", "host router.test", "reason", "billing")
		if n := len(seen.of(path)) - before; n > 5 {
			t.Errorf("%d requests in an hour, want at most 5", n)
		}
		if err := s.SetAccount(sim.Account{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute)
		if _, there := r.value("hfwatch_account_suspended"); there {
			t.Error("still suspended 15 minutes after it was paid")
		}
	})
}

// TestSuspensionSurvivesARestart, with the time of its next check, and a resume
// or a reload checks at once.
func TestSuspensionSurvivesARestart(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(status(http.StatusPaymentRequired))
		r.net.Serve(t, "m.test:80", seen)
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(30 * time.Second) // Refused at 10 s and, as the check, at 20 s.
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.build()
		r.want(1, "hfwatch_target_suspended", "target", "a", "reason", "billing")
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := len(seen.of("/a")); got != 2 {
			t.Errorf("%d requests after the restart, want none beyond the two before", got)
		}
		if n := r.d.Resume(); n != 1 {
			t.Errorf("Resume() = %d, want 1", n)
		}
		time.Sleep(time.Second)
		if err := r.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := len(seen.of("/a")); got != 4 {
			t.Errorf("%d requests, want one each for the resume and the reload", got-2)
		}
		if _, err := r.d.Manual(t.Context(), "a"); !errors.Is(err, schedule.ErrHeld) {
			t.Errorf("Manual() while suspended = %v, want that it is held", err)
		}
	})
}

// TestRateLimitIsWaitedOut: slots are held, and counted, until the time that
// the server asked for.
func TestRateLimitIsWaitedOut(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "45")
			http.Error(w, `{"error":"Rate limit reached for requests"}`, http.StatusTooManyRequests)
		})
		r.net.Serve(t, "m.test:80", seen)
		begun := time.Now().Truncate(10 * time.Second)
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(115 * time.Second)
		synctest.Wait()
		sameTimes(t, "requests", seen.of("/a"), every(begun.Add(10*time.Second), 50*time.Second, 3))
		r.want(8, "hfwatch_slots_total", "target", "a", "lane", "baseline", "result", "held")
		r.want(1, "hfwatch_target_suspended", "target", "a", "reason", "rate_limited")
	})
}

// TestNetworkOrTarget: a connection that fails is the target's fault while the
// control can be reached, and the network's while it cannot.
func TestNetworkOrTarget(t *testing.T) {
	for _, row := range []struct {
		name  string
		up    bool
		fault probe.Fault
		down  float64
	}{{"the control is up", true, probe.FaultTarget, 0}, {"the control is down", false, probe.FaultNetwork, 1}} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				if row.up {
					r.net.Serve(t, "control.test:80", http.HandlerFunc(good))
				}
				r.net.SetLink("m.test:80", fakenet.Link{})
				r.start("control: http://control.test\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
				time.Sleep(40 * time.Second)
				synctest.Wait()
				res := r.last("a")
				if res.Fault != row.fault || (res.Outcome != probe.Connect && res.Outcome != probe.DNS) {
					t.Errorf("%s is the %s's fault, want the %s's", res.Outcome, res.Fault, row.fault)
				}
				r.want(row.down, "hfwatch_vantage_down")
				result := "failed"
				if row.up {
					result = "ok"
				}
				if n, _ := r.value("hfwatch_control_dials_total", "result", result); n < 1 || n > 4 {
					t.Errorf("%v dials of the control, want one to four", n)
				}
			})
		})
	}
}
