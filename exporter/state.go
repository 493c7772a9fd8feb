package exporter

import (
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// lastCounted is how many results the series bad_of_last_5 looks back.
const lastCounted = 5

// State is what records know of a target from before a restart. The zero value
// of each field means that they know nothing.
type State struct {
	FirstSeen, LastResult, LastSuccess time.Time
	// Recent says how the last baseline results counted, oldest first. The more
	// there are, the further back consecutive_bad can see.
	Recent []probe.Counts
}

// state is the gauges of a target that have a memory, and the memory. The lock
// of the target's group guards it.
type state struct {
	interval, firstSeen, lastResult, lastSuccess *child
	objective                                    *child
	badOfLast5, consecutiveBad, uncounted        *child

	succeeded bool
	last      []bool // whether the last counted results were bad, oldest first
	live      bool   // a result has come since the start
}

// newState returns the state of a target that is first seen now.
func newState(g *group, now time.Time) state {
	s := state{
		interval: g.add(series.TargetInterval, now), objective: g.add(series.ObjectiveRatio, now), firstSeen: g.add(series.FirstSeen, now),
		lastResult: g.add(series.LastResult, now), lastSuccess: g.add(series.LastSuccess, now),
		badOfLast5: g.add(series.BadOfLast5, now), consecutiveBad: g.add(series.ConsecutiveBad, now),
		uncounted: g.add(series.UncountedSlots, now), last: make([]bool, 0, lastCounted+1),
	}
	s.firstSeen.set(timestamp(now))
	s.lastSuccess.set(timestamp(now))
	return s
}

// timestamp returns t in Unix seconds.
func timestamp(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// Restore gives a target what the records know of it, after SetTargets and
// before its first result: what a result has told since is not overwritten. A
// target that is not configured has nothing to restore.
func (e *Exporter) Restore(name string, s State) {
	t := e.fleet.Load().targets[name]
	if t == nil {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := timestamp(s.FirstSeen); !s.FirstSeen.IsZero() && first < t.firstSeen.value {
		t.firstSeen.set(first)
	}
	if !s.LastResult.IsZero() {
		t.lastResult.later(timestamp(s.LastResult), now)
	}
	if !s.LastSuccess.IsZero() {
		t.success(timestamp(s.LastSuccess), now)
	} else if !t.succeeded {
		t.lastSuccess.set(t.firstSeen.value)
	}
	if t.live {
		return
	}
	for _, c := range s.Recent {
		t.remember(c)
	}
}

// later moves a timestamp forward, or makes it known. It moves back only what
// lies ahead of now, from before the clock was set back; nothing is moved ahead
// of now.
func (c *child) later(at float64, now time.Time) {
	latest := timestamp(now)
	if at = min(at, latest); c.absent || at > c.value || c.value > latest {
		c.set(at)
	}
}

// success notes a good result. The first replaces when the target was first
// seen, even if it is of before that.
func (s *state) success(at float64, now time.Time) {
	s.lastSuccess.absent = s.lastSuccess.absent || !s.succeeded
	s.lastSuccess.later(at, now)
	s.succeeded = true
}

// remember takes one baseline result into the gauges.
func (s *state) remember(c probe.Counts) {
	if c != probe.Good && c != probe.Bad {
		s.passed()
		return
	}
	bad := c == probe.Bad
	s.last = append(s.last, bad)
	if len(s.last) > lastCounted {
		s.last = slices.Delete(s.last, 0, 1)
	}
	n := 0
	for _, b := range s.last {
		if b {
			n++
		}
	}
	s.badOfLast5.set(float64(n))
	if bad {
		s.consecutiveBad.set(s.consecutiveBad.value + 1)
	} else {
		s.consecutiveBad.set(0)
	}
	s.counted()
}

// passed notes a baseline slot that brought nothing that counts.
func (s *state) passed() {
	if !s.uncounted.absent {
		s.uncounted.value++
	}
}

// counted notes a result that counts.
func (s *state) counted() {
	if !s.uncounted.absent {
		s.uncounted.value = 0
	}
}

// see takes a result of a baseline slot into the state. A bystander shows that
// the target is seen, and whether it can answer; it is kept out of the gauges
// on which pages of failure rest, since our own window may be what slows it.
// refused is whether it is a check of an account that is refused still.
func (s *state) see(r *probe.Result, now time.Time, refused bool) {
	at := timestamp(ended(r, now))
	s.live = true
	s.lastResult.later(at, now)
	if r.Counts == probe.Good {
		s.success(at, now)
	}
	switch {
	case refused:
	case r.Kind == probe.Baseline:
		s.remember(r.Counts)
	case r.Enters():
		s.counted()
	default:
		s.passed()
	}
}

// ended returns when a result was complete, as far as it says.
func ended(r *probe.Result, now time.Time) time.Time {
	service, _ := r.Service.Get()
	switch {
	case !r.Sent.IsZero():
		return r.Sent.Add(service)
	case !r.Due.IsZero():
		return r.Due
	default:
		return now
	}
}
