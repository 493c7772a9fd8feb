package load_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// station is a server with permits, first come first served: what it takes varies
// by a factor drawn from a seed.
type station struct {
	mu   sync.Mutex
	free []time.Duration
	r    *rand.Rand
	mean time.Duration
}

func (s *station) answer(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.free)
	start := max(sent, s.free[0])
	s.free[0] = start + time.Duration(float64(s.mean)*(0.8+0.4*s.r.Float64()))
	return s.free[0] - sent, probe.Result{}
}

func newStation(permits int, mean time.Duration, seed uint64) *station {
	return &station{free: make([]time.Duration, permits), r: rand.New(rand.NewPCG(seed, 7)), mean: mean}
}

// edge is the truth: the number in flight from which a long linear ladder breaks
// the objective, and what throughput there is.
func edge(permits int, mean, limit time.Duration, p float64) (inFlight int, rate float64) {
	for n := 1; ; n++ {
		s := newStation(permits, mean, 999)
		users := make([]time.Duration, n)
		var waits []time.Duration
		last := time.Duration(0)
		for k := range 4000 {
			slices.Sort(users)
			sent := users[0]
			took, _ := s.answer(sent, probe.Call{})
			users[0] = sent + took
			last = users[0]
			if k >= 4*n {
				waits = append(waits, took)
			}
		}
		if quantile(waits, p) >= limit {
			return n, 4000 / last.Seconds()
		}
	}
}

// TestCapacityInTwentySeeds finds the capacity of a server that queues within 10 %
// in each, with at most half the requests of a linear ladder of the same rungs.
func TestCapacityInTwentySeeds(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			permits := 2 + r.IntN(15)
			mean := time.Duration(100+r.IntN(400)) * time.Millisecond
			limit := time.Duration(float64(mean) * (1.5 + 2*r.Float64()))
			truth, rate := edge(permits, mean, limit, 0.95)
			synctest.Test(t, func(t *testing.T) {
				o := options(t, &server{answer: newStation(permits, mean, seed).answer}, 256)
				o.Targets[0].Timeout = time.Minute
				w, err := load.Find(t.Context(), load.Search{
					Window: "w", Seed: seed, RungTime: 5 * time.Minute, Time: 3 * time.Hour,
					Objective: load.Objective{Signal: "response", Quantile: 0.95, Limit: probe.Measured(limit)},
				}, o)
				if err != nil {
					t.Fatal(err)
				}
				c := w.Capacity
				if c.Answer != "bracketed" || w.Verdict != load.ServerLimited {
					t.Fatalf("answer %s, verdict %s: %s", c.Answer, w.Verdict, c.Sentence)
				}
				// The edge lies between the last number that keeps the objective and the
				// first that breaks it; 10 %, and one where that is less than one.
				slack := max(1, 0.1*float64(truth))
				if float64(c.InFlightLow) > float64(truth)+slack || float64(c.InFlightHigh) < float64(truth)-slack {
					t.Errorf("%d permits, limit %.2f times the mean: %s; the truth is %d", permits, limit.Seconds()/mean.Seconds(), c.Sentence, truth)
				}
				if c.RateHigh < 0.9*rate || c.RateHigh > 1.1*rate {
					t.Errorf("throughput %.3f/s, want %.3f within 10 %%", c.RateHigh, rate)
				}
				linear := 0
				for n := 1; n <= truth; n++ {
					linear += max(4*59, 3*n)
				}
				if 2*c.Requests > linear && truth > 8 {
					t.Errorf("%d requests, more than half of the %d of a linear ladder to %d", c.Requests, linear, truth)
				}
				t.Logf("truth %d (%.2f/s): %s, linear %d", truth, rate, c.Sentence, linear)
			})
		})
	}
}

// TestFindBounds asks where the answer is an end of the ladder.
func TestFindBounds(t *testing.T) {
	for _, tc := range []struct {
		limit  time.Duration
		answer string
	}{{time.Minute, "all_pass"}, {50 * time.Millisecond, "none_pass"}} {
		synctest.Test(t, func(t *testing.T) {
			o := options(t, &server{answer: newStation(4, 100*time.Millisecond, 1).answer}, 32)
			w, err := load.Find(t.Context(), load.Search{Window: "w", Objective: load.Objective{Signal: "response", Quantile: 0.5, Limit: probe.Measured(tc.limit)}}, o)
			if err != nil {
				t.Fatal(err)
			}
			if w.Capacity.Answer != tc.answer || w.EndedBy != load.EndAnswered {
				t.Errorf("limit %v: answer %s by %s, want %s", tc.limit, w.Capacity.Answer, w.EndedBy, tc.answer)
			}
		})
	}
}

// TestFindEndsAtAFailingEndpoint sends no more than the abort rule's worth.
func TestFindEndsAtAFailingEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(time.Duration, probe.Call) (time.Duration, probe.Result) {
			return 10 * time.Millisecond, probe.Result{Status: 500, Outcome: probe.ServerError}
		}}
		o := options(t, s, 32)
		o.Abort = load.DefaultAbort()
		w, err := load.Find(t.Context(), load.Search{Window: "w", Objective: load.Objective{Signal: "response", Quantile: 0.95, Limit: probe.Measured(time.Second)}}, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.sends) > 21 || w.EndedBy != load.EndErrors || w.Verdict != load.Aborted {
			t.Errorf("%d sent, ended by %s, verdict %s, want about 20 and error_ratio", len(s.sends), w.EndedBy, w.Verdict)
		}
	})
}
