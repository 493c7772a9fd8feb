package coldstart

import "time"

// Interrupt ends the open episode since hfwatch stops.
func (m *Machine) Interrupt(at time.Time) []Event {
	m.count(at)
	m.close(EndInterrupted, at)
	return m.drain()
}

// Restore takes what was seen before a restart, oldest first. No episode is
// opened from it: what a restart cut in two is not one.
func (m *Machine) Restore(evs []Evidence) {
	for _, ev := range evs {
		sign := m.sign(ev)
		next := Next(m.state, sign)
		if next == Warming {
			// Whether it settled is not known; it answers.
			next = Warm
		}
		if next != m.state {
			m.state, m.since = next, ev.At
		}
		if took, ok := ev.Latency.Get(); ok && ev.Valid() && sign == SignQuick {
			m.usual.add(took)
		}
		m.date(ev, sign)
	}
	m.cut = m.state == Loading
	m.episode, m.asking, m.out = nil, asking{}, nil
}

// Overdue restores that a cold start which began and was last seen at the times
// given had no answer, where that is longer than it may take and none came since.
func (m *Machine) Overdue(began, seen time.Time) {
	m.gaveUp = m.state != Asleep && seen.Sub(began) >= m.facts.GiveUp && m.answered.Before(began)
	m.cut = m.cut || m.gaveUp
}

// rest reports that the model still is in the start that a restart cut in two,
// or that an experiment gave up on.
func (m *Machine) rest(at time.Time, next State) bool {
	m.cut = m.cut && next == Loading && at.Sub(m.lastSeen) < max(m.facts.GiveUp, 2*ManagementPace)
	return m.cut
}

// unfollowed takes a valid answer outside of an episode. A model is warming there
// only after a restart has cut its episode in two, and is warm again by a few
// answers as it usually gives, or any where that is not known.
func (m *Machine) unfollowed(took time.Duration, sign Sign, at time.Time) {
	if m.state == Warming {
		m.near = pick(m.usual.near(took) || !m.usual.Known(), m.near+1, 0)
		if m.near >= nearToBeWarm {
			m.move(Next(m.state, SignSettled), at)
		}
	}
	if m.state == Warm && sign == SignQuick {
		m.usual.add(took)
	}
}
