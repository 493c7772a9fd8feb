package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// printResults writes results as a table, and below it a line for each that
// was not good.
func printResults(w io.Writer, results []probe.Result) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tOUTCOME\tFAULT\tSTATUS\tRESPONSE\tFIRST BYTE\tFIRST TOKEN\tTPOT\tTOKENS\tSHAPE")
	for _, r := range results {
		status := "-"
		if r.Status != 0 {
			status = fmt.Sprint(r.Status)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Target, r.Outcome, r.Fault, status,
			short(r.Service), short(r.FirstByte), short(seen(r)), short(r.TPOT), tokens(r), dash(r.Shape))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Outcome != probe.OK {
			if _, err := fmt.Fprintf(w, "%s: %s\n", r.Target, explain(r)); err != nil {
				return err
			}
		}
		if p := phases(r.Phases); p != "" && len(results) == 1 {
			if _, err := fmt.Fprintf(w, "phases: %s\n", p); err != nil {
				return err
			}
		}
	}
	return nil
}

// seen returns the first token, unless it is only a bound.
func seen(r probe.Result) probe.Seconds {
	if d, ok := r.FirstToken.Get(); ok && r.Censored {
		if service, _ := r.Service.Get(); d > service {
			return probe.Seconds{}
		}
	}
	return r.FirstToken
}

// explain says in a line what was not good.
func explain(r probe.Result) string {
	var parts []string
	if r.Phase != "" {
		parts = append(parts, "in "+string(r.Phase))
	}
	if r.Error != "" {
		parts = append(parts, r.Error)
	}
	if r.RequestID != "" {
		parts = append(parts, "request "+r.RequestID)
	}
	parts = append(parts, "see docs/outcomes/"+string(r.Outcome)+".md")
	return string(r.Outcome) + ": " + strings.Join(parts, "; ")
}

// phases lists the parts of an exchange that were measured.
func phases(p probe.Phases) string {
	var parts []string
	for _, one := range []struct {
		name string
		d    probe.Seconds
	}{
		{"dns", p.DNS}, {"connect", p.Connect}, {"tls", p.TLS}, {"write", p.Write}, {"wait", p.Wait}, {"read", p.Read},
	} {
		if !one.d.IsZero() {
			parts = append(parts, one.name+" "+short(one.d))
		}
	}
	return strings.Join(parts, ", ")
}

// short returns a duration with three significant digits or so.
func short(s probe.Seconds) string {
	d, ok := s.Get()
	switch {
	case !ok:
		return "-"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// tokens returns tokens in and out.
func tokens(r probe.Result) string {
	if r.TokensIn.IsZero() && r.TokensOut.IsZero() {
		return "-"
	}
	return r.TokensIn.String() + "/" + r.TokensOut.String()
}

// dash returns text, or a dash for none.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
