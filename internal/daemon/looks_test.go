package daemon

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/sim"
)

// serverless serves a model of the serverless provider as router.test, with the
// Hub's API.
func serverless(t *testing.T, r *rig, b sim.Behaviour) *sim.Server {
	t.Helper()
	b.Tokens, b.Latency = 1, sim.Latency{Prefill: sim.Duration(200 * time.Millisecond)}
	s := sim.Scenario{Seed: 1, Models: []sim.Model{{
		Name: "one", ID: "org/one", Tasks: []string{"text-generation"}, Backend: "hf-inference", Behaviour: b,
	}}}
	server, err := sim.New(s, sim.Options{TruthSize: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	r.net.Serve(t, "router.test:80", server.Handler())
	return server
}

// atRouter is the configuration of it.
func atRouter(schedule string) string {
	return "alerting: off\nevaluation_interval: 5m\nhub: {url: \"http://router.test\", api_url: \"http://router.test\"}\nmodels:\n  - name: one\n    model: org/one\n" +
		"    task: text-generation\n    provider: hf-inference\n    inputs: [\"x\"]\n    parameters: {max_new_tokens: 1}\n    baseline: {schedule: \"" + schedule + "\"}\n"
}

// hubQuestions counts what the Hub was asked.
func hubQuestions(server *sim.Server) int {
	n := 0
	for _, rec := range server.Truth() {
		if rec.Route == "hub" {
			n++
		}
	}
	return n
}

// TestHubSaysWhenServerlessRuns: while a serverless model loads, the Hub is asked
// each minute, and its word is the part of the start that the management API tells
// of a dedicated one. A model that answers is none of its business.
func TestHubSaysWhenServerlessRuns(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := serverless(t, r, sim.Behaviour{Cold: &sim.Cold{Idle: simSeconds(86_400), Initializing: simSeconds(300), Estimate: "honest"}})
		r.start(atRouter("*/5 * * * *"))
		time.Sleep(time.Hour)
		woken, ready := coldStarts(server.ColdTruth("one"))
		all := r.episodes()
		if len(all) != 1 || len(woken) != 1 {
			t.Fatalf("%d episodes of %d cold starts, want 1 and 1", len(all), len(woken))
		}
		took, ok := all[0].Running.Get()
		if want := ready[0].Sub(woken[0]); !ok || took < want || took > want+coldstart.HubStartPace {
			t.Errorf("running after %v (%t), want %v to a minute more", took, ok, want)
		}
		// Five minutes of its start and the minute of its warm-up, and none after it.
		if n := hubQuestions(server); n < 5 || n > 7 {
			t.Errorf("the Hub was asked %d times, want about once a minute of the start", n)
		}
	})
}

// TestHubSaysWhatFails: a provider's failed check degrades a model that has not
// been asked for a quarter of an hour, until it answers.
func TestHubSaysWhatFails(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		server := serverless(t, r, sim.Behaviour{Listing: sim.Listing{Status: "error"}})
		r.start(atRouter("0 * * * *"))
		time.Sleep(time.Hour + 10*time.Minute)
		if state := r.d.tracker.State("one"); state != coldstart.Warm {
			t.Errorf("%s ten minutes after a good answer, want warm", state)
		}
		time.Sleep(20 * time.Minute)
		if state := r.d.tracker.State("one"); state != coldstart.Degraded {
			t.Errorf("%s half an hour after it, want degraded by the Hub's check", state)
		}
		time.Sleep(31 * time.Minute)
		if state := r.d.tracker.State("one"); state != coldstart.Warm {
			t.Errorf("%s after another good answer, want warm", state)
		}
		if n := hubQuestions(server); n < 6 || n > 9 {
			t.Errorf("the Hub was asked %d times in two hours, want every quarter of an hour that nothing was asked", n)
		}
	})
}
