// Command load compares hfwatch's load engine with vegeta, k6, fortio, hey,
// bombardier, wrk and Locust, as many of them as are installed, against a server
// whose distribution of latencies is known exactly. One command runs every test
// of the protocol, interleaved, and prints Markdown tables.
//
// Server and clients are processes of their own, each on a core of its own. It
// reaches nothing but loopback, is bounded in count and time, and ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run carries out one of the three parts: the comparison, its server, or
// hfwatch's client.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	part := "compare"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		part, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("load "+part, flag.ContinueOnError)
	fs.SetOutput(stderr)
	c := client{}
	b := comparison{stdout: stdout, stderr: stderr}
	switch part {
	case "server":
	case "client":
		fs.StringVar(&c.url, "url", "", "the address to send to")
		fs.Float64Var(&c.rate, "rate", 0, "requests a second; 0 is closed loops")
		fs.IntVar(&c.bound, "bound", 16, "the most requests in flight")
		fs.DurationVar(&c.length, "for", 5*time.Second, "how long")
		fs.IntVar(&c.gc, "gc", 400, "the collector's target")
		fs.StringVar(&c.profile, "cpuprofile", "", "a file for a profile of the processor")
		fs.BoolVar(&c.timers, "timers", false, "wait with plain timers")
	case "compare":
		fs.IntVar(&b.repeats, "repeats", 3, "runs of each kind; medians are reported")
		fs.BoolVar(&b.pin, "pin", true, "give server and clients a core each, where there is taskset")
		fs.StringVar(&b.bin, "bin", "", "a folder to look for the other programs in, before PATH")
		fs.BoolVar(&b.quick, "quick", false, "a tenth of the time, for a try")
		fs.StringVar(&b.only, "only", "", "only the tests whose names hold this")
	default:
		return fmt.Errorf("%q is none of compare, server, client", part)
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	switch part {
	case "server":
		return serve(ctx, stdout)
	case "client":
		return c.run(ctx, stdout)
	}
	return b.run(ctx)
}
