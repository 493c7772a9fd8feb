package prom

import "time"

const (
	// jumpLimit is the forward step that is followed without further proof.
	jumpLimit = 10 * time.Minute
	// jumpWait is how long a longer one must have lasted.
	jumpWait = 15 * time.Minute
	// hintTolerance is how far another clock may be off and still agree. A
	// Date header has whole seconds and is as old as the answer it came with.
	hintTolerance = 2 * time.Minute
	// stepLimit is the smallest step of the wall clock worth an event; less is
	// the adjustment that every machine does.
	stepLimit = 10 * time.Second
)

// Reading is what the machine's two clocks say at one moment.
type Reading struct {
	// Wall is the time of day, which can be set in either direction.
	Wall time.Time
	// Mono is the time since some fixed moment of this process; it never goes
	// back, and may stand still while the machine sleeps.
	Mono time.Duration
}

// Read returns the clocks' reading now. The origin is a time.Now of this
// process's start, with its monotonic reading.
func Read(origin time.Time) Reading {
	now := time.Now()
	return Reading{Wall: now.Round(0), Mono: now.Sub(origin)}
}

// Hint is what another clock said, such as the Date header of an answer.
type Hint struct {
	// Time is that clock's time; zero means that there is no hint.
	Time time.Time
	// Mono is when the hint came, on the scale of Reading.Mono.
	Mono time.Duration
}

// EventKind names what a Clock saw.
type EventKind string

// The kinds of event. The set is closed.
const (
	// EventNone is a clock that went on as expected.
	EventNone EventKind = ""
	// EventForward is a forward step that was followed.
	EventForward EventKind = "forward"
	// EventBackward is a backward step. Stamps go on, and more slowly until
	// the wall clock has caught up.
	EventBackward EventKind = "backward"
	// EventHeld is a forward jump that is not followed yet.
	EventHeld EventKind = "held"
	// EventAdmitted is the end of a hold: the jump lasted, another clock
	// agreed, and it is followed now.
	EventAdmitted EventKind = "admitted"
	// EventWithdrawn is the end of a hold because the wall clock came back.
	EventWithdrawn EventKind = "withdrawn"
)

// Event is one step of the wall clock, to be counted and logged.
type Event struct {
	Kind EventKind
	// By is the wall clock's distance from where it was expected; negative
	// when it is behind.
	By time.Duration
}

// Clock decides which time samples bear. One sample far ahead makes a time
// series database refuse all later ones, and its retention delete the rest; so
// stamps go on with monotonic time where the wall clock cannot be believed:
//
//   - They never go back. Behind a wall clock that was set back they run on at
//     nine tenths of their pace until it has caught up, or at full pace if it
//     is more than OutOfOrderWindow away and never will.
//   - A forward jump of up to ten minutes is followed at once. A longer one (a
//     suspended machine, a wrong time server) is held back until it has lasted
//     15 minutes and a Hint received since agrees with it. With no hint it is
//     held for ever; the samples then lie in the past, and nothing else is lost.
//   - At start a wall clock up to OutOfOrderWindow ahead of the newest stored
//     sample is believed: the machine was off, and an error of that size can be
//     mended. Beyond it the first hint decides.
//
// It is a plain value without a mutex; Stamp returns its successor.
type Clock struct {
	newest  time.Time // the newest stored sample, until started
	last    time.Time // the last stamp
	read    Reading   // the last reading
	started bool
	held    bool
	heldAt  time.Duration // when the jump was first seen
	lasting time.Duration // how long it has to last
}

// NewClock returns the clock of a database whose newest sample is newest, the
// zero time if it is empty.
func NewClock(newest time.Time) Clock { return Clock{newest: newest} }

// Stamp returns the time for samples taken at reading r, the clock's next
// state, and what it saw. The hint is the latest one there is; a zero Hint is
// none. Readings must come in the order of their Mono.
func (c Clock) Stamp(r Reading, hint Hint) (time.Time, Clock, Event) {
	if !c.started {
		return c.start(r, hint)
	}
	elapsed := max(r.Mono-c.read.Mono, 0)
	expected := c.last.Add(elapsed)
	step := r.Wall.Sub(c.read.Wall) - elapsed
	ahead := r.Wall.Sub(expected)
	c.read = r

	if ahead > jumpLimit {
		return c.hold(r, hint, expected, step)
	}
	event := Event{}
	switch {
	case c.held:
		c.held = false
		event = Event{EventWithdrawn, ahead}
	case step >= stepLimit:
		event = Event{EventForward, step}
	case step <= -stepLimit:
		event = Event{EventBackward, step}
	}
	c.last = follow(c.last, elapsed, r.Wall)
	return c.last, c, event
}

// start is the first stamp, for which there is nothing to compare the wall
// clock with but the newest sample.
func (c Clock) start(r Reading, hint Hint) (time.Time, Clock, Event) {
	c.started, c.read = true, r
	ahead := r.Wall.Sub(c.newest)
	switch {
	case c.newest.IsZero(), ahead >= 0 && ahead <= OutOfOrderWindow:
		c.last = r.Wall
		return c.last, c, Event{}
	case ahead < 0:
		c.last = c.newest
		if ahead > -stepLimit {
			return c.last, c, Event{}
		}
		return c.last, c, Event{EventBackward, ahead}
	}
	c.last, c.held, c.heldAt, c.lasting = c.newest, true, r.Mono, 0
	if hint.agrees(r, 0) {
		c.held, c.last = false, r.Wall
		return c.last, c, Event{EventAdmitted, ahead}
	}
	return c.last, c, Event{EventHeld, ahead}
}

// hold keeps a jump back, or admits it. A further step while it is held is a
// new jump, which has to last for itself.
func (c Clock) hold(r Reading, hint Hint, expected time.Time, step time.Duration) (time.Time, Clock, Event) {
	ahead := r.Wall.Sub(expected)
	if !c.held || step.Abs() >= stepLimit {
		c.held, c.heldAt, c.lasting, c.last = true, r.Mono, jumpWait, expected
		return c.last, c, Event{EventHeld, ahead}
	}
	if r.Mono-c.heldAt >= c.lasting && hint.agrees(r, c.heldAt) {
		c.held, c.last = false, r.Wall
		return c.last, c, Event{EventAdmitted, ahead}
	}
	c.last = expected
	return c.last, c, Event{}
}

// agrees says whether the hint, received no earlier than since, confirms the
// wall clock of r. Monotonic time stands still in a suspended machine, so that
// a hint from before the jump proves nothing.
func (h Hint) agrees(r Reading, since time.Duration) bool {
	if h.Time.IsZero() || h.Mono < since {
		return false
	}
	off := h.Time.Add(r.Mono - h.Mono).Sub(r.Wall)
	return off.Abs() <= hintTolerance
}

// follow returns the stamp elapsed after last for a wall clock that is not
// ahead by a jump: the wall clock's time, unless that would be too far back.
func follow(last time.Time, elapsed time.Duration, wall time.Time) time.Time {
	slowest := last.Add(elapsed - elapsed/10)
	if last.Add(elapsed).Sub(wall) > OutOfOrderWindow {
		return last.Add(elapsed)
	}
	if wall.After(slowest) {
		return wall
	}
	return slowest
}
