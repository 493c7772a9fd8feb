package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sampleResult() probe.Result {
	due := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	ms := func(n int) probe.Seconds { return probe.Measured(time.Duration(n) * time.Millisecond) }
	return probe.Result{
		Schema: probe.ResultSchema, ID: probe.ID("local", "assistant", probe.LaneBaseline, due, 0),
		Window: "w", Stage: "1", Episode: "e",
		Target: "assistant", Model: "org/model", Task: "chat-completion", Kind: probe.Baseline,
		Lane: probe.LaneBaseline, Location: "local",
		Outcome: probe.Stalled, Fault: probe.FaultTarget, Counts: probe.Bad, Phase: probe.PhaseBody, Status: 200,
		Error: "no progress for 20s", Excerpt: "data: {}", Warnings: []string{"no end mark"},
		Due: due, Sent: due.Add(2 * time.Millisecond), Lag: ms(2), Response: ms(30_000), Service: ms(21_500),
		FirstByte: ms(250), FirstToken: ms(300), FirstAnswer: ms(310), TPOT: ms(20), GapMax: ms(20_000), GapMedian: ms(19),
		Chunks: probe.Some(12),
		Phases: probe.Phases{
			DNS: ms(1), Connect: ms(2), TLS: ms(3), Write: probe.Measured(400 * time.Microsecond), Wait: ms(240), Read: ms(21_250),
		},
		Censored: true, TokensIn: probe.Some(10), TokensOut: probe.Some(0), TokensSource: probe.TokensChunks,
		FinishReason: "stop", Shape: "stream<openai>", Cached: true, Engine: "tgi", Provider: "cerebras", Revision: "abc",
		ServedModel: "served", RequestID: "r", IDs: []string{"cf-ray: 9115d3f97b520629-IAD"}, Server: ms(200), Queue: ms(0), Estimate: ms(20_000), RetryAfter: ms(1000),
		RateLimit: probe.RateLimit{Name: "api", Quota: probe.Some(500.0), Remaining: probe.Some(0.0), Reset: ms(55_000), Window: ms(300_000)},
		CostUSD:   probe.Some(0.25), PriceSource: "config", Protocol: "HTTP/1.1", Reused: probe.Some(false),
		RemoteAddr: "127.0.0.1:1", Date: due.Add(time.Second), InputHash: "aa", ParamsHash: "bb", Version: "v1",
	}
}

// TestResultGolden holds the frozen JSON form of a result, once with every
// field and once with what a bare failure has, and that both survive it.
func TestResultGolden(t *testing.T) {
	bare := probe.Result{
		Schema: probe.ResultSchema, ID: "x", Target: "t", Task: "custom", Kind: probe.Manual,
		Lane: probe.LaneBaseline, Location: "local", Outcome: probe.DNS, Fault: probe.FaultTarget, Counts: probe.Bad,
	}
	all := []probe.Result{sampleResult(), bare}
	got, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/result.golden.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/result.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("result JSON changed (-want +got):\n%s", diff)
	}
	var back []probe.Result
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, back); diff != "" {
		t.Errorf("a result does not survive JSON (-want +got):\n%s", diff)
	}
}

// TestSecondsAreExact shows that every duration survives JSON to the
// nanosecond over the range that an exchange can have.
func TestSecondsAreExact(t *testing.T) {
	survives := func(n int32, unit uint16) bool {
		want := probe.Measured(time.Duration(n) * time.Duration(unit))
		data, err := json.Marshal(want)
		if err != nil {
			return false
		}
		var got probe.Seconds
		return json.Unmarshal(data, &got) == nil && got == want
	}
	if err := quick.Check(survives, nil); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]probe.Seconds{
		"null": {}, "0": probe.Measured(0), "1.5": probe.Measured(1500 * time.Millisecond), "-0.25": probe.Measured(-250 * time.Millisecond),
	} {
		var got probe.Seconds
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("Unmarshal(%s) = %v, %v, want %v", text, got, err, want)
		}
	}
	var s probe.Seconds
	for _, bad := range []string{`"1"`, `1e300`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("Unmarshal(%s) took it, want an error", bad)
		}
	}
}

// TestJudge walks design's table: each outcome under the circumstances that
// change it.
func TestJudge(t *testing.T) {
	none := probe.Circumstances{}
	cold := probe.Circumstances{Wake: probe.ObserveCold}
	tests := []struct {
		why     string
		outcome probe.Outcome
		c       probe.Circumstances
		fault   probe.Fault
		counts  probe.Counts
	}{
		{"a good answer", probe.OK, none, probe.FaultNone, probe.Good},
		{"the router's models must not load", probe.Loading, none, probe.FaultTarget, probe.Bad},
		{"a model that may sleep may load", probe.Loading, cold, probe.FaultNone, probe.Apart},
		{"but not for ever", probe.Loading, probe.Circumstances{Wake: probe.ObserveCold, GaveUp: true}, probe.FaultTarget, probe.Bad},
		{"keep_warm must be warm", probe.Loading, probe.Circumstances{Wake: probe.KeepWarm}, probe.FaultTarget, probe.Bad},
		{"it may sleep", probe.Asleep, cold, probe.FaultNone, probe.Apart},
		{"it may sleep for ever", probe.Asleep, probe.Circumstances{Wake: probe.NeverWake, GaveUp: true}, probe.FaultNone, probe.Apart},
		{"it must not sleep", probe.Asleep, probe.Circumstances{Wake: probe.KeepWarm}, probe.FaultTarget, probe.Bad},
		{"somebody stopped it", probe.Paused, none, probe.FaultTarget, probe.Bad},
		{"and said so", probe.Paused, probe.Circumstances{ExpectPaused: true}, probe.FaultNone, probe.Apart},
		{"no name", probe.DNS, none, probe.FaultTarget, probe.Bad},
		{"no name for anybody", probe.DNS, probe.Circumstances{ControlFails: true}, probe.FaultNetwork, probe.Apart},
		{"packets lost for everybody", probe.Timeout, probe.Circumstances{ControlFails: true, Connecting: true}, probe.FaultNetwork, probe.Apart},
		{"packets lost for it alone", probe.Timeout, probe.Circumstances{Connecting: true}, probe.FaultTarget, probe.Bad},
		{"slow while a control fails", probe.Timeout, probe.Circumstances{ControlFails: true}, probe.FaultTarget, probe.Bad},
		{"cut before the answer", probe.Reset, probe.Circumstances{ControlFails: true}, probe.FaultNetwork, probe.Apart},
		{"cut in the answer", probe.Reset, probe.Circumstances{ControlFails: true, FirstByte: true}, probe.FaultTarget, probe.Bad},
		{"our request is wrong", probe.BadRequest, none, probe.FaultMonitor, probe.Apart},
		{"it was right yesterday", probe.BadRequest, probe.Circumstances{OKBefore: true}, probe.FaultTarget, probe.Bad},
		{"the token", probe.Auth, none, probe.FaultAccount, probe.Apart},
		{"the bill", probe.Billing, none, probe.FaultAccount, probe.Apart},
		{"the rate", probe.RateLimited, none, probe.FaultAccount, probe.Apart},
		{"a replay", probe.Cached, none, probe.FaultNone, probe.Apart},
		{"never green, never red", probe.Unknown, none, probe.FaultUnknown, probe.Apart},
		{"outside the set", probe.Outcome("x"), none, probe.FaultUnknown, probe.Apart},
	}
	for _, o := range []probe.Outcome{
		probe.Overloaded, probe.ServerError, probe.GatewayTimeout, probe.Timeout, probe.Stalled, probe.StreamError,
		probe.Truncated, probe.InvalidOutput, probe.WrongAnswer, probe.Gone, probe.Connect, probe.TLS,
	} {
		tests = append(tests, struct {
			why     string
			outcome probe.Outcome
			c       probe.Circumstances
			fault   probe.Fault
			counts  probe.Counts
		}{"always the target's", o, none, probe.FaultTarget, probe.Bad})
	}
	for _, o := range []probe.Outcome{probe.NoAnswer, probe.Filtered, probe.NotSent, probe.Canceled, probe.Internal} {
		fault, counts := probe.Judge(o, none)
		if fault != probe.FaultMonitor || counts != probe.Apart {
			t.Errorf("Judge(%s) = %s, %s, want monitor, apart", o, fault, counts)
		}
	}
	judged := map[probe.Outcome]bool{}
	for _, tt := range tests {
		judged[tt.outcome] = true
		fault, counts := probe.Judge(tt.outcome, tt.c)
		if fault != tt.fault || counts != tt.counts {
			t.Errorf("%s: Judge(%s) = %s, %s, want %s, %s", tt.why, tt.outcome, fault, counts, tt.fault, tt.counts)
		}
	}
	if want := len(probe.Outcomes()) - 5 + 1; len(judged) != want {
		t.Errorf("the table judges %d outcomes, want %d", len(judged), want)
	}
}

// TestCensor shows that a bad result never makes a percentile better.
func TestCensor(t *testing.T) {
	sec := func(n int) probe.Seconds { return probe.Measured(time.Duration(n) * time.Second) }
	tests := []struct {
		why             string
		in              probe.Result
		stream          bool
		response, first probe.Seconds
		censored        bool
	}{
		{"a good result stays", probe.Result{Counts: probe.Good, Response: sec(1), Service: sec(1)}, true, sec(1), probe.Seconds{}, false},
		{"an account's result stays", probe.Result{Counts: probe.Apart, Response: sec(1)}, true, sec(1), probe.Seconds{}, false},
		{"a fast failure counts as the deadline", probe.Result{Counts: probe.Bad, Response: sec(1), Service: sec(1)}, false, sec(30), probe.Seconds{}, true},
		{"a late failure counts as it was", probe.Result{Counts: probe.Bad, Response: sec(40), Service: sec(31)}, true, sec(40), sec(31), true},
		{"a stream without a token has a bound for it", probe.Result{Counts: probe.Bad, Response: sec(1), Service: sec(1)}, true, sec(30), sec(30), true},
		{"a token that came stays", probe.Result{Counts: probe.Bad, Response: sec(3), Service: sec(3), FirstToken: sec(2)}, true, sec(30), sec(2), true},
		{"nothing measured at all", probe.Result{Counts: probe.Bad}, false, sec(30), probe.Seconds{}, true},
	}
	for _, tt := range tests {
		r := tt.in
		r.Censor(30*time.Second, tt.stream)
		if r.Response != tt.response || r.FirstToken != tt.first || r.Censored != tt.censored {
			t.Errorf("%s: Censor() = %v, %v, %v, want %v, %v, %v", tt.why, r.Response, r.FirstToken, r.Censored, tt.response, tt.first, tt.censored)
		}
	}
}

// TestSecretsDoNotPrint tries every way in which a value gets printed.
func TestSecretsDoNotPrint(t *testing.T) {
	s := probe.NewSecret("hf_abc")
	type holder struct{ S probe.Secret }
	data, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", s, "holder", holder{s})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", s, "holder", holder{s})
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %#v", s, s, s, s, s, s, s, holder{s}, &holder{s}) + string(data) + log.String() +
		fmt.Sprint(errors.Join(fmt.Errorf("%w: %v", errors.New("x"), s)))
	if strings.Contains(all, "hf_abc") || strings.Contains(all, "68665f616263") {
		t.Errorf("the secret was printed: %s", all)
	}
	if got := s.Reveal(); got != "hf_abc" {
		t.Errorf("Reveal() = %q, want hf_abc", got)
	}
	if got := fmt.Sprint(probe.Secret{}); got != "" {
		t.Errorf("an absent secret prints as %q, want nothing", got)
	}
}

// TestMatch says for each field what it selects.
func TestMatch(t *testing.T) {
	id := probe.Identity{Name: "a", Task: "custom", Model: "m", Location: "l", Labels: map[string]string{"env": "prod"}}
	for _, tt := range []struct {
		why  string
		m    probe.Match
		want bool
	}{
		{"nothing selects all", probe.Match{}, true},
		{"its name", probe.Match{Name: "a"}, true},
		{"another name", probe.Match{Name: "b"}, false},
		{"all fields at once", probe.Match{Name: "a", Task: "custom", Model: "m", Location: "l", Labels: map[string]string{"env": "prod"}}, true},
		{"one wrong field", probe.Match{Name: "a", Task: "x"}, false},
		{"a label it lacks", probe.Match{Labels: map[string]string{"team": "x"}}, false},
		{"a severity selects no target", probe.Match{Severity: "critical"}, false},
	} {
		if got := tt.m.Selects(id); got != tt.want {
			t.Errorf("%s: Selects() = %v, want %v", tt.why, got, tt.want)
		}
	}
}

// TestInputs draws from a pool, and samples.
func TestInputs(t *testing.T) {
	values := []json.RawMessage{json.RawMessage(`"a"`), json.RawMessage(`"b"`), json.RawMessage(`"c"`)}
	seen := map[string]int{}
	r := rand.New(rand.NewPCG(1, 0))
	for range 300 {
		got, err := probe.Inputs{Values: values}.Draw(r)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(got)]++
	}
	for _, v := range values {
		if n := seen[string(v)]; n < 60 {
			t.Errorf("%s was drawn %d times of 300, want about 100", v, n)
		}
	}
	sampled := map[int]int{}
	for range 300 {
		got, err := probe.Inputs{Values: values, SampleMin: 1, SampleMax: 3, Join: "+"}.Draw(r)
		if err != nil {
			t.Fatal(err)
		}
		var text string
		if err := json.Unmarshal(got, &text); err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(text, "+")
		sampled[len(parts)]++
		for i, p := range parts {
			if strings.Contains(strings.Join(parts[:i], ""), p) {
				t.Errorf("%q has a text twice", text)
			}
		}
	}
	if sampled[1] < 60 || sampled[2] < 60 || sampled[3] < 60 || len(sampled) != 3 {
		t.Errorf("sample sizes are %v, want about 100 each of 1, 2 and 3", sampled)
	}
	if _, err := (probe.Inputs{}).Draw(r); err == nil {
		t.Error("Draw() of nothing gave no error")
	}
	bad := probe.Inputs{Values: []json.RawMessage{json.RawMessage(`{}`)}, SampleMin: 1, SampleMax: 1}
	if _, err := bad.Draw(r); err == nil || !strings.Contains(err.Error(), "inputs.from[0]") {
		t.Errorf("Draw() of an object = %v, want an error that names inputs.from[0]", err)
	}
}

// TestCost multiplies tokens by prices, and is absent where either is.
func TestCost(t *testing.T) {
	price := probe.Price{USDPerMTokInput: probe.Some(0.5), USDPerMTokOutput: probe.Some(2.0)}
	for _, tt := range []struct {
		why     string
		p       probe.Price
		in, out probe.Opt[int]
		want    probe.Opt[float64]
	}{
		{"both", price, probe.Some(1000), probe.Some(500), probe.Some(0.0015)},
		{"no tokens cost nothing", price, probe.Some(0), probe.Some(0), probe.Some(0.0)},
		{"unknown tokens have no cost", price, probe.Opt[int]{}, probe.Some(1), probe.Opt[float64]{}},
		{"unknown price has no cost", probe.Price{}, probe.Some(1), probe.Some(1), probe.Opt[float64]{}},
	} {
		if got := tt.p.Cost(tt.in, tt.out); got != tt.want {
			t.Errorf("%s: Cost() = %v, want %v", tt.why, got, tt.want)
		}
	}
}

// fakeTask builds its input as the body.
type fakeTask struct{ fail error }

func (fakeTask) Name() string { return "custom" }

func (f fakeTask) Build(a probe.Ask) (probe.Request, error) {
	return probe.Request{Body: append([]byte(a.Nonce+" "), a.Input...)}, f.fail
}
func (fakeTask) Event([]byte, probe.Progress) probe.Event    { return probe.Event{} }
func (fakeTask) Check(probe.Ask, probe.Answer) probe.Verdict { return probe.Verdict{Outcome: probe.OK} }

// exchange is an Exchanger made of a function.
type exchange func(context.Context, probe.Call) probe.Result

func (f exchange) Do(ctx context.Context, c probe.Call) probe.Result { return f(ctx, c) }

func shot() probe.Shot {
	due := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	return probe.Shot{
		Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: due,
		Target: &probe.Target{
			Name: "t", Model: "m", Task: fakeTask{}, Provider: "p", Timeout: 30 * time.Second,
			Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: &url.URL{Scheme: "http", Host: "h"}},
			Inputs:   probe.Inputs{Values: []json.RawMessage{json.RawMessage(`"a"`), json.RawMessage(`"b"`), json.RawMessage(`"c"`)}},
			Price:    probe.Price{USDPerMTokInput: probe.Some(1.0), USDPerMTokOutput: probe.Some(1.0), Source: "config"},
		},
	}
}

// TestRunCompletesAResult fills identity, lag, response, judgement and cost.
func TestRunCompletesAResult(t *testing.T) {
	s := shot()
	r := probe.Runner{Location: "here", Version: "v9", Exchanger: exchange(func(_ context.Context, c probe.Call) probe.Result {
		return probe.Result{
			Outcome: probe.OK, Sent: c.Due.Add(5 * time.Millisecond), Service: probe.Measured(100 * time.Millisecond),
			TokensIn: probe.Some(10), TokensOut: probe.Some(20),
		}
	})}
	call, err := r.Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Run(t.Context(), call, probe.Circumstances{})
	want := probe.Result{
		Schema: 1, ID: probe.ID("here", "t", probe.LaneBaseline, s.Due, 0), Target: "t", Model: "m", Task: "custom",
		Kind: probe.Baseline, Lane: probe.LaneBaseline, Location: "here", Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good,
		Due: s.Due, Sent: s.Due.Add(5 * time.Millisecond), Lag: probe.Measured(5 * time.Millisecond),
		Response: probe.Measured(105 * time.Millisecond), Service: probe.Measured(100 * time.Millisecond),
		TokensIn: probe.Some(10), TokensOut: probe.Some(20), CostUSD: probe.Some(30e-6), PriceSource: "config",
		Provider: "p", Version: "v9", InputHash: call.InputHash, ParamsHash: call.ParamsHash,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Run() (-want +got):\n%s", diff)
	}
	again, err := r.Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Request.Body) != string(call.Request.Body) {
		t.Errorf("the same shot was prepared as %q and as %q", call.Request.Body, again.Request.Body)
	}
	s.Seq = 1
	other, err := r.Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	if other.ID == call.ID || other.Ask.Nonce == call.Ask.Nonce {
		t.Errorf("another shot has the same identity %s or nonce %s", other.ID, other.Ask.Nonce)
	}
	if other.ParamsHash != call.ParamsHash {
		t.Errorf("the parameters' hash changed with the shot: %s, %s", call.ParamsHash, other.ParamsHash)
	}
}

// TestPanickingTaskFailsOneProbe turns a panic into one internal result, which
// is never the target's fault.
func TestPanickingTaskFailsOneProbe(t *testing.T) {
	calls := 0
	r := probe.Runner{Exchanger: exchange(func(context.Context, probe.Call) probe.Result {
		if calls++; calls == 1 {
			panic("bug")
		}
		return probe.Result{Outcome: probe.OK}
	})}
	call, err := r.Prepare(shot())
	if err != nil {
		t.Fatal(err)
	}
	got := r.Run(t.Context(), call, probe.Circumstances{})
	if got.Outcome != probe.Internal || got.Counts != probe.Apart || got.Fault != probe.FaultMonitor || !strings.Contains(got.Error, "panic: bug") {
		t.Errorf("Run() with a panic = %s, %s, %s, %q, want internal, apart, monitor and the panic's text", got.Outcome, got.Counts, got.Fault, got.Error)
	}
	if got := r.Run(t.Context(), call, probe.Circumstances{}); got.Outcome != probe.OK {
		t.Errorf("the next Run() = %s, want ok", got.Outcome)
	}
}

// TestPrepareNamesWhatIsWrong in our own configuration.
func TestPrepareNamesWhatIsWrong(t *testing.T) {
	s := shot()
	s.Target.Task = fakeTask{fail: errors.New("no mask")}
	call, err := probe.Runner{}.Prepare(s)
	if err == nil || err.Error() != "target t: building the request: no mask" {
		t.Errorf("Prepare() = %v, want the target and the reason named", err)
	}
	got := probe.Runner{Location: "l"}.Failed(call, err)
	if got.Outcome != probe.Internal || got.Target != "t" || got.ID == "" || got.Error != err.Error() {
		t.Errorf("Failed() = %+v, want an internal result of target t with the error", got)
	}
	s.Target.Inputs.Values = nil
	if _, err := (probe.Runner{}).Prepare(s); err == nil || err.Error() != "target t: inputs: there are none" {
		t.Errorf("Prepare() = %v, want the inputs named", err)
	}
}
