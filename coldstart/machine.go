package coldstart

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Facts are what the configuration says of a target.
type Facts struct {
	Location string
	Wake     probe.WakePolicy
	// Idle is the time without requests after which the model falls asleep; 0
	// is a model that does not.
	Idle time.Duration
	// GiveUp is how long a cold start may take; 0 is 15 minutes.
	GiveUp time.Duration
	// Requests is how many valid answers of a warm-up are followed; 0 is 60.
	Requests int
}

// The defaults of Facts, and the bound in time on following a warm-up.
const (
	defaultGiveUp   = 15 * time.Minute
	defaultRequests = 60
	longestWarmUp   = 2 * time.Hour
)

// complete fills in defaults.
func (f Facts) complete() Facts {
	f.GiveUp = pick(f.GiveUp > 0, f.GiveUp, defaultGiveUp)
	f.Requests = pick(f.Requests > 0, f.Requests, defaultRequests)
	return f
}

// EventKind is what an Event tells of.
type EventKind string

// The kinds of event.
const (
	// Changed is another state.
	Changed EventKind = "changed"
	// Opened is a cold start that began.
	Opened EventKind = "opened"
	// Woke is that a request of hfwatch's woke the model.
	Woke EventKind = "woke"
	// GaveUp is a cold start that takes longer than give_up. A natural one stays
	// open.
	GaveUp EventKind = "gave_up"
	// Stuck is that the estimates of a loading model do not shrink.
	Stuck EventKind = "estimate_stuck"
	// Closed is an episode that ended.
	Closed EventKind = "closed"
)

// Event is something that followed from an evidence.
type Event struct {
	Kind     EventKind
	At       time.Time
	Target   string
	From, To State
	// Episode is a copy as it stands; nil of a Changed.
	Episode *Episode
}

// Machine is what is known of one target. Its methods are functions of what it
// has been given and of the times that come with it; it is not safe for
// concurrent use.
type Machine struct {
	target  string
	facts   Facts
	state   State
	since   time.Time
	counted time.Time
	seconds map[State]float64
	usual   Usual
	episode *Episode
	// gaveUp is that a cold start took longer than give_up, until an answer or a return
	// to sleep that was seen ends that; told and stuck were said of the open episode.
	gaveUp, told, stuck bool
	// awake is set once the open episode was seen to be more than asleep.
	awake bool
	// cut is set after a restart in the middle of a start, and after an experiment
	// that gave up: the rest is no episode.
	cut bool
	// near counts answers in a row as a warm model gives them; lookedAt and
	// steadyFrom are of the last look at the curve.
	near, lookedAt, steadyFrom int
	// lastAsked is of the last answer, lastRead of the last reading of the
	// management API or the Hub, lastSeen of the last evidence that says anything,
	// answered of the last valid answer.
	lastAsked, lastRead, lastSeen, answered time.Time

	// said is the last reading of the management API, and refuted that the model has
	// answered since, though it said loading.
	said    Reading
	refuted bool

	asking asking
	out    []Event
}

// asking is a request that is under way.
type asking struct {
	at    time.Time
	kind  probe.Kind
	slept bool
}

// NewMachine returns a machine of a target of which nothing is known.
func NewMachine(target string, facts Facts) *Machine {
	return &Machine{target: target, facts: facts.complete(), state: Unknown, seconds: map[State]float64{}}
}

// Asked notes a request that is being sent, so that what follows before its
// answer can be laid to it.
func (m *Machine) Asked(at time.Time, kind probe.Kind) {
	m.asking = asking{at: at, kind: kind, slept: m.state == Asleep}
}

// See takes an evidence and returns what follows from it.
func (m *Machine) See(ev Evidence) []Event {
	m.count(ev.At)
	before := m.state
	sign := m.sign(ev)
	next := Next(before, sign)
	m.open(ev, sign, before, next)
	m.move(next, ev.At)
	if m.episode != nil && sign != SignNone {
		m.episode.see(ev, m.state)
		if m.episode.EstimateStuck && !m.stuck {
			m.stuck = true
			m.tell(Stuck, ev.At)
		}
	}
	m.learn(ev, sign)
	m.date(ev, sign)
	m.expire(ev.At)
	return m.drain()
}

// sign returns what an evidence says. An answer of the model's own says more than
// what others say of it: the Hub's check that fails is heard only of a model that
// has not been asked for long, and a health route that is not well only of one that
// has not answered. A reading that says loading of a model that answers is late or
// wrong: after the answer it says nothing until it is another one.
func (m *Machine) sign(ev Evidence) Sign {
	if ev.Source == FromHub && ev.Failing && ev.At.Sub(m.lastAsked) < HubPace {
		return SignNone
	}
	if ev.Source == FromHealth && !ev.Well && !m.state.Cold() && m.state != Unknown {
		return SignNone
	}
	if ev.Source == FromManagement && m.refuted && ev.Reading == m.said {
		return SignNone
	}
	return ev.sign(m.usual, m.maySleep(ev))
}

// date notes when what was seen.
func (m *Machine) date(ev Evidence, sign Sign) {
	switch ev.Source {
	case FromAnswer:
		m.lastAsked, m.asking = ev.At, asking{}
	case FromManagement, FromHub:
		m.lastRead = ev.At
		if ev.Source == FromManagement {
			m.refuted = m.refuted && ev.Reading == m.said
			m.said = ev.Reading
		}
	case FromHealth:
	}
	if sign != SignNone {
		m.lastSeen = ev.At
	}
	if ev.Valid() {
		m.answered = ev.At
		m.refuted = m.said.sign() == SignLoading
	}
	m.gaveUp = m.gaveUp && !ev.Valid() && sign != SignAsleep
}

// Tick lets time pass without evidence.
func (m *Machine) Tick(now time.Time) []Event {
	m.count(now)
	m.expire(now)
	m.forget(now)
	return m.drain()
}

// forget makes a state unknown that nothing has borne out for longer than the
// model takes to fall asleep. An episode is judged by its own bounds.
func (m *Machine) forget(now time.Time) {
	if m.episode == nil && m.facts.Idle > 0 && now.Sub(m.lastSeen) >= m.facts.Idle+m.facts.Idle/20 {
		m.move(Next(m.state, SignStale), now)
	}
}

// maySleep reports whether the model may have fallen asleep before a request.
func (m *Machine) maySleep(ev Evidence) bool {
	return m.state == Asleep || m.state == Loading ||
		m.facts.Idle > 0 && !m.lastAsked.IsZero() && ev.Began.Sub(m.lastAsked) >= m.facts.Idle
}

// count adds the time since the last count to the state.
func (m *Machine) count(now time.Time) {
	if now.Before(m.counted) {
		return
	}
	if !m.counted.IsZero() {
		m.seconds[m.state] += now.Sub(m.counted).Seconds()
	}
	m.counted = now
	if m.since.IsZero() {
		m.since = now
	}
}

// move sets the state.
func (m *Machine) move(next State, at time.Time) {
	if next == m.state {
		return
	}
	from := m.state
	m.state, m.since = next, at
	m.out = append(m.out, Event{Kind: Changed, At: at, Target: m.target, From: from, To: next})
}

// open closes an episode that a return to sleep ends, and opens one where a cold
// start begins.
func (m *Machine) open(ev Evidence, sign Sign, before, next State) {
	if m.episode != nil {
		if !m.awake || !slept(before, next) {
			m.wake(ev, before, sign)
			m.awake = m.awake || ev.Source == FromManagement && next == Loading || !next.Cold()
			return
		}
		m.close(EndSlept, ev.At)
	}
	if m.rest(ev.At, next) || !begins(before, next, sign) {
		return
	}
	began, late := ev.Began, false
	switch {
	case m.asking.slept && ev.Source != FromAnswer:
		began = m.asking.at
	case next == Warming && sign != SignHeld, sign == SignRunning:
		// Somebody woke it unseen, and the parts of that were not measured.
		late = true
	}
	m.begin(CauseNatural, "", began)
	m.episode.Late, m.awake = late, ev.Source == FromManagement || next == Warming
	m.tell(Opened, ev.At)
	m.wake(ev, before, sign)
}

// slept reports a return to sleep or to loading.
func slept(before, next State) bool {
	return !before.Cold() && next.Cold() || before == Loading && next == Asleep
}

// begins reports the beginning of a cold start: a model on its way, or one that
// answers and was asleep when it was last seen, or held the answer.
func begins(before, next State, sign Sign) bool {
	switch next {
	case Loading:
		return sign != SignRunning || before == Asleep
	case Warming:
		return before != Warming && before != Loading
	case Unknown, Asleep, Warm, Degraded:
	}
	return false
}

// begin makes an episode.
func (m *Machine) begin(cause Cause, method Method, at time.Time) {
	m.episode = &Episode{
		Schema: EpisodeSchema, ID: EpisodeID(m.facts.Location, m.target, at), Target: m.target, Location: m.facts.Location, Cause: cause, Method: method,
		Began: at,
	}
	m.told, m.stuck, m.awake, m.near, m.lookedAt, m.steadyFrom = false, false, false, 0, 0, 0
}

// EpisodeID returns the id of an episode that begins at a time: 32 hexadecimal
// digits.
func EpisodeID(location, target string, began time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "episode %q %q %d", location, target, began.UnixNano()))
	return hex.EncodeToString(sum[:16])
}

// wake notes whose request woke the model, where it was one of ours.
func (m *Machine) wake(ev Evidence, before State, sign Sign) {
	e := m.episode
	e.Late = e.Late || m.atOnce(ev, before)
	if e.WokenBy != "" || e.Late {
		return
	}
	kind := m.asking.kind
	if ev.Source == FromAnswer {
		kind = ev.Kind
	}
	if m.ours(ev.Source, before, sign) {
		e.WokenBy = kind
		m.tell(Woke, ev.At)
	}
}

// atOnce reports the first answer of an experiment that came at once: the model
// was not asleep, whatever it was taken to be.
func (m *Machine) atOnce(ev Evidence, before State) bool {
	e := m.episode
	if e.Cause != CauseExperiment || before != Asleep || m.awake || e.Refused > 0 || len(e.Curve) > 0 {
		return false
	}
	took, ok := ev.Latency.Get()
	return ok && ev.Valid() && took < heldAtLeast
}

// ours reports that a sign of life followed from a request of ours to a model
// that slept.
func (m *Machine) ours(from Source, before State, sign Sign) bool {
	switch sign {
	case SignLoading, SignRunning:
		return m.asking.slept || from == FromAnswer && before == Asleep
	case SignHeld:
		return m.asking.slept || from == FromAnswer && before != Loading
	case SignQuick, SignSlow:
		return m.asking.slept || before == Asleep
	case SignNone, SignAsleep, SignFailing, SignSettled, SignUnsettled, SignStale:
	}
	return false
}

// tell adds an event about the open episode.
func (m *Machine) tell(kind EventKind, at time.Time) {
	m.out = append(m.out, Event{Kind: kind, At: at, Target: m.target, From: m.state, To: m.state, Episode: m.episode.clone()})
}

// drain returns the events so far.
func (m *Machine) drain() []Event {
	out := m.out
	m.out = nil
	return out
}

// expire tells of an episode that takes too long, and ends one that was
// followed for too long.
func (m *Machine) expire(now time.Time) {
	e := m.episode
	if e == nil {
		return
	}
	first, answered := e.FirstAnswer.Get()
	switch {
	case !answered && !m.told && now.Sub(e.Began) >= m.facts.GiveUp:
		m.gaveUp, m.told = true, true
		e.judge()
		m.tell(GaveUp, now)
		if e.Cause == CauseExperiment {
			m.close(EndGaveUp, now)
			m.cut = true
		}
	case answered && now.Sub(e.Began)-first >= longestWarmUp:
		m.close(EndBound, now)
	}
}

// Expect opens the episode of an experiment under the id given, whose first request is about to be
// sent; the model is taken to be asleep.
func (m *Machine) Expect(id string, method Method, at time.Time) []Event {
	m.count(at)
	m.close(EndStopped, at)
	m.begin(CauseExperiment, method, at)
	m.episode.ID = id
	m.move(Asleep, at)
	m.tell(Opened, at)
	return m.drain()
}

// Finish ends the open episode of an experiment, if there is one.
func (m *Machine) Finish(end End, at time.Time) []Event {
	m.count(at)
	m.expire(at)
	if m.episode != nil && m.episode.Cause == CauseExperiment {
		m.close(end, at)
	}
	return m.drain()
}
