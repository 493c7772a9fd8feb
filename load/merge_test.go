package load_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// byNumber is a server whose answer depends on the arrival's number alone, so that
// it does not matter who sends it.
func byNumber(_ time.Duration, call probe.Call) (time.Duration, probe.Result) {
	took := time.Duration(10+call.Seq*7919%191) * time.Millisecond
	res := probe.Result{
		TokensOut: probe.Some(int(call.Seq % 50)), TokensSource: probe.TokensUsage,
		FirstToken: probe.Measured(took / 3), Chunks: probe.Some(3), TPOT: probe.Measured(took / 50), Gaps: []time.Duration{took / 9, took / 7},
	}
	switch {
	case call.Seq%17 == 0:
		res = probe.Result{Outcome: probe.ServerError, Status: 500}
	case call.Seq%101 == 0:
		res = probe.Result{Outcome: probe.RateLimited, Status: 429}
	}
	return took, res
}

// TestSharesMergeWithoutLoss carries a plan out whole and in shares, one after the
// other, and compares everything that was counted.
func TestSharesMergeWithoutLoss(t *testing.T) {
	plan := func(t *testing.T) load.Plan {
		return draw(t, load.Spec{
			Window: "w", Process: load.Poisson, Stages: []load.Stage{stage(40, 10*time.Second, 5*time.Second), stage(80, 5*time.Second, 0)},
			Steps: []load.Step{{Name: "a", Weight: 1}, {Name: "b", Weight: 2}},
		}, 3)
	}
	part := func(t *testing.T, share load.Share) load.Window {
		var w load.Window
		synctest.Test(t, func(t *testing.T) {
			o := options(t, &server{answer: byNumber}, 100)
			o.Targets = append(o.Targets, target(t, "b"))
			o.Objectives = load.Objectives{Response: probe.Measured(100 * time.Millisecond), FirstToken: probe.Measured(50 * time.Millisecond)}
			var err error
			if w, err = load.Run(t.Context(), plan(t), share, o); err != nil {
				t.Fatal(err)
			}
		})
		return w
	}
	whole := part(t, load.Whole())
	for _, shares := range [][]load.Share{
		{load.Whole()},
		{{From: 0, To: 1, Of: 2}, {From: 1, To: 2, Of: 2}},
		{{From: 0, To: 2, Of: 7}, {From: 2, To: 3, Of: 7}, {From: 3, To: 7, Of: 7}},
	} {
		var windows []load.Window
		for _, s := range shares {
			windows = append(windows, part(t, s))
		}
		got, err := load.Merge(windows...)
		if err != nil {
			t.Fatal(err)
		}
		// Of the order of requests only the whole knows, and so of independence.
		opts := []cmp.Option{
			cmpopts.IgnoreFields(load.Distribution{}, "NEff"), cmpopts.IgnoreFields(load.Quantile{}, "Low", "High"),
			cmpopts.IgnoreFields(load.Window{}, "Ended", "Failures", "Client", "MaxInFlight", "Steady"),
			cmpopts.IgnoreFields(load.Part{}, "Steady"), cmpopts.IgnoreFields(load.Second{}, "InFlight"),
			cmpopts.EquateApprox(1e-12, 0),
		}
		if diff := cmp.Diff(whole, got, opts...); diff != "" {
			t.Errorf("%d shares: the merged window differs from the whole (-whole +merged):\n%s", len(shares), diff)
		}
	}
}

// TestMergeRefuses windows of different plans.
func TestMergeRefuses(t *testing.T) {
	if _, err := load.Merge(); err == nil {
		t.Error("Merge() of nothing gives no error")
	}
	if _, err := load.Merge(load.Window{ID: "a"}, load.Window{ID: "b"}); err == nil {
		t.Error("Merge of two plans gives no error")
	}
	bad := load.Window{ID: "a", Summary: load.Summary{Response: load.Distribution{N: 3, HDR: "junk"}}}
	if _, err := load.Merge(bad, bad); err == nil {
		t.Error("Merge of junk gives no error")
	}
}
