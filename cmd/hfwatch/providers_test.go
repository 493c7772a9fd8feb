package main

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/sim"
)

// TestProvidersOwnHeaders asks a chat model at each provider of the simulator: its
// ids and its limits are evidence of the result, and what it says of waiting on a
// good answer is no wait.
func TestProvidersOwnHeaders(t *testing.T) {
	t.Parallel()
	rows := []struct {
		provider string
		// limit is the bucket nearest to being spent, reset the time until it is whole.
		limit string
		reset time.Duration
		ids   []string
		timed bool
	}{
		{"fireworks-ai", "tokens-generated", 0, []string{"inference-id", "cf-ray"}, true},
		{"together", "tokens", 0, []string{"inference-id", "cf-ray"}, true},
		{"nscale", "requests", time.Second, []string{"inference-id"}, true},
		{"groq", "requests", 2*time.Minute + 59560*time.Millisecond, []string{"inference-id", "cf-ray"}, true},
		{"cerebras", "tokens-minute", 33930 * time.Millisecond, []string{"inference-id", "cf-ray"}, true},
		{"novita", "", 0, []string{"inference-id", "cf-ray"}, true},
	}
	scenario := sim.Scenario{Seed: 7}
	for _, row := range rows {
		scenario.Models = append(scenario.Models, sim.Model{
			Name: row.provider, ID: "org/chat", Tasks: []string{"chat-completion"}, Backend: sim.BackendProvider, Provider: row.provider,
			Behaviour: sim.Behaviour{Text: "Hello there.", Latency: sim.Latency{Prefill: sim.Duration(5 * time.Millisecond)}},
		})
	}
	server, err := sim.New(scenario, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	client := hf.New(hf.Options{Version: "test"})
	defer client.Close()
	runner := probe.Runner{Exchanger: client, Location: "here", Version: "test"}
	for _, row := range rows {
		text := raw(map[string]any{"hub": map[string]any{"url": web.URL, "token": "hf_x"}, "models": []any{
			map[string]any{"name": "m", "model": "org/chat", "task": "chat-completion", "provider": row.provider, "stream": false, "inputs": []any{"Hello"}},
		}})
		cfg, err := config.Load(config.Options{
			File: "one.yaml", Task: daemon.Task, Available: daemon.Features(),
			Read: func(string, int64) ([]byte, error) { return text, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		call, err := runner.Prepare(probe.Shot{Target: cfg.Models[0].Target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: time.Unix(1_800_000_000, 0)})
		if err != nil {
			t.Fatal(err)
		}
		res := runner.Run(t.Context(), call, probe.Circumstances{})
		reset, _ := res.RateLimit.Reset.Get()
		if res.Outcome != probe.OK || res.RateLimit.Name != row.limit || reset != row.reset || !res.RetryAfter.IsZero() || res.Server.IsZero() == row.timed {
			t.Errorf("%s: %s (%s), limit %q, whole again after %s, a wait of %s, server %s", row.provider, res.Outcome, res.Error, res.RateLimit.Name, reset, res.RetryAfter, res.Server)
		}
		names := make([]string, len(res.IDs))
		for i, id := range res.IDs {
			names[i], _, _ = strings.Cut(id, ":")
		}
		if !strings.HasPrefix(res.RequestID, "Root=") || !strings.Contains(res.RequestID, call.ID) || !slices.Equal(names, row.ids) {
			t.Errorf("%s: ids %q, %q, want the router's with our own, and %q", row.provider, res.RequestID, res.IDs, row.ids)
		}
	}
}
