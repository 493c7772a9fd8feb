package probe

// Kind is why a request was sent. Percentile, ratio and trend rules read
// Baseline only.
type Kind string

// The kinds of result.
const (
	// Baseline is a scheduled probe.
	Baseline Kind = "baseline"
	// Bystander is a baseline slot while a window runs on the same target,
	// account or host, and for five minutes after.
	Bystander Kind = "bystander"
	// WindowKind is one arrival of a load window.
	WindowKind Kind = "window"
	// ColdStart is one request of a cold-start experiment.
	ColdStart Kind = "coldstart"
	// Episode is one raised-rate probe of a natural cold start.
	Episode Kind = "episode"
	// Manual is a probe that a person asked for.
	Manual Kind = "manual"
	// Drill is a marked synthetic result.
	Drill Kind = "drill"
)

// Kinds returns the closed set of kinds.
func Kinds() []Kind {
	return []Kind{Baseline, Bystander, WindowKind, ColdStart, Episode, Manual, Drill}
}

// Lane is one exclusive way to a target: at any time at most one run is in
// flight in each lane of each target.
type Lane string

// The lanes. Manual probes take the baseline lane.
const (
	LaneBaseline  Lane = "baseline"
	LaneWindow    Lane = "window"
	LaneColdStart Lane = "coldstart"
)

// Lanes returns the closed set of lanes.
func Lanes() []Lane { return []Lane{LaneBaseline, LaneWindow, LaneColdStart} }

// WakePolicy says what the monitor may do to a model that sleeps.
type WakePolicy string

// The wake policies. The router's targets have none.
const (
	// KeepWarm means that probes may keep the model awake, and that a sleeping
	// model is a fault.
	KeepWarm WakePolicy = "keep_warm"
	// ObserveCold means that only experiments wake the model.
	ObserveCold WakePolicy = "observe_cold"
	// NeverWake means that nothing of ours wakes the model.
	NeverWake WakePolicy = "never_wake"
)

// Phase is the part of an exchange in which it failed.
type Phase string

// The phases of an exchange, in their order.
const (
	// PhaseProxy is what a proxy does by itself, before it is about the target: it
	// cannot be reached, refuses us or does not speak its protocol.
	PhaseProxy      Phase = "proxy"
	PhaseDNS        Phase = "dns"
	PhaseConnect    Phase = "connect"
	PhaseTLS        Phase = "tls"
	PhaseWrite      Phase = "write"
	PhaseFirstByte  Phase = "first_byte"
	PhaseFirstToken Phase = "first_token"
	// PhaseBody is between the first byte, or the first token of a stream, and
	// the end.
	PhaseBody Phase = "body"
	// PhaseTotal is a deadline that passed while the answer was still coming.
	PhaseTotal Phase = "total"
)
