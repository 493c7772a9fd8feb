package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const (
	// startWithin is how long a program may take to listen.
	startWithin = time.Minute
	// toldWithin is how long all pages may take.
	toldWithin = 5 * time.Minute
)

// build builds the daemon as `go build` does, into dir.
func build(ctx context.Context, dir string, stderr io.Writer) (string, error) {
	binary := filepath.Join(dir, "hfwatch")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/hfwatch")
	cmd.Dir, cmd.Stderr = "..", stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the daemon, from within bench: %w", err)
	}
	return binary, nil
}

// program is one that runs.
type program struct {
	cmd  *exec.Cmd
	over chan struct{}
}

// start starts a program in a folder, and returns it with the address at which
// its log says that it listens.
func start(ctx context.Context, dir, pattern, name string, args ...string) (*program, string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	p := &program{cmd: cmd, over: make(chan struct{})}
	address, wanted := make(chan string, 1), regexp.MustCompile(pattern)
	go func() {
		defer close(p.over)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if found := wanted.FindSubmatch(lines.Bytes()); found != nil {
				select {
				case address <- string(found[1]):
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case at := <-address:
		return p, at, nil
	case <-p.over:
	case <-timer.C:
	}
	p.stop()
	return nil, "", fmt.Errorf("%s did not begin to listen", name)
}

// stop ends a program.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.over
	_ = p.cmd.Wait()
}

// listening is how Prometheus and Alertmanager say where they listen.
const listening = `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`

// alertmanager starts one that sends what it is posted on at once.
func (p plan) alertmanager(ctx context.Context, dir, way, hook string) (*program, string, error) {
	folder := filepath.Join(dir, strings.ReplaceAll(way, " ", ""))
	text := `
route: {receiver: ops, group_by: [alertname, target], group_wait: 0s, group_interval: 1s}
receivers: [{name: ops, webhook_configs: [{url: "` + hook + "/" + url.PathEscape(way) + `"}]}]
`
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "alertmanager.yml"), []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	return start(ctx, folder, listening, p.amProgram, "--config.file=alertmanager.yml", "--storage.path=data", "--web.listen-address=127.0.0.1:0",
		"--cluster.listen-address=", "--log.format=json")
}

// daemon starts hfwatch, which pages by itself and through an Alertmanager.
func (p plan) daemon(ctx context.Context, dir, am string, s *stage) (*program, string, error) {
	text := fmt.Sprintf(`
evaluation_interval: %s
defaults: {baseline: {schedule: "@every %s", timeout: 1s}}
notify:
  - {name: ops, webhook: {url: "%s/%s"}}
  - {name: am, alertmanager: {urls: ["http://%s"]}}
models:
`, p.interval, p.every, s.hook, url.PathEscape(alone), am)
	for i, t := range s.targets {
		text += fmt.Sprintf("  - {name: t%d, task: custom, url: %q, inputs: [x]}\n", i, t.url)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	return start(ctx, dir, `"msg":"listening","url":"http://(127\.0\.0\.1:[1-9]\d*)"`, p.hfwatch, "run", "--web.listen-address", "127.0.0.1:0", "--log.format", "json")
}

// prom starts a Prometheus that scrapes the daemon and evaluates its rules.
func (p plan) prom(ctx context.Context, dir, daemon, am string) (*program, error) {
	rules := exec.CommandContext(ctx, p.hfwatch, "rules")
	rules.Dir = dir
	var failed bytes.Buffer
	rules.Stderr = &failed
	printed, err := rules.Output()
	if err != nil {
		return nil, fmt.Errorf("hfwatch rules: %w: %s", err, failed.String())
	}
	text := fmt.Sprintf(`
global: {scrape_interval: %s, evaluation_interval: %s}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [{job_name: hfwatch, scrape_native_histograms: true, static_configs: [{targets: [%q]}]}]
`, p.interval, p.interval, am, daemon)
	err = errors.Join(os.WriteFile(filepath.Join(dir, "rules.yml"), printed, 0o600), os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(text), 0o600))
	if err != nil {
		return nil, err
	}
	started, _, err := start(ctx, dir, listening, p.prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=series",
		"--web.listen-address=127.0.0.1:0", "--log.format=json")
	return started, err
}

// measure starts everything, lets all targets fail and recover, each at a moment
// of its own, and returns how long the messages took.
func (p plan) measure(ctx context.Context, dir string) ([]delay, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := newStage(p.targets)
	if err != nil {
		return nil, err
	}
	defer s.close()
	am, ours, err := p.alertmanager(ctx, dir, through, s.hook)
	if err != nil {
		return nil, err
	}
	defer am.stop()
	other, theirs, err := p.alertmanager(ctx, dir, prometheus, s.hook)
	if err != nil {
		return nil, err
	}
	defer other.stop()
	d, at, err := p.daemon(ctx, dir, ours, s)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	prom, err := p.prom(ctx, dir, at, theirs)
	if err != nil {
		return nil, err
	}
	defer prom.stop()
	if err := p.wait(ctx, s.settled); err != nil {
		return nil, err
	}
	for n := range 2 * p.cycles {
		for _, i := range rand.Perm(p.targets) {
			s.turn(i, n%2 == 0)
			if err := sleep(ctx, rand.N(p.interval/2)); err != nil {
				return nil, err
			}
		}
		if err := p.wait(ctx, func() bool { return s.told() && s.settled() }); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.odd {
		fmt.Fprintln(p.stderr, "odd:", text)
	}
	return s.delays, nil
}

// wait waits until something holds.
func (p plan) wait(ctx context.Context, holds func() bool) error {
	for began := time.Now(); !holds(); {
		if time.Since(began) > toldWithin {
			return fmt.Errorf("not all messages came within %s", toldWithin)
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sleep lets time pass.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
