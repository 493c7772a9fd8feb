package daemon

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// sleeping serves a simulated endpoint that sleeps as one.test, and its
// management API as manage.test.
func sleeping(t *testing.T, r *rig, c sim.Cold, more ...func(*sim.Scenario)) *sim.Server {
	t.Helper()
	s := sim.Scenario{Seed: 1, Models: []sim.Model{{
		Name: "one", ID: "org/one", Tasks: []string{"text-generation"}, Backend: "tgi", Hosts: []string{"one.test"},
		Behaviour: sim.Behaviour{
			Tokens: 1, Latency: sim.Latency{Prefill: sim.Duration(200 * time.Millisecond), Jitter: "lognormal", Spread: 0.1}, Cold: &c,
		},
	}}}
	for _, change := range more {
		change(&s)
	}
	server, err := sim.New(s, sim.Options{TruthSize: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	r.net.Serve(t, "one.test:80", server.Handler())
	r.net.Serve(t, "manage.test:80", server.Handler())
	return server
}

// sleeper is the configuration of it.
func sleeper(lines ...string) string {
	return "alerting: off\nevaluation_interval: 5m\nhub: {endpoints_url: \"http://manage.test\"}\nmodels:\n  - name: one\n    model: org/one\n    task: text-generation\n" +
		"    url: http://one.test/\n    inputs: [\"x\"]\n    parameters: {max_new_tokens: 1}\n    endpoint: {namespace: sim, name: one, idle: 15m}\n    " +
		strings.Join(lines, "\n    ") + "\n"
}

// simSeconds is so many seconds of a scenario.
func simSeconds(n float64) sim.Duration { return sim.Duration(n * float64(time.Second)) }

// episodes returns the recorded episodes, oldest first.
func (r *rig) episodes() []coldstart.Episode {
	r.t.Helper()
	events, err := r.d.records.Events(r.t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindEpisode}, Limit: 10_000})
	if err != nil {
		r.t.Fatal(err)
	}
	out := make([]coldstart.Episode, len(events))
	for i, e := range events {
		if err := json.Unmarshal(e.Data, &out[len(events)-1-i]); err != nil {
			r.t.Fatal(err)
		}
	}
	return out
}

// coldStarts returns when the machine was woken, and when it was ready after
// it; zero where it never was.
func coldStarts(changes []sim.ColdChange) (woken, ready []time.Time) {
	for _, c := range changes {
		switch {
		case c.Phase == "waking":
			woken, ready = append(woken, c.At), append(ready, time.Time{})
		case c.Phase == "ready" && len(ready) > 0 && c.Cause == "time" && ready[len(ready)-1].IsZero():
			ready[len(ready)-1] = c.At
		}
	}
	return woken, ready
}

// TestAWeekOfObserveCold: the endpoint is woken by the experiments scheduled and
// by nothing else, by either method.
func TestAWeekOfObserveCold(t *testing.T) {
	days := week()
	for _, method := range []string{"hold", "poll"} {
		t.Run(method, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				server := sleeping(t, r, sim.Cold{
					Idle: simSeconds(900), Waking: simSeconds(2), Pending: simSeconds(10), Initializing: simSeconds(40), Unhealthy: simSeconds(7),
					SlowRequests: 1, SlowBy: simSeconds(2), Factor: 1.8, Step: 12,
				})
				r.start(sleeper("wake: observe_cold", `baseline: {schedule: "*/20 * * * *"}`,
					`cold_start: {schedule: "0 5 * * *", method: `+method+`, give_up: 10m}`))
				time.Sleep(time.Duration(days) * 24 * time.Hour)
				woken, ready := coldStarts(server.ColdTruth("one"))
				if len(woken) != days {
					t.Fatalf("woken %d times, want %d", len(woken), days)
				}
				r.want(float64(days), "hfwatch_wake_ups_total", "target", "one", "kind", "coldstart")
				r.want(float64(days), "hfwatch_cold_starts_total", "target", "one", "cause", "experiment")
				if got := len(r.episodes()); got != days {
					t.Fatalf("%d episodes, want %d", got, days)
				}
				for i, e := range r.episodes() {
					checkParts(t, e, woken[i], ready[i], 2*time.Second, 52*time.Second, true)
					if e.WokenBy != probe.ColdStart || e.End != coldstart.EndSteady && e.End != coldstart.EndBound {
						t.Errorf("episode %d: woken by %q, end %q: %s", i, e.WokenBy, e.End, e.Words)
					}
					if i == 0 {
						t.Log(e.Words)
					}
				}
			})
		})
	}
}

// week returns how many days a week has: one with the race detector, under which a
// real one takes minutes. CI runs the whole week without it.
func week() int {
	if raceOn {
		return 1
	}
	return 7
}

// checkParts compares the parts of an episode with the truth: each within the
// pace and 5 %.
func checkParts(t *testing.T, e coldstart.Episode, woken, ready time.Time, sign, running time.Duration, managed bool) {
	t.Helper()
	parts := map[string][2]time.Duration{}
	add := func(name string, s probe.Seconds, want time.Duration) {
		got, ok := s.Get()
		if !ok {
			t.Errorf("episode of %v: %s is absent", woken, name)
		}
		parts[name] = [2]time.Duration{got, want}
	}
	whole := ready.Sub(woken)
	add("first answer", e.FirstAnswer, whole)
	if managed {
		add("first sign", e.FirstSign, sign)
		add("running", e.Running, running)
		add("healthy", e.Healthy, whole)
	}
	for name, p := range parts {
		// The first answer itself takes some seconds of a cold model.
		slack := coldstart.Pace + p[1]/20
		if name == "first answer" {
			slack += 3 * time.Second
		}
		if p[0] < p[1]-slack || p[0] > p[1]+slack {
			t.Errorf("episode of %v: %s after %v, want %v ± %v", woken, name, p[0], p[1], slack)
		}
	}
}

// TestAWeekOfNeverWake: nothing wakes the endpoint, and its sleep is recorded
// without a request.
func TestAWeekOfNeverWake(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Idle: simSeconds(900), Initializing: simSeconds(40)})
		r.start(sleeper("wake: never_wake", `baseline: {schedule: "*/20 * * * *"}`))
		time.Sleep(time.Duration(week()) * 24 * time.Hour)
		if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 0 {
			t.Errorf("woken %d times, want never", len(woken))
		}
		if _, err := r.d.Manual(t.Context(), "one"); err != nil {
			t.Error(err)
		}
		for _, rec := range server.Truth() {
			if rec.Route != "management" {
				t.Fatalf("a request came: %+v", rec)
			}
		}
		r.want(float64(week()*72), "hfwatch_probes_total", "target", "one", "outcome", "asleep", "fault", "none", "kind", "baseline")
		r.want(1, "hfwatch_model_state", "target", "one", "state", "asleep")
		r.want(0, "hfwatch_model_state", "target", "one", "state", "warm")
		if row := r.d.front(t.Context(), time.Now()).Targets[0]; row.Warmth != "asleep" || row.Since == "" {
			t.Errorf("the front page says %q since %q, want asleep since a time", row.Warmth, row.Since)
		}
		if note := r.d.warmth("one"); !strings.HasPrefix(note, "the model is asleep since ") {
			t.Errorf("a probe by hand is told %q", note)
		}
		if res := r.last("one"); res.Outcome != probe.Asleep || res.Counts != probe.Apart || !res.Sent.IsZero() {
			t.Errorf("last = %+v", res)
		}
	})
}

// TestWindowsStandBack: while an experiment lets a model fall asleep and wakes it,
// no window of any name asks it, scheduled or by hand.
func TestWindowsStandBack(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Begin: "ready", Idle: simSeconds(900), Initializing: simSeconds(40)})
		r.start(sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: hold, give_up: 10m}`))
		time.Sleep(time.Hour - 4*time.Minute)
		// It is awake, and so waited for.
		strange(server)
		time.Sleep(5 * time.Minute)
		shape := Shape{Stages: []config.Stage{{Rate: 1, For: 10 * time.Second}}}
		if _, err := r.d.Load(t.Context(), "one", shape, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("a window by hand beside an experiment: %v, want ErrBusy", err)
		}
		time.Sleep(time.Hour)
		if all := r.episodes(); len(all) != 2 || all[0].WokenBy != "" || all[1].WokenBy != probe.ColdStart || all[1].Late {
			t.Errorf("episodes = %+v, want the stranger's and then the experiment's", all)
		}
		if _, err := r.d.Load(t.Context(), "one", shape, nil); errors.Is(err, ErrBusy) {
			t.Errorf("a window by hand after it: %v", err)
		}
	})
}

// TestMixesStandBack: a window over several models stands back from an experiment
// of any of them, until it is over.
func TestMixesStandBack(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("models:\n" + model("awake", "http://m.test/a", "@every 10s") + model("one", "http://m.test/b", "@every 10s") +
			"mixes:\n  - {name: desk, schedule: \"0 2 * * *\", users: 1, for: 1m, max_in_flight: 1, steps: [{model: awake}, {model: one}]}\n")
		all, mix := r.d.windows, plannedOf(r.d.now.Load().cfg)["desk"]
		all.standBack("one", true)
		if err := all.begin("1", mix, func(error) {}); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "a cold-start experiment of one") {
			t.Errorf("beside the experiment: %v", err)
		}
		all.standBack("one", false)
		if err := all.begin("1", mix, func(error) {}); err != nil {
			t.Errorf("after it: %v", err)
		}
		all.end("1", time.Now())
	})
}

// TestNaturalColdStart: a baseline that meets a cold model raises the rate of
// probes until it is warm.
func TestNaturalColdStart(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Initializing: simSeconds(60), Idle: simSeconds(3600), Factor: 2, Step: 8, Estimate: "constant"})
		text := `alerts:
  - {name: ColdLong, when: "cold_start > 30s in 1 of 1", severity: warning}
  - {name: ColdLonger, when: "cold_start > 10m in 1 of 1", severity: warning}
  - {name: WarmLong, when: "warm_up > 1ms in 1 of 1", severity: warning}
` + strings.Replace(sleeper("wake: keep_warm", `baseline: {schedule: "*/5 * * * *"}`), "    endpoint: {namespace: sim, name: one, idle: 15m}\n", "", 1)
		r.start(text)
		time.Sleep(time.Hour)
		woken, ready := coldStarts(server.ColdTruth("one"))
		all := r.episodes()
		if len(all) != 1 || len(woken) != 1 {
			t.Fatalf("%d episodes and %d cold starts, want 1 and 1", len(all), len(woken))
		}
		e := all[0]
		checkParts(t, e, woken[0], ready[0], 0, 0, false)
		if e.Cause != coldstart.CauseNatural || !e.EstimateStuck || e.End != coldstart.EndSteady {
			t.Errorf("cause %q, stuck %v, end %q, %s", e.Cause, e.EstimateStuck, e.End, e.Words)
		}
		r.want(1, "hfwatch_cold_starts_total", "target", "one", "cause", "natural")
		r.want(1, "hfwatch_cold_start_estimate_stuck_total", "target", "one")
		// The rate falls again: twelve baselines an hour, and the raised ones.
		time.Sleep(time.Hour)
		r.want(23, "hfwatch_results_total", "target", "one", "kind", "baseline", "counts", "good")
		r.want(1, "hfwatch_model_state", "target", "one", "state", "warm")
		told := func() {
			t.Helper()
			for name, want := range map[string]float64{"ColdLong": 1, "ColdLonger": 0, "WarmLong": 1} {
				r.want(want, "hfwatch_alert_hits", "alertname", name, "target", "one")
			}
		}
		told()
		r.again(time.Minute, text)
		told()
		t.Log(e.Words)
	})
}

// TestRestartInMidEpisode: a cold start that a restart cuts in two is recorded as
// interrupted, with what was seen of it, and no other is made of its rest; so is
// one of which a power loss left the beginning alone. The next one is whole.
func TestRestartInMidEpisode(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		sleeping(t, r, sim.Cold{Initializing: simSeconds(600), Idle: simSeconds(3600), Estimate: "honest"})
		text := strings.Replace(sleeper("wake: keep_warm", `baseline: {schedule: "*/5 * * * *"}`), "    endpoint: {namespace: sim, name: one, idle: 15m}\n", "", 1)
		r.start(text)
		time.Sleep(8 * time.Minute)
		lost := &coldstart.Episode{Schema: coldstart.EpisodeSchema, ID: "lost", Target: "one", Location: r.d.runner.Location, Began: time.Now().Add(-time.Hour)}
		r.d.keep(lost)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.start(text)
		time.Sleep(time.Hour)
		all := r.episodes()
		if len(all) != 2 {
			t.Fatalf("%d episodes, want the two that were cut off: %+v", len(all), all)
		}
		for _, e := range all {
			if e.End != coldstart.EndInterrupted || e.Ended.IsZero() || !e.FirstAnswer.IsZero() || !strings.HasSuffix(e.Words, "cut off by the end of hfwatch") {
				t.Errorf("%s: end %q at %v: %s", e.ID, e.End, e.Ended, e.Words)
			}
		}
		if len(all[1].Estimates) < 10 || all[1].Refused < 10 {
			t.Errorf("%d estimates and %d refused requests of three minutes are left", len(all[1].Estimates), all[1].Refused)
		}
		r.want(1, "hfwatch_model_state", "target", "one", "state", "warm")
	})
}

// TestRestartAfterAnEpisode: what an episode has ended with is known after a
// restart, so that the next cold start is one.
func TestRestartAfterAnEpisode(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := sleeping(t, r, sim.Cold{Initializing: simSeconds(20), Idle: simSeconds(120), Estimate: "honest"})
		text := strings.Replace(sleeper("wake: keep_warm", `baseline: {schedule: "*/10 * * * *", jitter: 0s}`), "    endpoint: {namespace: sim, name: one, idle: 15m}\n", "", 1)
		r.start(text)
		time.Sleep(18 * time.Minute)
		if all := r.episodes(); len(all) != 1 || all[0].End != coldstart.EndSteady {
			t.Fatalf("before the restart: %+v", all)
		}
		r.again(time.Second, text)
		if v := r.d.tracker.View("one"); v.State != coldstart.Warm || v.Usual == 0 || time.Since(v.LastAsked) > 7*time.Minute {
			t.Errorf("after the restart it is %s, usually %v, last asked at %v", v.State, v.Usual, v.LastAsked)
		}
		time.Sleep(9 * time.Minute)
		woken, _ := coldStarts(server.ColdTruth("one"))
		if all := r.episodes(); len(all) != 2 || len(woken) != 2 || all[1].Cause != coldstart.CauseNatural {
			t.Errorf("%d episodes of %d cold starts, want 2 of 2: %+v", len(all), len(woken), all)
		}
	})
}

// TestReloadInMidExperiment: an experiment whose model or schedule is taken out
// while it waits for the model to fall asleep wakes nothing.
func TestReloadInMidExperiment(t *testing.T) {
	for why, text := range map[string]string{
		"the model is gone":      strings.ReplaceAll(sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 5 1 1 *"}`), "name: one\n    model", "name: two\n    model"),
		"its experiment is gone": sleeper("wake: never_wake", `baseline: {schedule: "0 */6 * * *"}`),
	} {
		t.Run(why, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				server := sleeping(t, r, sim.Cold{Begin: "ready", Idle: simSeconds(900), Initializing: simSeconds(40)})
				r.start(sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: hold, give_up: 10m}`))
				time.Sleep(time.Hour - 4*time.Minute)
				strange(server)
				time.Sleep(5 * time.Minute)
				r.write(configFile, text)
				if err := r.d.Reload(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 {
					t.Errorf("woken %d times, want once, by the stranger", len(woken))
				}
			})
		})
	}
}

// TestSentToSleepInMidExperiment: an endpoint that a person sends to sleep while an
// experiment waits for it is not woken a second time.
func TestSentToSleepInMidExperiment(t *testing.T) {
	for _, method := range []string{"hold", "poll"} {
		t.Run(method, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				server := sleeping(t, r, sim.Cold{Idle: simSeconds(900), Pending: simSeconds(10), Initializing: simSeconds(60)})
				r.start(sleeper("wake: observe_cold", "baseline: off", `cold_start: {schedule: "0 1 * * *", idle: 15m, method: `+method+`, give_up: 10m}`))
				time.Sleep(time.Hour + 30*time.Second)
				order(t, server, "scale-to-zero")
				time.Sleep(time.Hour)
				if woken, _ := coldStarts(server.ColdTruth("one")); len(woken) != 1 {
					t.Errorf("woken %d times, want once: %+v", len(woken), woken)
				}
				all := r.episodes()
				if len(all) != 1 || all[0].End != coldstart.EndSlept {
					t.Errorf("episodes %+v, want one that ended as slept", all)
				}
				r.want(1, "hfwatch_wake_ups_total", "target", "one", "kind", "coldstart")
			})
		})
	}
}
