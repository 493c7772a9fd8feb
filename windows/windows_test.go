package windows_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/windows"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func ms(n int) probe.Seconds { return probe.Measured(time.Duration(n) * time.Millisecond) }

func q(value, low, high int) *load.Quantile {
	return &load.Quantile{Value: ms(value), Low: ms(low), High: ms(high)}
}

// sample is a window in which about everything is known.
func sample() load.Window {
	start := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	summary := load.Summary{
		AskedRate: probe.Some(10.0), AchievedRate: probe.Some(9.9), Throughput: probe.Some(9.5),
		Planned: 400, Due: 400, Sent: 396, Late: 12, NotSent: 4, Good: 380, Bad: 20,
		Outcomes: map[probe.Outcome]int{probe.OK: 380, probe.Timeout: 16, probe.NotSent: 4},
		Response: load.Distribution{N: 400, P50: q(200, 190, 210), P90: q(400, 380, 420), P95: q(600, 550, 700), P99: &load.Quantile{Value: ms(30000), Low: ms(900), AtLeast: true}, Max: ms(30000), Censored: 20, CensoredMin: ms(30000)},
		Service:  load.Distribution{N: 396, P50: q(190, 185, 200), Max: ms(30000)},
		Goodput:  &load.Goodput{Met: 360, Attempted: 400, Ratio: 0.9},
		Tokens:   &load.TokenRates{System: probe.Some(250.0)}, CostUSD: probe.Some(0.0123),
	}
	w := load.Window{
		Schema: load.WindowSchema, ID: "0123456789abcdef", Target: "sentiment", Trigger: "manual", Location: "fra", Version: "1.0", Started: start, Ended: start.Add(41 * time.Second),
		Plan:    load.PlanHead{Schema: 1, Process: "constant", Stages: []load.Stage{{Rate: 5, For: probe.Measured(20 * time.Second)}, {Rate: 15, For: probe.Measured(20 * time.Second)}}, Arrivals: 400},
		Verdict: load.Complete, EndedBy: load.EndPlan, MaxInFlight: 8, Timeout: ms(30000), Summary: summary,
		Stages:     []load.Part{{Name: "0", Rate: probe.Some(5.0), Summary: summary}, {Name: "1", Rate: probe.Some(15.0), Summary: summary}},
		Steady:     &load.Steady{Answer: "found", Sentence: "warm-up 3 requests / 0.6 s; steady state 200 ms median"},
		Neighbours: []load.Neighbour{{Target: "other", Before: load.Sighted{N: 20, Median: ms(50)}, During: load.Sighted{N: 5, Bad: 1, Median: ms(80)}}},
		Asked:      []load.Asked{{Target: "sentiment", Model: "org/m", Task: "text-classification", InputsHash: "a", ParamsHash: "b"}},
		CurveStep:  probe.Measured(time.Second),
		Failures:   []probe.Result{{Outcome: probe.Timeout, Error: "no answer <b>within</b> 30s", Due: start.Add(time.Second), Service: ms(30000)}},
	}
	line := coldstart.Scaling{Target: "sentiment"}
	for _, r := range []struct{ at, ready, wanted int }{{0, 1, 1}, {10, 1, 1}, {25, 1, 2}, {35, 2, 2}} {
		line.Add(time.Duration(r.at)*time.Second, coldstart.Reading{State: coldstart.ManagedRunning, Ready: r.ready, Target: r.wanted})
	}
	line.Judge(w.Demand())
	w.Scaling = []coldstart.Scaling{line}
	for i := range 41 {
		p := load.Points{N: 5, P50: ms(180 + i), P95: ms(300 + 10*i), P99: ms(400 + 20*i)}
		w.Curve = append(w.Curve, load.Second{At: probe.Measured(time.Duration(i) * time.Second), Stage: i / 20, Due: 5 + 10*(i/20), Good: 5 + 9*(i/20), Bad: i / 20, InFlight: 2 + i/10, Queued: i / 30, Response: p})
	}
	return w
}

// TestAssert holds what each assertion comes to, and that what the window does
// not know is no answer.
func TestAssert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want windows.Answer
	}{
		{"p50(response) < 250ms", windows.Passed},
		{"median(response) < 250ms", windows.Passed},
		{"p95(response) < 500ms", windows.Failed},
		{"p95(response) > 500ms", windows.Passed},
		{"p99(response) < 10s", windows.Failed},    // it is at least 30 s
		{"p99(response) < 60s", windows.Unknown},   // at least 30 s may be more than 60
		{"p99(response) > 10s", windows.Passed},    // whatever more it is
		{"p99(response) > 60s", windows.Unknown},   // at least 30 s may be more than 60
		{"p99(service) < 1s", windows.Unknown},     // absent
		{"p95(first_token) < 1s", windows.Unknown}, // not a stream
		{"bad_ratio < 10%", windows.Passed},
		{"bad_ratio < 1%", windows.Failed},
		{"availability >= 95%", windows.Passed},
		{"goodput > 0.95", windows.Failed},
		{"rate > 9", windows.Passed},
		{"tokens_per_second > 300", windows.Failed},
	} {
		a, err := windows.ParseAssertions(c.text)
		if err != nil {
			t.Errorf("ParseAssertions(%q) = %v", c.text, err)
			continue
		}
		if got := windows.Assert(sample(), a); len(got) != 1 || got[0].Answer != c.want || got[0].Why == "" {
			t.Errorf("%s: %+v, want %s", c.text, got, c.want)
		}
	}
	if a, err := windows.ParseAssertions(" p50(response) < 1s , bad_ratio < 1%, "); err != nil || len(a) != 2 {
		t.Errorf("two assertions are %d, %v", len(a), err)
	}
	for _, bad := range []string{"p95(speed) < 1s", "response < 1s", "p95(response) < 1s over 6h", "first_token > 1s in 3 of 5", "budget_used < 80%", "p95(cold_start) < 1s", "hello"} {
		if _, err := windows.ParseAssertions(bad); err == nil {
			t.Errorf("ParseAssertions(%q) gives no error", bad)
		}
	}
}

// TestJudge holds the exit codes.
func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verdict load.Verdict
		by      load.EndedBy
		answers []windows.Answer
		want    windows.Outcome
	}{
		{load.Complete, load.EndPlan, nil, windows.Pass},
		{load.Complete, load.EndPlan, []windows.Answer{windows.Passed, windows.Passed}, windows.Pass},
		{load.ServerLimited, load.EndPlan, []windows.Answer{windows.Passed}, windows.Pass},
		{load.Complete, load.EndPlan, []windows.Answer{windows.Unknown, windows.Failed}, windows.Crossed},
		{load.Complete, load.EndPlan, []windows.Answer{windows.Passed, windows.Unknown}, windows.NoVerdict},
		{load.ClientLimited, load.EndPlan, []windows.Answer{windows.Failed}, windows.NoVerdict},
		{load.BudgetLimited, load.EndBudget, []windows.Answer{windows.Passed}, windows.NoVerdict},
		{load.Aborted, load.EndErrors, []windows.Answer{windows.Failed}, windows.Crossed},
		{load.Aborted, load.EndBrake, []windows.Answer{windows.Passed}, windows.NoVerdict},
		{load.Aborted, load.EndStatus, []windows.Answer{windows.Failed}, windows.NoVerdict},
		{load.Aborted, load.EndInterrupted, []windows.Answer{windows.Failed}, windows.NoVerdict},
	} {
		w := load.Window{Verdict: c.verdict, EndedBy: c.by}
		var findings []windows.Finding
		for _, a := range c.answers {
			findings = append(findings, windows.Finding{Answer: a})
		}
		if got := windows.Judge(w, findings); got != c.want {
			t.Errorf("Judge(%s by %s, %v) = %d, want %d", c.verdict, c.by, c.answers, got, c.want)
		}
	}
}

// TestCompare finds what is worse beyond doubt and beyond five in a hundred.
func TestCompare(t *testing.T) {
	t.Parallel()
	before := sample()
	for _, c := range []struct {
		name   string
		change func(*load.Window)
		failed []string
	}{
		{"the same", func(*load.Window) {}, nil},
		{"slower beyond doubt", func(w *load.Window) { w.Response.P50 = q(300, 290, 310) }, []string{"median(response) is no slower"}},
		{"slower by less than matters", func(w *load.Window) { w.Response.P50 = q(216, 215, 217) }, nil},
		{"slower within its doubt", func(w *load.Window) { w.Response.P50 = q(300, 200, 400) }, nil},
		{"more often bad", func(w *load.Window) { w.Good, w.Bad = 300, 100 }, []string{"bad_ratio is no higher"}},
		{"faster", func(w *load.Window) { w.Response.P50 = q(100, 95, 105) }, nil},
	} {
		now := sample()
		c.change(&now)
		got, err := windows.Compare(before, now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var failed []string
		for _, f := range got.Findings {
			if f.Answer == windows.Failed {
				failed = append(failed, f.Text)
			}
		}
		if diff := cmp.Diff(c.failed, failed); diff != "" {
			t.Errorf("%s: what is worse (-want +got):\n%s", c.name, diff)
		}
	}
}

// users returns a window of closed loops.
func users(n int) load.Window {
	w, length := sample(), probe.Measured(time.Minute)
	w.Plan.Process, w.Plan.Stages = "closed", []load.Stage{{For: length}}
	w.Plan.Spec = &load.Spec{Process: load.Closed, Users: n, For: length, ThinkMin: probe.Measured(time.Second), ThinkMax: probe.Measured(4 * time.Second)}
	return w
}

// TestCompareRefusesUnlike windows, each difference by its name.
func TestCompareRefusesUnlike(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*load.Window){
		"target or mix: ":         func(w *load.Window) { w.Target = "other" },
		"location: fra before":    func(w *load.Window) { w.Location = "iad" },
		"sentiment: inputs: ":     func(w *load.Window) { w.Asked = []load.Asked{w.Asked[0]}; w.Asked[0].InputsHash = "c" },
		"sentiment: parameters: ": func(w *load.Window) { w.Asked = []load.Asked{w.Asked[0]}; w.Asked[0].ParamsHash = "c" },
		"stages: 5/s for 20s":     func(w *load.Window) { w.Plan.Stages = w.Plan.Stages[:1] },
		"max_in_flight: 8 before": func(w *load.Window) { w.MaxInFlight = 9 },
		"source of token counts": func(w *load.Window) {
			w.TokenSources = map[probe.TokensSource]int{probe.TokensChunks: 1}
		},
	} {
		before, now := sample(), sample()
		before.TokenSources = map[probe.TokensSource]int{probe.TokensUsage: 1}
		now.TokenSources = before.TokenSources
		change(&now)
		if _, err := windows.Compare(before, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compare() = %v, want %q in it", err, want)
		}
	}
	if _, err := windows.Compare(sample(), users(2)); err == nil || !strings.Contains(err.Error(),
		"stages: 5/s for 20s, then 15/s for 20s before, 2 users who think 1s to 4s, for 1m0s now") {
		t.Errorf("Compare() = %v, want both kinds of stages in words", err)
	}
	if _, err := windows.Compare(users(2), users(3)); err == nil || !strings.Contains(err.Error(), "3 users who") {
		t.Errorf("Compare() = %v, want the numbers of users in it", err)
	}
	ramped := sample()
	ramped.Plan.Stages = []load.Stage{{Rate: 5, For: probe.Measured(20 * time.Second), Ramp: probe.Measured(5 * time.Second)}}
	if _, err := windows.Compare(sample(), ramped); err == nil || !strings.Contains(err.Error(), "5/s for 20s with a ramp of 5s now") {
		t.Errorf("Compare() = %v, want the ramp in it", err)
	}
	now := sample()
	now.Version = "2.0"
	if c, err := windows.Compare(sample(), now); err != nil || len(c.Warnings) != 1 {
		t.Errorf("another version gives %v, %v, want one warning", c.Warnings, err)
	}
}

// TestGolden holds what is written for people and pipelines.
func TestGolden(t *testing.T) {
	t.Parallel()
	a, err := windows.ParseAssertions("p50(response) < 250ms, bad_ratio < 1%, p99(service) < 1s")
	if err != nil {
		t.Fatal(err)
	}
	w := sample()
	findings := windows.Assert(w, a)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"window.txt":  func(b *bytes.Buffer) error { return windows.Text(b, w, findings, []string{"a warning"}) },
		"window.html": func(b *bytes.Buffer) error { return windows.HTML(b, w, findings, []string{"a warning"}) },
		"window.xml":  func(b *bytes.Buffer) error { return windows.JUnit(b, w, findings) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, never := range []string{"<b>within", "<script", "http:", "https:", "ZgotmplZ"} {
			if name == "window.html" && strings.Contains(b.String(), never) {
				t.Errorf("%s holds %q", name, never)
			}
		}
	}
}
