package schedule

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Maintenance is a time, again and again, in which pages are muted, windows are
// skipped, and probing is stopped if it says so.
type Maintenance struct {
	Name     string
	Schedule Schedule
	// For is how long it lasts, in real time.
	For time.Duration
	// Match selects the targets, and the alerts about them.
	Match probe.Match
	// Mute holds pages back; Probe lets baselines go on.
	Mute, Probe bool
}

// Active reports whether the maintenance time has begun and not ended at t.
func (m Maintenance) Active(t time.Time) bool {
	begun := m.Schedule.Next(t.Add(-m.For))
	return !begun.IsZero() && !begun.After(t)
}

// Maintenances are all maintenance times.
type Maintenances []Maintenance

// any reports whether one that fits is active for id at t.
func (ms Maintenances) any(id probe.Identity, t time.Time, fits func(Maintenance) bool) bool {
	for _, m := range ms {
		if fits(m) && m.Match.Selects(id) && m.Active(t) {
			return true
		}
	}
	return false
}

// Muted reports whether pages about id are held back at t.
func (ms Maintenances) Muted(id probe.Identity, t time.Time) bool {
	return ms.any(id, t, func(m Maintenance) bool { return m.Mute })
}

// StopsProbing reports whether baselines of id are skipped at t.
func (ms Maintenances) StopsProbing(id probe.Identity, t time.Time) bool {
	return ms.any(id, t, func(m Maintenance) bool { return !m.Probe })
}

// SkipsWindows reports whether load windows and experiments on id are skipped
// at t.
func (ms Maintenances) SkipsWindows(id probe.Identity, t time.Time) bool {
	return ms.any(id, t, func(Maintenance) bool { return true })
}
