// Command streams measures how well and how cheaply hfwatch reads streams: the
// exchange that the daemon uses against a reader that only scans for the ends
// of lines and looks at the clock at each, in turns, against one server of our
// own that knows when it wrote each token.
//
// Server and client are processes of their own, each on a core of its own. It
// reaches nothing but loopback, and ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
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
		fmt.Fprintln(os.Stderr, "streams:", err)
		os.Exit(1)
	}
}

// The bounds of a run.
const (
	maxStreams = 1000
	maxTokens  = 10_000
)

// plan is what every process of a run has to know.
type plan struct {
	streams, tokens int
	// rate is in tokens a second and stream.
	rate int
	// first is how long the server takes before the first token.
	first time.Duration
	// spread is the time over which the streams start; 0 starts them at once.
	spread time.Duration
}

// check refuses what would not end soon.
func (p plan) check() error {
	if p.streams < 1 || p.streams > maxStreams || p.tokens < 2 || p.tokens > maxTokens || p.rate < 1 || p.rate > 1000 {
		return fmt.Errorf("at most %d streams of 2 to %d tokens at 1 to 1000/s", maxStreams, maxTokens)
	}
	return nil
}

// start returns when stream n starts. Multiples of the golden ratio spread
// evenly over the time and, unlike even steps, over the phase of the tokens, so
// that streams do not write in step with each other.
func (p plan) start(n int) time.Duration {
	_, part := math.Modf(float64(n) * math.Phi)
	return time.Duration(part * float64(p.spread))
}

// flags returns p as arguments of a child process.
func (p plan) flags() []string {
	return []string{
		"-streams", strconv.Itoa(p.streams), "-tokens", strconv.Itoa(p.tokens), "-rate", strconv.Itoa(p.rate),
		"-first", p.first.String(), "-spread", p.spread.String(),
	}
}

// run carries out one of the three parts: the comparison, its server or one of
// its clients.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	part := "compare"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		part, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("streams "+part, flag.ContinueOnError)
	fs.SetOutput(stderr)
	var p plan
	fs.IntVar(&p.streams, "streams", 100, "streams at the same time")
	fs.IntVar(&p.tokens, "tokens", 1000, "tokens of a stream")
	fs.IntVar(&p.rate, "rate", 50, "tokens a second of a stream")
	fs.DurationVar(&p.first, "first", 100*time.Millisecond, "how long the server takes before the first token")
	fs.DurationVar(&p.spread, "spread", time.Second, "the time over which the streams start; 0 is all at once")
	c := clientFlags{}
	fs.BoolVar(&c.kept, "kept", false, "hfwatch reads over kept connections, as in a load window")
	b := comparison{stdout: stdout, stderr: stderr}
	switch part {
	case "client":
		fs.StringVar(&c.url, "url", "", "the server's address")
		fs.StringVar(&c.reader, "reader", readerHFWatch, "hfwatch or naive")
		fs.BoolVar(&c.stamps, "stamps", false, "read the server's stamp of every token")
		fs.StringVar(&c.profile, "cpuprofile", "", "a file for a profile of the processor")
	case "compare":
		fs.IntVar(&b.repeats, "repeats", 3, "runs of each kind; medians are reported")
		fs.BoolVar(&b.pin, "pin", true, "give server and client a core each, where there is taskset")
		fs.IntVar(&b.nice, "nice", 0, "the niceness of server and clients")
		fs.Float64Var(&b.others, "others", 0, "how many cores others may keep busy in a pair of runs that counts; 0 is any number")
		fs.StringVar(&b.profiles, "profiles", "", "a folder for profiles of the hfwatch client")
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
	case "compare":
		b.kept = c.kept
		return b.run(ctx, p)
	case "server":
		return serve(ctx, p, stdout)
	case "client":
		return c.run(ctx, p, stdout)
	default:
		return fmt.Errorf("%q is none of compare, server, client", part)
	}
}
