// Command stats measures the statistics of hfwatch by simulation: how often each
// method is wrong on series whose truth is known. It prints Markdown tables, the
// same for the same seed; docs/statistics.md holds those of a full run.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "stats:", err)
		os.Exit(1)
	}
}

// run prints the tables that the arguments ask for.
func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("stats", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("n", 400, "series for each cell, 1 to 100000")
	seed := flags.Uint64("seed", 1, "the seed of all series")
	only := flags.String("table", "", "one table alone: "+strings.Join(order(), ", "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 1 || *n > 100_000 || flags.NArg() > 0 {
		return fmt.Errorf("-n %d, arguments %v: want 1 to 100000 and no arguments", *n, flags.Args())
	}
	// The writer keeps its first error for Flush.
	out := bufio.NewWriter(stdout)
	tables := map[string]func(){
		"samples":   func() { samples(out) },
		"intervals": func() { intervals(out, *n, *seed) },
		"warmups":   func() { warmups(out, *n, *seed) },
		"weeks":     func() { weeks(out, *n, *seed) },
		"fleets":    func() { fleets(out, *n, *seed) },
		"steps":     func() { steps(out, *n, *seed) },
		"brakes":    func() { brakes(out, *n, *seed) },
	}
	if *only != "" {
		table, ok := tables[*only]
		if !ok {
			return fmt.Errorf("-table %s: no such table", *only)
		}
		table()
		return out.Flush()
	}
	for _, name := range order() {
		tables[name]()
	}
	return out.Flush()
}

// order is that of the tables.
func order() []string {
	return []string{"samples", "intervals", "warmups", "weeks", "fleets", "steps", "brakes"}
}
