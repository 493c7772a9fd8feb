package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// guardBaselines is how many of the last baselines must have been good before a
// window may start.
const guardBaselines = 3

// sight is what a window's guards and its comparison need of one baseline.
type sight struct {
	at      time.Time
	kind    probe.Kind
	outcome probe.Outcome
	counts  probe.Counts
	service probe.Seconds
}

// sightOf returns the sight of a result.
func sightOf(res probe.Result) sight {
	at := res.Sent
	if at.IsZero() {
		at = res.Due
	}
	return sight{at: at, kind: res.Kind, outcome: res.Outcome, counts: res.Counts, service: res.Service}
}

// guarded is what is known of one target when a window is due on it.
type guarded struct {
	target string
	// probed is whether the target has baselines; gap is the time between two.
	probed bool
	gap    time.Duration
	// last are its last results of kind baseline, oldest first.
	last []sight
	// sleeps is whether its policy lets it sleep, idle the time without requests
	// after which it does; 0 is not known.
	sleeps bool
	idle   time.Duration
	// state is what the model's own state is known to be; empty is not known.
	state string
	// firing are the alerts that fire on it.
	firing []string
	// budget says why the window does not fit its budget; empty where it does.
	budget string
}

// skip is why a window does not start. The zero value is that it may.
type skip struct {
	reason string
	why    string
}

// guard returns why a window may not start on targets, as a function of what is
// known of them. What is not known never counts as good.
func guard(now time.Time, all []guarded) skip {
	for _, check := range []func(time.Time, guarded) skip{warm, proven, quiet, funded} {
		for _, g := range all {
			if s := check(now, g); s.reason != "" {
				return s
			}
		}
	}
	return skip{}
}

// warm wants nothing that shows the target cold, and of one that may sleep
// something that shows it awake.
func warm(now time.Time, g guarded) skip {
	cold := func(why string) skip { return skip{series.SkipNotWarm, g.target + ": " + why} }
	if g.state != "" && g.state != "warm" && g.state != "warming" {
		return cold("its state is " + g.state)
	}
	if n := len(g.last); n > 0 {
		last := g.last[n-1]
		if slices.Contains([]probe.Outcome{probe.Loading, probe.Asleep, probe.Paused}, last.outcome) {
			return cold("its last baseline was " + string(last.outcome))
		}
		if g.sleeps && g.idle > 0 && now.Sub(last.at) >= g.idle && g.state == "" {
			return cold(fmt.Sprintf("nothing has asked it for %s, and it sleeps after %s", now.Sub(last.at).Round(time.Second), g.idle))
		}
		return skip{}
	}
	if g.sleeps && g.state == "" {
		return cold("nothing shows that it is awake")
	}
	return skip{}
}

// proven wants the last baselines good and not old. A target without baselines
// has nothing to prove it by.
func proven(now time.Time, g guarded) skip {
	if !g.probed {
		return skip{}
	}
	if len(g.last) < guardBaselines {
		return skip{series.SkipUnproven, fmt.Sprintf("%s: it has %d baselines so far, and a window needs its last %d good", g.target, len(g.last), guardBaselines)}
	}
	last := g.last[len(g.last)-guardBaselines:]
	for _, s := range last {
		if s.counts != probe.Good {
			return skip{series.SkipBaselines, fmt.Sprintf("%s: one of its last %d baselines was %s", g.target, guardBaselines, s.outcome)}
		}
	}
	// The slot that is due now may not have ended yet.
	if age := now.Sub(last[guardBaselines-1].at); age > 2*g.gap+neighbourly {
		return skip{series.SkipUnproven, fmt.Sprintf("%s: its last baseline is %s old", g.target, age.Round(time.Second))}
	}
	return skip{}
}

// quiet wants no alert firing.
func quiet(_ time.Time, g guarded) skip {
	if len(g.firing) == 0 {
		return skip{}
	}
	return skip{series.SkipAlert, g.target + ": " + strings.Join(g.firing, ", ") + " fires"}
}

// funded wants the whole window to fit, with the period's remaining baselines
// left to be paid.
func funded(_ time.Time, g guarded) skip {
	if g.budget == "" {
		return skip{}
	}
	return skip{series.SkipBudget, g.target + ": " + g.budget}
}
