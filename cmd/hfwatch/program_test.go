package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// output keeps what a program prints and wakes whoever waits for a line.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

// newOutput returns an empty one.
func newOutput() *output { return &output{changed: make(chan struct{})} }

// Write keeps p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait returns the groups of the first match of a pattern, once there is one.
func (o *output) wait(t *testing.T, within time.Duration, pattern string) []string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		o.mu.Lock()
		found, changed := wanted.FindStringSubmatch(o.text.String()), o.changed
		o.mu.Unlock()
		if found != nil {
			return found
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("nothing printed within %v matches %s; printed:\n%s", within, pattern, o)
		}
	}
}

// program is a command that runs as a process of its own.
type program struct {
	out, err *output
	process  *os.Process
	ended    chan struct{}
	result   error
}

// start starts a program, in a folder. It is killed when the test ends, if it
// has not ended by itself.
func start(t *testing.T, dir string, environ []string, name string, args ...string) *program {
	t.Helper()
	p := &program{out: newOutput(), err: newOutput(), ended: make(chan struct{})}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = dir, p.out, p.err, append(os.Environ(), environ...)
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.process = cmd.Process
	go func() {
		defer close(p.ended)
		p.result = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.err)
		}
	})
	return p
}

// stop sends a signal and wants the program to end well.
func (p *program) stop(t *testing.T, within time.Duration) {
	t.Helper()
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	select {
	case <-p.ended:
	case <-deadline.C:
		t.Fatalf("the program has not ended %v after SIGTERM", within)
	}
	if p.result != nil {
		t.Errorf("the program ended with %v after SIGTERM, want exit code 0", p.result)
	}
}

// eventually asks until there is no error, and fails with the last one.
func eventually(t *testing.T, within time.Duration, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("not within %v: %v", within, err)
		}
	}
}

// fetch returns the body of a 200.
func fetch(ctx context.Context, method, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, resp.Status, body)
	}
	return body, err
}

// ready wants a daemon to be ready.
func ready(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := fetch(ctx, http.MethodGet, url+"/-/ready")
		return err
	}
}

// metric returns the value of the counter or gauge of a daemon that has these
// labels, given as name, value, name, value.
func metric(ctx context.Context, url, name string, labels ...string) (float64, error) {
	body, err := fetch(ctx, http.MethodGet, url+"/metrics")
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	family := families[name]
	if family == nil {
		return 0, fmt.Errorf("there is no series %s", name)
	}
series:
	for _, m := range family.GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if has[labels[i]] != labels[i+1] {
				continue series
			}
		}
		return m.GetCounter().GetValue() + m.GetGauge().GetValue(), nil
	}
	return 0, fmt.Errorf("no series %s has %s", name, strings.Join(labels, " "))
}

// atLeast wants a value of a daemon to have reached a number.
func atLeast(url string, number float64, name string, labels ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		got, err := metric(ctx, url, name, labels...)
		if err == nil && got < number {
			err = fmt.Errorf("%s{%s} = %v, want %v", name, strings.Join(labels, " "), got, number)
		}
		return err
	}
}

// all wants several things.
func all(ctx context.Context, wanted ...func(context.Context) error) error {
	var errs []error
	for _, ask := range wanted {
		errs = append(errs, ask(ctx))
	}
	return errors.Join(errs...)
}
