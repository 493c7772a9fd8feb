package load

import (
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
)

// Demand returns when the window asked for how much: each stage from its
// beginning at the rate of its end, and each rung of a search or a window of
// closed loops at its number in flight.
func (w Window) Demand() []coldstart.Demand {
	out := make([]coldstart.Demand, 0, len(w.Plan.Stages))
	after := time.Duration(0)
	for i, s := range w.Plan.Stages {
		d := coldstart.Demand{After: after, Rate: s.Rate}
		switch {
		case w.Capacity != nil && i < len(w.Capacity.Rungs):
			d.Rate, d.InFlight = 0, w.Capacity.Rungs[i].InFlight
		case w.Plan.Spec != nil && w.Plan.Spec.Users > 0:
			d.Rate, d.InFlight = 0, w.Plan.Spec.Users
		}
		out = append(out, d)
		took, _ := s.For.Get()
		after += took
	}
	return out
}
