package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patient answers as its script says: it counts what it answered, so that a
// script goes on by what was seen and not by the clock.
type patient struct {
	*httptest.Server
	failing atomic.Bool
	// blip is how many answers more are the other way round.
	blip     atomic.Int64
	answered atomic.Int64
}

// newPatient returns a model's server that fails or does not.
func newPatient(t *testing.T, failing bool) *patient {
	t.Helper()
	p := &patient{}
	p.failing.Store(failing)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		bad := p.failing.Load()
		if p.blip.Load() > 0 && p.blip.Add(-1) >= 0 {
			bad = !bad
		}
		if bad {
			http.Error(w, "out of order", http.StatusInternalServerError)
		}
		p.answered.Add(1)
	}))
	t.Cleanup(p.Close)
	return p
}

// answers waits until it has answered so often from now on.
func (p *patient) answers(t *testing.T, more int64) {
	t.Helper()
	want := p.answered.Load() + more
	eventually(t, time.Minute, func(context.Context) error {
		if got := p.answered.Load(); got < want {
			return fmt.Errorf("%d answers, want %d", got, want)
		}
		return nil
	})
}

// message is what came to the webhook behind the Alertmanager, and when.
type message struct {
	body body
	at   time.Time
}

// flap is a daemon that pages through an Alertmanager, what happens to both, and
// what the Alertmanager says of it to a webhook. The target bad fails all the
// time, flap as the script says.
type flap struct {
	t             *testing.T
	folder        string
	repeat        time.Duration
	bad, flapping *patient
	theirs        *httptest.Server
	got           chan message
	// manager is the address of the Alertmanager behind the front that hfwatch
	// knows; nil while it is away.
	manager     atomic.Pointer[url.URL]
	front       *httptest.Server
	am, daemon  *program
	reloads     int
	firing      map[string]map[string]any
	toldAt      map[string]time.Time
	turned      time.Time
	pages, ends int
}

// newFlap starts everything and waits for the page of bad.
func newFlap(t *testing.T, repeat time.Duration) *flap {
	t.Helper()
	binary(t, "HFWATCH_ALERTMANAGER")
	f := &flap{
		t: t, folder: t.TempDir(), repeat: repeat, bad: newPatient(t, true), flapping: newPatient(t, false), got: make(chan message, 100),
		firing: map[string]map[string]any{}, toldAt: map[string]time.Time{},
	}
	f.theirs = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		m := message{at: time.Now()}
		text, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		if err != nil || json.Unmarshal(text, &m.body) != nil {
			t.Errorf("a webhook message is no JSON: %s, %v", text, err)
			return
		}
		if labels, _ := m.body["groupLabels"].(map[string]any); labels["alertname"] == "TargetFailing" {
			f.got <- m
		}
	}))
	t.Cleanup(f.theirs.Close)
	f.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := f.manager.Load()
		if to == nil {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		proxy := httputil.NewSingleHostReverseProxy(to)
		proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(f.front.Close)
	write(t, f.folder, "alertmanager.yml", `
global: {resolve_timeout: 5s}
route: {receiver: ops, group_by: [alertname, target], group_wait: 0s, group_interval: 1s, repeat_interval: `+repeat.String()+`}
receivers: [{name: ops, webhook_configs: [{url: "`+f.theirs.URL+`"}]}]
`)
	f.configure()
	f.startManager()
	f.startDaemon()
	f.expect("bad", "firing")
	return f
}

// configure writes a configuration unlike the one before.
func (f *flap) configure() {
	f.t.Helper()
	f.reloads++
	write(f.t, f.folder, "config.yaml", fmt.Sprintf(`
evaluation_interval: 1s
defaults: {baseline: {schedule: "@every 1s", timeout: 900ms}}
models:
  - {name: bad, task: custom, url: %q, inputs: [{a: 1}]}
  - {name: flap, task: custom, url: %q, inputs: [{a: 1}]}
notify:
  - {name: am, alertmanager: {urls: [%q]}}
alerts:
  - {name: Unused%d, expr: "vector(0) > 1"}
`, f.bad.URL, f.flapping.URL, f.front.URL, f.reloads))
}

// startManager starts the Alertmanager on what it kept.
func (f *flap) startManager() {
	f.t.Helper()
	f.am = start(f.t, f.folder, nil, os.Getenv("HFWATCH_ALERTMANAGER"), "--config.file=alertmanager.yml", "--storage.path=alertmanager",
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=", "--log.format=json")
	address := f.am.err.wait(f.t, time.Minute, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]
	f.manager.Store(&url.URL{Scheme: "http", Host: address})
}

// restartManager stops the Alertmanager in good order and starts it again: it
// keeps what it notified of, and not the alerts.
func (f *flap) restartManager() {
	f.t.Helper()
	f.manager.Store(nil)
	f.am.stop(f.t, time.Minute)
	f.startManager()
}

// managerKnows waits until the Alertmanager has these alerts as firing again.
func (f *flap) managerKnows(targets ...string) {
	f.t.Helper()
	eventually(f.t, 2*time.Minute, func(ctx context.Context) error {
		body, err := fetch(ctx, http.MethodGet, f.manager.Load().String()+`/api/v2/alerts?filter=alertname%3DTargetFailing`)
		if err != nil {
			return err
		}
		var known []struct{ Labels map[string]string }
		if err := json.Unmarshal(body, &known); err != nil {
			return err
		}
		have := map[string]bool{}
		for _, a := range known {
			have[a.Labels["target"]] = true
		}
		for _, target := range targets {
			if !have[target] {
				return fmt.Errorf("the Alertmanager knows %v, want %v", have, targets)
			}
		}
		return nil
	})
}

// startDaemon starts hfwatch on what it kept.
func (f *flap) startDaemon() {
	f.t.Helper()
	f.daemon = start(f.t, f.folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0", "--web.external-url", "http://watch.example.org")
	f.daemon.err.wait(f.t, time.Minute, `"msg":"listening"`)
}

// kill ends hfwatch without a word.
func (f *flap) kill() {
	f.t.Helper()
	if err := f.daemon.process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	<-f.daemon.ended
}

// turn makes the target fail or answer well.
func (f *flap) turn(failing bool) {
	f.turned = time.Now()
	f.flapping.failing.Store(failing)
}

// expect waits for the next message, which must be about the target and of the
// status.
func (f *flap) expect(target, status string) {
	f.t.Helper()
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	for {
		select {
		case m := <-f.got:
			if f.judge(m, target, status) {
				return
			}
		case <-deadline.C:
			f.t.Fatalf("the page of %s that is %s never came; the Alertmanager was told of: %v", target, status, f.firing)
		}
	}
}

// quiet wants no message for a while, but for reminders.
func (f *flap) quiet(d time.Duration) {
	f.t.Helper()
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case m := <-f.got:
			f.judge(m, "", "")
		case <-over.C:
			return
		}
	}
}

// judge holds a message against the truth: whether the target fails, what was
// said of it before and when, and which message is due. It reports whether it
// was this one.
func (f *flap) judge(m message, target, status string) bool {
	f.t.Helper()
	a, now := m.body.alert(f.t), m.at
	labels, _ := a["labels"].(map[string]any)
	words, _ := a["annotations"].(map[string]any)
	of, said := fmt.Sprint(labels["target"]), fmt.Sprint(a["status"])
	before := f.firing[of]
	for _, key := range []string{"summary", "evidence", "runbook_url", "since"} {
		if words[key] == nil || words[key] == "" {
			f.t.Errorf("the page of %s that is %s says no %s: %v", of, said, key, words)
		}
	}
	if a["generatorURL"] == "" || before != nil && before["startsAt"] != a["startsAt"] {
		f.t.Errorf("the page of %s that is %s has link %v and start %v; before it was %v", of, said, a["generatorURL"], a["startsAt"], before)
	}
	if said == "firing" && before != nil && now.Sub(f.toldAt[of]) >= f.repeat {
		f.toldAt[of] = now
		return false
	}
	if of != target || said != status {
		f.t.Errorf("%v after the turn a page of %s that is %s came, want %s that is %q; last told %v ago: %v",
			now.Sub(f.turned), of, said, target, status, now.Sub(f.toldAt[of]), a)
		return false
	}
	switch said {
	case "firing":
		f.firing[of], f.toldAt[of] = a, now
		f.pages++
	case "resolved":
		delete(f.firing, of)
		f.ends++
		ended, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a["endsAt"]))
		if err != nil || ended.Before(f.turned) || ended.After(now.Add(time.Second)) {
			f.t.Errorf("%s resolved at %v, %v; it recovered at %v and it is now %v", of, a["endsAt"], err, f.turned, now)
		}
	}
	return true
}

// hangUp has the daemon read its configuration again.
func (f *flap) hangUp() {
	f.t.Helper()
	reloaded := func() int { return strings.Count(f.daemon.err.String(), `"msg":"configuration reloaded"`) }
	before := reloaded()
	if err := f.daemon.process.Signal(syscall.SIGHUP); err != nil {
		f.t.Fatal(err)
	}
	eventually(f.t, time.Minute, func(context.Context) error {
		if reloaded() == before {
			return errors.New("the configuration was not reloaded")
		}
		return nil
	})
}
