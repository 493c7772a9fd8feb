package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// TestAlertmanagerIsPosted: a real Alertmanager pages what hfwatch finds, hears
// of no end over a kill, and resolves with the words of the firing.
func TestAlertmanagerIsPosted(t *testing.T) {
	t.Parallel()
	manager := binary(t, "HFWATCH_ALERTMANAGER")
	theirs := newReceiver(t, "TargetFailing")
	var healthy atomic.Bool
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			http.Error(w, "out of order", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(model.Close)
	folder := t.TempDir()
	write(t, folder, "alertmanager.yml", `
global: {resolve_timeout: 5s}
route: {receiver: ops, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: ops, webhook_configs: [{url: "`+theirs.URL+`"}]}]
`)
	am := start(t, folder, nil, manager, "--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address=127.0.0.1:0",
		"--cluster.listen-address=", "--log.format=json")
	address := am.err.wait(t, 30*time.Second, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]
	write(t, folder, "config.yaml", `
evaluation_interval: 1s
defaults: {baseline: {schedule: "@every 1s", timeout: 900ms}}
models:
  - {name: fragile, task: custom, url: "`+model.URL+`", inputs: [{a: 1}]}
notify:
  - {name: am, alertmanager: {urls: ["http://`+address+`"]}}
`)
	run := func() *program {
		return start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0", "--web.external-url", "http://watch.example.org")
	}
	d := run()
	fired := theirs.next(t, 60*time.Second, "firing").alert(t)
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	d = run()
	// Longer than the time after which Alertmanager would expire an alert that
	// says no end.
	d.err.wait(t, 30*time.Second, `"msg":"listening"`)
	quiet := time.NewTimer(8 * time.Second)
	defer quiet.Stop()
	for waiting := true; waiting; {
		select {
		case b := <-theirs.got:
			t.Errorf("a message over the kill: %v", b)
		case <-quiet.C:
			waiting = false
		}
	}
	healthy.Store(true)
	resolved := theirs.next(t, 60*time.Second, "resolved").alert(t)
	words, _ := resolved["annotations"].(map[string]any)
	if words["summary"] == nil || words["evidence"] == nil || resolved["generatorURL"] == "" || resolved["startsAt"] != fired["startsAt"] {
		t.Errorf("resolved as %v, fired as %v", resolved, fired)
	}
}
