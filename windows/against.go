package windows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// margin is by how much the whole interval of a ratio must lie beyond 1 before it
// counts: smaller changes are real more often than they matter.
const margin = 0.05

// Comparison is one window against an earlier one.
type Comparison struct {
	Findings []Finding `json:"findings"`
	// Warnings are no reason to refuse it.
	Warnings []string `json:"warnings,omitempty"`
}

// Compare returns what has become worse since an earlier window. The error lists
// every way in which the two are unlike, so that a difference would not be the
// target's.
func Compare(before, now load.Window) (Comparison, error) {
	if err := unlike(before, now); err != nil {
		return Comparison{}, err
	}
	var c Comparison
	if before.Version != now.Version {
		c.Warnings = append(c.Warnings, fmt.Sprintf("the earlier window was measured by hfwatch %s, this one by %s", before.Version, now.Version))
	}
	if before.Verdict != load.Complete && before.Verdict != load.ServerLimited {
		c.Warnings = append(c.Warnings, "the earlier window was "+string(before.Verdict))
	}
	for _, signal := range []alerts.Signal{alerts.Response, alerts.FirstToken, alerts.TPOT} {
		was, _ := distribution(before.Summary, signal)
		is, _ := distribution(now.Summary, signal)
		if was.N == 0 && is.N == 0 {
			continue
		}
		for _, q := range []struct {
			name   string
			before *load.Quantile
			now    *load.Quantile
		}{{"median", was.P50, is.P50}, {"p95", was.P95, is.P95}, {"p99", was.P99, is.P99}} {
			if q.before != nil || q.now != nil {
				c.Findings = append(c.Findings, slower(q.name+"("+string(signal)+")", q.before, q.now))
			}
		}
	}
	c.Findings = append(c.Findings, worse(before.Summary, now.Summary))
	return c, nil
}

// slower compares one quantile by the interval of its ratio: the least and the
// most that the two intervals allow, which is wider than 95 %.
func slower(name string, before, now *load.Quantile) Finding {
	f := Finding{Text: name + " is no slower", Answer: Unknown}
	if before == nil || now == nil {
		f.Why = "one of the windows has too few requests for an interval"
		return f
	}
	low, lowKnown := ratio(now.Low, before.High)
	high, highKnown := ratio(now.High, before.Low)
	r, _ := ratio(now.Value, before.Value)
	f.Why = fmt.Sprintf("%s before, %s now: %+.1f %%", interval(before), interval(now), (r-1)*100)
	switch {
	case lowKnown && low > 1+margin:
		f.Answer = Failed
		f.Why += fmt.Sprintf(", at least %+.1f %%", (low-1)*100)
	case !lowKnown || now.AtLeast:
		f.Why += "; one of them is a lower bound"
	default:
		f.Answer = Passed
		if highKnown && high < 1-margin {
			f.Why += ", faster"
		}
	}
	return f
}

// ratio returns a by b; false where one of them is not known.
func ratio(a, b probe.Seconds) (float64, bool) {
	x, okX := a.Get()
	y, okY := b.Get()
	if !okX || !okY || y <= 0 {
		return 0, false
	}
	return float64(x) / float64(y), true
}

// worse compares the shares of bad results by their intervals.
func worse(before, now load.Summary) Finding {
	f := Finding{Text: "bad_ratio is no higher", Answer: Unknown}
	nBefore, nNow := before.Good+before.Bad, now.Good+now.Bad
	if nBefore == 0 || nNow == 0 {
		f.Why = "one of the windows has no result that counts"
		return f
	}
	lowBefore, highBefore := stats.Wilson(float64(before.Bad)/float64(nBefore), float64(nBefore))
	lowNow, highNow := stats.Wilson(float64(now.Bad)/float64(nNow), float64(nNow))
	f.Why = fmt.Sprintf("%d of %d [%.2g %%, %.2g %%] before, %d of %d [%.2g %%, %.2g %%] now",
		before.Bad, nBefore, lowBefore*100, highBefore*100, now.Bad, nNow, lowNow*100, highNow*100)
	if f.Answer = Passed; lowNow > highBefore {
		f.Answer = Failed
	}
	return f
}

// unlike returns every way in which two windows cannot be compared.
func unlike(a, b load.Window) error {
	var errs []error
	differ := func(what string, x, y any) {
		if !cmp.Equal(x, y) {
			errs = append(errs, fmt.Errorf("%s: %v before, %v now", what, x, y))
		}
	}
	differ("target or mix", Name(a), Name(b))
	differ("location", a.Location, b.Location)
	differ("arrivals", a.Plan.Process, b.Plan.Process)
	differ("stages", stages(a), stages(b))
	differ("max_in_flight", a.MaxInFlight, b.MaxInFlight)
	differ("timeout", a.Timeout.String(), b.Timeout.String())
	if len(a.Asked) != len(b.Asked) {
		differ("targets", len(a.Asked), len(b.Asked))
	} else {
		for i, x := range a.Asked {
			y := b.Asked[i]
			differ(x.Target+": model", x.Model, y.Model)
			differ(x.Target+": task", x.Task, y.Task)
			differ(x.Target+": provider", x.Provider, y.Provider)
			differ(x.Target+": inputs", x.InputsHash, y.InputsHash)
			differ(x.Target+": parameters", x.ParamsHash, y.ParamsHash)
		}
	}
	if len(a.TokenSources) > 0 && len(b.TokenSources) > 0 {
		differ("source of token counts", sources(a), sources(b))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("the windows are unlike, so that a difference would not be the target's:\n%w", err)
	}
	return nil
}

// stages returns a window's stages as text.
func stages(w load.Window) string {
	var out []string
	users := w.Plan.Spec
	if users != nil && users.Users == 0 {
		users = nil
	}
	for _, s := range w.Plan.Stages {
		ramp, _ := s.Ramp.Get()
		switch {
		case users != nil:
			out = append(out, fmt.Sprintf("%d users who think %s to %s, for %s", users.Users, users.ThinkMin, users.ThinkMax, s.For))
		case ramp > 0:
			out = append(out, fmt.Sprintf("%g/s for %s with a ramp of %s", s.Rate, s.For, s.Ramp))
		default:
			out = append(out, fmt.Sprintf("%g/s for %s", s.Rate, s.For))
		}
	}
	return strings.Join(out, ", then ")
}

// sources returns who counted a window's tokens.
func sources(w load.Window) string {
	var out []string
	for s := range w.TokenSources {
		out = append(out, string(s))
	}
	slices.Sort(out)
	return strings.Join(out, " and ")
}
