package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// maxMetrics bounds an exposition.
const maxMetrics = 256 << 20

// measurement is one run.
type measurement struct {
	binary                 string
	whole, loop            bool
	scrape, sample, settle time.Duration
	log                    string
	stdout, stderr         io.Writer
}

// reading is what was seen of the processes at one time.
type reading struct {
	at           time.Duration
	daemon, loop measure.Process
	busy         time.Duration
}

// outcome is what a run came to.
type outcome struct {
	plan     plan
	readings []reading
	slots    map[string]float64
	probes   map[string]float64
	// late says when slots were missed, as far as /metrics was read.
	late []lateness
	// scraped is the size of the last exposition, looped what the bare loop said.
	scraped int
	looped  string
}

// lateness is how many slots were missed between two readings of /metrics, of
// which the later was at at.
type lateness struct {
	at time.Duration
	n  float64
}

// run starts everything, watches it and prints what was found.
func (m *measurement) run(ctx context.Context, p plan) error {
	if m.sample <= 0 || m.scrape < 0 || m.settle < 0 || m.settle >= p.length {
		return errors.New("-sample must be more than 0, -settle shorter than -for, -scrape not negative")
	}
	dir, err := os.MkdirTemp("", "hfwatch-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if m.binary == "" {
		if m.binary, err = build(ctx, dir, m.stderr); err != nil {
			return err
		}
	}
	log := io.Discard
	if m.log != "" {
		f, err := os.Create(m.log)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		log = f
	}
	server, url, err := m.server(ctx, p)
	if err != nil {
		return err
	}
	defer end(server)
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte(configuration(p, url, m.whole)), 0o600); err != nil {
		return err
	}
	d, err := start(ctx, m.binary, config, dir, log, m.stderr)
	if err != nil {
		return err
	}
	found, err := m.watch(ctx, p, d, url)
	err = errors.Join(err, d.stop())
	if err != nil {
		return err
	}
	m.print(found)
	return nil
}

// server starts the server's process.
func (m *measurement) server(ctx context.Context, p plan) (*exec.Cmd, string, error) {
	cmd, err := m.child(ctx, append([]string{"server"}, p.flags()...))
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end(cmd)
		return nil, "", fmt.Errorf("the server's address: %w", err)
	}
	return cmd, strings.TrimSpace(line), nil
}

// child returns this program as a child process.
func (m *measurement) child(ctx context.Context, args []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = m.stderr
	return cmd, nil
}

// end ends a child process.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

// watch samples for as long as the plan says.
func (m *measurement) watch(ctx context.Context, p plan, d *daemon, url string) (found outcome, err error) {
	found.plan = p
	began := time.Now()
	loopPID := 0
	var looped bytes.Buffer
	if m.loop {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		cmd, err := m.child(ctx, append([]string{"loop", "-url", url}, p.flags()...))
		if err != nil {
			return found, err
		}
		cmd.Stdout = &looped
		if err := cmd.Start(); err != nil {
			return found, err
		}
		defer func() {
			// It ends by itself after the plan's time.
			if err != nil {
				cancel()
			}
			err = errors.Join(err, cmd.Wait())
			found.looped = strings.TrimSpace(looped.String())
		}()
		loopPID = cmd.Process.Pid
	}
	sample := time.NewTicker(m.sample)
	defer sample.Stop()
	scrape := make(<-chan time.Time)
	if m.scrape > 0 {
		ticker := time.NewTicker(m.scrape)
		defer ticker.Stop()
		scrape = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return found, ctx.Err()
		case <-scrape:
			if err := m.counted(ctx, &found, d, time.Since(began)); err != nil {
				return found, err
			}
		case <-sample.C:
			r, err := read(d.cmd.Process.Pid, loopPID, time.Since(began))
			if err != nil {
				return found, err
			}
			// The last one before the loop ends, and with it what /proc says of it.
			if found.readings = append(found.readings, r); r.at+m.sample+m.sample/2 > p.length {
				return found, m.counted(ctx, &found, d, r.at)
			}
		}
	}
}

// counted reads what became of the slots until at.
func (m *measurement) counted(ctx context.Context, found *outcome, d *daemon, at time.Duration) error {
	text, err := metrics(ctx, d.url)
	if err != nil {
		return err
	}
	found.scraped = len(text)
	before := found.slots["missed"]
	if found.slots, err = sums(bytes.NewReader(text), "hfwatch_slots_total", "result"); err != nil {
		return err
	}
	if n := found.slots["missed"] - before; n > 0 {
		found.late = append(found.late, lateness{at: at, n: n})
	}
	found.probes, err = sums(bytes.NewReader(text), "hfwatch_probes_total", "outcome")
	return err
}

// read reads the processes; a loop of 0 is none.
func read(daemon, loop int, at time.Duration) (reading, error) {
	r := reading{at: at}
	var err error
	if r.daemon, err = measure.Of(daemon); err != nil {
		return r, fmt.Errorf("the daemon is gone: %w", err)
	}
	if loop != 0 {
		if r.loop, err = measure.Of(loop); err != nil {
			return r, fmt.Errorf("the bare loop is gone: %w", err)
		}
	}
	r.busy, _, err = measure.Busy()
	return r, err
}

// metrics reads the daemon's exposition as text.
func metrics(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("/metrics: status %d", resp.StatusCode)
	}
	return text, err
}
