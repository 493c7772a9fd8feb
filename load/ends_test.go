package load_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// TestUsersEndWithoutACloud: what users would have asked after the end never came
// due, so that no percentile of what they did ask becomes a lower bound.
func TestUsersEndWithoutACloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5050*time.Millisecond, func() { cancel(errors.New("enough")) })
		p := draw(t, load.Spec{Window: "w", Process: load.Closed, Users: 4, For: probe.Measured(time.Minute)}, 1)
		s := &server{answer: always(100 * time.Millisecond)}
		w, err := load.Run(ctx, p, load.Whole(), options(t, s, 4))
		if err != nil {
			t.Fatal(err)
		}
		// 50 answers each, and one each that was cut off.
		if w.Due != 204 || w.Sent != 204 || w.NotSent != 0 || w.Good != 200 || w.Outcomes[probe.Canceled] != 4 {
			t.Errorf("%d due, %d sent, %d not sent, %d good, outcomes %v; want 204, 204, 0, 200 and 4 canceled", w.Due, w.Sent, w.NotSent, w.Good, w.Outcomes)
		}
		if q := w.Response.P95; q == nil || q.AtLeast || q.Value != probe.Measured(100*time.Millisecond) {
			t.Errorf("p95 of the response = %+v, want 100ms and no lower bound", q)
		}
	})
}

// TestNoRatesOfAMoment: what is cut off within its first second has no rates; what
// is cut off later has those of what there was, stage by stage.
func TestNoRatesOfAMoment(t *testing.T) {
	for name, tc := range map[string]struct {
		from  time.Duration
		rates []float64
	}{
		"at once":             {0, []float64{-1, -1, -1}},
		"in the first stage":  {5 * time.Second, []float64{20, 20, -1}},
		"in the second stage": {20 * time.Second, []float64{30, 20, 40}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(20, 10*time.Second, 0), stage(40, 10*time.Second, 0), stage(80, 10*time.Second, 0)}}, 1)
				s := &server{answer: func(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
					if sent >= tc.from-time.Millisecond {
						return 0, probe.Result{Status: 402, Outcome: probe.Billing}
					}
					return time.Millisecond, probe.Result{}
				}}
				o := options(t, s, 8)
				o.Abort = load.DefaultAbort()
				w := run(t, p, o)
				if w.EndedBy != load.EndStatus {
					t.Fatalf("ended by %s (%s), want the status", w.EndedBy, w.EndedWhy)
				}
				for i, of := range []load.Summary{w.Summary, w.Stages[0].Summary, w.Stages[1].Summary} {
					got, known := of.AskedRate.Get()
					if known != (tc.rates[i] > 0) || known && (got < tc.rates[i]*0.98 || got > tc.rates[i]*1.02) {
						t.Errorf("asked rate %d = %v (known: %t), want %v", i, got, known, tc.rates[i])
					}
				}
				if _, known := w.Stages[2].AskedRate.Get(); known {
					t.Error("a stage that never came has a rate")
				}
			})
		})
	}
}

// TestViewsAreTheirOwn: a view is read, and written as JSON, by others while the
// window goes on counting.
func TestViewsAreTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(50, 5*time.Second, 0)}}, 1)
		o := options(t, &server{answer: always(time.Millisecond)}, 8)
		var views []load.Snapshot
		o.Progress = func(s load.Snapshot) { views = append(views, s) }
		run(t, p, o)
		for i, v := range views[:4] {
			// A view at the moment that a request is due may or may not have it.
			if want := 50 * (i + 1); v.Outcomes[probe.OK] != v.Good || v.Good < want-1 || v.Good > want+1 {
				t.Errorf("the view of second %d counts %d good and %v, want about %d", i+1, v.Good, v.Outcomes, want)
			}
			if _, err := json.Marshal(v); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSearchProgress counts from the start of the search, names the rung, and ends
// once.
func TestSearchProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, &server{answer: newStation(2, 400*time.Millisecond, 1).answer}, 16)
		last, ended, rung := time.Duration(0), 0, 0
		o.Progress = func(s load.Snapshot) {
			if s.Elapsed < last || s.Stage < rung || s.Left != 0 || ended > 0 {
				t.Errorf("a view of rung %d at %v with %v left follows one of rung %d at %v", s.Stage, s.Elapsed, s.Left, rung, last)
			}
			last, rung = s.Elapsed, s.Stage
			if s.Ended {
				ended++
			}
		}
		w, err := load.Find(t.Context(), load.Search{Window: "w", Objective: load.Objective{Signal: "response", Quantile: 0.5, Limit: probe.Measured(time.Second)}}, o)
		if err != nil {
			t.Fatal(err)
		}
		if w.Capacity.Answer != "bracketed" || ended != 1 || rung != len(w.Capacity.Rungs)-1 || w.NotSent != 0 {
			t.Errorf("answer %s, %d ends, the last of rung %d of %d, %d not sent; want bracketed, one, the last, none", w.Capacity.Answer, ended, rung, len(w.Capacity.Rungs), w.NotSent)
		}
	})
}

// instant is an exchanger that answers at once.
type instant struct{}

func (instant) Do(context.Context, probe.Call) probe.Result {
	return probe.Result{Outcome: probe.OK, Status: 200, Sent: time.Now(), Service: probe.Measured(time.Microsecond)}
}

// TestUnreachableRate: a rate that no client reaches is said to be the client's
// limit, not the server's, however fast the server is.
func TestUnreachableRate(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(1_000_000, 20*time.Millisecond, 0)}}, 1)
	o := options(t, nil, 64)
	o.Runner.Exchanger, o.Precise = instant{}, true
	w := run(t, p, o)
	if w.Verdict != load.ClientLimited || w.Reason == "" || w.Due != 20_000 {
		t.Errorf("a million a second: %s (%s), %d due; want client_limited with a reason", w.Verdict, w.Reason, w.Due)
	}
}

// TestRecentTimes are those of what came due in the last ten seconds.
func TestRecentTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Stages: []load.Stage{stage(10, 30*time.Second, 0)}}, 1)
		o := options(t, &server{answer: func(sent time.Duration, _ probe.Call) (time.Duration, probe.Result) {
			return 10*time.Millisecond + sent.Truncate(time.Second)/1000, probe.Result{}
		}}, 8)
		views := 0
		o.Progress = func(s load.Snapshot) {
			if views++; s.Ended || s.Elapsed != 25*time.Second {
				return
			}
			if s.Recent.N < 100 || s.Recent.N > 110 || !near(s.Recent.P50, 29*time.Millisecond) && !near(s.Recent.P50, 30*time.Millisecond) || !near(s.Recent.Max, 34*time.Millisecond) {
				t.Errorf("the times of the last ten seconds at second 25 are %+v, want about 100, a median of 29ms and at most 34ms", s.Recent)
			}
		}
		run(t, p, o)
		if views < 30 {
			t.Errorf("%d views, want 30", views)
		}
	})
}
