package daemon

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// TestARequestThatWasWellBeforeIsNotOurs: a 400 is the monitor's fault until
// the same request has been answered well.
func TestARequestThatWasWellBeforeIsNotOurs(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var n atomic.Int64
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/turned" && n.Add(1) == 1 {
				good(w, req)
				return
			}
			status(http.StatusBadRequest)(w, req)
		}))
		text := "alerting: off\nmodels:\n" + model("turned", "http://m.test/turned", "@every 10s") + model("never", "http://m.test/never", "@every 10s")
		r.start(text)
		time.Sleep(30 * time.Second)
		r.want(2, "hfwatch_probes_total", "target", "turned", "outcome", "bad_request", "fault", "target")
		r.want(2, "hfwatch_results_total", "target", "turned", "counts", "bad")
		r.want(3, "hfwatch_probes_total", "target", "never", "outcome", "bad_request", "fault", "monitor")
		r.want(3, "hfwatch_results_total", "target", "never", "counts", "apart")
		// Nor is it after a restart.
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.start(text)
		time.Sleep(10 * time.Second)
		r.want(1, "hfwatch_probes_total", "target", "turned", "outcome", "bad_request", "fault", "target")
	})
}

// TestBaselinesKeepTheirTimeoutAndConnection as the configuration has them.
func TestBaselinesKeepTheirTimeoutAndConnection(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Date", "Sat, 01 Jan 2000 00:00:30 GMT")
			good(w, req)
		}))
		r.net.Serve(t, "other.test:80", http.HandlerFunc(good))
		r.net.Serve(t, "slow.test:80", http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }))
		quick := func(name, address string, more ...string) string {
			return strings.Replace(model(name, address, "@every 2s", more...), "timeout: 5s", "timeout: 2s", 1)
		}
		r.start("alerting: off\nmodels:\n" + model("slow", "http://slow.test/", "@every 10s") +
			quick("kept", "http://m.test/", "connection: reuse") + quick("fresh", "http://other.test/"))
		time.Sleep(20 * time.Second)
		if res := r.last("slow"); res.Outcome != probe.Timeout || res.Service != probe.Measured(5*time.Second) {
			t.Errorf("slow: %s after %s, want timeout after 5s", res.Outcome, res.Service)
		}
		if res := r.last("kept"); res.Reused != probe.Some(true) {
			t.Errorf("with connection: reuse, reused = %s, want true", res.Reused)
		}
		if res := r.last("fresh"); res.Reused != probe.Some(false) {
			t.Errorf("without, reused = %s, want false", res.Reused)
		}
		// Ten slots, each with a connection of its own, but for that which is kept.
		if kept, fresh := r.net.Dials("m.test:80"), r.net.Dials("other.test:80"); kept != 1 || fresh != 10 {
			t.Errorf("%d and %d connections, want 1 and 10", kept, fresh)
		}
		r.d.evaluator.mu.Lock()
		defer r.d.evaluator.mu.Unlock()
		if r.d.evaluator.hint.Time.IsZero() {
			t.Error("the Date of answers did not reach the evaluation's clock")
		}
	})
}

// TestSpreadIsTheSameAfterARestart, and differs between targets.
func TestSpreadIsTheSameAfterARestart(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		text := "alerting: off\nmodels:\n"
		for i := range 8 {
			text += strings.Replace(model(fmt.Sprintf("t%d", i), "http://m.test/", "*/5 * * * *"), "jitter: 0s", "jitter: 60s", 1)
		}
		slots := func() (at []time.Time) {
			for i := range 8 {
				at = append(at, r.d.scheduler.Next(fmt.Sprintf("t%d", i), probe.LaneBaseline))
			}
			return at
		}
		r.start(text)
		first := slots()
		if distinct := slices.Compact(slices.SortedFunc(slices.Values(first), time.Time.Compare)); len(distinct) != 8 {
			t.Errorf("%d of 8 targets have a time of their own", len(distinct))
		}
		for _, at := range first {
			if into := at.Sub(at.Truncate(5 * time.Minute)); into > time.Minute {
				t.Errorf("a slot is %s late, want at most the jitter of 1m", into)
			}
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.start(text)
		sameTimes(t, "slots after a restart", slots(), first)
	})
}

func TestLongest(t *testing.T) {
	rule := func(over ...time.Duration) alerts.Rule { return alerts.Rule{When: alerts.When{Over: over}} }
	for _, row := range []struct {
		why   string
		rules []alerts.Rule
		want  time.Duration
	}{
		{"a day at least", nil, 24 * time.Hour},
		{"a day where rules look back less", []alerts.Rule{rule(6 * time.Hour)}, 24 * time.Hour},
		{"half as long again as the longest", []alerts.Rule{rule(time.Hour, 40*time.Hour), rule(20 * time.Hour)}, 60 * time.Hour},
	} {
		if got := longest(row.rules); got != row.want {
			t.Errorf("longest, %s = %s, want %s", row.why, got, row.want)
		}
	}
}

// TestAnAlertOfTheUsersReplacesTheShippedOneOfItsName.
func TestAnAlertOfTheUsersReplacesTheShippedOneOfItsName(t *testing.T) {
	own := []alerts.Rule{{Name: "TargetBlind", Expr: "vector(1)"}, {Name: "Mine", Expr: "vector(1)"}}
	got := rulesOf(&config.Config{Alerts: own})
	if want := len(alerts.Shipped()) + 1; len(got) != want {
		t.Errorf("%d rules, want %d", len(got), want)
	}
	for _, r := range got {
		if r.Name == "TargetBlind" && r.Expr != "vector(1)" {
			t.Errorf("TargetBlind = %q, want the user's", r.Expr)
		}
	}
}

// TestMemos: what is remembered of a target between its results.
func TestMemos(t *testing.T) {
	var m memos
	if !m.say("a", "ok") || m.say("a", "ok") || !m.say("a", "bad") || !m.say("b", "bad") {
		t.Error("say: want true for a state that is another than the last of its target, and only then")
	}
	if m.okBefore("a", "") || m.okBefore("a", "p1") {
		t.Error("okBefore of what was never answered = true, want false")
	}
	if _, _, ok := m.last("a"); ok {
		t.Error("last of a target without a result is there")
	}
	outcomes := []probe.Outcome{probe.OK, probe.Timeout, probe.Reset, probe.DNS, probe.TLS, probe.Auth, probe.Gone}
	for i, o := range outcomes {
		m.remember(probe.Result{ID: fmt.Sprint(i), Target: "a", Outcome: o, ParamsHash: "p1"})
	}
	res, last, ok := m.last("a")
	if !ok || res.ID != "6" {
		t.Errorf("last = %q, %t, want the newest", res.ID, ok)
	}
	if diff := cmp.Diff(outcomes[2:], last); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if !m.okBefore("a", "p1") || m.okBefore("a", "p2") || m.okBefore("b", "p1") {
		t.Error("okBefore: want true for the request that was answered well, and only for it")
	}
	m.keep(map[string]config.Model{"b": {}})
	if _, _, ok := m.last("a"); ok || m.okBefore("a", "p1") {
		t.Error("a target that is gone is remembered")
	}
	if m.say("b", "bad") {
		t.Error("a target that stays is forgotten")
	}
}
