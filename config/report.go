package config

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Report writes what the configuration comes to from now on: the next three
// fire times of every schedule, and the most that a month of 31 days can ask
// and cost.
func (c *Config) Report(w io.Writer, now time.Time) error {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NAME\tWHAT\tSCHEDULE\tNEXT")
	for _, f := range c.NextFires(now, 3) {
		at := make([]string, 3)
		for i, next := range f.At {
			at[i] = next.In(c.Timezone).Format("2006-01-02 15:04:05 MST")
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Name, f.Lane, f.Spec, strings.Join(at, "\t"))
	}
	_, _ = fmt.Fprintln(t)
	_, _ = fmt.Fprintln(t, "AT MOST IN 31 DAYS\tWHAT\tREQUESTS\tTOKENS\tUSD\tBUT LIMITED TO")
	parts, total := c.Ceiling(now)
	for _, part := range append(parts, total) {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", part.Name, part.Lane,
			figure(part.Requests, number), figure(part.Tokens, number), figure(part.USD, dollars), part.Limit)
	}
	err := t.Flush()
	for line := range strings.Lines(table.String()) {
		// An empty last column leaves blanks.
		_, failed := io.WriteString(w, strings.TrimRight(line, " \n")+"\n")
		err = errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// figure returns a number that may be unknown.
func figure(v probe.Opt[float64], format func(float64) string) string {
	if n, ok := v.Get(); ok {
		return format(n)
	}
	return "unknown"
}

// dollars returns an amount with cents, rounded up, so that a little is not
// nothing.
func dollars(v float64) string {
	if v > 0 && v < 0.01 {
		return "<0.01"
	}
	return fmt.Sprintf("%.2f", v)
}
