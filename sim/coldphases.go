package sim

import (
	"math"
	"slices"
	"time"
)

// The phases of a model that sleeps.
const (
	coldAsleep       = "asleep"
	coldWaking       = "waking"
	coldPending      = "pending"
	coldInitializing = "initializing"
	coldUnhealthy    = "unhealthy"
	coldReady        = "ready"
	coldPaused       = "paused"
)

// ColdChange is one change of phase or of replicas: the ground truth of cold
// starts.
type ColdChange struct {
	At    time.Time `json:"at"`
	Model string    `json:"model"`
	Phase string    `json:"phase"`
	// Ready and Target are replicas.
	Ready  int `json:"ready"`
	Target int `json:"target"`
	// Cause is request, management, time or load.
	Cause string `json:"cause"`
	// Sequence is that of the request that woke it, and UserAgent its sender.
	Sequence uint64 `json:"sequence,omitempty"`
}

// maxColdChanges bounds the log of one model.
const maxColdChanges = 20_000

// coldState is the running machine of one model. The mutex of the Server guards
// it. Nothing runs: what is due by a time is applied when somebody looks.
type coldState struct {
	phase string
	// since is when the phase began, until when it ends by itself; zero is never.
	since, until time.Time
	last         time.Time // when the last request began or ended
	inFlight     int
	served       int
	ready        int
	target       int
	// starting are when further replicas will be ready.
	starting []time.Time
	// over and under are how long load has asked for more, or for fewer, replicas.
	over, under spell
	looked      time.Time
	changes     []ColdChange
}

// newCold returns the machine of a model as the scenario begins.
func newCold(m Model, now time.Time) *coldState {
	c := &coldState{phase: coldAsleep, since: now, last: now, looked: now}
	if m.Cold == nil {
		return c
	}
	switch m.Cold.Begin {
	case coldReady:
		c.phase, c.ready, c.target = coldReady, 1, 1
		c.served = math.MaxInt32
	case coldPaused:
		c.phase = coldPaused
	}
	c.note(m.Name, now, "time", 0)
	return c
}

// note logs how it stands.
func (c *coldState) note(model string, at time.Time, cause string, sequence uint64) {
	if len(c.changes) < maxColdChanges {
		c.changes = append(c.changes, ColdChange{
			At: at, Model: model, Phase: c.phase, Ready: c.ready, Target: c.target, Cause: cause, Sequence: sequence,
		})
	}
}

// advanceCold applies what is due by now. The caller holds s.mu.
func (m *model) advanceCold(now time.Time) {
	if m.Cold == nil {
		return
	}
	c := m.cold
	for {
		switch {
		case !c.until.IsZero() && !c.until.After(now):
			m.enterNext(c.until)
		case c.phase == coldReady && c.inFlight == 0 && !c.last.Add(m.Cold.Idle.or(time.Hour)).After(now):
			at := c.last.Add(m.Cold.Idle.or(time.Hour))
			m.scale(at)
			c.ready, c.target, c.starting = 0, 0, nil
			m.enter(coldAsleep, at, 0, "time", 0)
		default:
			m.scale(now)
			return
		}
	}
}

// enter begins a phase that lasts so long; 0 is until something happens.
func (m *model) enter(phase string, at time.Time, lasts time.Duration, cause string, sequence uint64) {
	c := m.cold
	c.phase, c.since, c.until = phase, at, time.Time{}
	if lasts > 0 {
		c.until = at.Add(lasts)
	}
	switch phase {
	case coldAsleep, coldPaused:
		c.ready, c.target, c.starting = 0, 0, nil
	case coldWaking, coldPending, coldInitializing:
		c.ready, c.target = 0, 1
		if phase == coldWaking {
			c.target = 0
		}
	case coldUnhealthy:
		c.ready, c.target = 1, 1
	case coldReady:
		c.ready, c.target, c.served = 1, 1, 0
		c.last, c.looked, c.over, c.under = at, at, spell{}, spell{}
		m.gate.resize(m.effective().Permits)
	}
	c.note(m.Name, at, cause, sequence)
}

// enterNext goes to the phase after the one that has ended, over those that take
// no time.
func (m *model) enterNext(at time.Time) {
	spec := m.Cold
	switch m.cold.phase {
	case coldWaking:
		m.enter(coldPending, at, time.Duration(spec.Pending), "time", 0)
	case coldPending:
		lasts := time.Duration(spec.Initializing)
		if spec.NeverReady {
			lasts = 0
		}
		m.enter(coldInitializing, at, lasts, "time", 0)
		if spec.NeverReady {
			return
		}
	case coldInitializing:
		m.enter(coldUnhealthy, at, time.Duration(spec.Unhealthy), "time", 0)
	case coldUnhealthy:
		m.enter(coldReady, at, 0, "time", 0)
		return
	default:
		return
	}
	if m.cold.until.IsZero() {
		m.enterNext(at)
	}
}

// wakeUp begins to wake a model that is asleep.
func (m *model) wakeUp(at time.Time, cause string, sequence uint64) {
	m.enter(coldWaking, at, time.Duration(m.Cold.Waking), cause, sequence)
	if m.cold.until.IsZero() {
		m.enterNext(at)
	}
}

// ColdTruth returns the ground truth of cold starts: every change of phase and
// of replicas of the model that the scenario calls name, or of all where it is
// empty, up to now.
func (s *Server) ColdTruth(name string) []ColdChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.advance(now)
	var out []ColdChange
	for _, m := range s.models {
		if m.Cold != nil && (name == "" || m.Name == name) {
			m.advanceCold(now)
			out = append(out, m.cold.changes...)
		}
	}
	slices.SortStableFunc(out, func(a, b ColdChange) int { return a.At.Compare(b.At) })
	return out
}
