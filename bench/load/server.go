package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

const (
	// tableSize is how many quantiles of the latency the server serves, each once
	// and in an order that a seed decides: the distribution is known, not sampled.
	tableSize = 10_000
	// median and sigma are those of the lognormal latency.
	median = 20 * time.Millisecond
	sigma  = 0.6
	// mostArrivals bounds the arrivals that are remembered.
	mostArrivals = 2_000_000
)

// latencies returns n exact quantiles of the latency in shuffled order.
func latencies(n int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/float64(n)-1)
		out[i] = time.Duration(float64(median) * math.Exp(sigma*z))
	}
	r := rand.New(rand.NewPCG(20260101, 1))
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// phase is one test as the server knows it.
type phase struct {
	table []time.Duration
	// stallFrom and stallTo hold what arrives, counted from the first arrival.
	stallFrom, stallTo time.Duration
}

// served is what the server says of a test.
type served struct {
	Requests int `json:"requests"`
	// Arrivals are the times of arrival since the first, in nanoseconds, of pace.
	Arrivals []int64 `json:"arrivals,omitempty"`
}

// host answers /null at once, /pace at once and remembers when, /lat after the
// next latency of the table, and /hold?for=… after a time. POST /reset begins a
// test, GET /truth tells what was served.
type host struct {
	mu       sync.Mutex
	phase    phase
	first    time.Time
	requests int
	arrivals []int64
	all      []time.Duration
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	switch r.URL.Path {
	case "/null":
	case "/pace":
		h.mu.Lock()
		if h.first.IsZero() {
			h.first = now
		}
		if len(h.arrivals) < mostArrivals {
			h.arrivals = append(h.arrivals, now.Sub(h.first).Nanoseconds())
		}
		h.mu.Unlock()
	case "/lat":
		exactly(r.Context(), h.next(now))
	case "/hold":
		d, _ := time.ParseDuration(r.URL.Query().Get("for"))
		hold(r.Context(), now.Add(min(d, time.Minute)))
	case "/reset":
		h.reset(r)
	case "/truth":
		h.mu.Lock()
		defer h.mu.Unlock()
		_ = json.NewEncoder(w).Encode(served{h.requests, h.arrivals})
		return
	default:
		http.NotFound(w, r)
		return
	}
	if r.ContentLength != 0 {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	w.Header()["Date"] = nil
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// next returns when a request of /lat is to be answered.
func (h *host) next(now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first.IsZero() {
		h.first = now
	}
	took := h.phase.table[h.requests%len(h.phase.table)]
	h.requests++
	return h.first.Add(h.phase.answer(now.Sub(h.first), took))
}

// answer returns when a request that arrived at a time and takes so long is
// answered: what arrives within the stall begins after it.
func (p phase) answer(arrived, took time.Duration) time.Duration {
	if arrived >= p.stallFrom && arrived < p.stallTo {
		return p.stallTo + took
	}
	return arrived + took
}

// hold waits until a time.
func hold(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// timerError is how late a timer of an idle process may end: epoll_wait counts in
// milliseconds.
const timerError = 1200 * time.Microsecond

// exactly is hold to some ten microseconds: the truth is computed, and a server
// that answers a millisecond late would be every client's error.
func exactly(ctx context.Context, until time.Time) {
	hold(ctx, until.Add(-timerError))
	for rest := time.Until(until); rest > 0 && ctx.Err() == nil; rest = time.Until(until) {
		spec := syscall.NsecToTimespec(rest.Nanoseconds())
		_ = syscall.Nanosleep(&spec, nil)
	}
}

// reset begins a test.
func (h *host) reset(r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("n"))
	h.phase = phase{table: h.all}
	if n > 0 && n < tableSize {
		h.phase.table = latencies(n)
	}
	h.phase.stallFrom, _ = time.ParseDuration(q.Get("from"))
	h.phase.stallTo, _ = time.ParseDuration(q.Get("to"))
	h.first, h.requests, h.arrivals = time.Time{}, 0, nil
}

// serve prints its address and serves until ctx ends.
func serve(ctx context.Context, stdout io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newHost(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newHost() *host {
	all := latencies(tableSize)
	return &host{all: all, phase: phase{table: all}}
}

// truth returns how long requests due on a grid truly wait, through a bound, in
// milliseconds; a bound of 0 is none. It is the server's own rule, simulated.
func truth(p phase, rate float64, n, bound int) []float64 {
	out := make([]float64, n)
	free := make([]time.Duration, bound)
	for i := range out {
		due := time.Duration(float64(i) / rate * float64(time.Second))
		sent, place := due, 0
		if bound > 0 {
			for k := range free {
				if free[k] < free[place] {
					place = k
				}
			}
			sent = max(due, free[place])
		}
		end := p.answer(sent, p.table[i%len(p.table)])
		if bound > 0 {
			free[place] = end
		}
		out[i] = (end - due).Seconds() * 1e3
	}
	return out
}

// quantiles returns p50, p90, p99 of values.
func quantiles(values []float64) [3]float64 {
	sorted := slices.Clone(values)
	return [3]float64{measure.Quantile(sorted, 0.5), measure.Quantile(sorted, 0.9), measure.Quantile(sorted, 0.99)}
}
