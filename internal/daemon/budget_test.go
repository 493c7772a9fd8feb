package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// TestBudgetWithheldMakesTheTargetBlind: what a budget withholds is counted,
// and ends in pages of blindness and of the budget, not in silence.
func TestBudgetWithheldMakesTheTargetBlind(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		// To six minutes before midnight.
		time.Sleep(23*time.Hour + 54*time.Minute)
		// The configuration refuses a plan that exceeds its own budget.
		r.change = func(c *config.Config) { c.Models[0].Budget = budget.Limits{RequestsPerDay: 5} }
		begun := time.Now().Truncate(10 * time.Second)
		r.start(`notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("a", "http://m.test/a", "@every 10s") +
			model("free", "http://m.test/free", "@every 10s"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		sameTimes(t, "a", seen.of("/a"), every(begun.Add(10*time.Second), 10*time.Second, 5))
		sameTimes(t, "free", seen.of("/free"), every(begun.Add(10*time.Second), 10*time.Second, 30))
		r.want(5, "hfwatch_slots_total", "target", "a", "result", "run")
		r.want(25, "hfwatch_slots_total", "target", "a", "result", "withheld")
		r.want(25, "hfwatch_target_uncounted_slots", "target", "a")
		r.want(1, "hfwatch_budget_used_ratio", "target", "a", "period", "day", "unit", "requests")
		third := begun.Add(80 * time.Second)
		if got := ops.of("TargetBlind", "a", "firing"); len(got) != 1 || got[0].at.Before(third) || got[0].at.After(third.Add(16*time.Second)) {
			t.Errorf("TargetBlind = %v, want one page within 16s of the third withheld slot at %s", got, third)
		}
		if got := ops.of("BudgetSpent", "a", "firing"); len(got) == 0 {
			t.Error("BudgetSpent did not fire")
		}
		if got := ops.of("TargetBlind", "free", "firing"); len(got) != 0 {
			t.Errorf("TargetBlind of the other target = %v, want none", got)
		}
		if got := strings.Count(r.logs.String(), "probes withheld"); got != 1 {
			t.Errorf("%d lines on withheld probes, want 1", got)
		}
		// The next day has a budget of its own.
		time.Sleep(2 * time.Minute)
		if got := seen.of("/a"); len(got) != 10 || !got[5].Equal(begun.Add(6*time.Minute)) {
			t.Errorf("requests = %v, want five more from midnight on", got)
		}
	})
}

// TestUnwritableJournalStopsPaidProbesOnly: while it cannot be written down
// what is spent, nothing is spent; what costs nothing goes on.
func TestUnwritableJournalStopsPaidProbesOnly(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		r.write(configFile, "models:\n"+model("paid", "http://m.test/paid", "@every 10s", "budget: {requests_per_day: 100000}")+
			model("free", "http://m.test/free", "@every 10s"))
		cfg, err := r.opts.Load()
		if err != nil {
			t.Fatal(err)
		}
		// Rewriting goes through a file beside the journal, where a folder stands
		// in its way, and the journal itself leads nowhere.
		aside := filepath.Join(cfg.Data.Dir, "budget.journal.new")
		if err := os.MkdirAll(filepath.Join(aside, "in-the-way"), 0o700); err != nil {
			t.Fatal(err)
		}
		begun := time.Now().Truncate(10 * time.Second)
		r.build()
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if r.d.ledger.Err() == nil {
			t.Fatal("the journal can be written; the test stands nothing in its way")
		}
		sameTimes(t, "paid", seen.of("/paid"), nil)
		sameTimes(t, "free", seen.of("/free"), every(begun.Add(10*time.Second), 10*time.Second, 6))
		r.want(6, "hfwatch_slots_total", "target", "paid", "result", "withheld")
		if _, err := r.d.Manual(t.Context(), "paid"); !errors.Is(err, budget.ErrUnknown) {
			t.Errorf("Manual() = %v, want %v", err, budget.ErrUnknown)
		}
		if err := os.RemoveAll(aside); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		sameTimes(t, "paid", seen.of("/paid"), every(begun.Add(70*time.Second), 10*time.Second, 6))
		r.want(6, "hfwatch_slots_total", "target", "paid", "result", "run")
	})
}

// TestPanickingTaskFailsOneProbe: a panic in a task is one failed probe of one
// target, and costs what it may have sent.
func TestPanickingTaskFailsOneProbe(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(good)
		r.net.Serve(t, "m.test:80", seen)
		r.change = func(c *config.Config) {
			for i, where := range []string{"build", "check"} {
				target := *c.Models[i].Target
				target.Task = &panicking{Task: target.Task, where: where, at: 2}
				c.Models[i].Target = &target
			}
		}
		begun := time.Now().Truncate(10 * time.Second)
		limit := "budget: {requests_per_day: 100000}"
		r.start("models:\n" + model("build", "http://m.test/build", "@every 10s", limit) + model("check", "http://m.test/check", "@every 10s", limit) +
			model("other", "http://m.test/other", "@every 10s", limit))
		time.Sleep(time.Minute)
		all := every(begun.Add(10*time.Second), 10*time.Second, 6)
		sameTimes(t, "build", seen.of("/build"), append([]time.Time{all[0]}, all[2:]...))
		sameTimes(t, "check", seen.of("/check"), all)
		sameTimes(t, "other", seen.of("/other"), all)
		for target, want := range map[string][3]float64{"build": {5, 1, 0}, "check": {5, 0, 1}, "other": {6, 0, 0}} {
			r.want(want[0], "hfwatch_probes_total", "target", target, "outcome", "ok")
			if want[1] > 0 {
				r.want(want[1], "hfwatch_slots_total", "target", target, "result", "panicked")
			}
			if want[2] > 0 {
				r.want(want[2], "hfwatch_probes_total", "target", target, "outcome", "internal", "fault", "monitor")
			}
		}
		for target, want := range map[string]float64{"build": 5, "check": 6, "other": 6} {
			for _, u := range r.d.ledger.Usage(time.Now()) {
				if u.Target == target && u.Used != want {
					t.Errorf("%s has used %v requests, want %v", target, u.Used, want)
				}
			}
		}
		// By hand a panic comes back to the caller's goroutine, and frees the lane.
		if res, err := r.d.Manual(t.Context(), "check"); err != nil || res.Outcome != probe.OK {
			t.Errorf("Manual() = %s, %v, want ok", res.Outcome, err)
		}
	})
}

// panicking is a task that panics once.
type panicking struct {
	probe.Task
	where     string
	at, calls int
}

func (p *panicking) once(where string) {
	if where != p.where {
		return
	}
	if p.calls++; p.calls == p.at {
		panic("a task that panics in " + where)
	}
}

func (p *panicking) Build(a probe.Ask) (probe.Request, error) {
	p.once("build")
	return p.Task.Build(a)
}

func (p *panicking) Check(a probe.Ask, w probe.Answer) probe.Verdict {
	p.once("check")
	return p.Task.Check(a, w)
}

func TestSpent(t *testing.T) {
	most := budget.Amount{Requests: 1, Tokens: 100, MicroUSD: 50}
	some, usd := probe.Some[int], probe.Some[float64]
	for _, row := range []struct {
		why  string
		res  probe.Result
		want budget.Amount
	}{
		{
			"an answer that tells all is booked as it tells",
			probe.Result{Status: 200, TokensIn: some(3), TokensOut: some(7), CostUSD: usd(0.0000101)},
			budget.Amount{Requests: 1, Tokens: 10, MicroUSD: 11},
		},
		{"an answer above the ceiling is booked as it is", probe.Result{Status: 200, TokensIn: some(90), TokensOut: some(90), CostUSD: usd(0.0001)}, budget.Amount{Requests: 1, Tokens: 180, MicroUSD: 100}},
		{"an answer that tells nothing took the ceiling", probe.Result{Status: 200}, most},
		{"half of what it took is not known to be all", probe.Result{Status: 200, TokensOut: some(7)}, most},
		{"a failure that tells of tokens is booked as it tells", probe.Result{Status: 500, TokensIn: some(3), TokensOut: some(0)}, budget.Amount{Requests: 1, Tokens: 3}},
		{"a server error had no model at work", probe.Result{Status: 503}, budget.Amount{Requests: 1}},
		{"a redirect had none", probe.Result{Status: 307}, budget.Amount{Requests: 1}},
		{"without a name nothing was asked", probe.Result{Outcome: probe.DNS}, budget.Amount{Requests: 1}},
		{"without a connection nothing was asked", probe.Result{Outcome: probe.Connect}, budget.Amount{Requests: 1}},
		{"without a handshake nothing was asked", probe.Result{Outcome: probe.TLS}, budget.Amount{Requests: 1}},
		{"a deadline may have passed while it worked", probe.Result{Outcome: probe.Timeout}, most},
		{"a reset may have cut its work off", probe.Result{Outcome: probe.Reset}, most},
		{"what we cut off may have worked on", probe.Result{Outcome: probe.Canceled}, most},
		{"of a panic nothing is known", probe.Result{Outcome: probe.Internal}, most},
	} {
		if got := spent(row.res, most); got != row.want {
			t.Errorf("%s: spent = %+v, want %+v", row.why, got, row.want)
		}
	}
}

func TestSettle(t *testing.T) {
	most := budget.Amount{Requests: 1, Tokens: 100}
	for _, row := range []struct {
		why  string
		res  probe.Result
		want budget.Amount
	}{
		{"what was sent is booked", probe.Result{Sent: time.Unix(1, 0), Status: 500}, budget.Amount{Requests: 1}},
		{"what was not sent is given back", probe.Result{Outcome: probe.Canceled}, budget.Amount{}},
		{"what found no stream is given back", probe.Result{Outcome: probe.NotSent}, budget.Amount{}},
		{"what panicked may have been sent", probe.Result{Outcome: probe.Internal}, most},
	} {
		ledger, err := budget.Open(t.Context(), budget.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		ledger.SetLimits(budget.Limits{RequestsPerDay: 10, TokensPerDay: 1000}, nil)
		now := time.Now()
		lease, err := ledger.Reserve(now, "a", budget.Baseline, most)
		if err != nil {
			t.Fatal(err)
		}
		settle(ledger, lease, row.res, most)
		got := budget.Amount{}
		for _, u := range ledger.Usage(now) {
			switch u.Unit {
			case "requests":
				got.Requests = int64(u.Used)
			case "tokens":
				got.Tokens = int64(u.Used)
			}
		}
		if got != row.want {
			t.Errorf("%s: used %+v, want %+v", row.why, got, row.want)
		}
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCeiling(t *testing.T) {
	usd := probe.Some[float64]
	for _, row := range []struct {
		why     string
		price   probe.Price
		in, out int
		want    budget.Amount
	}{
		{"without a price nothing is known of money", probe.Price{}, 10, 20, budget.Amount{Requests: 1, Tokens: 30}},
		{"money is rounded up", probe.Price{USDPerMTokInput: usd(0.1), USDPerMTokOutput: usd(0.3)}, 11, 20, budget.Amount{Requests: 1, Tokens: 31, MicroUSD: 8}},
		{"half a price is none", probe.Price{USDPerMTokInput: usd(0.1)}, 10, 20, budget.Amount{Requests: 1, Tokens: 30}},
		{"no tokens cost nothing", probe.Price{USDPerMTokInput: usd(0.1)}, 0, 0, budget.Amount{Requests: 1}},
	} {
		if got := ceiling(&probe.Target{Price: row.price}, row.in, row.out); got != row.want {
			t.Errorf("%s: ceiling = %+v, want %+v", row.why, got, row.want)
		}
	}
}

// TestNeed: what remains to be kept for baselines, from the slots of the week
// ahead.
func TestNeed(t *testing.T) {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		why, spec string
		over      time.Duration
		want      int64
	}{
		{"one in five minutes", "*/5 * * * *", 24 * time.Hour, 288},
		{"one a minute", "* * * * *", 24 * time.Hour, 1440},
		{"one a second, though only its first slots are counted", "@every 1s", 24 * time.Hour, 86400},
		{"office hours are spread over the week", "*/30 9-16 * * 1-5", 7 * 24 * time.Hour, 80},
		{"once a day", "0 3 * * *", 30 * 24 * time.Hour, 30},
		{"less often than once a week counts as nothing", "0 3 20 * *", 24 * time.Hour, 0},
		{"nothing is needed of a time that has passed", "* * * * *", -time.Hour, 0},
		{"half a slot is one", "@every 1h", 30 * time.Minute, 1},
		{"less than half is none", "@every 1h", 29 * time.Minute, 0},
	} {
		b := &config.Baseline{Schedule: parsed(t, row.spec)}
		n := needOf(config.Model{Target: &probe.Target{}, Baseline: b, TokensIn: 3, TokensOut: 4}, rates{}.of(b, monday))
		want := budget.Amount{Requests: row.want, Tokens: 7 * row.want}
		if got := n.until(monday, monday.Add(row.over)); got != want {
			t.Errorf("%s (%s): need = %+v, want %+v", row.why, row.spec, got, want)
		}
	}
	if got := needOf(config.Model{}, rates{}.of(nil, monday)); got != (need{}) {
		t.Errorf("need without a baseline = %+v, want none", got)
	}
}

func TestNeedOfAllIsTheSum(t *testing.T) {
	one := need{perSecond: 0.1, ceiling: budget.Amount{Requests: 1, Tokens: 10, MicroUSD: 2}}
	w := &watched{needs: map[string]need{"a": one, "b": one}}
	now := time.Unix(0, 0)
	if diff := cmp.Diff(budget.Amount{Requests: 10, Tokens: 100, MicroUSD: 20}, w.need("a", now, now.Add(100*time.Second))); diff != "" {
		t.Errorf("need of one (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(budget.Amount{Requests: 20, Tokens: 200, MicroUSD: 40}, w.need("", now, now.Add(100*time.Second))); diff != "" {
		t.Errorf("need of all (-want +got):\n%s", diff)
	}
	if got := w.need("c", now, now.Add(time.Hour)); !got.IsZero() {
		t.Errorf("need of an unknown target = %+v, want none", got)
	}
}

// TestManual: a probe by hand takes the lane and the budget of its target, and
// leaves the baselines that remain funded.
func TestManual(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		seen := noting(func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(2 * time.Second)
			good(w, req)
		})
		r.net.Serve(t, "m.test:80", seen)
		// A day has 8640 slots of ten seconds; the 8638 that remain stay funded.
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s", "budget: {requests_per_day: 8641}") +
			strings.Replace(model("off", "http://m.test/off", "X"), `baseline: {schedule: "X", jitter: 0s, timeout: 5s}`, "baseline: off", 1))
		if _, err := r.d.Manual(t.Context(), "nobody"); err == nil || err.Error() != `"nobody": there is no such target` {
			t.Errorf("Manual(nobody) = %v", err)
		}
		res, err := r.d.Manual(t.Context(), "a")
		if err != nil || res.Outcome != probe.OK || res.Kind != probe.Manual || res.Lane != probe.LaneBaseline {
			t.Errorf("Manual(a) = %s %s %s, %v; want ok, manual, baseline", res.Outcome, res.Kind, res.Lane, err)
		}
		r.want(1, "hfwatch_probes_total", "target", "a", "kind", "manual", "outcome", "ok")
		r.want(0, "hfwatch_slots_total", "target", "a", "result", "run")
		if res, err := r.d.Manual(t.Context(), "off"); err != nil || res.Outcome != probe.OK {
			t.Errorf("Manual(off) = %s, %v, want ok for a target without a schedule", res.Outcome, err)
		}
		var withheld *budget.Withheld
		for range 10 {
			if _, err = r.d.Manual(t.Context(), "a"); err != nil {
				break
			}
		}
		if !errors.As(err, &withheld) || withheld.Kept == 0 {
			t.Errorf("Manual(a) again and again = %v, want to be withheld for the baselines that remain", err)
		}
		time.Sleep(time.Until(time.Now().Truncate(10 * time.Second).Add(11 * time.Second)))
		if _, err := r.d.Manual(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "busy") {
			t.Errorf("Manual(a) during a baseline = %v, want busy", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if res, err := r.d.Manual(ctx, "off"); err != nil || res.Outcome != probe.Canceled {
			t.Errorf("Manual with a context that has ended = %s, %v, want canceled", res.Outcome, err)
		}
	})
}
