package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startWithin is how long the daemon may take to listen.
const startWithin = time.Minute

// configuration returns a file of p's targets at url.
func configuration(p plan, url string, whole bool) string {
	state := "off"
	if whole {
		state = "on"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "alerting: %s\nhistory: %s\nmodels:\n", state, state)
	kind := `task: custom, inputs: ["x"]`
	if p.kind == kindChat {
		kind = `task: chat-completion, stream: true, inputs: ["Count."], parameters: {max_tokens: 64}`
	}
	for n := range p.targets {
		fmt.Fprintf(&b, "  - {name: t%d, model: org/name, url: %q, %s, baseline: {schedule: \"@every %s\"}}\n", n, url+path(n), kind, p.every)
	}
	return b.String()
}

// build builds the daemon as `go build` does, into dir.
func build(ctx context.Context, dir string, stderr io.Writer) (string, error) {
	binary := filepath.Join(dir, "hfwatch")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/hfwatch")
	cmd.Dir = ".."
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the daemon, from within bench: %w", err)
	}
	return binary, nil
}

// daemon is a running hfwatch.
type daemon struct {
	cmd *exec.Cmd
	url string
	// logged ends when its log has.
	logged chan struct{}
}

// start starts the binary and waits until it listens.
func start(ctx context.Context, binary, config, dir string, log, stderr io.Writer) (*daemon, error) {
	cmd := exec.CommandContext(ctx, binary, "run", "--config.file", config, "--storage.path", filepath.Join(dir, "data"),
		"--web.listen-address", "127.0.0.1:0", "--log.format", "json")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = startWithin
	cmd.Stdout = stderr
	// Neither its settings nor ours are to change what the daemon does by default.
	cmd.Env = without(os.Environ(), "GOGC", "GOMEMLIMIT", "GODEBUG", "GOMAXPROCS")
	out, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d := &daemon{cmd: cmd, logged: make(chan struct{})}
	address := make(chan string, 1)
	go func() {
		defer close(d.logged)
		follow(out, address, log, stderr)
	}()
	timer := time.NewTimer(startWithin)
	defer timer.Stop()
	select {
	case d.url = <-address:
		return d, nil
	case <-d.logged:
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil, errors.Join(errors.New("the daemon did not begin to listen"), d.stop())
}

// stop ends the daemon as a service manager does.
func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	<-d.logged
	return d.cmd.Wait()
}

// follow copies the daemon's log, warnings to stderr also, and passes on the
// address at which it listens.
func follow(from io.Reader, address chan<- string, log, stderr io.Writer) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var record struct{ Level, Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &record) == nil && record.Msg == "listening" {
			select {
			case address <- record.URL:
			default:
			}
		}
		_, _ = fmt.Fprintf(log, "%s\n", lines.Bytes())
		if record.Level != "INFO" && record.Level != "DEBUG" {
			_, _ = fmt.Fprintf(stderr, "%s\n", lines.Bytes())
		}
	}
	// Whatever cannot be scanned still has to be taken from the pipe.
	_, _ = io.Copy(io.Discard, from)
}

// without returns an environment without some variables.
func without(environ []string, names ...string) []string {
	var out []string
next:
	for _, pair := range environ {
		for _, name := range names {
			if strings.HasPrefix(pair, name+"=") {
				continue next
			}
		}
		out = append(out, pair)
	}
	return out
}
