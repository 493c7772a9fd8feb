package daemon

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

const (
	// neighbourly is how long after a window baselines beside it stay bystanders.
	neighbourly = 5 * time.Minute
	// sights is how many of a target's last baselines are remembered.
	sights = 20
	// harmed is how many bad bystanders of one target in a row end a window.
	harmed = 2
)

// windows is what is known of the windows under way and of the baselines beside
// them. It is safe for concurrent use.
type windows struct {
	mu sync.Mutex
	// under are those under way, by identity.
	under map[string]*runningWindow
	// until is how long what a window shared with others stays disturbed.
	until map[string]time.Time
	// seen are the last baselines of each target, oldest first.
	seen map[string][]sight
	// back has the targets from which windows stand back, for a cold-start
	// experiment.
	back map[string]bool
}

// runningWindow is one window under way.
type runningWindow struct {
	name string
	keys []string
	// guarded is whether harm to bystanders ends it.
	guarded bool
	stop    context.CancelCauseFunc
	// beside are bystanders while it ran, by target, and bad how many in a row
	// were bad.
	beside map[string][]sight
	bad    map[string]int
}

// newWindows returns an empty set.
func newWindows() *windows {
	return &windows{under: map[string]*runningWindow{}, until: map[string]time.Time{}, seen: map[string][]sight{}, back: map[string]bool{}}
}

// standBack notes that a cold-start experiment of a target begins, or is over.
func (w *windows) standBack(target string, begins bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.back[target] = begins
}

// begin notes that a window is under way. The error is ErrBusy where another one
// runs on a target or an account of it, and where one of its targets is to fall
// asleep.
func (w *windows) begin(id string, p planned, stop context.CancelCauseFunc) error {
	u := &runningWindow{name: p.name, guarded: !p.Abort.Off, stop: stop, beside: map[string][]sight{}, bad: map[string]int{}}
	for _, m := range p.models {
		u.keys = append(u.keys, keys(m.Target)...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range p.models {
		if w.back[m.Target.Name] {
			return fmt.Errorf("%w: a cold-start experiment of %s", ErrBusy, m.Target.Name)
		}
	}
	for _, other := range w.under {
		for _, key := range u.keys {
			if !strings.HasPrefix(key, "host ") && slices.Contains(other.keys, key) {
				return fmt.Errorf("%w: %s, %s", ErrBusy, other.name, key)
			}
		}
	}
	w.under[id] = u
	return nil
}

// end notes that it is not, and returns what it did to its neighbours.
func (w *windows) end(id string, now time.Time) []load.Neighbour {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.under[id]
	delete(w.under, id)
	for _, key := range u.keys {
		w.until[key] = now.Add(neighbourly)
	}
	var out []load.Neighbour
	for target, during := range u.beside {
		out = append(out, load.Neighbour{Target: target, Before: sighted(w.seen[target]), During: sighted(during)})
	}
	slices.SortFunc(out, func(a, b load.Neighbour) int {
		if a.Target < b.Target {
			return -1
		}
		return 1
	})
	return out
}

// kind returns what a baseline of the target is now.
func (w *windows) kind(t *probe.Target, now time.Time) probe.Kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, key := range keys(t) {
		if until, ok := w.until[key]; ok && now.Before(until) {
			return probe.Bystander
		}
		delete(w.until, key)
		for _, u := range w.under {
			if slices.Contains(u.keys, key) {
				return probe.Bystander
			}
		}
	}
	return probe.Baseline
}

// note takes the result of a baseline slot. A neighbour that was good before and
// is bad again and again ends the window that harms it.
func (w *windows) note(t *probe.Target, res probe.Result) {
	if res.Outcome == probe.Canceled {
		return
	}
	s := sightOf(res)
	w.mu.Lock()
	defer w.mu.Unlock()
	if res.Kind == probe.Baseline {
		all := w.seen[res.Target]
		all = append(all, s)
		w.seen[res.Target] = slices.Clone(all[max(0, len(all)-sights):])
		return
	}
	if res.Kind != probe.Bystander {
		return
	}
	own := keys(t)
	for _, u := range w.under {
		if !slices.ContainsFunc(own, func(key string) bool { return slices.Contains(u.keys, key) }) {
			continue
		}
		if all := u.beside[res.Target]; len(all) < 10_000 {
			u.beside[res.Target] = append(all, s)
		}
		switch s.counts {
		case probe.Bad:
			u.bad[res.Target]++
		case probe.Good:
			u.bad[res.Target] = 0
		case probe.Apart:
		}
		if u.guarded && wellBefore(w.seen[res.Target]) && u.bad[res.Target] >= harmed {
			u.stop(&load.Stop{By: load.EndBystander, Why: fmt.Sprintf("%s, which was good before, was bad %d times in a row beside it: %s", res.Target, harmed, res.Outcome)})
		}
	}
}

// wellBefore reports whether most of the last baselines were good: one alone may
// have met the window's first requests.
func wellBefore(all []sight) bool {
	good := 0
	for _, s := range all[max(0, len(all)-guardBaselines):] {
		if s.counts == probe.Good {
			good++
		}
	}
	return good > guardBaselines/2
}

// last returns a target's last baselines, oldest first.
func (w *windows) last(target string) []sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen[target])
}

// stopAll ends every window that stays is not true of.
func (w *windows) stopAll(why string, stays func(name string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.under {
		if !stays(u.name) {
			u.stop(&load.Stop{By: load.EndInterrupted, Why: why})
		}
	}
}

// keep forgets every target that is not configured any more.
func (w *windows) keep(models map[string]config.Model) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.seen {
		if _, ok := models[name]; !ok {
			delete(w.seen, name)
		}
	}
}

// sighted sums up baselines.
func sighted(all []sight) load.Sighted {
	var out load.Sighted
	var good []float64
	for _, s := range all {
		switch s.counts {
		case probe.Good:
			out.N++
			if d, ok := s.service.Get(); ok {
				good = append(good, d.Seconds())
			}
		case probe.Bad:
			out.N++
			out.Bad++
		case probe.Apart:
		}
	}
	slices.Sort(good)
	if v, ok := stats.Quantile(good, 0.5); ok {
		out.Median = seconds(v)
	}
	if i, ok := stats.QuantileInterval(good, 0.5, 0.95, float64(len(good))); ok {
		out.Low, out.High = seconds(i.Low), seconds(i.High)
	}
	return out
}

// seconds returns a number of seconds as a measured duration.
func seconds(v float64) probe.Seconds {
	return probe.Measured(time.Duration(math.Round(v * float64(time.Second))))
}
