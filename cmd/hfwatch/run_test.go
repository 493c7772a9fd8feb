package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// entries lists a folder.
func entries(t *testing.T, folder string) []string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

// write writes a file of a folder.
func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// simulated serves a scenario with `hfwatch sim` and returns its address.
func simulated(t *testing.T, scenario string) string {
	t.Helper()
	folder := t.TempDir()
	write(t, folder, "scenario.yaml", scenario)
	s := start(t, folder, nil, "hfwatch", "sim", "--scenario", "scenario.yaml", "--listen", "127.0.0.1:0")
	return s.err.wait(t, 10*time.Second, `"msg":"simulating","url":"(http://127\.0\.0\.1:[1-9]\d*)"`)[1]
}

const twoModels = `
models:
  - {name: good, model: org/good, tasks: [text-classification], backend: hf-inference, latency: {prefill: 1ms}}
  - {name: chat, model: org/chat, tasks: [chat-completion], backend: tgi, tokens: 8, latency: {prefill: 5ms, per_token: 1ms}}
`

// TestRun is the life of a daemon: it watches, takes probes by hand, keeps
// watching through a bad edit, takes a good one, and ends well.
func TestRun(t *testing.T) {
	t.Parallel()
	folder, models := t.TempDir(), simulated(t, twoModels)
	config := `
hub: {url: "` + models + `"}
budget: {requests_per_day: 1000000}
defaults: {baseline: {schedule: "@every 1s", timeout: 1s}, labels: {env: test}}
models:
  - {name: good, model: org/good, task: text-classification, inputs: ["I love it."]}
`
	write(t, folder, "config.yaml", config)
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0", "--web.enable-lifecycle",
		"--web.enable-probe", "--web.external-url", "http://watch.example.org", "--shutdown.grace", "2s", "--log.level", "debug")
	url := d.err.wait(t, 10*time.Second, `"msg":"listening","url":"(http://127\.0\.0\.1:[1-9]\d*)"`)[1]
	eventually(t, 10*time.Second, ready(url))
	good := func(number float64) {
		eventually(t, 20*time.Second, atLeast(url, number, "hfwatch_probes_total", "target", "good", "kind", "baseline", "outcome", "ok"))
	}
	good(2)

	// By hand, from the same folder: through the daemon, which books it.
	byHand := start(t, folder, nil, "hfwatch", "probe", "good", "--json")
	<-byHand.ended
	var r probe.Result
	if err := json.Unmarshal([]byte(byHand.out.String()), &r); err != nil || byHand.result != nil {
		t.Fatalf("hfwatch probe = %v, %s, %s, %v", byHand.result, byHand.out, byHand.err, err)
	}
	if r.Target != "good" || r.Kind != probe.Manual || r.Outcome != probe.OK {
		t.Errorf("hfwatch probe = %+v, want a good manual result", r)
	}
	if err := atLeast(url, 1, "hfwatch_probes_total", "target", "good", "kind", "manual", "outcome", "ok")(t.Context()); err != nil {
		t.Error("the daemon did not count the probe by hand: ", err)
	}
	adhoc := start(t, folder, nil, "hfwatch", "probe", "--task", "chat-completion", "--url", models+"/e/chat")
	<-adhoc.ended
	if adhoc.result != nil || !strings.Contains(adhoc.out.String(), "adhoc   ok") {
		t.Errorf("hfwatch probe --task beside a daemon = %v, %s, %s, want it probed", adhoc.result, adhoc.out, adhoc.err)
	}

	// A bad edit is refused, said and counted; probing goes on.
	write(t, folder, "config.yaml", config+"tsk: x\n")
	if err := d.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	d.err.wait(t, 10*time.Second, `config.yaml:7:1: tsk: unknown key`)
	if value, err := metric(t.Context(), url, "hfwatch_config_last_reload_successful"); err != nil || value != 0 {
		t.Errorf("hfwatch_config_last_reload_successful = %v, %v, want 0", value, err)
	}
	before, err := metric(t.Context(), url, "hfwatch_probes_total", "target", "good", "kind", "baseline", "outcome", "ok")
	if err != nil {
		t.Fatal(err)
	}
	good(before + 2)

	// A good edit brings a second target, by the page this time.
	write(t, folder, "config.yaml", config+`  - {name: chat, task: chat-completion, url: "`+models+`/e/chat", stream: true, inputs: ["Hello."]}`+"\n")
	if _, err := fetch(t.Context(), http.MethodPost, url+"/-/reload"); err != nil {
		t.Error(err)
	}
	eventually(t, 20*time.Second, atLeast(url, 1, "hfwatch_probes_total", "target", "chat", "kind", "baseline", "outcome", "ok"))
	d.stop(t, 20*time.Second)
	if out := d.out.String(); out != "" {
		t.Errorf("hfwatch run wrote to standard output, which is for data: %s", out)
	}
}

// TestInterrupted: whoever interrupts a probe gets what is known by then.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	folder, models := t.TempDir(), simulated(t, twoModels+`
  - {name: slow, model: org/slow, tasks: [text-classification], backend: hf-inference, latency: {prefill: 60s}}
`)
	write(t, folder, "config.yaml", `
hub: {url: "`+models+`"}
defaults: {task: text-classification, inputs: ["I love it."]}
models:
  - {name: good, model: org/good}
  - {name: slow, model: org/slow}
`)
	p := start(t, folder, nil, "hfwatch", "probe", "--json")
	p.out.wait(t, 10*time.Second, `"target":"good"`)
	if err := p.process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	p.out.wait(t, 0, `"target":"slow".*"outcome":"canceled","fault":"monitor"`)
}

// TestDemoScenarioIsTheSimulators, so that `hfwatch sim` alone serves what the
// demo watches.
func TestDemoScenarioIsTheSimulators(t *testing.T) {
	t.Parallel()
	demo, err := sim.Demo()
	if err != nil {
		t.Fatal(err)
	}
	got, err := scenario("")
	if err != nil || len(got.Models) != len(demo.Models) || len(got.Models) == 0 {
		t.Errorf("scenario(\"\") = %d models, %v, want the demo's %d", len(got.Models), err, len(demo.Models))
	}
	for _, m := range got.Models {
		if !strings.Contains(demoConfig, "name: "+m.Name+"\n") {
			t.Errorf("the demo's configuration does not watch the model %q of its scenario", m.Name)
		}
	}
}
