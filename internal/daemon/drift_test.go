package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// answers feeds results, minutes apart, and returns the changes as texts.
func answersOf(d *drifts, at *time.Time, gap time.Duration, results ...probe.Result) []string {
	var out []string
	for _, r := range results {
		r.Target, r.Kind, r.Status, r.Sent = "a", probe.Baseline, 200, *at
		if r.Outcome == "" {
			r.Outcome = probe.OK
		}
		*at = at.Add(gap)
		for _, c := range d.learn(r) {
			out = append(out, c.What+": "+c.Before+" > "+c.After)
		}
	}
	return out
}

// times returns a result n times.
func repeated(r probe.Result, n int) []probe.Result {
	out := make([]probe.Result, n)
	for i := range out {
		out[i] = r
	}
	return out
}

func TestDrifts(t *testing.T) {
	shape := func(input, s string) probe.Result { return probe.Result{InputHash: input, Shape: s} }
	model := func(m string) probe.Result { return probe.Result{ServedModel: m} }
	for _, c := range []struct {
		why  string
		gap  time.Duration
		feed []probe.Result
		want []string
	}{
		{"a shape changes", time.Minute, []probe.Result{shape("i", "A"), shape("i", "A"), shape("i", "B"), shape("i", "B")}, []string{"shape: A > B"}},
		{"inputs of two forms have two shapes", time.Minute, []probe.Result{shape("i", "A"), shape("j", "B"), shape("i", "A"), shape("j", "B")}, nil},
		{"both change, and that is one change", time.Minute, []probe.Result{shape("i", "A"), shape("j", "A"), shape("i", "B"), shape("j", "B")}, []string{"shape: A > B"}},
		{"inputs that are always new agree", time.Minute, []probe.Result{shape("1", "A"), shape("2", "A"), shape("3", "A"), shape("4", "B"), shape("5", "B")}, []string{"shape: A > B"}},
		{"of too few nobody knows", time.Minute, []probe.Result{shape("1", "A"), shape("2", "A"), shape("3", "B")}, nil},
		{"a bad answer has no shape", time.Minute, []probe.Result{shape("i", "A"), {InputHash: "i", Shape: "B", Outcome: probe.InvalidOutput}}, nil},
		{"a wrong one has", time.Minute, []probe.Result{shape("i", "A"), {InputHash: "i", Shape: "B", Outcome: probe.WrongAnswer}}, []string{"shape: A > B"}},
		{"the model is another", time.Minute, []probe.Result{model("m"), model("m"), model("m-turbo")}, []string{"model: m > m-turbo"}},
		{"replicas take turns", time.Minute, []probe.Result{model("m"), model("n"), model("m"), model("n"), model("m")}, []string{"model: m > n"}},
		{"and back, after it had stayed", time.Minute, append(append(repeated(model("m"), 2), repeated(model("n"), 12)...), model("m")), []string{"model: m > n", "model: n > m"}},
		{"and back, after a day", 13 * time.Hour, []probe.Result{model("m"), model("n"), model("m")}, []string{"model: m > n", "model: n > m"}},
		{"what is absent says nothing", time.Minute, []probe.Result{model("m"), model(""), model("m")}, nil},
		{"another request starts anew", time.Minute, []probe.Result{{ServedModel: "m", ParamsHash: "1"}, {ServedModel: "n", ParamsHash: "2"}}, nil},
		{"a replay teaches nothing", time.Minute, []probe.Result{model("m"), {ServedModel: "n", Cached: true}}, nil},
		{
			"all at once", time.Minute,
			[]probe.Result{{Revision: "1", Provider: "p", Engine: "tgi"}, {Revision: "2", Provider: "q", Engine: "vllm"}},
			[]string{"revision: 1 > 2", "provider: p > q", "engine: tgi > vllm"},
		},
	} {
		at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
		if diff := cmp.Diff(c.want, answersOf(&drifts{}, &at, c.gap, c.feed...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestDriftsAreBounded: neither values nor inputs without end are kept.
func TestDriftsAreBounded(t *testing.T) {
	var d drifts
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for i := range 1000 {
		answersOf(&d, &at, time.Minute, probe.Result{InputHash: fmt.Sprint(i), Shape: "A", Revision: fmt.Sprint(i)})
	}
	l := d.all["a"]
	if len(l.shapes.facts) != driftInputs || len(l.shapes.inputs) != driftInputs || len(l.shapes.told) > driftInputs || len(l.facts["revision"].seen) != driftValues {
		t.Errorf("%d shapes, %d inputs, %d revisions are kept, want %d, %d, %d", len(l.shapes.facts), len(l.shapes.inputs), len(l.facts["revision"].seen), driftInputs, driftInputs, driftValues)
	}
	d.keep(map[string]config.Model{})
	if len(d.all) != 0 {
		t.Error("a removed target is remembered")
	}
}

// classifier is a model of text-classification at an address.
func classifier(address string, more ...string) string {
	text := "  - name: a\n    task: text-classification\n    url: " + address +
		"\n    inputs: [\"I love it.\"]\n    baseline: {schedule: \"@every 10s\", jitter: 0s, timeout: 5s}\n"
	for _, line := range more {
		text += "    " + line + "\n"
	}
	return text
}

// TestDriftIsTold: counted, recorded, logged; and known after a restart.
func TestDriftIsTold(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var sha atomic.Value
		sha.Store("1111")
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Sha", sha.Load().(string))
			_, _ = io.WriteString(w, `[[{"label":"A","score":1}]]`)
		}))
		text := "alerting: off\nmodels:\n" + classifier("http://m.test/")
		r.start(text)
		time.Sleep(30 * time.Second)
		if _, there := r.value("hfwatch_drift_events_total"); there {
			t.Error("a change is counted before there was one")
		}
		sha.Store("2222")
		time.Sleep(20 * time.Second)
		r.want(1, "hfwatch_drift_events_total", "target", "a", "what", "revision")
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		// What was learned is restored, so that a change while nobody watched shows.
		sha.Store("3333")
		r.start(text)
		time.Sleep(20 * time.Second)
		r.want(1, "hfwatch_drift_events_total", "target", "a", "what", "revision")
		events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindDrift}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range events {
			var c change
			if err := json.Unmarshal(e.Data, &c); err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Target+" "+c.What+" "+c.Before+" "+c.After)
		}
		if !cmp.Equal(got, []string{"a revision 1111 2222", "a revision 2222 3333"}) && !cmp.Equal(got, []string{"a revision 2222 3333", "a revision 1111 2222"}) {
			t.Errorf("events: %q, want both changes with before and after", got)
		}
		if n := strings.Count(r.logs.String(), `"msg":"answers changed"`); n != 2 {
			t.Errorf("%d lines tell of changes, want 2", n)
		}
	})
}

// TestHealthLies: an engine that says healthy while its probes fail is asked
// after the second failure, seldom, and no more once it is well.
func TestHealthLies(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		var well, healthy atomic.Bool
		well.Store(true)
		healthy.Store(true)
		server := noting(func(w http.ResponseWriter, req *http.Request) {
			switch {
			case req.Method == http.MethodGet && healthy.Load():
			case req.Method == http.MethodGet, !well.Load():
				status(http.StatusInternalServerError)(w, req)
			default:
				_, _ = io.WriteString(w, `[[{"label":"A","score":1}]]`)
			}
		})
		r.net.Serve(t, "m.test:80", server)
		r.start("alerting: off\nmodels:\n" + classifier("http://m.test/predict", "budget: {requests_per_day: 10000}"))
		time.Sleep(30 * time.Second)
		if n := len(server.of("/health")); n != 0 {
			t.Errorf("health was asked %d times while all was well, want none", n)
		}
		well.Store(false)
		begin := time.Now()
		time.Sleep(6 * time.Minute)
		// Slots are at 10 s of the clock, and the bubble began 3 s after one.
		sameTimes(t, "health", server.of("/health"), []time.Time{begin.Add(17 * time.Second), begin.Add(17*time.Second + 5*time.Minute)})
		r.want(1, "hfwatch_target_health_lies", "target", "a")
		r.want(2, "hfwatch_health_checks_total", "target", "a", "result", "healthy")
		if res := r.last("a"); len(res.Warnings) == 0 || res.Warnings[len(res.Warnings)-1] != "health_lies: GET /health says healthy while the probes fail" {
			t.Errorf("the last result warns of %q, want of the lie", res.Warnings)
		}
		well.Store(true)
		time.Sleep(20 * time.Second)
		r.want(0, "hfwatch_target_health_lies", "target", "a")
		well.Store(false)
		healthy.Store(false)
		time.Sleep(6 * time.Minute)
		r.want(0, "hfwatch_target_health_lies", "target", "a")
		events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindDrift}})
		if err != nil || len(events) != 2 {
			t.Errorf("%d events, %v, want that a lie began and ended", len(events), err)
		}
		// A question is a request of the budget.
		posts := len(server.of("/predict"))
		var used float64
		for _, u := range r.d.ledger.Usage(time.Now()) {
			if u.Target == "a" && u.Unit == "requests" {
				used = u.Ratio * 10000
			}
		}
		if want := float64(posts + len(server.of("/health"))); used < want-0.5 || used > want+0.5 {
			t.Errorf("the budget counts %v requests, want %v with those for health", used, want)
		}
	})
}

// TestOverloadIsHealthy: an engine that is overloaded is asked nothing.
func TestOverloadIsHealthy(t *testing.T) {
	var h healths
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	for _, o := range []probe.Outcome{probe.Overloaded, probe.Gone, probe.Connect, probe.WrongAnswer, probe.Loading} {
		for range 5 {
			if ask, _ := h.see(probe.Result{Target: "a", Counts: probe.Bad, Outcome: o}, now); ask {
				t.Errorf("%s: the engine is asked how it is", o)
			}
		}
	}
	if ask, _ := h.see(probe.Result{Target: "a", Counts: probe.Bad, Outcome: probe.Timeout}, now); ask {
		t.Error("the engine is asked after one failure")
	}
	if ask, _ := h.see(probe.Result{Target: "a", Counts: probe.Bad, Outcome: probe.Timeout}, now); !ask {
		t.Error("the engine is not asked after two failures")
	}
}

// TestHealthIsNotAsked of what may sleep, of the router and of anything whose
// engine nobody knows.
func TestHealthIsNotAsked(t *testing.T) {
	target := func(task string, change func(*probe.Target)) *probe.Target {
		tk, ok := Task(task)
		if !ok {
			t.Fatal(task)
		}
		out := &probe.Target{Task: tk, Endpoint: probe.Endpoint{Route: probe.RouteURL}}
		change(out)
		return out
	}
	for why, c := range map[string]struct {
		target *probe.Target
		want   bool
	}{
		"a self-hosted engine":       {target("summarization", func(*probe.Target) {}), true},
		"an endpoint kept warm":      {target("summarization", func(t *probe.Target) { t.Wake = probe.KeepWarm }), true},
		"one that may sleep":         {target("summarization", func(t *probe.Target) { t.Wake = probe.ObserveCold }), false},
		"one that must not be woken": {target("summarization", func(t *probe.Target) { t.Wake = probe.NeverWake }), false},
		"the router":                 {target("chat-completion", func(t *probe.Target) { t.Endpoint.Route = probe.RouteRouter }), false},
		"anything":                   {target("custom", func(*probe.Target) {}), false},
	} {
		if got := mayAsk(c.target); got != c.want {
			t.Errorf("%s: mayAsk() = %v, want %v", why, got, c.want)
		}
	}
}
