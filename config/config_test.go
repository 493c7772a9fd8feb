package config_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "write golden files")

// now is a Wednesday.
var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// files reads from a map and finds nothing else.
func files(all map[string]string) func(string, int64) ([]byte, error) {
	return func(name string, limit int64) ([]byte, error) {
		text, ok := all[filepath.ToSlash(name)]
		switch {
		case !ok:
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case int64(len(text)) > limit:
			return nil, errors.New("is too large")
		default:
			return []byte(text), nil
		}
	}
}

// secrets are files that the examples name.
func secrets() map[string]string {
	return map[string]string{
		"/run/secrets/hf-admin": "hf_admin\n", "/run/secrets/tei": "tei-key\n", "/run/secrets/hook": "https://hook.example.org/T0/hidden\n",
		"/run/secrets/hook-key": "signing-key\n", "articles.jsonl": "\"A long article about rivers.\"\n\"Another about hills.\"\n",
	}
}

// load loads a text as c.yaml with everything available.
func load(t *testing.T, text string, change func(*config.Options)) (*config.Config, error) {
	t.Helper()
	all := secrets()
	all["c.yaml"] = text
	o := config.Options{
		File: "c.yaml", Read: files(all), Glob: func(string) ([]string, error) { return nil, nil },
		Environ: []string{"HF_TOKEN=hf_hidden"}, Available: config.AllFeatures(), Now: now,
	}
	if change != nil {
		change(&o)
	}
	return config.Load(o)
}

// mustLoad loads a text in which nothing may be wrong.
func mustLoad(t *testing.T, text string, change func(*config.Options)) *config.Config {
	t.Helper()
	c, err := load(t, text, change)
	if err != nil {
		t.Fatalf("Load =\n%v", err)
	}
	return c
}

// example is the file that the format's description shows.
func example(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// small is a file with one model.
const small = `models:
  - name: a
    model: org/a
    task: text-classification
    inputs: ["I love it."]
`

// TestExamplePasses, once every feature exists, and means what it says.
func TestExamplePasses(t *testing.T) {
	c := mustLoad(t, example(t), nil)
	if len(c.Models) != 4 || len(c.Mixes) != 1 || len(c.Alerts) != 3 || len(c.Notify) != 2 || len(c.Maintenance) != 1 {
		t.Fatalf("Load = %d models, %d mixes, %d alerts, %d receivers, %d maintenance times",
			len(c.Models), len(c.Mixes), len(c.Alerts), len(c.Notify), len(c.Maintenance))
	}
	sentiment, assistant, summarizer, search := c.Models[0], c.Models[1], c.Models[2], c.Models[3]
	for _, row := range []struct {
		what      string
		got, want any
	}{
		{"an unset location takes its default", c.Location, "local"},
		{"the token comes from the environment", c.Hub.Token.Reveal(), "hf_hidden"},
		{"the account pays", c.Hub.BillTo, "my-org"},
		{"60d is a duration", c.Data.Retention, 60 * 24 * time.Hour},
		{"8GiB is a size", c.Data.MaxSize, int64(8 << 30)},
		{"budgets are read", c.Budget.USDPerMonth, 50.0},
		{"defaults merge into each model", sentiment.Target.Labels, map[string]string{"env": "prod"}},
		{"profiles merge over defaults", assistant.Target.Labels, map[string]string{"env": "prod", "team": "assistants"}},
		{"no url and no provider is hf-inference", sentiment.Target.Endpoint.Route, probe.RouteHFInference},
		{"chat with a provider is the router's /v1", assistant.Target.Endpoint.Route, probe.RouteRouter},
		{"a url is used as given", search.Target.Endpoint.URL.String(), "http://10.0.0.7:8080/embed"},
		{"auth.header is read from its file", search.Target.Endpoint.AuthValue.Reveal(), "tei-key"},
		{"min_score is a ratio", sentiment.Target.Expect.MinScore, probe.Some(0.9)},
		{"a profile's parameters pass through", string(assistant.Target.Parameters), `{"max_tokens":64}`},
		{"a profile's stream", assistant.Target.Stream, true},
		{"generation has 90s", assistant.Baseline.Timeout, 90 * time.Second},
		{"other tasks have 30s", sentiment.Baseline.Timeout, 30 * time.Second},
		{"the target has the same limit", sentiment.Target.Timeout, 30 * time.Second},
		{"the default schedule", sentiment.Baseline.Schedule.String(), "*/5 * * * *"},
		{"a stage's rate is by the second", sentiment.Window.Stages[1].Rate, 10.0},
		{"a stage's ramp", sentiment.Window.Stages[1].Ramp, 30 * time.Second},
		{"an abort by default", sentiment.Window.Abort, config.Abort{ErrorRatio: 0.2, MinRequests: 20, On: []int{402, 429}}},
		{"a baseline of the defaults does not keep awake what may sleep", summarizer.Baseline == nil, true},
		{"experiments give up", summarizer.ColdStart.GiveUp, 15 * time.Minute},
		{"experiments wait for the endpoint's idle time", summarizer.ColdStart.Idle, time.Hour},
		{"inputs_file has one value a line", len(summarizer.Target.Inputs.Values), 2},
		{"sampled inputs", [2]int{search.Target.Inputs.SampleMin, search.Target.Inputs.SampleMax}, [2]int{1, 3}},
		{"a mix's think time", [2]time.Duration{c.Mixes[0].ThinkMin, c.Mixes[0].ThinkMax}, [2]time.Duration{time.Second, 4 * time.Second}},
		{"a condition is parsed", c.Alerts[0].When.K, 3},
		{"an expression is kept", c.Alerts[2].Expr, "increase(hfwatch_cold_starts_total[1h]) > 3"},
		{"a webhook's address comes from its file", c.Notify[0].Webhook.URL.Reveal(), "https://hook.example.org/T0/hidden"},
		{"a receiver's match", c.Notify[1].Match.Severity, "critical"},
		{"maintenance mutes and goes on probing", [2]bool{c.Maintenance[0].Mute, c.Maintenance[0].Probe}, [2]bool{true, true}},
		{"rules are evaluated every 15s", c.EvaluationInterval, 15 * time.Second},
		{"alerting and history are on", [2]bool{c.Alerting, c.History}, [2]bool{true, true}},
		{"labels of models are known", c.UserLabels, []string{"env", "team"}},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.what, diff)
		}
	}
	want := []string{
		`c.yaml:12:11: include[0]: "conf.d/*.yaml" matches no file; correct the pattern, relative to the file that includes it, or remove it`,
		"c.yaml:15:5: models[0].price: the budget limits money, and the price of sentiment is not known: what it costs is not counted; " +
			"write price: {usd_per_mtok_input: …, usd_per_mtok_output: …}, or limit requests or tokens in its place",
		"c.yaml:35:11: models[2].wake: no baseline runs: every 5m would keep the model awake, which sleeps after 1h without a request; " +
			"only experiments do; give the model a baseline with more than 1h between probes to have one",
		"c.yaml:39:27: models[2].price.usd_per_hour: is no part of what a budget of money limits: the endpoint's hours are paid for whether it is asked or not; " +
			"bound them at the endpoint, by scaling to zero, and the rest by price: {usd_per_mtok_input: …, usd_per_mtok_output: …}",
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Warnings: -want +got\n%s", diff)
	}
}

// TestRootConfigPasses with what exists now, with a token and without one.
func TestRootConfigPasses(t *testing.T) {
	for _, environ := range [][]string{{"HF_TOKEN=hf_x"}, nil} {
		c, err := config.Load(config.Options{File: "../config.yaml", Environ: environ, Now: now})
		if err != nil {
			t.Fatalf("Load(../config.yaml) =\n%v", err)
		}
		if len(c.Models) != 3 || len(c.Alerts) != 3 || len(c.Notify) != 1 {
			t.Errorf("Load(../config.yaml) = %d models, %d alerts, %d receivers, want 3, 3, 1", len(c.Models), len(c.Alerts), len(c.Notify))
		}
		if wantWarnings := 1 - len(environ); len(c.Warnings) != wantWarnings {
			t.Errorf("Load(../config.yaml) with %v warns of\n%v", environ, c.Warnings)
		}
	}
}

// TestDefaults of every key that a small file leaves out.
func TestDefaults(t *testing.T) {
	c := mustLoad(t, small, nil)
	target := c.Models[0].Target
	for _, row := range []struct {
		key       string
		got, want any
	}{
		{"location", c.Location, "local"},
		{"timezone", c.Timezone, time.UTC},
		{"hub.url", c.Hub.URL.String(), "https://router.huggingface.co"},
		{"hub.api_url", c.Hub.APIURL.String(), "https://huggingface.co"},
		{"hub.endpoints_url", c.Hub.EndpointsURL.String(), "https://api.endpoints.huggingface.cloud"},
		{"data", c.Data, config.Data{Dir: "./data", Retention: 60 * 24 * time.Hour, MaxSize: 8 << 30}},
		{"evaluation_interval", c.EvaluationInterval, 15 * time.Second},
		{"provider", target.Provider, "hf-inference"},
		{"cache", target.Cache, probe.CacheDefeat},
		{"stall", target.Stall, 20 * time.Second},
		{"timeout", target.Timeout, 30 * time.Second},
		{"give_up", target.GiveUp, 15 * time.Minute},
		{"stream", target.Stream, false},
		{"wake", target.Wake, probe.WakePolicy("")},
		{"baseline.schedule", c.Models[0].Baseline.Schedule.String(), "*/5 * * * *"},
		{"baseline.jitter", c.Models[0].Baseline.Jitter, time.Minute},
		{"connection", c.Models[0].Connection, ""},
		{"window", c.Models[0].Window == nil, true},
		{"cold_start", c.Models[0].ColdStart == nil, true},
	} {
		if got, want := row.got, row.want; got != want {
			t.Errorf("default of %s = %v, want %v", row.key, got, want)
		}
	}
	fast := mustLoad(t, small+"    baseline: {schedule: \"@every 10s\"}\n", nil)
	if got := fast.Models[0].Baseline.Timeout; got != 10*time.Second {
		t.Errorf("default timeout of a slot of 10s = %v, want the slot", got)
	}
	off := mustLoad(t, small+"    baseline: off\n", nil)
	if m := off.Models[0]; m.Baseline != nil || m.Target.Timeout != 30*time.Second {
		t.Errorf("without a baseline: %v, timeout %v, want nil and 30s for probes by hand", m.Baseline, m.Target.Timeout)
	}
	unnamed := mustLoad(t, "models: [{model: org/a, task: text-classification, inputs: [x]}]\n", nil)
	if got := unnamed.Models[0].Target.Name; got != "org/a" {
		t.Errorf("default name = %q, want the model's id", got)
	}
	thinks := mustLoad(t, "models: [{model: openai/gpt-oss-20b, provider: groq, task: chat-completion, inputs: [x]}]\n", nil)
	if m := thinks.Models[0]; !m.Target.Reasoning || m.TokensOut != 512 {
		t.Errorf("gpt-oss: reasoning %v, %d tokens out, want true and 512", m.Target.Reasoning, m.TokensOut)
	}
}
