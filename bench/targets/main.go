// Command targets measures what the daemon needs: it starts the binary with a
// generated configuration of many targets against a server of our own on
// loopback, samples its memory and processor time, reads from /metrics what
// became of the slots, and beside it lets a bare loop do the same requests in a
// process of its own, so that the cost of the exchange itself can be taken off.
//
// It ends by itself and leaves nothing behind but what it printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "targets:", err)
		os.Exit(1)
	}
}

// The kinds of target.
const (
	kindCustom = "custom"
	kindChat   = "chat"
)

// The bounds of a run.
const (
	maxTargets = 5000
	maxLength  = 2 * time.Hour
	maxTokens  = 1000
)

// plan is what every process of a run has to know.
type plan struct {
	targets int
	kind    string
	every   time.Duration
	length  time.Duration
	// tokens and rate are of a chat target's answer.
	tokens, rate int
}

// check refuses what would not end soon, or would flood the machine.
func (p plan) check() error {
	switch {
	case p.targets < 1 || p.targets > maxTargets:
		return fmt.Errorf("-targets: at most %d", maxTargets)
	case p.kind != kindCustom && p.kind != kindChat:
		return fmt.Errorf("-kind: %q is neither %s nor %s", p.kind, kindCustom, kindChat)
	case p.every < time.Second || p.every%time.Second != 0:
		return errors.New("-every: whole seconds")
	case p.length <= 0 || p.length > maxLength:
		return fmt.Errorf("-for: at most %s", maxLength)
	case p.tokens < 1 || p.tokens > maxTokens || p.rate < 1 || p.rate > 1000:
		return fmt.Errorf("-tokens: at most %d; -rate: at most 1000", maxTokens)
	}
	return nil
}

// flags returns p as arguments of a child process.
func (p plan) flags() []string {
	return []string{
		"-targets", strconv.Itoa(p.targets), "-kind", p.kind, "-every", p.every.String(), "-for", p.length.String(),
		"-tokens", strconv.Itoa(p.tokens), "-rate", strconv.Itoa(p.rate),
	}
}

// run carries out one of the three parts: the measurement, the server or the
// bare loop.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	part := "measure"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		part, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("targets "+part, flag.ContinueOnError)
	fs.SetOutput(stderr)
	var p plan
	fs.IntVar(&p.targets, "targets", 200, "how many targets")
	fs.StringVar(&p.kind, "kind", kindCustom, "custom, or chat: streamed answers")
	fs.DurationVar(&p.every, "every", time.Second, "the time between two probes of a target")
	fs.DurationVar(&p.length, "for", 5*time.Minute, "how long")
	fs.IntVar(&p.tokens, "tokens", 100, "tokens of a streamed answer")
	fs.IntVar(&p.rate, "rate", 50, "tokens a second of a streamed answer")
	m := measurement{stdout: stdout, stderr: stderr}
	url := ""
	switch part {
	case "loop":
		fs.StringVar(&url, "url", "", "the server's address")
	case "measure":
		fs.StringVar(&m.binary, "binary", "", "the daemon; without it ../cmd/hfwatch is built")
		fs.BoolVar(&m.whole, "whole", false, "with alerting and history")
		fs.BoolVar(&m.loop, "loop", true, "let the bare loop run beside it")
		fs.DurationVar(&m.scrape, "scrape", 15*time.Second, "how often /metrics is read, as Prometheus would; 0 is at the end alone")
		fs.DurationVar(&m.sample, "sample", 5*time.Second, "how often memory and processor time are read")
		fs.DurationVar(&m.settle, "settle", 30*time.Second, "how much of the beginning does not count as steady")
		fs.StringVar(&m.log, "log", "", "a file for the daemon's log; without it only warnings are shown")
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	switch part {
	case "measure":
		return m.run(ctx, p)
	case "server":
		return serve(ctx, p, stdout)
	case "loop":
		return loop(ctx, p, url, stdout)
	default:
		return fmt.Errorf("%q is none of measure, server, loop", part)
	}
}
