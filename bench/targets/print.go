package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// print prints what a run came to.
func (m *measurement) print(o outcome) {
	p := o.plan
	state := "off"
	if m.whole {
		state = "on"
	}
	fmt.Fprintf(m.stdout, "%s, %s, %d cores; %d %s targets, one probe each %s, for %s; alerting and history %s; /metrics read every %s\n",
		time.Now().UTC().Format(time.DateTime), runtime.Version(), runtime.NumCPU(), p.targets, p.kind, p.every, p.length, state, m.scrape)
	var steady []reading
	for _, r := range o.readings {
		if r.at >= m.settle {
			steady = append(steady, r)
		}
	}
	if len(steady) < 2 {
		fmt.Fprintln(m.stdout, "too short to say anything of a steady state")
		return
	}
	var resident, anonymous []float64
	for _, r := range steady {
		resident = append(resident, mb(r.daemon.Resident))
		anonymous = append(anonymous, mb(r.daemon.Anonymous))
	}
	last := steady[len(steady)-1]
	fmt.Fprintf(m.stdout, "resident: median %.1f MB, highest %.1f, at the end %.1f; anonymous: median %.1f, highest %.1f, at the end %.1f\n",
		measure.Median(resident), slices.Max(resident), mb(last.daemon.Resident),
		measure.Median(anonymous), slices.Max(anonymous), mb(last.daemon.Anonymous))
	took := (last.at - steady[0].at).Seconds()
	share := func(a, b time.Duration) float64 { return 100 * (b - a).Seconds() / took }
	ours := share(steady[0].daemon.CPU, last.daemon.CPU)
	fmt.Fprintf(m.stdout, "CPU: %.2f %% of a core", ours)
	if m.loop {
		bare := share(steady[0].loop.CPU, last.loop.CPU)
		fmt.Fprintf(m.stdout, "; the bare loop %.2f %%; ours less the loop's %.2f %%", bare, ours-bare)
	}
	fmt.Fprintf(m.stdout, "; whole machine busy %.0f %%\n", share(steady[0].busy, last.busy))
	fmt.Fprintf(m.stdout, "slots: %s; probes: %s; exposition %d KiB\n", counts(o.slots), counts(o.probes), o.scraped>>10)
	for _, l := range o.late {
		fmt.Fprintf(m.stdout, "missed: %.0f slots, seen after %s\n", l.n, l.at.Round(time.Second))
	}
	if o.looped != "" {
		fmt.Fprintf(m.stdout, "the bare loop: %s\n", o.looped)
	}
}

// mb returns bytes in units of 10⁶.
func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// counts names what is not zero.
func counts(of map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if of[name] != 0 {
			parts = append(parts, fmt.Sprintf("%s %.0f", name, of[name]))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
