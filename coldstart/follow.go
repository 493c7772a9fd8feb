package coldstart

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// learn draws conclusions from a valid answer: what is usual, whether the
// warm-up has settled, and whether it has been followed for long enough.
func (m *Machine) learn(ev Evidence, sign Sign) {
	took, ok := ev.Latency.Get()
	if !ev.Valid() || !ok {
		return
	}
	if m.episode == nil {
		m.unfollowed(took, sign, ev.At)
		return
	}
	m.near = pick(m.usual.near(took), m.near+1, 0)
	if m.near >= nearToBeWarm {
		m.move(Next(m.state, SignSettled), ev.At)
	}
	n := len(m.episode.Curve)
	switch {
	case n >= fewestToJudge && n >= m.lookedAt+lookEvery && m.look(n):
		m.close(EndSteady, ev.At)
	case n >= m.facts.Requests:
		m.close(EndBound, ev.At)
	}
}

// The numbers by which a warm-up is followed. To look again and again finds a
// steady state by chance more often than to look once; two looks must agree. That
// answers are as usual makes a model warm, and ends no episode: of a decay's end
// alone there is no verdict.
const (
	nearToBeWarm  = 3
	fewestToJudge = 25
	lookEvery     = 5
	lookAgrees    = 2
	steadyEnough  = 20
)

// look reports whether two looks at the curve in a row found the same steady
// state, with enough of it.
func (m *Machine) look(n int) bool {
	v := m.episode.verdict()
	m.lookedAt = n
	if v.Answer != stats.SteadyFound && v.Answer != stats.SteadyAtLeast || n-v.SteadyFrom < steadyEnough {
		m.steadyFrom = 0
		return false
	}
	// One more than the index, so that 0 is none.
	last := m.steadyFrom
	m.steadyFrom = v.SteadyFrom + 1
	return last > 0 && max(last-m.steadyFrom, m.steadyFrom-last) <= lookAgrees
}

// close ends the open episode.
func (m *Machine) close(end End, at time.Time) {
	e := m.episode
	if e == nil {
		return
	}
	e.Ended, e.End = at, end
	v := e.verdict()
	e.judge()
	if v.Answer == stats.SteadyFound || v.Answer == stats.SteadyAtLeast {
		for _, p := range e.Curve[min(v.SteadyFrom, len(e.Curve)):] {
			if took, ok := p.Latency.Get(); ok {
				m.usual.add(took)
			}
		}
	}
	if end != EndSlept && m.state == Warming {
		m.move(Next(m.state, pick(v.Answer == stats.SteadyNone, SignUnsettled, SignSettled)), at)
	}
	if e.Late {
		e.FirstSign, e.Running, e.Healthy, e.FirstAnswer = probe.Seconds{}, probe.Seconds{}, probe.Seconds{}, probe.Seconds{}
	}
	m.tell(Closed, at)
	m.episode = nil
}
