package windows

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// verdict returns a window's verdict in one line.
func verdict(w load.Window) string {
	text := strings.ReplaceAll(string(w.Verdict), "_", "-")
	if w.Reason != "" {
		text += ": " + w.Reason
	}
	if w.EndedBy != load.EndPlan && w.EndedBy != load.EndAnswered && w.EndedWhy != "" && w.EndedWhy != w.Reason {
		text += " (" + w.EndedWhy + ")"
	}
	return text
}

// outcomes returns the outcomes by number.
func outcomes(s load.Summary) string {
	var names []probe.Outcome
	for o := range s.Outcomes {
		names = append(names, o)
	}
	slices.SortFunc(names, func(a, b probe.Outcome) int {
		if d := s.Outcomes[b] - s.Outcomes[a]; d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	var out []string
	for _, o := range names {
		out = append(out, fmt.Sprintf("%s %d", o, s.Outcomes[o]))
	}
	return strings.Join(out, ", ")
}

// facts returns the lines that head a window: a name and a sentence each.
func facts(w load.Window) [][2]string {
	if w.Capacity != nil && w.Reason == w.Capacity.Sentence {
		// It has a line of its own.
		w.Reason = ""
	}
	out := [][2]string{
		{"verdict", verdict(w)},
		{"took", w.Ended.Sub(w.Started).Round(1e7).String() + ", from " + w.Started.UTC().Format("2006-01-02 15:04:05 UTC")},
		{"rate", rates(w)},
		{"requests", fmt.Sprintf("%d planned, %d sent, %d of them late for want of room, %d not sent", w.Planned, w.Sent, w.Late, w.NotSent)},
		{"outcomes", outcomes(w.Summary)},
	}
	if w.Steady != nil && w.Steady.Sentence != "" {
		out = append(out, [2]string{"warm-up", w.Steady.Sentence})
	}
	if w.Capacity != nil {
		out = append(out, [2]string{"capacity", w.Capacity.Sentence})
	}
	if t := w.Tokens; t != nil && !t.System.IsZero() {
		n, _ := t.System.Get()
		out = append(out, [2]string{"tokens", load.Digits(n, 4) + "/s of all requests together"})
	}
	if g := w.Goodput; g != nil {
		out = append(out, [2]string{"goodput", fmt.Sprintf("%d of %d attempted kept every objective: %.2f %%", g.Met, g.Attempted, g.Ratio*100)})
	}
	if usd, ok := w.CostUSD.Get(); ok {
		out = append(out, [2]string{"cost", fmt.Sprintf("%.4f USD", usd)})
	}
	out = append(out, scaled(w)...)
	for _, n := range w.Neighbours {
		out = append(out, [2]string{"beside it", fmt.Sprintf("%s: median %s before (%d of %d bad), %s during (%d of %d bad)",
			n.Target, n.Before.Median.Short(), n.Before.Bad, n.Before.N, n.During.Median.Short(), n.During.Bad, n.During.N)})
	}
	return out
}

// rates returns a window's rates in one line.
func rates(w load.Window) string {
	switch {
	case w.AskedRate.IsZero():
		return "unknown: it ended within its first second"
	case w.Capacity != nil:
		return fmt.Sprintf("%s answered well over all rungs, %s/s at its best", rate(w.Throughput), load.Digits(w.Capacity.Peak, 4))
	}
	return fmt.Sprintf("%s asked, %s achieved, %s answered well", rate(w.AskedRate), rate(w.AchievedRate), rate(w.Throughput))
}

// row is one distribution in a table.
type row struct {
	Name  string
	Cells []string
}

// head returns the names of a row's cells.
func head() []string {
	return []string{"n", "p50 [95 %]", "p90 [95 %]", "p95 [95 %]", "p99 [95 %]", "p99.9", "max"}
}

// rows returns the distributions of a summary that have values.
func rows(s load.Summary) []row {
	var out []row
	for _, d := range []struct {
		name string
		of   load.Distribution
	}{
		{"response", s.Response},
		{"service", s.Service},
		{"lag", s.Lag},
		{"first byte", s.FirstByte},
		{"first token", s.FirstToken},
		{"first answer", s.FirstAnswer},
		{"TPOT", s.TPOT},
		{"gap", s.Gap},
	} {
		if d.of.N == 0 {
			continue
		}
		cell := func(q *load.Quantile) string {
			if q == nil {
				return "-"
			}
			return interval(q)
		}
		out = append(out, row{d.name, []string{
			fmt.Sprint(d.of.N), cell(d.of.P50), cell(d.of.P90), cell(d.of.P95), cell(d.of.P99), quantile(d.of.P999), d.of.Max.Short(),
		}})
	}
	return out
}

// Text writes a window and its findings as text.
func Text(w io.Writer, window load.Window, findings []Finding, warnings []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", Name(window))
	for _, f := range facts(window) {
		fmt.Fprintf(&b, "  %-10s %s\n", f[0], f[1])
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	// What goes wrong is said by Flush.
	line := func(text string) { _, _ = fmt.Fprintln(table, text) }
	line("  \t" + strings.Join(head(), "\t"))
	for _, r := range rows(window.Summary) {
		line("  " + r.Name + "\t" + strings.Join(r.Cells, "\t"))
	}
	for _, part := range [][]load.Part{window.Stages, window.Models} {
		if len(part) < 2 {
			continue
		}
		for _, p := range part {
			for _, r := range rows(p.Summary) {
				if r.Name == "response" || r.Name == "first token" {
					line("  " + partName(window, p) + " " + r.Name + "\t" + strings.Join(r.Cells, "\t"))
				}
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(findings) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range findings {
		fmt.Fprintf(&b, "  %-8s %s: %s\n", f.Answer, f.Text, f.Why)
	}
	for _, text := range warnings {
		fmt.Fprintf(&b, "  warning  %s\n", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// partName returns what a part is called.
func partName(w load.Window, p load.Part) string {
	if c := w.Capacity; c != nil {
		i, err := strconv.Atoi(p.Name)
		if err != nil || i >= len(c.Rungs) {
			return p.Name
		}
		rung := c.Rungs[i]
		text := fmt.Sprintf("%d in flight, %s/s", rung.InFlight, load.Digits(rung.Rate, 3))
		switch {
		case rung.Discarded != "":
			return text + " (not counted)"
		case rung.Passed:
			return text + " (kept)"
		}
		return text + " (broken)"
	}
	if r, ok := p.Rate.Get(); ok {
		return fmt.Sprintf("stage %s (%g/s)", p.Name, r)
	}
	return p.Name
}
