package coldstart

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Tracker holds the machine of each target. It is safe for concurrent use, and
// does no more under its lock than a Machine does.
type Tracker struct {
	mu       sync.Mutex
	machines map[string]*Machine
}

// NewTracker returns a tracker without targets.
func NewTracker() *Tracker { return &Tracker{machines: map[string]*Machine{}} }

// Keep makes the given targets the whole set. What is known of those that stay
// goes on under their new facts.
func (t *Tracker) Keep(facts map[string]Facts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.machines, func(name string, _ *Machine) bool { _, keep := facts[name]; return !keep })
	for name, f := range facts {
		if m := t.machines[name]; m != nil {
			m.facts = f.complete()
		} else {
			t.machines[name] = NewMachine(name, f)
		}
	}
}

// on runs do on the machine of a target; on none it does nothing.
func (t *Tracker) on(target string, do func(*Machine) []Event) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.machines[target]; m != nil {
		return do(m)
	}
	return nil
}

// Asked notes that a request is being sent.
func (t *Tracker) Asked(target string, at time.Time, kind probe.Kind) {
	t.on(target, func(m *Machine) []Event { m.Asked(at, kind); return nil })
}

// See takes an evidence of a target and returns what follows from it.
func (t *Tracker) See(target string, ev Evidence) []Event {
	return t.on(target, func(m *Machine) []Event { return m.See(ev) })
}

// Expect opens the episode of an experiment.
func (t *Tracker) Expect(target, id string, method Method, at time.Time) []Event {
	return t.on(target, func(m *Machine) []Event { return m.Expect(id, method, at) })
}

// Finish ends the open episode of an experiment.
func (t *Tracker) Finish(target string, end End, at time.Time) []Event {
	return t.on(target, func(m *Machine) []Event { return m.Finish(end, at) })
}

// Restore gives a target what was seen of it before a restart, oldest first.
func (t *Tracker) Restore(target string, evs []Evidence) {
	t.on(target, func(m *Machine) []Event { m.Restore(evs); return nil })
}

// Overdue restores that the last cold start of a target had no answer, as Machine
// has it.
func (t *Tracker) Overdue(target string, began, seen time.Time) {
	t.on(target, func(m *Machine) []Event { m.Overdue(began, seen); return nil })
}

// Interrupt ends the open episodes of all targets, since hfwatch stops.
func (t *Tracker) Interrupt(at time.Time) []Event {
	return t.each(func(m *Machine) []Event { return m.Interrupt(at) })
}

// Tick lets time pass for all targets.
func (t *Tracker) Tick(now time.Time) []Event {
	return t.each(func(m *Machine) []Event { return m.Tick(now) })
}

// each runs do on the machine of each target.
func (t *Tracker) each(do func(*Machine) []Event) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Event
	for _, name := range slices.Sorted(maps.Keys(t.machines)) {
		out = append(out, do(t.machines[name])...)
	}
	return out
}

// State returns the state of a target; Unknown of one that is not there. Guards
// of load windows ask it before a window: one on a model that is not warm would
// measure its cold start.
func (t *Tracker) State(target string) State { return t.View(target).State }

// View is what is known of one target.
type View struct {
	State State
	Since time.Time
	// Episode is a copy of the open one; nil where there is none.
	Episode *Episode
	// GaveUp is set while a cold start takes longer than give_up, until there is an
	// answer or the model sleeps again.
	GaveUp bool
	// LastAsked is when the last answer to a request of ours came, LastRead when
	// the management API or the Hub was last read.
	LastAsked, LastRead time.Time
	// Idle is the time without requests after which the model falls asleep; 0 is a
	// model that does not.
	Idle time.Duration
	// Usual is the latency of the warm model; 0 where it is not known.
	Usual time.Duration
	// Seconds is how long each state has lasted in all, since the start.
	Seconds map[State]float64
}

// View returns what is known of a target.
func (t *Tracker) View(target string) View {
	v := View{State: Unknown}
	t.on(target, func(m *Machine) []Event {
		v = View{
			State: m.state, Since: m.since, GaveUp: m.gaveUp, Idle: m.facts.Idle, LastAsked: m.lastAsked, LastRead: m.lastRead, Usual: m.usual.Median(),
			Seconds: maps.Clone(m.seconds),
		}
		if m.episode != nil {
			v.Episode = m.episode.clone()
		}
		return nil
	})
	return v
}
