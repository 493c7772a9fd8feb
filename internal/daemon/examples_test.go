package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/sim"
)

// TestLoadExamples carries out the window of each example against the
// simulator, in full but for the soak: all is sent, nothing fails, and nothing but the plan ends it.
func TestLoadExamples(t *testing.T) {
	const dir = "../../examples/load"
	scenario := exampleScenario(t, dir)
	rows := map[string]struct {
		name     string
		min, max int
	}{
		"sentiment":  {"sentiment", 600, 600},
		"generation": {"writer", 190, 220},
		"mix":        {"support-desk", 2100, 2500},
		"embeddings": {"embeddings", 500, 700},
		// The ramps send half of what they rise by.
		"ramp":  {"sentiment", 525 + 1125 + 2250, 525 + 1125 + 2250},
		"spike": {"sentiment", 650, 870},
		"soak":  {"sentiment", 1800, 1800},
		// One each minute, by each of its three names; what they hold is asked below.
		"prompts": {"prompt-1k prompt-10k prompt-100k", 3, 3},
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) != len(rows) {
		t.Fatalf("%d examples (%v), and %d are told of here", len(files), err, len(rows))
	}
	for example, row := range rows {
		t.Run(example, func(t *testing.T) {
			cfg, err := config.Load(config.Options{
				File: filepath.Join(dir, example+".yaml"), Task: Task, Available: Features(),
				Flags: []config.Override{{Flag: "--hub.url", Path: "hub.url", Value: "http://router.test"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			cfg.Data.Dir = ""
			for _, name := range strings.Fields(row.name) {
				carryExample(t, cfg, scenario, name, func(s *Shape) {
					if example == "soak" {
						// Its six hours take a quarter of a minute here: half an hour of them.
						s.Stages = []config.Stage{{Rate: 1, For: 30 * time.Minute}}
					}
				}, func(w load.Window) {
					if w.Verdict != load.Complete || w.EndedBy != load.EndPlan || w.Sent < row.min || w.Sent > row.max {
						t.Errorf("%s by %s (%s) with %d sent; want complete with %d to %d", w.Verdict, w.EndedBy, w.Reason, w.Sent, row.min, row.max)
					}
					if good := w.Outcomes["ok"]; good != w.Sent {
						t.Errorf("%d of %d were good: %v", good, w.Sent, w.Outcomes)
					}
					if example == "mix" && (len(w.Models) != 3 || w.Models[0].Sent <= w.Models[1].Sent || w.Models[2].Sent <= w.Models[0].Sent) {
						t.Errorf("the shares of the mix are %+v", w.Models)
					}
					if want := map[string]int{"prompt-1k": 1000, "prompt-10k": 10_000, "prompt-100k": 100_000}[name]; want > 0 {
						if in, _ := w.TokensIn.Get(); in < 3*want*9/10 || in > 3*want*12/10 {
							t.Errorf("three prompts of %s have %d tokens, want about three times %d", name, in, want)
						}
					}
				})
			}
		})
	}
}

// exampleScenario reads the scenario of an example.
func exampleScenario(t *testing.T, dir string) sim.Scenario {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "scenario.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	scenario, err := sim.LoadScenario(f)
	if err != nil {
		t.Fatal(err)
	}
	return scenario
}

// carryExample carries out the window of a name against the simulator, in a bubble.
func carryExample(t *testing.T, cfg *config.Config, scenario sim.Scenario, name string, change func(*Shape), check func(load.Window)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sim.New(scenario, sim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		net := fakenet.New()
		net.Serve(t, "router.test:80", s.Handler())
		seed := int64(1)
		shape := Shape{Seed: &seed}
		change(&shape)
		w, err := Once{Version: "test", Dial: net.DialContext}.Load(t.Context(), cfg, name, shape, nil)
		if err != nil {
			t.Fatal(err)
		}
		check(w)
	})
}
