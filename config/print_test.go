package config_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// golden compares got with a golden file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got\n%s\nrun the tests with -update if that is right", name, diff)
	}
}

// TestPrint: every value with its origin.
func TestPrint(t *testing.T) {
	c := mustLoad(t, example(t), func(o *config.Options) {
		o.Environ = append(o.Environ, "HFWATCH_DATA__RETENTION=90d", "HFWATCH_HUB__TOKEN_FILE=")
		o.Flags = []config.Override{{Flag: "--storage.path", Path: "data.dir", Value: "/var/lib/hfwatch"}}
	})
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/print.golden", out.Bytes())
	for _, want := range []string{
		"dir: /var/lib/hfwatch # --storage.path", "retention: 90d # $HFWATCH_DATA__RETENTION", "token: <secret> # c.yaml:3:14",
		"stream: true # c.yaml:11:40 (profile llm)", "env: prod # c.yaml:8:17 (defaults)", "provider: hf-inference # default",
		"timeout: 1m30s # default", "baseline: off # wake: observe_cold", "evaluation_interval: 15s # default",
	} {
		found := false
		for line := range strings.Lines(out.String()) {
			found = found || strings.Join(strings.Fields(line), " ") == want
		}
		if !found {
			t.Errorf("Print has no line %q", want)
		}
	}
}

// TestNoSecretIsShown, whatever is printed of a configuration.
func TestNoSecretIsShown(t *testing.T) {
	text := `hub: {token: "${HF_TOKEN}"}
models:
  - name: a
    model: org/a
    task: custom
    url: https://host.example.org/path?key=hidden-query
    auth: {token_file: /run/secrets/tei}
    headers: {X-Other: hidden-header}
    proxy: http://user:hidden-proxy@proxy:3128
    labels: {leak: "${MY_API_KEY}"}
    inputs: [x]
notify:
  - {name: a, webhook: {url: "https://user:hidden-user@hook.example.org/hidden-path", secret_file: /run/secrets/hook-key}}
  - {name: b, webhook: {url_file: /run/secrets/hook}}
`
	c := mustLoad(t, text, func(o *config.Options) {
		o.Environ = append(o.Environ, "MY_API_KEY=hidden-variable", "HFWATCH_DEFAULTS__LABELS__SECRET=hidden-env")
	})
	var out bytes.Buffer
	_ = c.Print(&out)
	_ = c.Report(&out, now)
	out.Write(c.Redacted())
	fmt.Fprintf(&out, "%v %+v %#v %s", c, c, c.Notify, c.Warnings)
	for _, m := range c.Models {
		fmt.Fprintf(&out, "%v %+v", m, m)
	}
	for _, secret := range []string{"hidden", "tei-key", "signing-key"} {
		if i := strings.Index(out.String(), secret); i >= 0 {
			t.Errorf("%q is shown: %s", secret, out.String()[max(0, i-60):i+20])
		}
	}
	if !strings.Contains(out.String(), probe.Redacted) {
		t.Error("nothing stands where a secret would be")
	}
}

// TestRedactedIsYAML, and of the same values.
func TestRedactedIsYAML(t *testing.T) {
	c := mustLoad(t, example(t), nil)
	var got struct {
		Location string
		Models   []struct {
			Name     string
			Labels   map[string]string
			Inputs   any
			Baseline any
		}
	}
	if err := yaml.Load(c.Redacted(), &got); err != nil {
		t.Fatalf("Redacted is not YAML: %v\n%s", err, c.Redacted())
	}
	if got.Location != "local" || len(got.Models) != 4 || got.Models[1].Labels["team"] != "assistants" {
		t.Errorf("Redacted = %+v", got)
	}
	if bytes.Contains(c.Redacted(), []byte("default")) && bytes.Contains(c.Redacted(), []byte("# ")) {
		t.Error("Redacted has origins")
	}
}

// TestReport: what `hfwatch check` shows.
func TestReport(t *testing.T) {
	var out bytes.Buffer
	if err := mustLoad(t, example(t), nil).Report(&out, now); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.golden", out.Bytes())
}

// TestCeiling: the most that 31 days can ask and cost, by hand.
func TestCeiling(t *testing.T) {
	c := mustLoad(t, `budget: {requests_per_month: 10000, usd_per_day: 3}
models:
  - name: chat
    model: org/a
    task: chat-completion
    provider: cerebras
    inputs: [Hello.]
    parameters: {max_tokens: 100}
    baseline: {schedule: "@every 1h"}
    price: {usd_per_mtok_input: 1, usd_per_mtok_output: 10}
    budget: {requests_per_day: 500}
    window:
      schedule: "0 3 * * *"
      stages: [{rate: 1/s, for: 10s}, {rate: 3/s, ramp: 10s, for: 20s}]
      max_in_flight: 8
  - name: loop
    model: org/b
    task: custom
    url: http://127.0.0.1:8080
    inputs: [x]
    baseline: off
    window: {schedule: "0 4 * * *", users: 3, think_time: 2s-4s, for: 1m, max_in_flight: 3}
  - name: eager
    model: org/c
    task: custom
    url: http://127.0.0.1:8080
    inputs: [x]
    baseline: off
    window: {schedule: "0 5 * * *", users: 3, for: 1m, max_in_flight: 3}
`, nil)
	parts, total := c.Ceiling(now)
	each := float64(c.Models[0].TokensIn + c.Models[0].TokensOut)
	if c.Models[0].TokensOut != 100 || c.Models[0].TokensIn < 10 {
		t.Errorf("tokens of a request = %d in, %d out", c.Models[0].TokensIn, c.Models[0].TokensOut)
	}
	usd := (float64(c.Models[0].TokensIn)*1 + 100*10) / 1e6
	// The window has 10 s at 1/s, 10 s from 1/s to 3/s, 10 s at 3/s.
	const window = 10 + 20 + 30
	// Each of three users begins at most 30 pauses of 2 s in 60 s, and one more.
	const loop = 3 * 31
	want := []struct {
		name, lane       string
		requests, tokens float64
	}{
		{"chat", "baseline", 744, 744 * each}, {"chat", "window", 31 * window, 31 * window * each}, {"loop", "window", 31 * loop, -1},
	}
	for i, w := range want {
		requests, _ := parts[i].Requests.Get()
		tokens, _ := parts[i].Tokens.Get()
		if parts[i].Name != w.name || parts[i].Lane != w.lane || requests != w.requests || (w.tokens >= 0 && tokens != w.tokens) {
			t.Errorf("part %d = %+v, want %+v", i, parts[i], w)
		}
	}
	if got, _ := parts[0].USD.Get(); got < 744*usd-1e-9 || got > 744*usd+1e-9 {
		t.Errorf("USD of the baseline = %v, want %v", got, 744*usd)
	}
	if !parts[3].Requests.IsZero() || !total.Requests.IsZero() {
		t.Errorf("users who never think: %v, and in all %v; want unknown", parts[3].Requests, total.Requests)
	}
	if parts[0].Limit != "" || total.Limit != "10,000 requests a month, 3 USD a day" {
		t.Errorf("limits = %q and %q", parts[0].Limit, total.Limit)
	}
}

// TestNextFires in the time zone of each schedule.
func TestNextFires(t *testing.T) {
	c := mustLoad(t, "timezone: Europe/Berlin\n"+small+`    baseline: {schedule: "0 3 * * *"}
maintenance: [{name: m, schedule: "CRON_TZ=UTC 0 2 * * 0", for: 1h}]
`, nil)
	var got []string
	for _, f := range c.NextFires(now, 2) {
		for _, at := range f.At {
			got = append(got, f.Name+" "+f.Lane+" "+at.UTC().Format(time.RFC3339))
		}
	}
	want := []string{
		"a baseline 2026-11-26T02:00:00Z", "a baseline 2026-11-27T02:00:00Z",
		"m maintenance 2026-11-29T02:00:00Z", "m maintenance 2026-12-06T02:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NextFires: -want +got\n%s", diff)
	}
}
