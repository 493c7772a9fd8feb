package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// server is an exchanger that answers as a function says, on the bubble's clock.
type server struct {
	answer func(sent time.Duration, call probe.Call) (time.Duration, probe.Result)
	mu     sync.Mutex
	start  time.Time
	// sends are when requests were sent, calls the calls themselves.
	sends []time.Duration
	calls []probe.Call
	now   int
	most  int
}

func (s *server) Do(ctx context.Context, call probe.Call) probe.Result {
	sent := time.Now()
	s.mu.Lock()
	if s.start.IsZero() {
		s.start = sent
	}
	since := sent.Sub(s.start)
	s.sends = append(s.sends, since)
	s.calls = append(s.calls, call)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	took, res := s.answer(since, call)
	limit := call.Limit
	if took >= limit {
		took = limit
		res = probe.Result{Outcome: probe.Timeout, Phase: probe.PhaseTotal, Error: "too slow"}
	}
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		res = probe.Result{Outcome: probe.Canceled, Error: "canceled"}
	}
	if res.Outcome == "" {
		res.Outcome, res.Status = probe.OK, 200
	}
	res.Sent, res.Service = sent, probe.Measured(time.Since(sent))
	return res
}

// always takes the same time.
func always(d time.Duration) func(time.Duration, probe.Call) (time.Duration, probe.Result) {
	return func(time.Duration, probe.Call) (time.Duration, probe.Result) { return d, probe.Result{} }
}

func target(t testing.TB, name string) *probe.Target {
	t.Helper()
	custom, ok := task.ByName("custom")
	if !ok {
		t.Fatal("no custom task")
	}
	return &probe.Target{
		Name: name, Task: custom, Timeout: 10 * time.Second,
		Inputs: probe.Inputs{Values: []json.RawMessage{[]byte(`{"inputs":"a"}`)}}, Cache: probe.CacheAllow,
	}
}

// options are those of a window of one target.
func options(t testing.TB, s *server, bound int) load.Options {
	t.Helper()
	return load.Options{
		Runner:  probe.Runner{Exchanger: s, Location: "here", Version: "test"},
		Targets: []*probe.Target{target(t, "a")}, MaxInFlight: bound,
	}
}

func run(t *testing.T, p load.Plan, o load.Options) load.Window {
	t.Helper()
	w, err := load.Run(t.Context(), p, load.Whole(), o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// quantile is the truth: the value at a rank of what was.
func quantile(xs []time.Duration, p float64) time.Duration {
	sorted := slices.Clone(xs)
	slices.Sort(sorted)
	at := int(float64(len(sorted))*p+0.9999999) - 1
	return sorted[max(at, 0)]
}

// near reports that a histogram of three digits holds want as got.
func near(got probe.Seconds, want time.Duration) bool {
	d, ok := got.Get()
	return ok && d >= want && float64(d-want) <= 0.001*float64(want)+float64(time.Microsecond)
}

// TestCalm carries out a grid against a server that always takes 20 ms: every
// number is what it must be.
func TestCalm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(200, 5*time.Second, 0)}}, 1)
		s := &server{answer: always(20 * time.Millisecond)}
		w := run(t, p, options(t, s, 16))
		for i, sent := range s.sends {
			if want := time.Duration(i) * 5 * time.Millisecond; sent != want {
				t.Fatalf("request %d sent at %v, want %v", i, sent, want)
			}
		}
		if w.Planned != 1000 || w.Due != 1000 || w.Sent != 1000 || w.Late != 0 || w.NotSent != 0 || w.Good != 1000 || w.Outcomes[probe.OK] != 1000 {
			t.Errorf("counts = %d planned, %d due, %d sent, %d late, %d not sent, %d good, want 1000 good ones", w.Planned, w.Due, w.Sent, w.Late, w.NotSent, w.Good)
		}
		for name, q := range map[string]*load.Quantile{"p50": w.Response.P50, "p99": w.Response.P99, "service p99": w.Service.P99} {
			if q == nil || q.Value != probe.Measured(20*time.Millisecond) {
				t.Errorf("%s = %v, want 20ms", name, q)
			}
		}
		if w.Lag.P99.Value != probe.Measured(0) {
			t.Errorf("lag p99 = %v, want 0", w.Lag.P99.Value)
		}
		if w.Response.P999 != nil {
			t.Errorf("p999 of 1000 = %v, want none: it has no interval", w.Response.P999)
		}
		if w.Verdict != load.Complete || w.EndedBy != load.EndPlan {
			t.Errorf("verdict = %s by %s (%s), want complete by plan", w.Verdict, w.EndedBy, w.Reason)
		}
		if rate, _ := w.AchievedRate.Get(); rate != 200 {
			t.Errorf("achieved rate = %v, want 200", rate)
		}
		if s.most > 5 || w.Client.MaxInFlight > 5 {
			t.Errorf("most in flight %d, recorded %d, want 4, or 5 where one comes as another goes", s.most, w.Client.MaxInFlight)
		}
		if len(w.Curve) < 5 || w.Curve[2].Due != 200 || w.Curve[2].Done != 200 {
			t.Errorf("second 2 of the curve = %+v, want 200 due and done", w.Curve[2])
		}
	})
}

// stalled is a server of 20 ms that holds everything between 8 s and 10 s.
func stalled(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
	const took = 20 * time.Millisecond
	if end := sent + took; sent < 10*time.Second && end > 8*time.Second {
		return 10*time.Second + took - sent, probe.Result{}
	}
	return took, probe.Result{}
}

// truth simulates requests due on a grid that pass through a bound to a server,
// and returns how long each really waits.
func truth(due []time.Duration, bound int, serve func(time.Duration) time.Duration) []time.Duration {
	free := make([]time.Duration, bound)
	var out []time.Duration
	for _, at := range due {
		slices.Sort(free)
		start := max(at, free[0])
		free[0] = start + serve(start)
		out = append(out, free[0]-at)
	}
	return out
}

// TestStall holds everything for 2 s and compares each percentile with what a
// request due then truly waits, with a bound of 16 and without one.
func TestStall(t *testing.T) {
	for _, bound := range []int{16, 1000} {
		synctest.Test(t, func(t *testing.T) {
			p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(200, 20*time.Second, 0)}}, 1)
			s := &server{answer: stalled}
			w := run(t, p, options(t, s, bound))
			want := truth(times(p), bound, func(at time.Duration) time.Duration { d, _ := stalled(at, probe.Call{}); return d })
			if w.Good != 4000 || w.Response.N != 4000 || w.NotSent != 0 {
				t.Fatalf("bound %d: %d good of %d, want 4000", bound, w.Good, w.Response.N)
			}
			for _, q := range []struct {
				p   float64
				got *load.Quantile
			}{{0.5, w.Response.P50}, {0.9, w.Response.P90}, {0.95, w.Response.P95}, {0.99, w.Response.P99}, {0.999, w.Response.P999}} {
				if truth := quantile(want, q.p); q.got == nil || !near(q.got.Value, truth) {
					t.Errorf("bound %d: p%g = %v, want %v", bound, 100*q.p, q.got, truth)
				}
			}
			var sum time.Duration
			for _, d := range want {
				sum += d
			}
			if got, _ := w.Response.Sum.Get(); got != sum {
				t.Errorf("bound %d: the sum of response times is %v, want %v exactly", bound, got, sum)
			}
			if bound == 16 && (w.Late == 0 || s.most != 16) {
				t.Errorf("%d late with at most %d in flight, want some and 16", w.Late, s.most)
			}
			if got := w.Service.P90.Value; bound == 16 && !near(got, 20*time.Millisecond) {
				t.Errorf("service p90 = %v, want 20ms: the queue is no service", got)
			}
		})
	}
}

// TestNotSent fills the bound for good: what waits is given up after the drain,
// censored at its wait, and quantiles there say ">=".
func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(100, 4*time.Second, 0)}}, 1)
		s := &server{answer: always(100 * time.Millisecond)}
		o := options(t, s, 2)
		o.Drain = time.Second
		w := run(t, p, o)
		// 20/s for 5 s.
		if w.Sent < 100 || w.Sent > 104 || w.Sent+w.NotSent != 400 || w.Outcomes[probe.NotSent] != w.NotSent {
			t.Errorf("%d sent and %d not, want about 100 and 400 together", w.Sent, w.NotSent)
		}
		if w.Response.N != 400 || w.Response.Censored != w.NotSent {
			t.Errorf("%d response times, %d censored, want 400 and %d", w.Response.N, w.Response.Censored, w.NotSent)
		}
		if !w.Response.P50.AtLeast || !w.Response.P50.High.IsZero() || !w.Response.P99.AtLeast {
			t.Errorf("p50 = %+v, want a lower bound without an upper end", w.Response.P50)
		}
		if w.Service.P50.AtLeast {
			t.Errorf("service p50 = %+v, want a value: it is of what was sent", w.Service.P50)
		}
		if w.Verdict != load.ClientLimited {
			t.Errorf("verdict = %s (%s), want client_limited: the bound is too small", w.Verdict, w.Reason)
		}
	})
}

// TestAbortOnErrors fails everything from some moment on: at most the rule's worth
// of further requests goes out.
func TestAbortOnErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		from   time.Duration
		by     load.EndedBy
		most   int
	}{
		"errors from the start":     {500, 0, load.EndErrors, 20 + 4},
		"errors after good results": {500, 30 * time.Second, load.EndErrors, 20 + 4},
		"no credentials":            {401, 0, load.EndErrors, 20 + 4},
		"payment required":          {402, 10 * time.Second, load.EndStatus, 1 + 4},
		"too many requests":         {429, 10 * time.Second, load.EndStatus, 1 + 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(20, time.Minute, 0)}}, 1)
				outcomes := map[int]probe.Outcome{500: probe.ServerError, 401: probe.Auth, 402: probe.Billing, 429: probe.RateLimited}
				failed := 0
				s := &server{}
				s.answer = func(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
					if sent < tc.from {
						return 50 * time.Millisecond, probe.Result{}
					}
					s.mu.Lock()
					failed++
					s.mu.Unlock()
					return 50 * time.Millisecond, probe.Result{Status: tc.status, Outcome: outcomes[tc.status]}
				}
				o := options(t, s, 4)
				o.Abort = load.DefaultAbort()
				w := run(t, p, o)
				if failed > tc.most || w.EndedBy != tc.by || w.Verdict != load.Aborted || w.EndedWhy == "" {
					t.Errorf("%d requests to a failing endpoint, ended by %s (%s), verdict %s; want at most %d and %s", failed, w.EndedBy, w.EndedWhy, w.Verdict, tc.most, tc.by)
				}
				if w.Due >= 1200 || w.Planned != 1200 {
					t.Errorf("%d due of %d planned, want fewer than 1200 of them", w.Due, w.Planned)
				}
				if len(w.Failures) == 0 {
					t.Error("no failure was kept")
				}
			})
		})
	}
}

// TestFailuresAreSampled keeps a hundred of a thousand.
func TestFailuresAreSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(100, 10*time.Second, 0)}}, 1)
		s := &server{answer: func(time.Duration, probe.Call) (time.Duration, probe.Result) {
			return time.Millisecond, probe.Result{Status: 500, Outcome: probe.ServerError}
		}}
		w := run(t, p, options(t, s, 4))
		if len(w.Failures) != load.MaxFailures || w.Bad != 1000 || w.Statuses[500] != 1000 {
			t.Errorf("%d failures kept of %d, want 100 of 1000", len(w.Failures), w.Bad)
		}
		// A bad answer after 1 ms is no fast one: it stands at its deadline.
		if !w.Response.P50.AtLeast || w.Response.P50.Value != probe.Measured(10*time.Second) {
			t.Errorf("response p50 = %+v, want >= 10s", w.Response.P50)
		}
		if late := w.Failures[len(w.Failures)-1].Due; !late.After(w.Started.Add(2 * time.Second)) {
			t.Errorf("the last failure kept was due at %v, want one from later on", late.Sub(w.Started))
		}
	})
}

// grudging admits n requests.
type grudging struct {
	mu      sync.Mutex
	left    int
	settled int
}

func (g *grudging) Admit(*probe.Call) (func(probe.Result), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left--; g.left < 0 {
		return nil, errors.New("budget of target a: requests_per_day is spent")
	}
	return func(probe.Result) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.settled++
	}, nil
}

// TestBudget ends the window at the first request that is not admitted.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(100, 10*time.Second, 0)}}, 1)
		s := &server{answer: always(30 * time.Millisecond)}
		o := options(t, s, 8)
		g := &grudging{left: 50}
		o.Admission = g
		w := run(t, p, o)
		if len(s.sends) != 50 || g.settled != 50 || w.Sent != 50 || w.NotSent != 1 {
			t.Errorf("%d sent, %d settled, %d recorded, %d not sent, want 50, 50, 50 and 1", len(s.sends), g.settled, w.Sent, w.NotSent)
		}
		if w.EndedBy != load.EndBudget || w.Verdict != load.BudgetLimited || w.Reason == "" {
			t.Errorf("ended by %s, verdict %s (%s), want budget", w.EndedBy, w.Verdict, w.Reason)
		}
	})
}

// TestInterrupted ends the context midway: with a cause of ours and without.
func TestInterrupted(t *testing.T) {
	for _, tc := range []struct {
		cause error
		by    load.EndedBy
	}{{nil, load.EndInterrupted}, {&load.Stop{By: load.EndBystander, Why: "its neighbour fails"}, load.EndBystander}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(2500*time.Millisecond, func() { cancel(tc.cause) })
			p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(10, 10*time.Second, 0)}}, 1)
			s := &server{answer: always(300 * time.Millisecond)}
			w, err := load.Run(ctx, p, load.Whole(), options(t, s, 8))
			if err != nil {
				t.Fatal(err)
			}
			if w.EndedBy != tc.by || w.Verdict != load.Aborted || w.Due > 27 || w.Due < 25 {
				t.Errorf("ended by %s, verdict %s, %d due, want %s and about 26", w.EndedBy, w.Verdict, w.Due, tc.by)
			}
			if w.Outcomes[probe.Canceled] == 0 {
				t.Error("nothing was canceled, want what was in flight")
			}
		})
	}
}

// TestBrake overloads a server that queues: requests pile up and wait, and the
// window ends itself.
func TestBrake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(15, 10*time.Minute, 0)}}, 1)
		var free time.Duration
		s := &server{}
		s.answer = func(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
			s.mu.Lock()
			defer s.mu.Unlock()
			free = max(free, sent) + 100*time.Millisecond
			return free - sent, probe.Result{}
		}
		o := options(t, s, 1000)
		o.Targets[0].Timeout = 10 * time.Minute
		o.Abort = load.DefaultAbort()
		w := run(t, p, o)
		if w.EndedBy != load.EndBrake || w.Verdict != load.ServerLimited || len(w.Curve) == 0 || w.Due > 15*60 {
			t.Errorf("ended by %s after %d requests, verdict %s (%s), want the brake within a minute", w.EndedBy, w.Due, w.Verdict, w.Reason)
		}
	})
}

// TestSteadyLoadNeverBrakes holds that noise at a steady load does not.
func TestSteadyLoadNeverBrakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Process: load.Poisson, Stages: []load.Stage{stage(10, 10*time.Minute, time.Minute)}}, 1)
		n := uint64(0)
		s := &server{}
		s.answer = func(time.Duration, probe.Call) (time.Duration, probe.Result) {
			s.mu.Lock()
			defer s.mu.Unlock()
			n = n*6364136223846793005 + 1442695040888963407
			return time.Duration(200+n>>33%800) * time.Millisecond, probe.Result{}
		}
		o := options(t, s, 100)
		o.Abort = load.DefaultAbort()
		if w := run(t, p, o); w.EndedBy != load.EndPlan || w.Verdict != load.Complete {
			t.Errorf("ended by %s (%s), verdict %s (%s), want the plan's own end", w.EndedBy, w.EndedWhy, w.Verdict, w.Reason)
		}
	})
}

// TestUsers runs closed loops: a user thinks, asks, and waits for the answer.
func TestUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{
			Window: "w", Process: load.Closed, Users: 5, For: probe.Measured(10 * time.Second),
			ThinkMin: probe.Measured(900 * time.Millisecond),
		}, 1)
		s := &server{answer: always(100 * time.Millisecond)}
		w := run(t, p, options(t, s, 5))
		// The first at 0.9 s, and one a second from then on.
		if len(s.sends) != 50 || w.Sent != 50 || w.Planned != 50 || s.most != 5 {
			t.Errorf("%d sent, %d recorded, %d planned, %d at most in flight, want 50, 50, 50 and 5", len(s.sends), w.Sent, w.Planned, s.most)
		}
		if w.Lag.Max != probe.Measured(0) || w.Response.P50.Value != probe.Measured(100*time.Millisecond) {
			t.Errorf("lag %v, response p50 %v, want 0 and 100ms", w.Lag.Max, w.Response.P50)
		}
	})
}

// TestMix sends each step to its own target and counts it by itself.
func TestMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{
			Window: "w", Process: load.Closed, Users: 6, For: probe.Measured(60 * time.Second),
			ThinkMin: probe.Measured(time.Second), ThinkMax: probe.Measured(4 * time.Second),
			Steps: []load.Step{{Name: "zero-shot", Weight: 3}, {Name: "summary", Weight: 2}, {Name: "sentiment", Weight: 4}},
		}, 7)
		s := &server{answer: func(_ time.Duration, call probe.Call) (time.Duration, probe.Result) {
			return map[string]time.Duration{"a": 100 * time.Millisecond, "b": 300 * time.Millisecond, "c": 50 * time.Millisecond}[call.Target.Name], probe.Result{}
		}}
		o := options(t, s, 6)
		o.Mix, o.Targets = "desk", []*probe.Target{target(t, "a"), target(t, "b"), target(t, "c")}
		w := run(t, p, o)
		if w.Mix != "desk" || w.Target != "" || len(w.Models) != 3 {
			t.Fatalf("mix %q of target %q with %d models, want desk with 3", w.Mix, w.Target, len(w.Models))
		}
		total := 0
		for i, want := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, 50 * time.Millisecond} {
			m := w.Models[i]
			total += m.Good
			if m.Response.P50 == nil || m.Response.P50.Value != probe.Measured(want) {
				t.Errorf("model %s: p50 %v, want %v", m.Name, m.Response.P50, want)
			}
		}
		if total != w.Good || total < 100 || w.Models[2].Good < w.Models[1].Good {
			t.Errorf("models have %d results of %d, want all, and more of weight 4 than of weight 2", total, w.Good)
		}
	})
}
