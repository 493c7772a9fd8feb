// Command weeks measures what weeks of series cost and how soon they answer: it
// stores eight weeks of a hundred models through hfwatch's own database, hour by
// hour recorded by hfwatch's own rules, and says what they take on disk, what
// memory that took, and how long queries over all of it take.
//
// It writes into the directory that it is given, up to 5 GB and for an hour at
// full size, and leaves it there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"
)

// daemonGC is the collector's setting of hfwatch run.
const daemonGC = 50

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(daemonGC)
	}
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "weeks:", err)
		os.Exit(1)
	}
}

// plan is what is stored.
type plan struct {
	dir    string
	models int
	days   int
	every  time.Duration
	seed   uint64
	// pace is the least time that an hour of samples takes; 0 is as fast as
	// possible.
	pace time.Duration
}

// The bounds of a run.
const (
	maxModels = 1000
	maxDays   = 59 // the database keeps sixty
)

// check refuses what the database would not keep.
func (p plan) check() error {
	switch {
	case p.dir == "":
		return errors.New("-dir: missing; it is written to, up to 5 GB at full size")
	case p.models < 1 || p.models > maxModels:
		return fmt.Errorf("-models: from 1 to %d", maxModels)
	case p.days < 1 || p.days > maxDays:
		return fmt.Errorf("-days: from 1 to %d", maxDays)
	case p.every < time.Second || time.Hour%p.every != 0:
		return errors.New("-every: whole seconds that divide an hour")
	}
	return nil
}

// run carries out one of the three parts.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New("say which part: ingest, pace or query")
	}
	fs := flag.NewFlagSet("weeks "+args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	var p plan
	fs.StringVar(&p.dir, "dir", "", "the database's directory")
	fs.IntVar(&p.models, "models", 100, "how many models, of 50 series each")
	fs.IntVar(&p.days, "days", 56, "how many days, up to now")
	fs.DurationVar(&p.every, "every", 30*time.Second, "the time between two samples of a series")
	fs.Uint64Var(&p.seed, "seed", 1, "the seed of all values")
	hours := fs.Int("hours", 8, "pace: how many hours of samples are added")
	fs.DurationVar(&p.pace, "pace", 15*time.Second, "pace: how long an hour of samples takes")
	profile := fs.String("profile", "", "a file for a profile of the processor")
	repeats := fs.Int("repeats", 5, "query: how often each query is made warm")
	if err := fs.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	switch args[0] {
	case "ingest":
		p.pace = 0
		return ingest(ctx, p, stdout)
	case "pace":
		return pace(ctx, p, *hours, stdout)
	case "query":
		return queries(ctx, p, *repeats, stdout)
	default:
		return fmt.Errorf("%q is none of ingest, pace, query", args[0])
	}
}
