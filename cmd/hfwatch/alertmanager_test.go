package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// body is a webhook message, of ours or of Alertmanager's.
type body map[string]any

// alert returns the only alert of a message.
func (b body) alert(t *testing.T) map[string]any {
	t.Helper()
	list, _ := b["alerts"].([]any)
	if len(list) != 1 {
		t.Fatalf("the message has %d alerts, want one: %v", len(list), b)
	}
	one, _ := list[0].(map[string]any)
	return one
}

// receiver keeps the messages that it gets of one alert.
type receiver struct {
	*httptest.Server
	got chan body
}

// newReceiver returns one that keeps the messages about the alert of a name.
func newReceiver(t *testing.T, alertname string) *receiver {
	t.Helper()
	r := &receiver{got: make(chan body, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		var b body
		text, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		if err != nil || json.Unmarshal(text, &b) != nil {
			t.Errorf("a webhook message is no JSON: %s, %v", text, err)
			return
		}
		labels, _ := b["groupLabels"].(map[string]any)
		if labels["alertname"] == alertname {
			r.got <- b
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// next returns the next message of a status.
func (r *receiver) next(t *testing.T, within time.Duration, status string) body {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		select {
		case b := <-r.got:
			if b["status"] == status {
				return b
			}
		case <-deadline.C:
			t.Fatalf("no message that is %s within %v", status, within)
		}
	}
}

// TestAlertmanagerSaysTheSame: a receiver that is written for Alertmanager's
// webhook gets the same of hfwatch, key by key. The alert that hfwatch pages is
// posted to a real Alertmanager, and the two messages are compared, both when
// it fires and when it has resolved.
func TestAlertmanagerSaysTheSame(t *testing.T) {
	t.Parallel()
	program := binary(t, "HFWATCH_ALERTMANAGER")
	ours, theirs := newReceiver(t, "TargetFailing"), newReceiver(t, "TargetFailing")
	const link = "http://watch.example.org"

	var healthy atomic.Bool
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			http.Error(w, "out of order <b>&</b>", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(model.Close)
	folder := t.TempDir()
	write(t, folder, "config.yaml", `
evaluation_interval: 1s
defaults: {baseline: {schedule: "@every 1s", timeout: 1s}, labels: {env: test}}
models:
  - {name: fragile, task: custom, url: "`+model.URL+`", inputs: [{a: 1}]}
notify:
  - {name: ops, webhook: {url: "`+ours.URL+`"}}
`)
	start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0", "--web.external-url", link)
	fired := ours.next(t, 60*time.Second, "firing")

	write(t, folder, "alertmanager.yml", `
route: {receiver: ops, group_by: [`+strings.Join(slices.Sorted(maps.Keys(fired["groupLabels"].(map[string]any))), ", ")+`], group_wait: 0s, group_interval: 1s}
receivers: [{name: ops, webhook_configs: [{url: "`+theirs.URL+`"}]}]
`)
	am := start(t, folder, nil, program, "--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address=127.0.0.1:0",
		"--web.external-url="+link, "--cluster.listen-address=", "--log.format=json")
	address := am.err.wait(t, 30*time.Second, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]
	relay := func(alert map[string]any) body {
		t.Helper()
		posted := map[string]any{}
		for _, key := range []string{"labels", "annotations", "startsAt", "generatorURL"} {
			posted[key] = alert[key]
		}
		if alert["status"] == "resolved" {
			posted["endsAt"] = alert["endsAt"]
		}
		resp, err := http.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(raw([]any{posted})))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if said, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
			t.Fatalf("Alertmanager answers %s: %s, %v", resp.Status, said, err)
		}
		return theirs.next(t, 60*time.Second, alert["status"].(string))
	}
	compare(t, fired, relay(fired.alert(t)))

	healthy.Store(true)
	resolved := ours.next(t, 60*time.Second, "resolved")
	compare(t, resolved, relay(resolved.alert(t)))
	if got, want := resolved.alert(t)["startsAt"], fired.alert(t)["startsAt"]; got != want {
		t.Errorf("the alert that resolved started at %v, want %v as it did when it fired", got, want)
	}
}

// compare wants two messages about one alert to be the same, save what later
// versions of Alertmanager than the one that runs here add to a message.
func compare(t *testing.T, ours, theirs body) {
	t.Helper()
	ours = maps.Clone(ours)
	for key := range ours {
		if _, has := theirs[key]; !has && slices.Contains([]string{"notification_reason", "routeLabels"}, key) {
			delete(ours, key)
		}
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("the message that is %s differs from Alertmanager's (-theirs +ours):\n%s", ours["status"], diff)
	}
}
