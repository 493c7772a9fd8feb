package daemon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// TestScriptedColdStarts scores cold starts against the truth of the simulator:
// every one found, none invented, each part within the polling pace and 5 %, and
// the state never wrong for longer than one probe. Six in ten are experiments:
// holds and polls, with and without the management API, lying estimates, replicas
// that never get ready, early failures, steps and slow decays. The others are
// models that fall asleep between probes, that are sent to sleep again and again
// in the middle of their warm-ups, that a stranger wakes, and that only fail and
// slow down without having slept. A tenth of them runs in CI.
func TestScriptedColdStarts(t *testing.T) {
	n := 20
	if raceOn {
		// One of each kind; CI runs the tenth without the race detector.
		n = 10
	}
	if os.Getenv("HFWATCH_SOAK") != "" {
		n = 200
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			switch i % 10 {
			case 6:
				sleepsBetweenProbes(t, i)
			case 7:
				flaps(t, i)
			case 8:
				wokenByAStranger(t, i)
			case 9:
				failsAndNeverSleeps(t, i)
			default:
				experimented(t, i)
			}
		})
	}
}

// rounds is how often what a story tells happens in it.
func rounds() int {
	if os.Getenv("HFWATCH_SOAK") != "" {
		return 6
	}
	return 3
}

// machine is the cold-start machine of the ith story.
func machine(i int) sim.Cold {
	return sim.Cold{
		Idle: simSeconds(900), Waking: simSeconds(float64(i % 5)), Pending: simSeconds(float64(3 + i*7%40)), Initializing: simSeconds(float64(5 + i*13%200)),
		Unhealthy: simSeconds(float64(i * 3 % 25)), Early500: i%6 == 5, Estimate: []string{"none", "honest", "constant", "half"}[i/2%4],
		SlowRequests: i % 3, SlowBy: simSeconds(2), Factor: 1 + float64(i%4)/2, Step: []int{0, 15, 30}[i/3%3], Decay: 8,
	}
}

// unmanaged is a configuration without the management API.
func unmanaged(text string) string {
	return strings.Replace(text, "    endpoint: {namespace: sim, name: one, idle: 15m}\n", "", 1)
}

// experimented wakes the model once by a scheduled experiment.
func experimented(t *testing.T, i int) {
	method, managed := []string{"hold", "poll"}[i%2], i/10%2 == 0
	c := machine(i)
	c.NeverReady = i%10 == 5
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, c)
		text := sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 */2 * * *", idle: 15m, method: `+method+`, give_up: 8m}`)
		slack := coldstart.Pace
		if !managed {
			text = unmanaged(text)
			// Without the management API a hold says nothing until it is answered.
			slack = time.Duration(c.Waking+c.Pending+c.Initializing+c.Unhealthy) + coldstart.Pace
		}
		r.start(text)
		time.Sleep(2*time.Hour - 4*time.Second)
		if !c.NeverReady {
			compareStates(t, r, server, 12*time.Minute, slack)
		}
		// It falls asleep again: the management API tells, or it is not known any more
		// at the evaluation after a twentieth more than the idle time.
		after := coldstart.ManagementPace + lookTick
		if !c.NeverReady {
			compareStates(t, r, server, 40*time.Minute, after)
		} else {
			time.Sleep(40 * time.Minute)
		}
		woken, ready := coldStarts(server.ColdTruth("one"))
		all := r.episodes()
		if len(all) != len(woken) || len(woken) != 1 {
			t.Fatalf("%d episodes and %d cold starts, want 1 and 1", len(all), len(woken))
		}
		e := all[0]
		if c.NeverReady {
			if e.End != coldstart.EndGaveUp || !e.FirstAnswer.IsZero() {
				t.Errorf("end %q, first answer %v: %s", e.End, e.FirstAnswer, e.Words)
			}
			r.want(1, "hfwatch_cold_start_overdue", "target", "one")
			return
		}
		checkParts(t, e, woken[0], ready[0], time.Duration(c.Waking), time.Duration(c.Waking+c.Pending+c.Initializing), managed)
		if e.WokenBy != probe.ColdStart {
			t.Errorf("woken by %q", e.WokenBy)
		}
	})
}

// sleepsBetweenProbes is a model whose idle time is shorter than the time
// between its baselines: each of them wakes it.
func sleepsBetweenProbes(t *testing.T, i int) {
	c := machine(i)
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, c)
		r.start(unmanaged(sleeper("wake: keep_warm", `baseline: {schedule: "*/40 * * * *"}`)))
		// Between two probes nothing tells that it fell asleep.
		compareStates(t, r, server, time.Duration(rounds())*40*time.Minute, 40*time.Minute)
		score(t, r, server, 0, false)
	})
}

// flaps is a model that a person sends to sleep again and again, warm or not.
func flaps(t *testing.T, i int) {
	c := machine(i)
	c.Idle = simSeconds(3600)
	managed := i/10%2 == 0
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, c)
		text := sleeper("wake: keep_warm", `baseline: {schedule: "*/2 * * * *"}`)
		if !managed {
			text = unmanaged(text)
		}
		r.start(text)
		for j := range rounds() {
			// From half a minute, in mid-start or mid-warm-up, to half an hour.
			compareStates(t, r, server, time.Duration(30+(i*j*37)%1800)*time.Second, 2*time.Minute+coldstart.Pace)
			order(t, server, "scale-to-zero")
		}
		compareStates(t, r, server, 30*time.Minute, 2*time.Minute+coldstart.Pace)
		score(t, r, server, 0, !managed)
	})
}

// wokenByAStranger is a model that somebody else wakes, at any time between two
// probes of a baseline that would not; the management API is looked at more often.
func wokenByAStranger(t *testing.T, i int) {
	const look = coldstart.ManagementPace + lookTick
	c := machine(i)
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, c)
		r.start(sleeper("wake: observe_cold", `baseline: {schedule: "*/20 * * * *"}`))
		for j := range rounds() {
			compareStates(t, r, server, time.Duration(600+(i*j*101)%1100)*time.Second, look)
			strange(server)
			compareStates(t, r, server, 70*time.Minute, look)
		}
		score(t, r, server, look, false)
		if woke, there := r.value("hfwatch_wake_ups_total", "target", "one", "kind", "baseline"); there && woke > 0 {
			t.Errorf("%v wake-ups are laid to hfwatch, and it caused none", woke)
		}
	})
}

// failsAndNeverSleeps is a model with every fault but sleep: there is no cold
// start, and in the end it is warm.
func failsAndNeverSleeps(t *testing.T, i int) {
	c := machine(i)
	c.Begin = "ready"
	kinds := []string{"status", "never_answer", "reset_before_headers", "empty_body", "wrong_answer", "overloaded"}
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, c)
		text := sleeper("wake: keep_warm", `baseline: {schedule: "@every 1m"}`)
		if i/10%2 == 0 {
			text = unmanaged(text)
		}
		r.start(text)
		for j := range rounds() {
			time.Sleep(20 * time.Minute)
			fault := sim.Fault{Kind: kinds[(i/10+j)%len(kinds)], Ratio: float64(j%2) / 2}
			if fault.Kind == "status" {
				fault.Status, fault.Envelope, fault.Message = []int{500, 502, 429, 402}[j%4], "string", "no"
			}
			if err := server.SetFault("one", fault); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Minute)
			if err := server.SetFault("one", sim.Fault{}); err != nil {
				t.Fatal(err)
			}
			takes(t, server, []float64{8, 0.2}[j%2])
		}
		takes(t, server, 0.2)
		time.Sleep(20 * time.Minute)
		if all := r.episodes(); len(all) != 0 {
			t.Errorf("%d episodes of a model that never slept, the first %s", len(all), all[0].Words)
		}
		if state := r.d.tracker.State("one"); state != coldstart.Warm {
			t.Errorf("it is %s in the end, want warm", state)
		}
	})
}

// takes makes the model take so many seconds.
func takes(t *testing.T, server *sim.Server, seconds float64) {
	t.Helper()
	set, err := json.Marshal(map[string]any{"latency": sim.Latency{Prefill: simSeconds(seconds), Jitter: "lognormal", Spread: 0.1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Patch("one", set); err != nil {
		t.Fatal(err)
	}
}

// strange is a request of somebody else's.
func strange(server *sim.Server) {
	req := httptest.NewRequest(http.MethodPost, "http://one.test/", strings.NewReader(`{"inputs": "x"}`))
	req.Header.Set("Content-Type", "application/json")
	server.Handler().ServeHTTP(httptest.NewRecorder(), req)
}

// order is what a person does at the management API.
func order(t *testing.T, server *sim.Server, command string) {
	t.Helper()
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://manage.test/v2/endpoint/sim/one/"+command, http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", command, w.Code, w.Body)
	}
}

// score compares natural episodes with the cold starts that there were: one for
// each, in order. One that somebody else began is seen up to unseen later; merged
// says that a model which is sent to sleep while it starts cannot be told from one
// that takes longer.
func score(t *testing.T, r *rig, server *sim.Server, unseen time.Duration, merged bool) {
	t.Helper()
	time.Sleep(2 * time.Second)
	all := r.episodes()
	var woken, ready []time.Time
	starts, ends := coldStarts(server.ColdTruth("one"))
	for i, at := range ends {
		if n := len(ready); merged && n > 0 && ready[n-1].IsZero() {
			ready[n-1] = at
			continue
		}
		woken, ready = append(woken, starts[i]), append(ready, at)
	}
	if len(all) != len(woken) {
		for _, e := range all {
			t.Logf("episode of %v: %s, %s", e.Began.Format(time.TimeOnly), e.End, e.Words)
		}
		for _, c := range server.ColdTruth("one") {
			t.Logf("%s %s by %s", c.At.Format(time.TimeOnly), c.Phase, c.Cause)
		}
		t.Fatalf("%d episodes of %d cold starts", len(all), len(woken))
	}
	for i, e := range all {
		if late := e.Began.Sub(woken[i]); late < -coldstart.Pace || late > unseen+coldstart.Pace {
			t.Errorf("episode of %v begins %v after it, want at most %v", woken[i], late, unseen)
		}
		took, ok := e.FirstAnswer.Get()
		switch {
		case ready[i].IsZero():
			if ok {
				t.Errorf("episode of %v has an answer after %v, and it never was ready", woken[i], took)
			}
		case e.Late:
			if unseen == 0 {
				t.Errorf("episode of %v is late, and hfwatch woke it", woken[i])
			}
		case !ok:
			t.Errorf("episode of %v has no first answer: %s, %s", woken[i], e.End, e.Words)
		default:
			// The first answer takes some seconds of a cold model.
			was := e.Began.Add(took).Sub(ready[i])
			if slack := coldstart.Pace + 3*time.Second + took/20; was < 0 || was > slack {
				t.Errorf("episode of %v: the first answer came %v after it was ready, want at most %v", woken[i], was, slack)
			}
		}
	}
}

// compareStates looks each second, for so long, at the state that hfwatch has and
// at the true one: once anything was seen they never differ for longer than the
// time between two looks and the longest answer.
func compareStates(t *testing.T, r *rig, server *sim.Server, over, look time.Duration) {
	t.Helper()
	var wrong time.Duration
	for end := time.Now().Add(over); time.Now().Before(end); {
		time.Sleep(time.Second)
		changes := server.ColdTruth("one")
		truth := changes[len(changes)-1].Phase
		state := r.d.tracker.State("one")
		right := state.Cold()
		switch truth {
		case "asleep":
			right = state == coldstart.Asleep || state == coldstart.Unknown
		case "ready":
			right = state == coldstart.Warming || state == coldstart.Warm || state == coldstart.Degraded
		}
		wrong += time.Second
		if right {
			wrong = 0
		}
		if wrong > look+3*time.Second {
			t.Errorf("%s for %v while it was %s", state, wrong, truth)
			return
		}
	}
}
