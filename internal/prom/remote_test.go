package prom

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestRemoteWriteReachesPrometheus: what is queried there is what is here, over
// a receiver that was down and a restart, once.
func TestRemoteWriteReachesPrometheus(t *testing.T) {
	program := os.Getenv("HFWATCH_PROMETHEUS")
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("HFWATCH_PROMETHEUS names no program, and CI wants it")
		}
		t.Skip("HFWATCH_PROMETHEUS names no program")
	}
	theirs := prometheusOn(t, program, t.TempDir())
	to, err := url.Parse(theirs)
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	var unlocked atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer key" {
			unlocked.Add(1)
		}
		if down.Load() {
			http.Error(w, "down", http.StatusNotFound)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	dir, state := t.TempDir(), t.TempDir()
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "A counter."}, []string{"target"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "A histogram.", NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(c, h)
	begun := time.Now().Add(-40 * time.Minute).Truncate(time.Second)
	n := 0
	run := func(ticks int, wantErr bool) Sent {
		db := open(t, Options{Dir: dir})
		remote, err := NewRemote(db, RemoteOptions{
			Name: "central", URL: front.URL + "/api/v1/write", Dir: state, Header: "Authorization", Value: "Bearer key", Logger: slog.New(slog.DiscardHandler),
			Metadata: func() ([]*dto.MetricFamily, error) { return reg.Gather() },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer remote.Close()
		sum := Sent{}
		for range ticks {
			c.WithLabelValues("a").Inc()
			c.WithLabelValues("b").Add(2)
			h.Observe(float64(n))
			add(t, db, begun.Add(time.Duration(n)*15*time.Second), reg)
			n++
			for more := n > 1 && !wantErr; more; {
				got, err := remote.Send(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				sum.Samples, sum.Dropped, more = sum.Samples+got.Samples, sum.Dropped+got.Dropped, got.More
			}
		}
		if wantErr {
			if _, err := remote.Send(t.Context()); err == nil || strings.Contains(err.Error(), front.URL) || !strings.Contains(err.Error(), "404") {
				t.Errorf("Send() to a receiver that is down = %v, want an error with its status and without its address", err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	first := run(20, false)
	down.Store(true)
	run(40, true)
	down.Store(false)
	second := run(20, false)
	if first.Dropped+second.Dropped > 0 || first.Samples+second.Samples < 3*78 {
		t.Errorf("sent %+v and %+v, want 3 series of 78 ticks and none dropped", first, second)
	}
	if unlocked.Load() == 0 {
		t.Error("the credentials were not sent")
	}
	db := open(t, Options{Dir: dir})
	ours := httptest.NewServer(NewAPI(db, APIOptions{}))
	defer ours.Close()
	// The newest instant is sent with the next, and nothing before the first.
	for _, query := range []string{`c_total`, `h`} {
		values := url.Values{"query": {query}, "step": {"15"}, "start": {begun.Add(15 * time.Second).Format(time.RFC3339)}, "end": {begun.Add(78 * 15 * time.Second).Format(time.RFC3339)}}
		want, _ := asked(t, ours.URL, http.MethodGet, "query_range", values)
		got, status := asked(t, theirs, http.MethodGet, "query_range", values)
		if diff := cmp.Diff(want, got); diff != "" || status != http.StatusOK {
			t.Errorf("%s: status %d (-ours +theirs):\n%s", query, status, diff)
		}
	}
}

// TestWhatARemoteRefusesForGood is counted and given up, and an hour of a
// server error is caught up.
func TestWhatARemoteRefusesForGood(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusBadRequest)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write(bytes.Repeat([]byte("no "), 1000))
	}))
	defer server.Close()
	db := open(t, Options{})
	remote, err := NewRemote(db, RemoteOptions{Name: "x", URL: server.URL + "/?token=geheim", Dir: t.TempDir(), Value: "geheim", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	reg := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "A gauge."})
	reg.MustRegister(g)
	begun := time.Now().Add(-10 * time.Minute)
	for i := range 3 {
		add(t, db, begun.Add(time.Duration(i)*15*time.Second), reg)
		if i == 0 {
			if sent, err := remote.Send(t.Context()); err != nil || sent != (Sent{}) {
				t.Errorf("the first Send() = %+v, %v, want nothing", sent, err)
			}
		}
	}
	sent, err := remote.Send(t.Context())
	if err != nil || sent.Dropped != 2 || sent.Samples != 0 {
		t.Errorf("Send() = %+v, %v, want two samples dropped", sent, err)
	}
	add(t, db, begun.Add(45*time.Second), reg)
	status.Store(http.StatusServiceUnavailable)
	if _, err := remote.Send(t.Context()); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("Send() = %v, want an error without the secret", err)
	}
}
