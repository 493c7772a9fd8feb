package coldstart

import (
	"fmt"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Leave is what a policy allows of a baseline probe that is due.
type Leave struct {
	// Send says that the request may be sent. Where it may not, Outcome is what
	// is recorded without one, and Why a sentence.
	Send    bool
	Outcome probe.Outcome
	Why     string
}

// MustRead reports whether the state has to be read before a baseline probe.
func MustRead(policy probe.WakePolicy) bool {
	return policy == probe.ObserveCold || policy == probe.NeverWake
}

// May returns what a policy allows of a baseline probe, given the reading of the
// management API made just before, or the error that came in its place. An
// endpoint that is asleep gets no request under observe_cold and never_wake;
// neither does one whose state could not be read, of which nothing is known
// then. (hf-api: any request wakes a sleeping endpoint and restarts its idle
// timer.)
func May(policy probe.WakePolicy, reading Reading, failed error) Leave {
	switch {
	case !MustRead(policy):
		return Leave{Send: true}
	case failed != nil:
		return Leave{Outcome: probe.Unknown, Why: fmt.Sprintf("not asked under %s, since the management API could not be read: %v", policy, failed)}
	case reading.State == ManagedPaused:
		return Leave{Outcome: probe.Paused, Why: "the management API says paused; nothing was sent"}
	case reading.Asleep():
		return Leave{Outcome: probe.Asleep, Why: "the management API says " + reading.State + "; nothing was sent"}
	case reading.State == "":
		return Leave{Outcome: probe.Unknown, Why: fmt.Sprintf("not asked under %s, since the management API names no state", policy)}
	default:
		return Leave{Send: true}
	}
}

// The paces of looks that no probe asks for. They cost no request of the model.
const (
	// ManagementPace is between two readings of the management API, or half the
	// idle time where that is shorter.
	ManagementPace = 5 * time.Minute
	// HubPace is how long a serverless model must not have been asked before the
	// Hub is, and between two such questions; HubStartPace is between two while it
	// starts.
	HubPace      = 15 * time.Minute
	HubStartPace = time.Minute
)

// MustLook reports whether the management API is to be read for its own sake: a
// model that is asked rarely, or by experiments alone, may fall asleep and be
// woken by others in between.
func (v View) MustLook(now time.Time) bool {
	pace := ManagementPace
	if v.Idle > 0 {
		pace = min(pace, max(IdlePace, v.Idle/2))
	}
	return now.Sub(v.LastRead) >= pace
}

// MustAskHub reports whether the Hub is to be asked about a serverless model:
// while it starts, and where nothing else was seen of it for long.
func (v View) MustAskHub(now time.Time) bool {
	if v.Episode != nil {
		return now.Sub(v.LastRead) >= HubStartPace
	}
	return now.Sub(v.LastAsked) >= HubPace && now.Sub(v.LastRead) >= HubPace
}
