package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/internal/daemon"
)

// TestDrillCommand drills a daemon that pages a webhook in process and, where
// there is one, a real Alertmanager that pages another.
func TestDrillCommand(t *testing.T) {
	t.Parallel()
	program := binary(t, "HFWATCH_ALERTMANAGER")
	ours, theirs := newReceiver(t, "Drill"), newReceiver(t, "Drill")
	model := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(model.Close)
	folder := t.TempDir()
	write(t, folder, "alertmanager.yml", `
route: {receiver: ops, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: ops, webhook_configs: [{url: "`+theirs.URL+`"}]}]
`)
	am := start(t, folder, nil, program, "--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address=127.0.0.1:0",
		"--cluster.listen-address=", "--log.format=json")
	address := am.err.wait(t, 60*time.Second, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]
	write(t, folder, "config.yaml", `
evaluation_interval: 1s
models:
  - {name: a, task: custom, url: "`+model.URL+`", inputs: [{a: 1}], baseline: {schedule: "@every 1h"}}
notify:
  - {name: ops, webhook: {url: "`+ours.URL+`"}}
  - {name: am, alertmanager: {urls: ["http://`+address+`"]}}
`)
	if _, said, code := hfwatchIn(t, folder, "drill"); code != exitFailed || !strings.Contains(said, "does not answer") {
		t.Errorf("without a daemon hfwatch drill exits with %d: %s", code, said)
	}
	if _, _, code := hfwatchIn(t, folder, "drill", "--timeout", "10h"); code != exitUsage {
		t.Errorf("with a timeout of ten hours it exits with %d, want %d", code, exitUsage)
	}
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0")
	d.err.wait(t, 60*time.Second, `"msg":"watching"`)
	out, said, code := hfwatchIn(t, folder, "drill", "a", "--timeout", "2m", "--json")
	if code != exitOK {
		t.Fatalf("hfwatch drill exits with %d: %s\n%s", code, said, out)
	}
	got := map[string]int{}
	for line := range strings.Lines(out) {
		var s daemon.DrillStep
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got[strings.TrimSpace(s.Step+" "+s.Receiver)]++
	}
	for step, want := range map[string]int{"injected": 1, "fired": 1, "acknowledged ops": 2, "acknowledged am": 2, "cleared": 1, "resolved": 1} {
		if got[step] != want {
			t.Errorf("%d steps %q, want %d; all: %s", got[step], step, want, out)
		}
	}
	for _, r := range []*receiver{ours, theirs} {
		labels, _ := r.next(t, 60*time.Second, "firing").alert(t)["labels"].(map[string]any)
		if labels["drill"] == "" || labels["target"] != "a" {
			t.Errorf("the page has the labels %v, want them to name the drill", labels)
		}
	}
	if out, _, code := hfwatchIn(t, folder, "drill"); code != exitOK || !strings.Contains(out, "acknowledged  ops: the page") || !strings.Contains(out, "arrived everywhere") {
		t.Errorf("for people it prints, with exit code %d:\n%s", code, out)
	}
	if _, said, code := hfwatchIn(t, folder, "drill", "none"); code != exitFailed || !strings.Contains(said, "none") {
		t.Errorf("a drill of no target exits with %d: %s", code, said)
	}
}
