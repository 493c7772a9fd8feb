package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/hfwatch/hfwatch/probe"
)

// outcomePages is where the page of each outcome is.
const outcomePages = "https://github.com/hfwatch/hfwatch/blob/main/docs/outcomes/"

// printResults writes results as a table, and below it what is to be said of
// each that was not good. TOOK is the service time: the response time of a
// failure is its deadline, which is not how long it took.
func printResults(w io.Writer, results []probe.Result) error {
	if len(results) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tOUTCOME\tFAULT\tSTATUS\tTOOK\tFIRST BYTE\tFIRST TOKEN\tTPOT\tTOKENS\tSHAPE")
	for _, r := range results {
		status := "-"
		if r.Status != 0 {
			status = fmt.Sprint(r.Status)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Target, r.Outcome, r.Fault, status,
			r.Service.Short(), r.FirstByte.Short(), seen(r).Short(), r.TPOT.Short(), tokens(r), dash(r.Shape))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	for _, r := range results {
		if p := phases(r.Phases); p != "" && len(results) == 1 {
			fmt.Fprintf(&text, "\nphases: %s\n", p)
		}
		switch {
		case r.Outcome != probe.OK:
			text.WriteString("\n" + explain(r))
		case len(r.Warnings) > 0:
			fmt.Fprintf(&text, "\n%s: ok, but %s\n", r.Target, strings.Join(r.Warnings, "; "))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
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

// explain says what was not good, what to name to whoever runs the model, and
// where to read what can be done.
func explain(r probe.Result) string {
	said := r.Error
	if said == "" {
		said = string(r.Outcome)
	}
	if r.Phase != "" {
		said += " (phase " + string(r.Phase) + ")"
	}
	said = r.Target + ": " + said + "\n"
	if r.Excerpt != "" && (r.Status/100 == 2 || r.Outcome == probe.Unknown) {
		// Where the status says nothing, the answer may.
		said += "  answer " + r.Excerpt + "\n"
	}
	for _, w := range r.Warnings {
		said += "  note " + w + "\n"
	}
	if r.RequestID != "" {
		said += "  request " + strings.Join(append([]string{r.RequestID}, r.IDs...), ", ") + "\n"
	}
	return said + "  " + outcomePages + string(r.Outcome) + ".md\n"
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
			parts = append(parts, one.name+" "+one.d.Short())
		}
	}
	return strings.Join(parts, ", ")
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
