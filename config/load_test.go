package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// lines returns the problems of a text as the lines that a person sees.
func lines(t *testing.T, text string, change func(*config.Options)) []string {
	t.Helper()
	_, err := load(t, text, change)
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load = %v, want problems", err)
	}
	return strings.Split(problems.Error(), "\n")
}

// TestEightMistakesAreEightLines, each with the line that the mistake is in.
func TestEightMistakesAreEightLines(t *testing.T) {
	got := lines(t, `location: office
evaluation_interval: 15
hub: {token: "${NO_SUCH_TOKEN}"}

defaults:
  baseline: {schedule: "*/5 * * * *", timeout: 10m}

models:
  - name: sentiment
    model: org/sentiment
    task: text-classificatoin
    inputs: ["I love it."]
  - name: assistant
    model: org/assistant
    task: chat-completion
    inputs: ["Hello."]
    baseline: {timeout: 30s}
  - name: assistant
    model: org/other
    task: fill-mask
    inputs: ["[MASK]"]
    expct: {label: x}

alerts:
  - {name: Tail, match: {name: sentiment}, when: p99(response) > 2s over 1h, severity: warning}
`, nil)
	want := []string{
		"c.yaml:2:22: evaluation_interval: ",
		"c.yaml:3:14: hub.token: ",
		"c.yaml:6:48: defaults.baseline.timeout: ",
		"c.yaml:11:11: models[0].task: ",
		"c.yaml:13:5: models[1].provider: ",
		"c.yaml:18:11: models[2].name: ",
		"c.yaml:22:5: models[2].expct: ",
		"c.yaml:25:50: alerts[0].when: ",
	}
	if len(got) != len(want) {
		t.Fatalf("Load = %d lines, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, prefix := range want {
		if !strings.HasPrefix(got[i], prefix) || !strings.Contains(got[i], "; ") {
			t.Errorf("line %d = %q, want %q and a remedy", i+1, got[i], prefix)
		}
	}
}

// TestVariables: how ${VAR} is carried out in a value.
func TestVariables(t *testing.T) {
	environ := []string{"SET=here", "EMPTY=", "NUMBER=7", "TRUTH=false"}
	for _, row := range []struct {
		why, text, want string
	}{
		{"a set variable", "${SET}", "here"},
		{"a default that is not needed", "${SET:-x}", "here"},
		{"a default of an unset variable", "${UNSET:-x}", "x"},
		{"a default of an empty variable", "${EMPTY:-x}", "x"},
		{"a default may hold a colon and a dash", "${UNSET:-a:-b}", "a:-b"},
		{"several in one value", "${SET}-${NUMBER}", "here-7"},
		{"two dollars are one", "a$$SET", "a$SET"},
		{"two dollars keep braces from being a variable", "$${SET}", "${SET}"},
		{"a dollar before anything else stays", "a$b$", "a$b$"},
	} {
		c := mustLoad(t, small+"    labels: {v: '"+row.text+"'}\n", func(o *config.Options) { o.Environ = environ })
		if got := c.Models[0].Target.Labels["v"]; got != row.want {
			t.Errorf("%s: %s = %q, want %q", row.why, row.text, got, row.want)
		}
	}
	c := mustLoad(t, small+"    enabled: \"${TRUTH}\"\n    budget: {requests_per_day: \"${NUMBER}000\"}\n", func(o *config.Options) { o.Environ = environ })
	if len(c.Models) != 0 || len(c.Idle) != 1 {
		t.Errorf("a quoted variable that holds false did not disable the model")
	}
	chat := small + "    parameters:\n      n: ${NUMBER}\n      s: \"${NUMBER}\"\n"
	c = mustLoad(t, chat, func(o *config.Options) { o.Environ = environ })
	if got, want := string(c.Models[0].Target.Parameters), `{"n":7,"s":"7"}`; got != want {
		t.Errorf("parameters = %s, want %s", got, want)
	}
}

// TestInputsAreNeverExpanded wherever they stand.
func TestInputsAreNeverExpanded(t *testing.T) {
	c := mustLoad(t, `x-texts: &texts ["${A}", "$$"]
defaults: {inputs: ["${B}"]}
profiles: {p: {inputs: ["${C}"]}}
models:
  - {name: own, model: org/a, task: custom, inputs: ["${D} $$", {deep: ["${E}"]}]}
  - {name: default, model: org/a, task: custom}
  - {name: profile, model: org/a, task: custom, profile: p}
  - {name: alias, model: org/a, task: custom, inputs: *texts}
`, nil)
	var got []string
	for _, m := range c.Models {
		for _, v := range m.Target.Inputs.Values {
			got = append(got, string(v))
		}
	}
	want := []string{`"${D} $$"`, `{"deep":["${E}"]}`, `"${B}"`, `"${C}"`, `"${A}"`, `"$$"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs: -want +got\n%s", diff)
	}
}

// TestLayers: flags over environment over file, and within a model the model
// over its profile over the defaults.
func TestLayers(t *testing.T) {
	text := `location: file
data: {dir: file, retention: 30d}
hub: {bill_to: file}
defaults: {labels: {a: defaults, b: defaults, c: defaults}, locations: [x, y], stall: 5s, baseline: {timeout: 7s, schedule: "@every 30s"}}
profiles: {p: {labels: {b: profile, c: profile}, locations: [z, flag], baseline: {timeout: 8s}}}
models:
  - {name: m, profile: p, model: org/a, task: custom, inputs: [x], labels: {c: model}}
  - {name: n, model: org/a, task: custom, inputs: [x], baseline: off, locations: [flag]}
`
	c := mustLoad(t, text, func(o *config.Options) {
		o.Environ = []string{"HFWATCH_LOCATION=env", "HFWATCH_DATA__DIR=env", "HFWATCH_HUB__BILL_TO=", "HFWATCH_DEFAULTS__STALL=6s", "OTHER=x"}
		o.Flags = []config.Override{{Flag: "--location", Path: "location", Value: "flag"}}
	})
	m := c.Models[0]
	for _, row := range []struct {
		why       string
		got, want any
	}{
		{"a flag wins over the environment", c.Location, "flag"},
		{"the environment wins over the file", c.Data.Dir, "env"},
		{"the file's other keys stay", c.Data.Retention, 30 * 24 * time.Hour},
		{"a variable that is set but empty sets nothing", c.Hub.BillTo, "file"},
		{"the environment reaches into defaults", m.Target.Stall, 6 * time.Second},
		{"mappings merge", m.Target.Labels, map[string]string{"a": "defaults", "b": "profile", "c": "model"}},
		{"nested mappings merge", m.Baseline.Timeout, 8 * time.Second},
		{"what no nearer layer has stays", m.Baseline.Schedule.String(), "@every 30s"},
		{"lists replace, so that the model is watched here", len(c.Models), 2},
		{"off takes a baseline of the defaults away", c.Models[1].Baseline == nil, true},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.why, diff)
		}
	}
}

// TestNearerRivalWins: a url of the model displaces the provider of its
// profile, and inputs displace an inputs_file.
func TestNearerRivalWins(t *testing.T) {
	c := mustLoad(t, `profiles: {p: {provider: cerebras, task: chat-completion, inputs_file: none.jsonl, auth: {token_file: none}}}
models:
  - {name: a, profile: p, model: m, url: "https://llm.example.org/v1", inputs: [hi], auth: {header: {name: X-Key, value_file: /run/secrets/tei}}}
`, nil)
	e := c.Models[0].Target.Endpoint
	if e.Route != probe.RouteURL || e.AuthHeader != "X-Key" || len(c.Models[0].Target.Inputs.Values) != 1 {
		t.Errorf("endpoint = %+v", e)
	}
}

// TestEnvironmentProblems: a value from outside the file is named by its
// variable or flag.
func TestEnvironmentProblems(t *testing.T) {
	got := lines(t, small, func(o *config.Options) {
		o.Environ = []string{"HFWATCH_DATA__RETENTION=60", "HFWATCH_HUB=x"}
		o.Flags = []config.Override{{Flag: "--storage.size", Path: "data.max_size", Value: "big"}}
	})
	want := []string{
		`$HFWATCH_DATA__RETENTION: data.retention: "60" is a duration without a unit; write 60d for days, or 8w`,
		`--storage.size: data.max_size: "big" is not a size; write for instance 512MiB, 2GiB or 10GB`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems: -want +got\n%s", diff)
	}
	_, err := load(t, small, func(o *config.Options) { o.Flags = []config.Override{{Flag: "--x", Path: "data.dri", Value: "x"}} })
	if err == nil || err.Error() != "flag --x: there is no key data.dri to set" {
		t.Errorf("Load with a flag that sets nothing = %v", err)
	}
}

// TestStrangeVariablesWarn, but for those that Kubernetes sets and those that
// the file itself names.
func TestStrangeVariablesWarn(t *testing.T) {
	c := mustLoad(t, "location: ${HFWATCH_WHERE:-x}\n"+small+"notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\n", func(o *config.Options) {
		o.Environ = []string{
			"HF_TOKEN=x", "HFWATCH_HUB__TOKEN=hf_x", "HFWATCH_LOCATOIN=x", "HFWATCH_ZZZ=y", "HFWATCH_SERVICE_HOST=10.0.0.1",
			"HFWATCH_PORT_9090_TCP=tcp", "HFWATCH_WHERE=y",
		}
	})
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		"$HFWATCH_LOCATOIN: environment: sets nothing; did you mean HFWATCH_LOCATION?",
		"$HFWATCH_ZZZ: environment: sets nothing; the names are those of keys, with two underscores for each dot, as HFWATCH_HUB__BILL_TO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings: -want +got\n%s", diff)
	}
}

// TestPlacesThroughAliases: a value keeps the line where it was written,
// however it got to where it is used.
func TestPlacesThroughAliases(t *testing.T) {
	got := lines(t, `x-base: &base
  stall: soon
  labels: {"a-b": x}
x-time: &time later
models:
  - <<: *base
    name: a
    model: org/a
    task: custom
    inputs: [x]
  - name: b
    model: org/b
    task: custom
    inputs: [x]
    stall: *time
    baseline:
      <<: [{timeout: never}, {jitter: x, timeout: 5s}]
`, nil)
	want := []string{
		`c.yaml:2:10: models[0].stall: "soon" is not a duration; write for instance 90s, 1h30m, 60d or 4w`,
		`c.yaml:3:19: models[0].labels.a-b: "a-b" is not a label's name; use letters, digits and _, beginning with a letter`,
		`c.yaml:15:12: models[1].stall: "later" is not a duration; write for instance 90s, 1h30m, 60d or 4w`,
		`c.yaml:17:22: models[1].baseline.timeout: "never" is not a duration; write for instance 90s, 1h30m, 60d or 4w`,
		`c.yaml:17:39: models[1].baseline.jitter: "x" is not a duration; write for instance 90s, 1h30m, 60d or 4w`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems: -want +got\n%s", diff)
	}
}

// TestSharedMistakeIsOneLine: a mistake in the defaults is not repeated for
// every model that has it.
func TestSharedMistakeIsOneLine(t *testing.T) {
	var text strings.Builder
	text.WriteString("defaults: {baseline: {timeout: 10m}, task: custom, inputs: [x]}\nmodels:\n")
	for i := range 50 {
		fmt.Fprintf(&text, "  - model: org/m%d\n", i)
	}
	got := lines(t, text.String(), nil)
	want := []string{`c.yaml:1:32: defaults.baseline.timeout: 10m is longer than a slot: "*/5 * * * *" fires every 5m (models org/m0, org/m1 and 48 more); ` +
		"write at most 5m, or probe less often"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems: -want +got\n%s", diff)
	}
}

// TestLocations: a model is watched where it says, and nowhere if disabled.
func TestLocations(t *testing.T) {
	text := `models:
  - {name: everywhere, model: org/a, task: custom, inputs: [x]}
  - {name: here, model: org/b, task: custom, inputs: [x], locations: [berlin]}
  - {name: there, model: org/c, task: custom, inputs: [x], locations: [tokyo]}
  - {name: nowhere, model: org/d, task: custom, inputs: [x], enabled: false}
`
	c := mustLoad(t, "location: berlin\n"+text, nil)
	var names []string
	for _, m := range c.Models {
		names = append(names, m.Target.Name)
	}
	if diff := cmp.Diff([]string{"everywhere", "here"}, names); diff != "" {
		t.Errorf("models: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"there", "nowhere"}, c.Idle); diff != "" {
		t.Errorf("idle: -want +got\n%s", diff)
	}
}

// TestInclude: included models stand behind the file's own.
func TestInclude(t *testing.T) {
	all := map[string]string{
		"etc/c.yaml":        "include: [\"conf.d/*.yaml\"]\ndefaults: {task: custom, inputs: [x]}\nmodels: [{model: org/a}]\n",
		"etc/conf.d/1.yaml": "models: [{model: org/b}]\nalerts: [{name: Own, when: response > 1s in 2 of 3}]\n",
		"etc/conf.d/2.yaml": "x-a: &a {model: org/c}\nmodels: [*a]\n",
	}
	c, err := config.Load(config.Options{
		File: "etc/c.yaml", Read: files(all), Now: now,
		Glob: func(pattern string) ([]string, error) {
			if pattern != "etc/conf.d/*.yaml" {
				t.Errorf("Glob(%q), want the pattern relative to the file", pattern)
			}
			return []string{"etc/conf.d/2.yaml", "etc/conf.d/1.yaml"}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range c.Models {
		names = append(names, m.Target.Name+" "+m.Place.String())
	}
	want := []string{"org/a etc/c.yaml:3:10", "org/b etc/conf.d/1.yaml:1:10", "org/c etc/conf.d/2.yaml:2:10"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("models: -want +got\n%s", diff)
	}
	if len(c.Alerts) != 1 || len(c.Included) != 2 {
		t.Errorf("%d alerts and %d included files, want 1 and 2", len(c.Alerts), len(c.Included))
	}
}

// TestBounds: files that are too large, and more problems than anyone reads.
func TestBounds(t *testing.T) {
	huge := "# " + strings.Repeat("x", config.MaxFileSize) + "\n" + small
	if got := lines(t, huge, nil); len(got) != 1 || !strings.HasPrefix(got[0], "c.yaml:1:1: file: ") {
		t.Errorf("a huge file = %q", got)
	}
	var text strings.Builder
	text.WriteString(small)
	for i := range 2 * config.MaxProblems {
		fmt.Fprintf(&text, "unknown%d: x\n", i)
	}
	got := lines(t, text.String(), nil)
	if len(got) != config.MaxProblems+1 || !strings.Contains(got[config.MaxProblems], "and 500 more problems") {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(name, []byte(huge), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(config.Options{File: name, Now: now})
	if want := name + ":1:1: file: the file is larger than 4MiB; name another with --config.file"; err == nil || err.Error() != want {
		t.Errorf("Load(huge file) = %v, want %s", err, want)
	}
	_, err = config.Load(config.Options{File: dir, Now: now})
	if want := dir + ":1:1: file: the file cannot be read: is a directory; name another with --config.file"; err == nil || err.Error() != want {
		t.Errorf("Load(directory) = %v, want %s", err, want)
	}
	_, err = config.Load(config.Options{File: "testdata/none.yaml", Now: now})
	if err == nil || err.Error() != "testdata/none.yaml:1:1: file: there is no such file; name another with --config.file" {
		t.Errorf("Load(no file) = %v", err)
	}
}

// TestWarnings: what is worth a look and no reason to refuse.
func TestWarnings(t *testing.T) {
	notify := "notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\nhub: {token: x}\n"
	elsewhere := "notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\nhub: {token: x, url: \""
	dedicated := `models:
  - name: a
    model: org/a
    task: summarization
    url: https://abc.us-east-1.aws.endpoints.huggingface.cloud
    wake: keep_warm
    inputs: [x]
`
	for _, row := range []struct{ why, text, want string }{
		{"no receiver", "hub: {token: x}\n" + small, "nobody is told of alerts: there is no receiver"},
		{"no token", "notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\n" + small, "the router wants a token and there is none"},
		{"an optional token that is not set", "notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\nhub: {token: \"${NO_TOKEN:-}\"}\n" + small, "the router wants a token and there is none"},
		{"nothing to watch here", notify + small + "    locations: [x]\n", `no model is watched from the location "local"`},
		{"keep_warm with a price", notify + dedicated + "    price: {usd_per_hour: 0.5}\n", "probes keep this dedicated endpoint awake: 365.25 USD a month at 0.5 an hour for each replica"},
		{"keep_warm without a price", notify + dedicated, "probes keep this dedicated endpoint awake: its price by the hour is not known"},
		{"no price in a budget of money", notify + small + "    budget: {usd_per_day: 1}\n", "its budget limits money, and the price of a is not known: what it costs is not counted"},
		{"a shipped alert replaced", notify + small + "alerts: [{name: TargetFailing, when: response > 2s in 3 of 5}]\n", "replaces the alert of this name that comes with hfwatch"},
		{
			"credentials in the open", notify + "models: [{model: a, task: custom, inputs: [x], url: \"http://example.org\", auth: {token_file: /run/secrets/tei}}]\n",
			"the credentials go over plain http to a host that is not private",
		},
		{
			"a pattern that matches nothing", "include: [\"conf.d/*.yaml\"]\n" + notify + small,
			`"conf.d/*.yaml" matches no file`,
		},
		{
			"a token and a router over http", elsewhere + "http://router.huggingface.co\"}\n" + small,
			"the hub's token is not sent there: it leaves over https and to Hugging Face's own hosts only",
		},
		{
			"a token and another router", elsewhere + "https://huggingface.co.example.org\"}\n" + small,
			"the hub's token is not sent there: it leaves over https and to Hugging Face's own hosts only",
		},
		{
			"a timeout of a whole slot", notify + small + "    baseline: {timeout: 5m}\n",
			`5m leaves no room in a slot: "*/5 * * * *" fires every 5m, and a model that hangs makes it miss slots`,
		},
		{
			"a timeout of nearly a slot", notify + small + "    baseline: {timeout: 271s}\n",
			`4m31s leaves no room in a slot: "*/5 * * * *" fires every 5m, and a model that hangs makes it miss slots`,
		},
		{
			"HTTP/2 without TLS", notify + "models: [{model: a, task: custom, inputs: [x], url: \"http://example.org\", http2: true}]\n",
			"has no effect: HTTP/2 needs https, and this address is asked by HTTP/1.1",
		},
		{
			"hours in the model's budget of money", notify + small + "    price: {usd_per_hour: 0.5}\n    budget: {usd_per_day: 1}\n",
			"is no part of what a budget of money limits: the endpoint's hours are paid for whether it is asked or not",
		},
		{
			"hours in the budget of all", "budget: {usd_per_month: 1}\n" + notify + small + "    price: {usd_per_hour: 0.5}\n",
			"is no part of what a budget of money limits: the endpoint's hours are paid for whether it is asked or not",
		},
		{
			"hours in a profile", "profiles: {p: {price: {usd_per_hour: 0.5}}}\n" + notify + small + "    profile: p\n    budget: {usd_per_day: 1}\n",
			"is no part of what a budget of money limits: the endpoint's hours are paid for whether it is asked or not (model a)",
		},
	} {
		c := mustLoad(t, row.text, nil)
		if len(c.Warnings) != 1 || c.Warnings[0].What != row.want || c.Warnings[0].Remedy == "" {
			t.Errorf("%s: warnings =\n%v\nwant %s", row.why, c.Warnings, row.want)
		}
	}
}

// TestNoWarning: what is right at the bounds of the warnings.
func TestNoWarning(t *testing.T) {
	notify := "notify: [{name: a, webhook: {url: \"http://127.0.0.1:1\"}}]\n"
	for _, row := range []struct{ why, text string }{
		{"nine tenths of a slot", notify + "hub: {token: x}\n" + small + "    baseline: {timeout: 270s}\n"},
		{"another router of Hugging Face's", notify + "hub: {token: x, url: \"https://Router.eu.huggingface.co/v1\"}\n" + small},
		{"a router of one's own, and no token", notify + "hub: {url: \"http://127.0.0.1:8080\"}\n" + small},
		{"HTTP/2 over TLS", notify + "models: [{model: a, task: custom, inputs: [x], url: \"https://example.org\", http2: true}]\n"},
		{"hours in a budget of requests", notify + "hub: {token: x}\n" + small + "    price: {usd_per_hour: 0.5}\n    budget: {requests_per_day: 1000}\n"},
	} {
		if c := mustLoad(t, row.text, nil); len(c.Warnings) != 0 {
			t.Errorf("%s: warnings =\n%v\nwant none", row.why, c.Warnings)
		}
	}
}

// TestOnlyAvailableTasksAreNamed where a task is not known at all.
func TestOnlyAvailableTasksAreNamed(t *testing.T) {
	got := lines(t, "models: [{model: a, task: juggling, inputs: [x]}]\n", func(o *config.Options) {
		o.Task = func(name string) (probe.Task, bool) {
			known, ok := task.ByName(name)
			return known, ok && (name == "fill-mask" || name == "custom")
		}
	})
	want := `c.yaml:1:27: models[0].task: there is no task "juggling"; known are `
	if len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Count(got[0], ",") != 1 ||
		!strings.Contains(got[0], "fill-mask") || !strings.Contains(got[0], "custom") {
		t.Errorf("problems = %q, want one that names fill-mask and custom", got)
	}
}
