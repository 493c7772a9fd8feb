package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
	"github.com/hfwatch/hfwatch/probe/task"
)

// The readers that are compared.
const (
	readerHFWatch = "hfwatch"
	readerNaive   = "naive"
)

// daemonGC is the collector's target that hfwatch run sets.
const daemonGC = 50

// clientFlags are what a client process is told.
type clientFlags struct {
	url, reader, profile string
	// kept says that hfwatch's requests may go over kept connections.
	stamps, kept bool
}

// seen is what a client measured of one stream, in nanoseconds since 1970.
type seen struct {
	Sent  int64  `json:"sent"`
	First int64  `json:"first"`
	Error string `json:"error,omitempty"`
	// lags are of every token, in nanoseconds, where stamps are read.
	lags []int64
}

// findings are what a client process prints.
type findings struct {
	Streams []seen  `json:"streams"`
	CPU     float64 `json:"cpu_seconds"`
	// LagP50 and LagP99 are of all tokens, in microseconds; 0 where the stamps
	// were not read.
	LagP50 float64 `json:"lag_p50_us,omitempty"`
	LagP99 float64 `json:"lag_p99_us,omitempty"`
	Lags   int     `json:"lags,omitempty"`
}

// reader reads a stream of so many tokens to its end and says what it saw. n
// tells streams apart.
type reader func(ctx context.Context, url string, n, tokens int) seen

// run reads all streams and prints what was found.
func (c clientFlags) run(ctx context.Context, p plan, stdout io.Writer) error {
	read := naive(c)
	switch c.reader {
	case readerHFWatch:
		debug.SetGCPercent(daemonGC)
		var err error
		if read, err = exchange(c); err != nil {
			return err
		}
	case readerNaive:
	default:
		return fmt.Errorf("-reader: %q is neither %s nor %s", c.reader, readerHFWatch, readerNaive)
	}
	if c.profile != "" {
		f, err := os.Create(c.profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	found, err := c.all(ctx, p, read)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(found)
}

// all reads the streams side by side. Before, it reads as many very short ones:
// the daemon has long been running when it probes, and the first requests of a
// process pay for its memory and its caches.
func (c clientFlags) all(ctx context.Context, p plan, read reader) (findings, error) {
	found := findings{Streams: make([]seen, p.streams)}
	var warm sync.WaitGroup
	for n := range p.streams {
		warm.Go(func() { _ = read(ctx, c.url+"/warm-up/"+strconv.Itoa(n), n, warmTokens) })
	}
	warm.Wait()
	before, err := measure.Self()
	if err != nil {
		return found, err
	}
	var wg sync.WaitGroup
	begin := time.Now()
	for n := range p.streams {
		wg.Go(func() {
			timer := time.NewTimer(time.Until(begin.Add(p.start(n))))
			defer timer.Stop()
			select {
			case <-timer.C:
				found.Streams[n] = read(ctx, c.url+"/streams/"+strconv.Itoa(n), n, p.tokens)
			case <-ctx.Done():
				found.Streams[n].Error = ctx.Err().Error()
			}
		})
	}
	wg.Wait()
	after, err := measure.Self()
	if err != nil {
		return found, err
	}
	found.CPU = (after - before).Seconds()
	var lags []float64
	for _, s := range found.Streams {
		if s.Error != "" {
			return found, errors.New(s.Error)
		}
		for _, lag := range s.lags {
			lags = append(lags, float64(lag)/1e3)
		}
	}
	if len(lags) > 0 {
		found.Lags, found.LagP50, found.LagP99 = len(lags), measure.Quantile(lags, 0.5), measure.Quantile(lags, 0.99)
	}
	return found, nil
}

// exchange reads as the daemon does: probe.Runner and hf.Client, a fresh
// connection or, as in a load window, one that is kept, task chat-completion.
func exchange(c clientFlags) (reader, error) {
	chat, ok := task.ByName("chat-completion")
	if !ok {
		return nil, errors.New("there is no task chat-completion")
	}
	runner := probe.Runner{Exchanger: hf.New(hf.Options{}), Location: "bench"}
	return func(ctx context.Context, address string, n, tokens int) (s seen) {
		u, err := url.Parse(address)
		if err != nil {
			return seen{Error: err.Error()}
		}
		w := &watched{Task: chat}
		target := &probe.Target{
			Name: "bench", Model: "org/name", Task: chat, Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u},
			Inputs: probe.Inputs{Values: []json.RawMessage{json.RawMessage(`"Count."`)}}, Stream: true,
			Parameters: []byte(`{"max_tokens":64}`), Timeout: 10 * time.Minute, Stall: 20 * time.Second,
		}
		if c.stamps {
			w.lags = make([]int64, 0, tokens)
			target.Task = w
		}
		call, err := runner.Prepare(probe.Shot{
			Target: target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: time.Now(), Seq: uint64(n), Reuse: c.kept,
		})
		if err != nil {
			return seen{Error: err.Error()}
		}
		res := runner.Run(ctx, call, probe.Circumstances{})
		first, _ := res.FirstToken.Get()
		if chunks, _ := res.Chunks.Get(); res.Outcome != probe.OK || chunks != tokens {
			return seen{Error: fmt.Sprintf("stream %d: %s after %d tokens: %s", n, res.Outcome, chunks, res.Error)}
		}
		return seen{Sent: res.Sent.UnixNano(), First: res.Sent.Add(first).UnixNano(), lags: w.lags}
	}, nil
}

// watched is a task that notes how long after its stamp each token was handed
// to it. That is a little after the exchange took its own time of the token, at
// the read, so it errs against hfwatch.
type watched struct {
	probe.Task
	lags []int64
}

// Event notes the lag and lets the task read the event.
func (w *watched) Event(data []byte, seen probe.Progress) probe.Event {
	now := time.Now().UnixNano()
	if at, ok := stamp(data); ok {
		w.lags = append(w.lags, now-at)
	}
	return w.Task.Event(data, seen)
}

// stamp returns when the server wrote the token of a chunk.
func stamp(data []byte) (int64, bool) {
	i := bytes.Index(data, []byte(stampStart))
	if i < 0 || len(data) < i+len(stampStart)+stampSize {
		return 0, false
	}
	at, err := strconv.ParseInt(string(data[i+len(stampStart):][:stampSize]), 10, 64)
	return at, err == nil
}
