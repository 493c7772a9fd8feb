package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// comparison runs the programs in turns.
type comparison struct {
	repeats        int
	pin, quick     bool
	bin, only      string
	stdout, stderr io.Writer

	server string
	self   string
	found  []program
	// test is the test under way, claims are what is claimed and came of it.
	test   string
	claims []claim
}

// claim is one line of what the tables are for.
type claim struct {
	test, text string
	held       bool
}

// run carries out every test.
func (b *comparison) run(ctx context.Context) error {
	if b.repeats < 1 || b.repeats > 20 {
		return fmt.Errorf("-repeats: %d is not 1 to 20", b.repeats)
	}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	stop, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	b.find()
	b.header()
	for _, t := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"calm", b.calm}, {"stall", b.stall}, {"pacing", b.pacing}, {"cost", b.cost}, {"memory", b.memory}, {"limit", b.limit}, {"flat", b.flat},
	} {
		if !strings.Contains(t.name, b.only) {
			continue
		}
		b.test = t.name
		if err := t.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	b.summary()
	return nil
}

// serve starts the server on the first core.
func (b *comparison) serve(ctx context.Context) (stop func(), err error) {
	cmd := measure.Command(ctx, b.core(0), b.self, "server")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stderr = b.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	b.server = strings.TrimSpace(line)
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}, err
}

// core returns the core for the server, 0, or the clients, 1; -1 is any.
func (b *comparison) core(n int) int {
	if !b.pin || runtime.NumCPU() < 2 {
		return -1
	}
	return n
}

// find looks for the other programs.
func (b *comparison) find() {
	for _, p := range peers() {
		if _, err := b.path(p.name); err == nil {
			b.found = append(b.found, p)
		}
	}
}

// path returns where a program stands.
func (b *comparison) path(name string) (string, error) {
	if b.bin != "" {
		if path, err := exec.LookPath(filepath.Join(b.bin, name)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

// length returns a test's time: a tenth, at least a second, where only tried.
func (b *comparison) length(d time.Duration) time.Duration {
	if b.quick {
		return max(d/10, time.Second)
	}
	return d
}

// reset begins a test at the server, whose latencies are n of the table.
func (b *comparison) reset(ctx context.Context, n int, p phase) error {
	q := url.Values{"n": {fmt.Sprint(n)}, "from": {p.stallFrom.String()}, "to": {p.stallTo.String()}}
	return b.ask(ctx, "/reset?"+q.Encode(), nil)
}

// ask gets something from the server.
func (b *comparison) ask(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server+path, nil)
	if err != nil {
		return err
	}
	resp, err := new(http.Transport).RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// peer runs another program; false says that it cannot do the test.
func (b *comparison) peer(ctx context.Context, p program, t test) (outcome, bool, error) {
	dir, err := os.MkdirTemp("", "bench-load-")
	if err != nil {
		return outcome{}, false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := p.args(t, b.server+t.path, dir)
	if args == nil {
		return outcome{}, false, nil
	}
	path, err := b.path(p.name)
	if err != nil {
		return outcome{}, false, err
	}
	out, state, err := b.command(ctx, t, path, args)
	if err != nil {
		return outcome{}, false, fmt.Errorf("%s: %w", p.name, err)
	}
	if p.name == "vegeta" {
		report, err := exec.CommandContext(ctx, path, "report", "-type=json", filepath.Join(dir, "out")).Output()
		if err != nil {
			return outcome{}, false, err
		}
		if err := os.WriteFile(filepath.Join(dir, "report"), report, 0o600); err != nil {
			return outcome{}, false, err
		}
	}
	o := p.read(out, dir)
	o.cpu, o.peak = spent(state)
	return o, true, nil
}

// command runs a client to its end, bounded by its test.
func (b *comparison) command(ctx context.Context, t test, path string, args []string) ([]byte, *os.ProcessState, error) {
	ctx, cancel := context.WithTimeout(ctx, t.length+90*time.Second)
	defer cancel()
	cmd := measure.Command(ctx, b.core(1), path, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil && out.Len() > 0 {
		// Some end with a status of their own where a request failed.
		err = nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %.300s", err, problems.String())
	}
	return out.Bytes(), cmd.ProcessState, nil
}

// spent returns what a process used.
func spent(state *os.ProcessState) (cpu time.Duration, peak int64) {
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss << 10
	}
	return state.UserTime() + state.SystemTime(), peak
}

// ours runs hfwatch. A bound of 0 is more than the test can need.
func (b *comparison) ours(ctx context.Context, t test, extra ...string) (outcome, error) {
	bound := t.bound
	if bound == 0 {
		bound = 4000
	}
	args := append([]string{
		"client", "-url", b.server + t.path, "-rate", number(t.rate), "-bound", fmt.Sprint(bound), "-for", t.length.String(),
	}, extra...)
	out, state, err := b.command(ctx, t, b.self, args)
	if err != nil {
		return outcome{}, fmt.Errorf("hfwatch: %w", err)
	}
	o, err := oursRead(out)
	o.cpu, o.peak = spent(state)
	return o, err
}

// oursRead reads a window's record.
func oursRead(out []byte) (outcome, error) {
	type times struct {
		P50, P90, P99 struct {
			Value float64 `json:"value"`
		}
	}
	var w struct {
		Sent     int    `json:"sent"`
		Verdict  string `json:"verdict"`
		Reason   string `json:"reason"`
		Response times  `json:"response_seconds"`
		Client   struct {
			P50 float64 `json:"pacing_lag_p50_seconds"`
			P99 float64 `json:"pacing_lag_p99_seconds"`
		} `json:"client"`
	}
	if err := json.Unmarshal(out, &w); err != nil {
		return outcome{}, fmt.Errorf("hfwatch: %w", err)
	}
	r := w.Response
	o := outcome{requests: w.Sent, p50: r.P50.Value * 1e3, p90: r.P90.Value * 1e3, p99: r.P99.Value * 1e3,
		verdict: w.Verdict, lag50: w.Client.P50 * 1e3, lag99: w.Client.P99 * 1e3}
	if w.Reason != "" {
		o.verdict += ": " + w.Reason
	}
	return o, nil
}
