// Command page measures how long it takes from a breach to the page: from the
// answer that is one bad result too many to the webhook, and from the answer
// that ends it to the resolve. hfwatch pages alone, through an Alertmanager, and
// beside it a Prometheus that scrapes it and evaluates the same rules pages
// through an Alertmanager of its own, all of the same faults at the same time.
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
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// plan is what is measured, and with which programs.
type plan struct {
	runs, cycles, targets          int
	every, interval                time.Duration
	hfwatch, prometheus, amProgram string
	stderr                         io.Writer
}

// check refuses what would not end soon.
func (p plan) check() error {
	switch {
	case p.runs < 1 || p.runs > 20 || p.cycles < 1 || p.cycles > 20 || p.targets < 1 || p.targets > 50:
		return errors.New("at most 20 runs of 20 cycles of 50 targets")
	case p.interval < time.Second || p.interval > time.Minute || p.every < time.Second || p.every > time.Minute:
		return errors.New("-interval and -every: from a second to a minute")
	case p.prometheus == "" || p.amProgram == "":
		return errors.New("-prometheus and -alertmanager name the programs")
	}
	return nil
}

// run measures and prints.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("page", flag.ContinueOnError)
	fs.SetOutput(stderr)
	p := plan{stderr: stderr}
	fs.IntVar(&p.runs, "runs", 3, "how often everything is started")
	fs.IntVar(&p.cycles, "cycles", 3, "how often each target fails in a run")
	fs.IntVar(&p.targets, "targets", 8, "how many targets")
	fs.DurationVar(&p.every, "every", 4*time.Second, "the time between two probes of a target")
	fs.DurationVar(&p.interval, "interval", 15*time.Second, "the interval of evaluations, and of Prometheus's scrapes")
	fs.StringVar(&p.hfwatch, "hfwatch", "", "the daemon; without it ../cmd/hfwatch is built")
	fs.StringVar(&p.prometheus, "prometheus", os.Getenv("HFWATCH_PROMETHEUS"), "the program")
	fs.StringVar(&p.amProgram, "alertmanager", os.Getenv("HFWATCH_ALERTMANAGER"), "the program")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if p.hfwatch == "" {
		if p.hfwatch, err = build(ctx, dir, stderr); err != nil {
			return err
		}
	}
	var all []delay
	for n := range p.runs {
		got, err := p.measure(ctx, fmt.Sprintf("%s/%d", dir, n))
		if err != nil {
			return err
		}
		for i := range got {
			got[i].run = n
		}
		all = append(all, got...)
		fmt.Fprintf(stderr, "run %d of %d is over\n", n+1, p.runs)
	}
	table(stdout, all, p)
	return nil
}
