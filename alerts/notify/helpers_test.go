package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/alert"
	amwebhook "github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post is one request as a receiver saw it.
type post struct {
	at     time.Duration
	id     string
	header http.Header
	body   []byte
	msg    amwebhook.Message
}

// states returns "name/target status" of each alert shown, in order.
func (p post) states() []string {
	var out []string
	for _, a := range p.msg.Alerts {
		out = append(out, fmt.Sprintf("%s/%s %s", a.Labels["alertname"], a.Labels["target"], a.Status))
	}
	return out
}

// hook is a receiver that keeps what it got and answers as answer says; nil is
// 200.
type hook struct {
	t      *testing.T
	key    probe.Secret
	start  time.Time
	answer func(n int, w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	posts []post
}

func newHook(t *testing.T) *hook {
	t.Helper()
	return &hook{t: t, key: probe.NewSecret("key"), start: time.Now()}
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p := post{at: time.Since(h.start), id: r.Header.Get(HeaderDelivery), header: r.Header, body: body}
	if err := json.Unmarshal(body, &p.msg); err != nil {
		h.t.Errorf("body is not Alertmanager's message: %v", err)
	}
	if !h.key.IsZero() {
		err := Verify(h.key, r.Header.Get(HeaderTimestamp), r.Header.Get(HeaderSignature), body, time.Now(), time.Second)
		if err != nil {
			h.t.Errorf("Verify of what was sent: %v", err)
		}
	}
	h.mu.Lock()
	h.posts = append(h.posts, p)
	n := len(h.posts)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		answer(n, w, r)
	}
}

// script changes the answers from now on.
func (h *hook) script(answer func(n int, w http.ResponseWriter, r *http.Request)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// got returns what arrived so far.
func (h *hook) got() []post {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.posts)
}

// status answers every request with the code.
func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// watcher is an Observer that keeps everything.
type watcher struct {
	mu       sync.Mutex
	attempts []Attempt
	drops    map[string]int
}

func (w *watcher) Attempted(a Attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, a)
}

func (w *watcher) Dropped(receiver string, reason DropReason, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drops == nil {
		w.drops = map[string]int{}
	}
	w.drops[receiver+" "+string(reason)] += n
}

// counts returns how many attempts of the receiver ended in which way.
func (w *watcher) counts(receiver string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, a := range w.attempts {
		if a.Receiver == receiver {
			out[string(a.Action)+" "+string(a.Reason)]++
		}
	}
	return out
}

// dropped returns the counts of drops.
func (w *watcher) dropped() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.drops)
}

// rig is a Sender on a network in memory.
type rig struct {
	t      *testing.T
	net    *fakenet.Network
	watch  *watcher
	logs   *lockedBuffer
	sender *Sender
	opts   Options
}

// lockedBuffer is a buffer for logs of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := &rig{t: t, net: fakenet.New(), watch: &watcher{}, logs: &lockedBuffer{}, opts: o}
	r.opts.Dial, r.opts.Observer = r.net.DialContext, r.watch
	r.opts.Logger = slog.New(slog.NewTextHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.opts.ExternalURL = &url.URL{Scheme: "https", Host: "hfwatch.example.org"}
	return r
}

// run starts the sender; it ends with the test.
func (r *rig) run(receivers ...Receiver) {
	r.t.Helper()
	s, err := New(r.t.Context(), receivers, r.opts)
	if err != nil {
		r.t.Fatalf("New: %v", err)
	}
	r.sender = s
	r.t.Cleanup(func() {
		s.cut()
		_ = s.Stop(r.t.Context())
	})
}

// set tells the sender the alerts as of now.
func (r *rig) set(alerts ...*alert.Alert) {
	var routed []Routed
	for _, a := range alerts {
		routed = append(routed, Routed{Alert: a})
	}
	r.sender.Set(time.Now(), routed)
}

// to returns a receiver of that name at http://NAME.example:80/.
func to(name string) Receiver {
	return Receiver{Name: name, Webhook: &Webhook{
		URL: probe.NewSecret("http://" + name + ".example:80/hook"), Secret: probe.NewSecret("key"),
	}}
}

// firing returns an alert that has fired since a minute.
func firing(name, target string) *alert.Alert {
	return &alert.Alert{Alert: model.Alert{
		Labels: model.LabelSet{
			"alertname": model.LabelValue(name), "target": model.LabelValue(target), "model": "org/model",
			"task": "chat-completion", "location": "here", "severity": "critical",
		},
		Annotations:  model.LabelSet{"summary": model.LabelValue(name + " on " + target), "value": "3"},
		StartsAt:     time.Now().Add(-time.Minute).UTC(),
		GeneratorURL: "https://hfwatch.example.org/alerts/" + name,
	}}
}

// resolved returns the alert as resolved now.
func resolved(a *alert.Alert) *alert.Alert {
	c := *a
	c.EndsAt = time.Now().UTC()
	return &c
}

// same fails the test where got is not want.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: got (+), want (-):\n%s", what, diff)
	}
}

// golden compares got with the file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	same(t, name, string(got), string(want))
}
