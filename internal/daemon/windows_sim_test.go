package daemon

import (
	"fmt"
	"math/rand/v2"
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

// oneModel is a model of the simulator that classifies.
func oneModel(change func(*sim.Model)) sim.Scenario {
	m := sim.Model{
		Name: "m", ID: "org/m", Tasks: []string{"text-classification"}, Backend: "hf-inference",
		Behaviour: sim.Behaviour{Latency: sim.Latency{Prefill: sim.Duration(100 * time.Millisecond)}},
	}
	change(&m)
	return sim.Scenario{Seed: 1, Models: []sim.Model{m}}
}

// simulate serves a scenario as the router.
func simulate(t *testing.T, net *fakenet.Network, s sim.Scenario) *sim.Server {
	t.Helper()
	server, err := sim.New(s, sim.Options{TruthSize: 200_000})
	if err != nil {
		t.Fatal(err)
	}
	net.Serve(t, "router.test:80", server.Handler())
	return server
}

// routed is a configuration that watches the simulator's model through the router.
func routed(window string, more ...string) string {
	return "alerting: off\nhub: {url: \"http://router.test\"}\nmodels:\n  - name: m\n    model: org/m\n    task: text-classification\n" +
		"    inputs: [\"I love it.\"]\n    baseline: {schedule: \"@every 30s\", timeout: 5s}\n    window: " + window + "\n    " + strings.Join(more, "\n    ") + "\n"
}

// TestAbortLimitsWhatIsSpent: once a paid endpoint fails, no more requests are
// sent than the abort rule needs to see, and what was in flight, by the count of
// the simulator.
func TestAbortLimitsWhatIsSpent(t *testing.T) {
	for _, c := range []struct {
		fault string
		most  int
		by    load.EndedBy
	}{
		{"payment_required", 1 + 8, load.EndStatus},
		{"rate_limited", 1 + 8, load.EndStatus},
		{"server_error", 20 + 8, load.EndErrors},
		{"reset_before_headers", 20 + 8, load.EndErrors},
	} {
		t.Run(c.fault, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				s := oneModel(func(*sim.Model) {})
				// The bubble is three seconds old.
				s.Timeline = []sim.Step{{At: simSeconds(147), Model: "m", Set: fmt.Appendf(nil, `{"fault": {"kind": %q}}`, c.fault)}}
				server := simulate(t, r.net, s)
				r.start(routed(`{schedule: "`+atTwo+`", stages: [{rate: 20/s, for: 50s}], max_in_flight: 8}`,
					"price: {usd_per_mtok_input: 1, usd_per_mtok_output: 1}", "budget: {usd_per_day: 100}"))
				time.Sleep(5 * time.Minute)
				all := r.windows("m")
				if len(all) != 1 {
					t.Fatalf("%d records; logs:\n%s", len(all), r.logs)
				}
				if all[0].Verdict != load.Aborted || all[0].EndedBy != c.by || all[0].Good < 500 {
					t.Errorf("it ended as %s by %s: %s; %d were good", all[0].Verdict, all[0].EndedBy, all[0].EndedWhy, all[0].Good)
				}
				failed := 0
				for _, rec := range server.Truth() {
					if rec.Did == c.fault && rec.Received.Before(all[0].Ended.Add(time.Second)) {
						failed++
					}
				}
				// One baseline was due as it began to fail.
				if failed < 1 || failed > c.most+1 {
					t.Errorf("the simulator saw %d requests once it failed, want 1 to %d", failed, c.most+1)
				}
			})
		})
	}
}

// TestBrakeOnALiveDaemon: a model that is asked more than it computes makes requests
// pile up and wait; the window ends itself, and says that the server was the limit.
func TestBrakeOnALiveDaemon(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		simulate(t, r.net, oneModel(func(m *sim.Model) { m.Permits, m.QueueLimit = 1, 100_000 }))
		r.start(routed(`{schedule: "` + atTwo + `", stages: [{rate: 12/s, for: 10m}], max_in_flight: 2000, timeout: 5m}`))
		time.Sleep(10 * time.Minute)
		all := r.windows("m")
		if len(all) != 1 || all[0].EndedBy != load.EndBrake || all[0].Verdict != load.ServerLimited {
			t.Fatalf("records = %+v", all)
		}
		if took := all[0].Ended.Sub(all[0].Started); took > 3*time.Minute || all[0].Due > 12*150 {
			t.Errorf("it took %s and %d requests", took, all[0].Due)
		}
	})
}

// TestTraceOnALiveDaemon replays the arrivals of a file, twice as fast.
func TestTraceOnALiveDaemon(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace.csv")
	const arrivals = "seconds\n0\n2\n2.5\n60\n100\n"
	if err := os.WriteFile(trace, []byte(arrivals), 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, func(t *testing.T, r *rig) {
		r.write("trace.csv", arrivals)
		server := simulate(t, r.net, oneModel(func(*sim.Model) {}))
		r.start(routed(`{schedule: "` + atTwo + `", arrival: {process: trace, trace_file: "` + trace + `", time_scale: 0.5}, max_in_flight: 4}`))
		time.Sleep(4 * time.Minute)
		all := r.windows("m")
		if len(all) != 1 || all[0].Verdict != load.Complete || all[0].Sent != 5 || all[0].Plan.Process != string(load.Trace) {
			t.Fatalf("records = %+v; logs:\n%s", all, r.logs)
		}
		plan, err := all[0].Plan.Plan(all[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[time.Duration]bool{}
		for _, rec := range server.Truth() {
			seen[rec.Received.Sub(all[0].Started).Round(time.Millisecond)] = true
		}
		for i, want := range []time.Duration{0, time.Second, 1250 * time.Millisecond, 30 * time.Second, 50 * time.Second} {
			if at, _ := plan.Arrivals[i].At.Get(); at != want || !seen[want] {
				t.Errorf("arrival %d is due at %s and seen then: %t; want %s", i, at, seen[want], want)
			}
		}
	})
}

// TestCapacityOfTheSimulator finds what a model truly computes a second within 10 %
// in each of twenty seeds, with at most half of the requests of a linear ladder.
// Under the race detector two seeds stand for them. Where the edge lies is asked of
// all twenty in package load.
func TestCapacityOfTheSimulator(t *testing.T) {
	seeds := uint64(20)
	if raceOn {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 11))
			permits := 3 + r.IntN(10)
			each := time.Duration(100+r.IntN(300)) * time.Millisecond
			limit := time.Duration(float64(each) * (1.5 + 2*r.Float64())).Round(time.Millisecond)
			capacity := float64(permits) / each.Seconds()
			synctest.Test(t, func(t *testing.T) {
				net := fakenet.New()
				simulate(t, net, oneModel(func(m *sim.Model) {
					m.Permits, m.QueueLimit, m.Latency = permits, 1000, sim.Latency{Prefill: sim.Duration(each), Jitter: "uniform", Spread: 0.05}
				}))
				cfg, err := config.Load(config.Options{
					File: "c.yaml", Task: Task, Available: Features(),
					Read: func(string, int64) ([]byte, error) { return []byte(routed(`off`)), nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				cfg.Data.Dir = ""
				n := int64(seed)
				w, err := Once{Version: "test", Dial: net.DialContext}.Load(t.Context(), cfg, "m", Shape{
					Find: "p95(response) < " + limit.String(), MaxInFlight: 256, Seed: &n,
				}, nil)
				if err != nil {
					t.Fatal(err)
				}
				c := w.Capacity
				if c.Answer != "bracketed" || w.Verdict != load.ServerLimited {
					t.Fatalf("answer %s, verdict %s: %s", c.Answer, w.Verdict, c.Sentence)
				}
				if c.RateHigh < 0.9*capacity || c.RateHigh > 1.1*capacity {
					t.Errorf("%s: the throughput at the edge is %.3f/s, truly %.3f/s", c.Sentence, c.RateHigh, capacity)
				}
				linear := 0
				for n := 1; n <= c.InFlightHigh; n++ {
					linear += max(4*59, 3*n)
				}
				if c.InFlightHigh > 8 && 2*c.Requests > linear {
					t.Errorf("%s: more than half of the %d of a linear ladder", c.Sentence, linear)
				}
				t.Logf("truly %.2f/s: %s", capacity, c.Sentence)
			})
		})
	}
}

// TestConfiguredDraws: a window asks for the inputs whose length its configuration
// draws, at a rate that wanders, and the same seed draws the same again.
func TestConfiguredDraws(t *testing.T) {
	long := strings.Repeat("It rained all night. ", 20)
	text := strings.Replace(routed(`{schedule: "0 3 * * *", stages: [{rate: 2/s, for: 4m}], max_in_flight: 8, arrival: {process: modulated, seed: 7}, lengths: {kind: normal, mean: 400, spread: 50}}`),
		`["I love it."]`, `["I love it.", "`+long+`"]`, 1)
	var hashes []string
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			net := fakenet.New()
			server := simulate(t, net, oneModel(func(*sim.Model) {}))
			cfg, err := config.Load(config.Options{
				File: "c.yaml", Task: Task, Available: Features(), Read: func(string, int64) ([]byte, error) { return []byte(text), nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			cfg.Data.Dir = ""
			w, err := Once{Version: "test", Dial: net.DialContext}.Load(t.Context(), cfg, "m", Shape{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if w.Plan.Process != string(load.Modulated) || w.Good != w.Sent || w.Sent < 240 || w.Sent > 720 {
				t.Errorf("%s, %d good of %d sent; want modulated arrivals, about 480", w.Plan.Process, w.Good, w.Sent)
			}
			hashes = append(hashes, w.Plan.Hash)
			for _, rec := range server.Truth() {
				if rec.BodyBytes < len(long) {
					t.Fatalf("a request of %d bytes was asked, want the long input alone", rec.BodyBytes)
				}
			}
		})
	}
	if len(hashes) != 2 || hashes[0] != hashes[1] || hashes[0] == "" {
		t.Errorf("one seed draws %v", hashes)
	}
}
