package sim

import (
	"time"
)

// The documented numbers of the autoscaler.
const (
	scaleUpEvery   = time.Minute
	scaleDownEvery = 2 * time.Minute
	scaleWindow    = 20 * time.Second
	scaleCalm      = 300 * time.Second
)

// scale lets replicas follow the load up to now.
func (m *model) scale(now time.Time) {
	c, spec := m.cold, m.Cold
	if c.phase != coldReady || spec.MaxReplicas <= 1 {
		return
	}
	for tick := c.looked.Add(scaleUpEvery); ; tick = tick.Add(scaleUpEvery) {
		m.started(earlier(tick, now))
		if tick.After(now) {
			return
		}
		c.looked = tick
		switch {
		case c.over.lasted(tick) >= scaleWindow && c.target < spec.MaxReplicas:
			c.target++
			c.starting = append(c.starting, tick.Add(time.Duration(spec.Pending+spec.Initializing+spec.Unhealthy)))
			c.note(m.Name, tick, "load", 0)
			m.sinceWhen(tick)
		case c.under.lasted(tick) >= scaleCalm && c.target > 1 && len(c.starting) == 0 &&
			tick.Sub(c.since)%scaleDownEvery == 0:
			c.target--
			c.ready--
			m.gate.resize(m.effective().Permits * c.ready)
			c.note(m.Name, tick, "load", 0)
			m.sinceWhen(tick)
		}
	}
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// started makes replicas ready that are by now.
func (m *model) started(now time.Time) {
	c := m.cold
	for len(c.starting) > 0 && !c.starting[0].After(now) {
		at := c.starting[0]
		c.starting = c.starting[1:]
		c.ready++
		m.gate.resize(m.effective().Permits * c.ready)
		c.note(m.Name, at, "load", 0)
	}
}

// sinceWhen notes whether load asks for more replicas or for fewer, after it
// changed.
func (m *model) sinceWhen(now time.Time) {
	c := m.cold
	per := m.Cold.PerReplica
	if per == 0 {
		per = 1.5
	}
	c.over.mark(now, float64(c.inFlight) > per*float64(max(1, c.target)))
	c.under.mark(now, float64(c.inFlight) <= per*float64(max(1, c.target-1)))
}

// spell is a time in which something holds. Gaps of less than a second, as those
// between an answer and the client's next request, do not end it.
type spell struct {
	since, until time.Time
	on           bool
}

// mark notes whether it holds from now on.
func (s *spell) mark(now time.Time, is bool) {
	switch {
	case is && !s.on && (s.since.IsZero() || now.Sub(s.until) >= time.Second):
		s.since = now
	case !is && s.on:
		s.until = now
	}
	s.on = is
}

// lasted returns how long it has held by a time; 0 where it does not.
func (s *spell) lasted(at time.Time) time.Duration {
	if !s.on && (s.since.IsZero() || at.Sub(s.until) >= time.Second) {
		return 0
	}
	return at.Sub(s.since)
}
