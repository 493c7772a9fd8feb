package daemon

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// TestGuard holds when a window may start, and the reason why not.
func TestGuard(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	baselines := func(outcomes ...probe.Outcome) []sight {
		var out []sight
		for i, o := range outcomes {
			counts := probe.Good
			if o != probe.OK {
				_, counts = probe.Judge(o, probe.Circumstances{})
			}
			out = append(out, sight{at: now.Add(-time.Duration(len(outcomes)-1-i) * time.Minute), kind: probe.Baseline, outcome: o, counts: counts})
		}
		return out
	}
	aged := func(by time.Duration, all []sight) []sight {
		for i := range all {
			all[i].at = all[i].at.Add(-by)
		}
		return all
	}
	good := baselines(probe.OK, probe.OK, probe.OK)
	fine := guarded{target: "m", probed: true, gap: time.Minute, last: good}
	for _, c := range []struct {
		name string
		g    func(guarded) guarded
		want string
	}{
		{"three good baselines and nothing against it", func(g guarded) guarded { return g }, ""},
		{"no baselines are configured, on a model that does not sleep", func(guarded) guarded { return guarded{target: "m"} }, ""},
		{"no baselines, on one that may sleep", func(guarded) guarded { return guarded{target: "m", sleeps: true} }, series.SkipNotWarm},
		{"no baselines, on one that may sleep and is known to be warm", func(guarded) guarded { return guarded{target: "m", sleeps: true, state: "warm"} }, ""},
		{"known to be asleep", func(g guarded) guarded { g.state = "asleep"; return g }, series.SkipNotWarm},
		{"the last one found it loading", func(g guarded) guarded { g.last = baselines(probe.OK, probe.OK, probe.Loading); return g }, series.SkipNotWarm},
		{"the last one found it asleep", func(g guarded) guarded { g.last = baselines(probe.OK, probe.OK, probe.Asleep); return g }, series.SkipNotWarm},
		{"quiet for longer than it takes to fall asleep", func(g guarded) guarded {
			g.sleeps, g.idle, g.gap, g.last = true, 15*time.Minute, time.Hour, aged(20*time.Minute, baselines(probe.OK, probe.OK, probe.OK))
			return g
		}, series.SkipNotWarm},
		{"quiet, but not that long", func(g guarded) guarded {
			g.sleeps, g.idle, g.gap, g.last = true, 15*time.Minute, time.Hour, aged(10*time.Minute, baselines(probe.OK, probe.OK, probe.OK))
			return g
		}, ""},
		{"only two baselines", func(g guarded) guarded { g.last = good[1:]; return g }, series.SkipUnproven},
		{"none at all", func(g guarded) guarded { g.last = nil; return g }, series.SkipUnproven},
		{"three good ones, the last of them long ago", func(g guarded) guarded {
			g.last = aged(8*time.Minute, baselines(probe.OK, probe.OK, probe.OK))
			return g
		}, series.SkipUnproven},
		{"one of the last three was bad", func(g guarded) guarded { g.last = baselines(probe.Timeout, probe.OK, probe.OK); return g }, series.SkipBaselines},
		{"one of the last three was apart", func(g guarded) guarded { g.last = baselines(probe.OK, probe.RateLimited, probe.OK); return g }, series.SkipBaselines},
		{"a bad one before the last three", func(g guarded) guarded { g.last = baselines(probe.Timeout, probe.OK, probe.OK, probe.OK); return g }, ""},
		{"an alert fires", func(g guarded) guarded { g.firing = []string{"TargetFailing"}; return g }, series.SkipAlert},
		{"its budget has no room", func(g guarded) guarded { g.budget = "spent"; return g }, series.SkipBudget},
	} {
		// A mix is as good as the worst of its models.
		if got := guard(now, []guarded{fine, c.g(fine)}); got.reason != c.want || (got.why == "") != (c.want == "") {
			t.Errorf("%s: guard() = %q (%s), want %q", c.name, got.reason, got.why, c.want)
		}
	}
}
