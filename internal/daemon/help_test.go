package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// configFile is the name of the configuration in a rig.
const configFile = "hfwatch.yaml"

func TestMain(m *testing.M) {
	if os.Getenv(childDir) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// rig is a daemon with a network, files and logs of its own.
type rig struct {
	t    *testing.T
	net  *fakenet.Network
	logs *lines
	opts Options
	// change edits each configuration after it was loaded, for what no file may
	// say, such as a plan that exceeds its own budget; nil changes nothing.
	change func(*config.Config)
	d      *Daemon

	mu    sync.Mutex
	files map[string]string
}

// in runs f in a bubble, with a rig over a network in memory. The bubble's
// clock begins at midnight; f begins three seconds later, so that no tick of
// the evaluation meets a slot of a schedule.
func in(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir)
		time.Sleep(3 * time.Second)
		f(t, r)
	})
}

// newRig returns a rig whose data lies below dir. The folder's name is longer
// than the path of a Unix socket may be, so that there is no control socket: a
// read from a real socket would stop a bubble's clock.
func newRig(t *testing.T, dir string) *rig {
	t.Helper()
	r := &rig{t: t, net: fakenet.New(), logs: &lines{}, files: map[string]string{}}
	r.opts = Options{
		Load: r.load(filepath.Join(dir, strings.Repeat("d", 120))), Version: "test", Dial: r.net.DialContext,
		Logger: slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	return r
}

// load returns what reads the rig's files, with the data in dir.
func (r *rig) load(dir string) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		cfg, err := config.Load(config.Options{
			File: configFile, Read: r.read, Glob: func(string) ([]string, error) { return nil, nil }, Task: Task,
			Available: Features(), Flags: []config.Override{{Flag: "--storage.path", Path: "data.dir", Value: dir}},
		})
		r.mu.Lock()
		change := r.change
		r.mu.Unlock()
		if err == nil && change != nil {
			change(cfg)
		}
		return cfg, err
	}
}

// edit sets change while reloads may be under way.
func (r *rig) edit(change func(*config.Config)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change = change
}

// read returns a file of the rig.
func (r *rig) read(name string, _ int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok := r.files[filepath.Base(name)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// write puts a file in place.
func (r *rig) write(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[name] = text
}

// remove deletes a file.
func (r *rig) remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.files, name)
}

// start runs a daemon of the configuration until the test ends or stop is
// called.
func (r *rig) start(text string) {
	r.t.Helper()
	r.write(configFile, text)
	r.build()
	if err := r.d.Start(r.t.Context()); err != nil {
		r.t.Fatalf("Start() = %v", err)
	}
}

// build makes a daemon of the configuration that is in place.
func (r *rig) build() {
	r.t.Helper()
	d, err := New(r.t.Context(), r.opts)
	if err != nil {
		r.t.Fatalf("New() = %v", err)
	}
	r.d = d
	ctx := context.WithoutCancel(r.t.Context())
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		_ = d.Stop(ctx)
	})
}

// stop ends the daemon within a minute.
func (r *rig) stop() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	return r.d.Stop(ctx)
}

// value returns the value of the one series of the name that has the labels,
// each a name and a value, and whether there is one.
func (r *rig) value(name string, labels ...string) (float64, bool) {
	r.t.Helper()
	families, err := r.d.exporter.Gatherer().Gather()
	if err != nil {
		r.t.Fatalf("Gather() = %v", err)
	}
	var found []*dto.Metric
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if has(m, labels) {
				found = append(found, m)
			}
		}
	}
	switch {
	case len(found) == 0:
		return 0, false
	case len(found) > 1:
		r.t.Fatalf("%d series %s with %q, want one", len(found), name, labels)
	case found[0].GetCounter() != nil:
		return found[0].GetCounter().GetValue(), true
	}
	return found[0].GetGauge().GetValue(), true
}

// has reports whether the series has the labels.
func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		ok := false
		for _, l := range m.GetLabel() {
			ok = ok || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !ok {
			return false
		}
	}
	return true
}

// want checks the value of a series.
func (r *rig) want(want float64, name string, labels ...string) {
	r.t.Helper()
	if got, ok := r.value(name, labels...); !ok || got != want {
		r.t.Errorf("%s%q = %v (there: %t), want %v", name, labels, got, ok, want)
	}
}

// last returns the last result of a target.
func (r *rig) last(target string) probe.Result {
	r.t.Helper()
	res, _, ok := r.d.memos.last(target)
	if !ok {
		r.t.Fatalf("target %s has no result; logs:\n%s", target, r.logs)
	}
	return res
}

// model returns the lines of a model of the task custom at an address, probed
// on a schedule, with more keys behind.
func model(name, address, schedule string, more ...string) string {
	text := fmt.Sprintf("  - name: %s\n    task: custom\n    url: %s\n    inputs: [{q: 1}]\n    baseline: {schedule: %q, jitter: 0s, timeout: 5s}\n",
		name, address, schedule)
	for _, line := range more {
		text += "    " + line + "\n"
	}
	return text
}

// arrivals notes when requests came, by path. It is an http.Handler that hands
// on to another.
type arrivals struct {
	http.Handler
	mu sync.Mutex
	at map[string][]time.Time
}

// noting returns a handler that notes when what h answers came.
func noting(h http.HandlerFunc) *arrivals { return &arrivals{Handler: h, at: map[string][]time.Time{}} }

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.at[r.URL.Path] = append(a.at[r.URL.Path], time.Now())
	a.mu.Unlock()
	a.Handler.ServeHTTP(w, r)
}

// of returns when requests for the path came.
func (a *arrivals) of(path string) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Time(nil), a.at[path]...)
}

// good answers well.
func good(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) }

// status answers with a status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, http.StatusText(code), code) }
}

// every returns the times from first on, n of them.
func every(first time.Time, step time.Duration, n int) []time.Time {
	var out []time.Time
	for i := range n {
		out = append(out, first.Add(time.Duration(i)*step))
	}
	return out
}

// sameTimes checks when something happened.
func sameTimes(t *testing.T, what string, got, want []time.Time) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d times, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !got[i].Equal(want[i]) {
			t.Errorf("%s: number %d at %s, want %s", what, i, got[i].UTC(), want[i].UTC())
			return
		}
	}
}

// page is one alert as a webhook received it.
type page struct {
	at                  time.Time
	Status              string
	Labels, Annotations map[string]string
}

// hook is a webhook that keeps what it received.
type hook struct {
	mu     sync.Mutex
	pages  []page
	bodies bytes.Buffer
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var message struct{ Alerts []page }
	if err := json.Unmarshal(body, &message); err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies.Write(body)
	for _, p := range message.Alerts {
		p.at = time.Now()
		h.pages = append(h.pages, p)
	}
}

// of returns the pages of an alert about a target, or about anything where the
// target is empty, with a status.
func (h *hook) of(alert, target, status string) []page {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []page
	for _, p := range h.pages {
		if p.Labels["alertname"] == alert && (target == "" || p.Labels["target"] == target) && p.Status == status {
			out = append(out, p)
		}
	}
	return out
}

// lines gathers what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// listen opens a listener in the rig's network for the daemon's pages.
func (r *rig) listen(address string) net.Listener {
	r.t.Helper()
	l, err := r.net.Listen(address)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// get asks a page of the daemon over the network, and returns its status and
// body.
func (r *rig) get(method, url string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DialContext: r.net.DialContext, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp.StatusCode, string(body)
}

// parsed returns a schedule.
func parsed(t *testing.T, spec string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
