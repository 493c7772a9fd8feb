package coldstart

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// Cause is why a cold start was seen.
type Cause string

// The causes.
const (
	// CauseExperiment is one that hfwatch brought about to measure it.
	CauseExperiment Cause = "experiment"
	// CauseNatural is one that a probe met or the management API showed.
	CauseNatural Cause = "natural"
)

// Causes returns the closed set.
func Causes() []Cause { return []Cause{CauseExperiment, CauseNatural} }

// End is how an episode ended.
type End string

// The ends.
const (
	// EndSteady is a warm-up that was followed until it settled.
	EndSteady End = "steady"
	// EndBound is one that was followed as far as it is meant to be.
	EndBound End = "bound"
	// EndGaveUp is a model that gave no valid answer within give_up.
	EndGaveUp End = "gave_up"
	// EndSlept is one that went back to sleep or to loading.
	EndSlept End = "slept"
	// EndStopped is an experiment that was cut short: by a shutdown, or for want
	// of budget.
	EndStopped End = "stopped"
	// EndInterrupted is one that a restart of hfwatch cut in two: what was seen of
	// it is all that there is.
	EndInterrupted End = "interrupted"
)

// The parts of a cold start, each counted from its beginning.
const (
	PhaseSign    = "first_sign"
	PhaseRunning = "running"
	PhaseHealthy = "healthy"
	PhaseAnswer  = "first_answer"
)

// Phases returns the closed set of parts.
func Phases() []string { return []string{PhaseSign, PhaseRunning, PhaseHealthy, PhaseAnswer} }

// EpisodeSchema is the version of Episode's JSON form.
const EpisodeSchema = 1

// Episode is one cold start: plain data.
type Episode struct {
	Schema   int    `json:"schema"`
	ID       string `json:"id"`
	Target   string `json:"target"`
	Location string `json:"location,omitempty"`
	Cause    Cause  `json:"cause"`
	// Method is that of an experiment.
	Method Method `json:"method,omitempty"`
	// Began is when the first request that met the cold model was sent, or when
	// the management API first showed it on its way.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
	End   End       `json:"end,omitempty"`
	// Late is set where the model was awake already when it was first met again:
	// somebody had woken it, and the parts of that were not seen.
	Late bool `json:"late,omitempty"`
	// WokenBy names whose request woke the model, where that was hfwatch's: the
	// kind of the result.
	WokenBy probe.Kind `json:"woken_by,omitempty"`

	// FirstSign is until the first sign of life: the management API leaves
	// asleep, or an answer that says loading with an estimate, or anything later.
	// Running is until the management API says running with a ready replica, or of
	// a serverless model until the Hub says that it is there,
	// Healthy until the health route is well, FirstAnswer until the first valid
	// answer. What was not seen is absent.
	FirstSign   probe.Seconds `json:"first_sign_seconds,omitzero"`
	Running     probe.Seconds `json:"running_seconds,omitzero"`
	Healthy     probe.Seconds `json:"healthy_seconds,omitzero"`
	FirstAnswer probe.Seconds `json:"first_answer_seconds,omitzero"`

	// Refused counts requests before the first valid answer.
	Refused int `json:"refused,omitempty"`
	// Estimates are what loading answers said of the time still needed.
	Estimates []Estimate `json:"estimates,omitempty"`
	// EstimateStuck is the finding that they never shrank.
	EstimateStuck bool     `json:"estimate_stuck,omitempty"`
	Changes       []Change `json:"changes,omitempty"`

	Curve []Point `json:"curve,omitempty"`
	// WarmUp is the verdict on the latencies, WarmUpTokens on the first tokens.
	WarmUp       *Settled `json:"warm_up,omitempty"`
	WarmUpTokens *Settled `json:"warm_up_first_token,omitempty"`
	// Words say it in a sentence.
	Words string `json:"words,omitempty"`
}

// Estimate is one that a loading model gave.
type Estimate struct {
	// After is when it came, counted from the episode's beginning.
	After probe.Seconds `json:"after_seconds"`
	Said  probe.Seconds `json:"said_seconds"`
}

// Change is one of state or replicas.
type Change struct {
	After   probe.Seconds `json:"after_seconds"`
	State   State         `json:"state"`
	Managed string        `json:"managed,omitempty"`
	Ready   int           `json:"ready,omitempty"`
	Wanted  int           `json:"target,omitempty"`
}

// Point is one valid answer of the warm-up.
type Point struct {
	// After is when it came, counted from the first valid answer; Sent is when it
	// was asked for, counted from the episode's beginning.
	After      probe.Seconds `json:"after_seconds"`
	Sent       probe.Seconds `json:"sent_seconds"`
	Latency    probe.Seconds `json:"latency_seconds"`
	FirstToken probe.Seconds `json:"first_token_seconds,omitzero"`
	// Cold is set for those that are told apart as cold requests.
	Cold bool `json:"cold,omitempty"`
}

// Bounds on what one episode keeps.
const (
	mostPoints    = 1000
	mostEstimates = 200
	mostChanges   = 200
)

// see takes an evidence that belongs to the episode.
func (e *Episode) see(ev Evidence, state State) {
	after := max(0, ev.At.Sub(e.Began))
	known := probe.Measured(after)
	switch ev.Source {
	case FromManagement:
		if !ev.Reading.Asleep() && ev.Reading.State != "" {
			once(&e.FirstSign, known)
		}
		if ev.Reading.State == ManagedRunning && ev.Reading.Ready > 0 {
			once(&e.Running, known)
		}
	case FromHealth:
		if ev.Well {
			once(&e.FirstSign, known)
			once(&e.Healthy, known)
		}
	case FromAnswer:
		e.answer(ev, known)
	case FromHub:
		if ev.Well {
			once(&e.FirstSign, known)
			once(&e.Running, known)
		}
	}
	e.change(ev, state, known)
}

// answer takes an answer.
func (e *Episode) answer(ev Evidence, known probe.Seconds) {
	if said, ok := ev.Estimate.Get(); ok {
		once(&e.FirstSign, known)
		if len(e.Estimates) < mostEstimates {
			e.Estimates = append(e.Estimates, Estimate{After: known, Said: probe.Measured(said)})
		}
		e.EstimateStuck = stuck(e.Estimates)
	}
	if !ev.Valid() {
		if e.FirstAnswer.IsZero() && ev.sign(Usual{}, false) != SignNone {
			e.Refused++
		}
		return
	}
	once(&e.FirstSign, known)
	once(&e.FirstAnswer, known)
	if len(e.Curve) >= mostPoints {
		return
	}
	first, _ := e.FirstAnswer.Get()
	at, _ := known.Get()
	e.Curve = append(e.Curve, Point{
		After: probe.Measured(at - first), Sent: probe.Measured(ev.Began.Sub(e.Began)), Latency: ev.Latency, FirstToken: ev.FirstToken,
	})
}

// change notes a state or a number of replicas that is another than the last.
func (e *Episode) change(ev Evidence, state State, known probe.Seconds) {
	c := Change{After: known, State: state}
	last := Change{}
	if n := len(e.Changes); n > 0 {
		last = e.Changes[n-1]
	}
	c.Managed, c.Ready, c.Wanted = last.Managed, last.Ready, last.Wanted
	if ev.Source == FromManagement {
		c.Managed, c.Ready, c.Wanted = ev.Reading.State, ev.Reading.Ready, ev.Reading.Target
	}
	last.After = c.After
	if c != last && len(e.Changes) < mostChanges {
		e.Changes = append(e.Changes, c)
	}
}

// once sets a duration that is not set.
func once(s *probe.Seconds, to probe.Seconds) {
	if s.IsZero() {
		*s = to
	}
}

// The rule of estimate_stuck.
const (
	stuckReadings = 3
	stuckShare    = 0.9
	stuckAtLeast  = 10 * time.Second
)

// stuck reports that an estimate never shrinks: after at least the time that
// the first of at least three said, and ten seconds, the last still says nine
// tenths of it. (huggingface/transformers issues 23793 and 32665: a constant 20
// is a placeholder.)
func stuck(es []Estimate) bool {
	if len(es) < stuckReadings {
		return false
	}
	first, last := es[0], es[len(es)-1]
	said, _ := first.Said.Get()
	still, _ := last.Said.Get()
	from, _ := first.After.Get()
	to, _ := last.After.Get()
	return to-from >= max(said, stuckAtLeast) && float64(still) >= stuckShare*float64(said)
}

// judge sets the verdicts, the cold requests and the words.
func (e *Episode) judge() {
	e.WarmUp = settledOf(e.Curve, func(p Point) probe.Seconds { return p.Latency })
	e.WarmUpTokens = settledOf(e.Curve, func(p Point) probe.Seconds { return p.FirstToken })
	for i := range e.Curve {
		e.Curve[i].Cold = e.WarmUp != nil && i < e.WarmUp.Cold
	}
	e.Words = e.sentence()
}

// verdict returns that on the latencies so far.
func (e *Episode) verdict() stats.Verdict {
	values, starts := series(e.Curve, func(p Point) probe.Seconds { return p.Latency })
	return stats.SteadyState(stats.Series{Values: values, Starts: starts})
}

// clone returns a copy that shares nothing that changes.
func (e *Episode) clone() *Episode {
	c := *e
	c.Estimates = append([]Estimate(nil), e.Estimates...)
	c.Changes = append([]Change(nil), e.Changes...)
	c.Curve = append([]Point(nil), e.Curve...)
	return &c
}

// Judged returns a copy of an open episode with the verdicts on what was seen so
// far.
func (e *Episode) Judged() *Episode {
	c := e.clone()
	c.judge()
	c.Words = "under way: " + c.Words
	return c
}

// Interrupted returns the episode of a record that was never closed as one that
// ended at a time.
func (e *Episode) Interrupted(at time.Time) *Episode {
	c := e.clone()
	c.Ended, c.End = at, EndInterrupted
	c.judge()
	return c
}
