package fault

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

var start = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return start.Add(d) }

// fleet is two targets at each of two providers, one organisation, one token,
// and one target whose credentials are its own.
func fleet() *Accounts {
	a := NewAccounts()
	var members []Member
	for i, name := range []string{"a1", "a2", "b1", "b2"} {
		members = append(members, Member{
			Target: name, Cost: int64(10 - i), Checkable: true,
			Scopes: []Scope{{ScopeToken, "hub.token"}, {ScopeBillTo, "org"}, {ScopeProvider, name[:1]}},
		})
	}
	members = append(members, Member{Target: "own", Checkable: true, Scopes: []Scope{{ScopeHost, "h.test"}}})
	a.SetMembers(members)
	return a
}

func is(target string, o probe.Outcome, text string) probe.Result {
	res := probe.Result{Target: target, Outcome: o, Error: text, Status: 400}
	if o == probe.OK {
		res.Status, res.Counts = 200, probe.Good
	}
	return res
}

// said is a list of changes as text.
func said(changes []Change) string {
	out := ""
	for _, c := range changes {
		phase := string(c.Phase)
		if c.Cleared {
			phase = "clear"
		}
		out += fmt.Sprintf("%s %s %s;", c.Scope, phase, c.Reason)
	}
	return out
}

func (a *Accounts) mustBlock(t *testing.T, now time.Time, want map[string]probe.Outcome) {
	t.Helper()
	for _, name := range []string{"a1", "a2", "b1", "b2", "own"} {
		if got, _ := a.Blocked(name, now); got != want[name] {
			t.Errorf("Blocked(%s) = %q, want %q", name, got, want[name])
		}
	}
}

func everyHub(o probe.Outcome) map[string]probe.Outcome {
	return map[string]probe.Outcome{"a1": o, "a2": o, "b1": o, "b2": o}
}

// TestBillingIsConfirmedOnceAndCheckedEveryQuarter of an hour, by another
// provider first, and is over with the first answer.
func TestBillingIsConfirmedOnceAndCheckedEveryQuarter(t *testing.T) {
	a := fleet()
	if got := said(a.Record(is("a1", probe.Billing, "depleted your credits"), start)); got != "bill_to org suspected billing;" {
		t.Errorf("the first refusal: %s", got)
	}
	a.mustBlock(t, start, everyHub(probe.Billing))
	if got, want := a.Next(start), after(ConfirmAfter); !got.Equal(want) {
		t.Errorf("Next() = %s, want %s", got, want)
	}
	at := after(ConfirmAfter)
	checks, _ := a.Due(at)
	if diff := cmp.Diff([]Check{{Scope{ScopeBillTo, "org"}, "b2"}}, checks); diff != "" {
		t.Fatalf("Due() (-want +got):\n%s", diff)
	}
	if again, _ := a.Due(at); again != nil {
		t.Errorf("Due() again = %v", again)
	}
	if got := said(a.Record(is("b2", probe.Billing, "depleted"), at)); got != "bill_to org suspended billing;" {
		t.Errorf("the confirmation: %s", got)
	}
	var order []string
	for range 3 {
		at = a.Next(at)
		checks, _ = a.Due(at)
		order = append(order, fmt.Sprintf("%s %s", at.Sub(start), checks[0].Target))
		a.Record(is(checks[0].Target, probe.Billing, "depleted"), at)
	}
	if diff := cmp.Diff([]string{"15m10s a2", "30m10s b2", "45m10s a2"}, order); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	at = a.Next(at)
	a.Due(at)
	// Whoever asks while the answer is awaited has no second request sent.
	if n := a.Recheck(at); n != 1 || !a.States(at)[0].Checking {
		t.Errorf("Recheck() = %d, %+v, want one scope whose check is awaited", n, a.States(at))
	}
	if again, _ := a.Due(at); again != nil {
		t.Errorf("Due() with a check awaited = %v", again)
	}
	if got := said(a.Record(is("b2", probe.OK, ""), at)); got != "bill_to org clear billing;" {
		t.Errorf("the answer: %s", got)
	}
	a.mustBlock(t, at, nil)
	if next := a.Next(at); !next.IsZero() {
		t.Errorf("Next() = %s, want none", next)
	}
}

// TestNeverWider: where another part of a scope is let in, the refusal is of
// the narrower one.
func TestNeverWider(t *testing.T) {
	a := fleet()
	a.Record(is("a1", probe.Billing, "pay"), start)
	a.Due(after(ConfirmAfter))
	// The same provider's other target confirms nothing of the other provider.
	if got := said(a.Record(is("a2", probe.Billing, "pay"), after(ConfirmAfter))); got != "" {
		t.Errorf("a refusal of the same provider: %s", got)
	}
	if got := said(a.Record(is("b2", probe.OK, ""), after(ConfirmAfter+1))); got != "bill_to org clear billing;" {
		t.Errorf("the other provider: %s", got)
	}
	a.mustBlock(t, after(time.Minute), nil)
	if got := said(a.Record(is("a1", probe.Billing, "pay"), after(time.Minute))); got != "provider a suspected billing;" {
		t.Errorf("the next refusal: %s", got)
	}
	a.mustBlock(t, after(time.Minute), map[string]probe.Outcome{"a1": probe.Billing, "a2": probe.Billing})
	if got := said(a.Record(is("a2", probe.Billing, "pay"), after(2*time.Minute))); got != "provider a suspended billing;" {
		t.Errorf("its confirmation: %s", got)
	}
}

// TestScopesByTheirWords begin where the answer says.
func TestScopesByTheirWords(t *testing.T) {
	for _, row := range []struct {
		res  probe.Result
		want string
	}{
		{is("a1", probe.Auth, "Invalid username or password."), "token hub.token suspected auth;"},
		{is("a1", probe.Auth, "not sufficient permissions to call Inference Providers on behalf of org"), "bill_to org suspected auth;"},
		{is("a1", probe.Auth, "provider a is disabled in your settings"), "provider a suspected auth;"},
		{is("a1", probe.Billing, "NOT_ENOUGH_BALANCE"), "provider a suspected billing;"},
		{is("a1", probe.RateLimited, "slow down"), "provider a limited rate_limited;"},
		{is("own", probe.Auth, "no"), "host h.test suspected auth;"},
		{is("own", probe.Billing, "no"), "host h.test suspected billing;"},
		{is("a1", probe.ServerError, "no"), ""},
		{is("a1", probe.Unknown, "no"), ""},
		{is("nobody", probe.Auth, "no"), ""},
	} {
		if got := said(fleet().Record(row.res, start)); got != row.want {
			t.Errorf("%s %q: %s, want %s", row.res.Outcome, row.res.Error, got, row.want)
		}
	}
}

// TestATokenThatIsOtherwiseValid makes a refusal say nothing of the account.
func TestATokenThatIsOtherwiseValid(t *testing.T) {
	a := fleet()
	refused := is("a1", probe.Auth, "no access")
	if a.AcceptedElsewhere(refused) {
		t.Error("AcceptedElsewhere() before anything is known")
	}
	a.Record(is("b1", probe.OK, ""), after(-time.Second))
	a.Record(refused, start)
	if a.AcceptedElsewhere(refused) {
		t.Error("AcceptedElsewhere() by an answer from before the first refusal")
	}
	a.Record(is("a2", probe.OK, ""), after(time.Second))
	if !a.AcceptedElsewhere(refused) {
		t.Error("AcceptedElsewhere() = false after another was let in")
	}
	if a.AcceptedElsewhere(is("a1", probe.Auth, "provider a is disabled")) || a.AcceptedElsewhere(is("own", probe.Auth, "x")) {
		t.Error("AcceptedElsewhere() of a provider, or of other credentials")
	}
	a.Record(is("a1", probe.OK, ""), after(2*time.Second))
	if a.AcceptedElsewhere(refused) {
		t.Error("AcceptedElsewhere() after the target was let in itself")
	}
}

// TestRateLimitsHold for what the server asks, within bounds, or twice as long
// each time.
func TestRateLimitsHold(t *testing.T) {
	for _, row := range []struct {
		asked probe.Seconds
		want  []time.Duration
	}{
		{probe.Seconds{}, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}},
		{probe.Measured(90 * time.Second), []time.Duration{90 * time.Second, 90 * time.Second}},
		{probe.Measured(0), []time.Duration{time.Second}},
		{probe.Measured(31 * 24 * time.Hour), []time.Duration{time.Hour}},
	} {
		a, at := fleet(), start
		for _, want := range row.want {
			res := is("a1", probe.RateLimited, "slow down")
			res.RetryAfter = row.asked
			a.Record(res, at)
			// One that was in flight adds nothing.
			a.Record(res, at)
			if got := a.Next(at).Sub(at); got != want {
				t.Errorf("asked for %s: held for %s, want %s", row.asked, got, want)
			}
			a.mustBlock(t, at, map[string]probe.Outcome{"a1": probe.RateLimited, "a2": probe.RateLimited})
			at = a.Next(at)
			a.mustBlock(t, at, nil)
		}
		if checks, _ := a.Due(at); checks != nil {
			t.Errorf("Due() of a limit = %v", checks)
		}
		a.Record(is("a2", probe.OK, ""), at)
		if len(a.states) != 0 {
			t.Errorf("an answer leaves %v", a.states)
		}
	}
}

// TestUnclearChecks: a suspicion goes, a suspension is tried again.
func TestUnclearChecks(t *testing.T) {
	a := fleet()
	a.Record(is("a1", probe.Auth, "no"), start)
	checks, _ := a.Due(after(ConfirmAfter))
	if got := said(a.Record(is(checks[0].Target, probe.Timeout, ""), after(time.Minute))); got != "token hub.token clear auth;" {
		t.Errorf("an unclear confirmation: %s", got)
	}
	a.Record(is("a1", probe.Auth, "no"), after(time.Hour))
	a.Record(is("b1", probe.Auth, "no"), after(time.Hour))
	at := a.Next(after(time.Hour))
	checks, _ = a.Due(at)
	a.Record(is(checks[0].Target, probe.Timeout, ""), at)
	if got := a.Next(at).Sub(at); got != TryAgain {
		t.Errorf("a check that shows nothing is repeated after %s, want %s", got, TryAgain)
	}
	if n := a.Recheck(at); n != 1 {
		t.Errorf("Recheck() = %d, want 1", n)
	}
	if checks, _ = a.Due(at); len(checks) != 1 {
		t.Errorf("after Recheck: %v", checks)
	}
	a.Postpone(checks[0], at.Add(time.Second))
	if got := a.Next(at); !got.Equal(at.Add(time.Second)) {
		t.Errorf("Postpone: next at %s", got)
	}
}

// TestRestart gives back what was known, as JSON, and nothing of strangers.
func TestRestart(t *testing.T) {
	a := fleet()
	a.Record(is("a1", probe.Auth, "no"), start)
	a.Record(is("b1", probe.Auth, "no"), after(time.Second))
	text, err := json.Marshal(a.States(after(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	var states []State
	if err := json.Unmarshal(text, &states); err != nil {
		t.Fatal(err)
	}
	states = append(states, State{Scope: Scope{ScopeProvider, "gone"}, Phase: Suspended, Reason: probe.Auth})
	b := fleet()
	b.Restore(states)
	b.mustBlock(t, after(time.Minute), everyHub(probe.Auth))
	if got, want := b.Next(start), a.Next(start); !got.Equal(want) || len(b.states) != 1 {
		t.Errorf("next check at %s of %v, want %s", got, b.states, want)
	}
}

// TestNothingToCheck lets go of what could never be found paid.
func TestNothingToCheck(t *testing.T) {
	a := NewAccounts()
	a.SetMembers([]Member{{Target: "cold", Scopes: []Scope{{ScopeHost, "h"}}}})
	a.Record(is("cold", probe.Auth, ""), start)
	a.Record(is("cold", probe.Auth, ""), after(time.Second))
	if _, changes := a.Due(after(CheckEvery + time.Second)); said(changes) != "host h clear auth;" {
		t.Errorf("Due() = %s", said(changes))
	}
	a.SetMembers(nil)
	if got := a.States(start); got != nil {
		t.Errorf("States() of nobody = %v", got)
	}
}

// TestNetwork knows what others showed in the last moments, and how many
// targets the network failed.
func TestNetwork(t *testing.T) {
	var n Network
	n.Contact("a", true, start)
	n.Contact("b", false, after(time.Second))
	if r, f := n.Others("a", after(2*time.Second)); r != 0 || f != 1 {
		t.Errorf("Others(a) = %d, %d, want 0, 1", r, f)
	}
	if r, f := n.Others("c", after(20*time.Second)); r != 1 || f != 1 {
		t.Errorf("Others(c) = %d, %d, want 1, 1", r, f)
	}
	if r, f := n.Others("c", after(time.Minute)); r != 0 || f != 0 {
		t.Errorf("Others(c) later = %d, %d, want none", r, f)
	}
	if n.Down(start) {
		t.Error("Down() without a result")
	}
	for i, fault := range []probe.Fault{probe.FaultNetwork, probe.FaultNone, probe.FaultNetwork} {
		n.Record(probe.Result{Target: fmt.Sprint(i), Outcome: probe.Connect, Fault: fault}, start)
		if got, want := n.Down(start), i != 1; got != want {
			t.Errorf("Down() after %d results = %t, want %t", i+1, got, want)
		}
	}
	n.Keep(func(target string) bool { return target == "1" })
	if n.Down(start) || n.Down(after(time.Hour)) {
		t.Error("Down() after the others went")
	}
	for want, results := range map[bool][]probe.Result{
		true: {{Outcome: probe.DNS}, {Outcome: probe.Connect}, {Outcome: probe.TLS}, {Outcome: probe.Reset}, {Outcome: probe.Timeout, Phase: probe.PhaseConnect}, {Outcome: probe.Timeout, Phase: probe.PhaseProxy}},
		false: {
			{Outcome: probe.OK}, {Outcome: probe.Reset, FirstByte: probe.Measured(1)}, {Outcome: probe.Timeout, Phase: probe.PhaseFirstByte},
		},
	} {
		for _, res := range results {
			if got := ConnectionFailed(res); got != want {
				t.Errorf("ConnectionFailed(%s, %s) = %t", res.Outcome, res.Phase, got)
			}
		}
	}
}
