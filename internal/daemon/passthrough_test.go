package daemon

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// providersDir holds the example of providers.
const providersDir = "../../examples/providers"

// passing is the example's configuration and scenario.
func passing(t *testing.T) (*config.Config, sim.Scenario) {
	t.Helper()
	scenario := exampleScenario(t, providersDir)
	cfg, err := config.Load(config.Options{
		File: filepath.Join(providersDir, "providers.yaml"), Task: Task, Available: Features(),
		Flags: []config.Override{
			{Flag: "--hub.url", Path: "hub.url", Value: "http://router.test"}, {Flag: "--storage.path", Path: "data.dir", Value: t.TempDir()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, scenario
}

// probed probes every target of the example once against a scenario, and returns
// the results by name, and how many requests the simulator got.
func probed(t *testing.T, cfg *config.Config, scenario sim.Scenario) map[string]probe.Result {
	t.Helper()
	s, err := sim.New(scenario, sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	net := fakenet.New()
	net.Serve(t, "router.test:80", s.Handler())
	o := Once{Version: "test", Logger: slog.New(slog.DiscardHandler), Parallel: 16, Dial: net.DialContext}
	cfg = Watched(t.Context(), cfg, "test", o.Logger, net.DialContext)
	cfg.Data.Dir = filepath.Join(t.TempDir(), "none")
	cfg.Budget.USDPerMonth = 0
	for i := range cfg.Models {
		cfg.Models[i].Budget = config.Model{}.Budget
	}
	out := map[string]probe.Result{}
	if err := o.Probe(t.Context(), cfg, cfg.Models, func(o Outcome) {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Target, o.Err)
		}
		out[o.Target] = o.Result
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestProvidersExample: each task at each provider, and each of those that are
// polled, in the time that the work took and the rest of one poll.
func TestProvidersExample(t *testing.T) {
	cfg, scenario := passing(t)
	synctest.Test(t, func(t *testing.T) {
		results := probed(t, cfg, scenario)
		for name, want := range map[string]struct {
			shape   string
			service time.Duration
			polls   int
		}{
			"assistant:groq":   {"stream<chat>", 0, 0},
			"assistant:novita": {"stream<chat>", 0, 0},
			// Four questions for the state, one for the result, and the file.
			"pictures-fal":       {"bytes<jpeg>", 2 * time.Second, 5},
			"pictures-replicate": {"bytes<jpeg>", 3 * time.Second, 0},
			"pictures-wavespeed": {"bytes<jpeg>", 1500 * time.Millisecond, 3},
			"pictures-zai":       {"bytes<jpeg>", 15 * time.Second, 3},
			"pictures-together":  {"obj{data}", 1500 * time.Millisecond, 0},
			"embeddings":         {"obj{data}", 60 * time.Millisecond, 0},
			"writer":             {"obj{choices}", 0, 0},
		} {
			res, ok := results[name]
			polls, _ := res.Polls.Get()
			service, _ := res.Service.Get()
			if !ok || res.Outcome != probe.OK || polls != want.polls || want.service != 0 && service != want.service || !strings.HasPrefix(want.shape, "stream") && res.Shape != want.shape {
				t.Errorf("%s: %s in %s after %d polls, %s (%s); want ok in %s after %d, %s", name, res.Outcome, service, polls, res.Shape, res.Error, want.service, want.polls, want.shape)
			}
		}
		if len(results) != 9 {
			t.Errorf("%d targets were probed, want 9", len(results))
		}
	})
}

// TestJobsThatFail: work that a provider gives up, and work that it never ends.
func TestJobsThatFail(t *testing.T) {
	ofAll := func(want string) map[string]string {
		return map[string]string{"pictures-fal": want, "pictures-replicate": want, "pictures-wavespeed": want, "pictures-zai": want}
	}
	cfg, scenario := passing(t)
	for _, row := range []struct {
		fault, variant string
		want           map[string]string
	}{
		{"job_failed", "", map[string]string{
			"pictures-fal":       "server_error: asking for the result: 422 Unprocessable Entity: generation failed: generation_error",
			"pictures-replicate": "server_error: the provider gave up: it says failed: generation failed",
			"pictures-wavespeed": "server_error: the provider gave up: it says failed: generation failed",
			"pictures-zai":       "server_error: the provider gave up: it says FAIL",
		}},
		{"job_stuck", "", map[string]string{
			"pictures-fal":       "timeout: the deadline passed while the provider was at work, after 119 questions for the result: it says IN_PROGRESS",
			"pictures-replicate": "timeout: the deadline passed while the provider was at work, after 29 questions for the result: it says processing",
			"pictures-wavespeed": "timeout: the deadline passed while the provider was at work, after 119 questions for the result: it says processing",
			"pictures-zai":       "timeout: the deadline passed while the provider was at work, after 17 questions for the result: it says PROCESSING",
		}},
		{"bad_shape", "cut_media", ofAll("truncated: the answer: a broken picture: JPEG: ends early, after 321 bytes, in the segment 0xc4")},
		{"bad_shape", "no_media", ofAll("invalid_output: the answer: no picture: it begins with \"There was a \", which is no picture and no sound that is known")},
		{"bad_shape", "other_media", ofAll("invalid_output: the answer: a WAV of 0.25 s, want a picture")},
	} {
		t.Run(strings.TrimSpace(row.fault+" "+row.variant), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for i := range scenario.Models {
					scenario.Models[i].Fault = sim.Fault{}
					if m := scenario.Models[i]; len(m.Tasks) == 1 && m.Tasks[0] == "text-to-image" && m.Name != "together" {
						scenario.Models[i].Fault = sim.Fault{Kind: row.fault, Variant: row.variant}
					}
				}
				results := probed(t, cfg, scenario)
				for name, want := range row.want {
					res := results[name]
					if got := string(res.Outcome) + ": " + res.Error; got != want {
						t.Errorf("%s: %s\nwant %s", name, got, want)
					}
				}
			})
		})
	}
}
