package schedule

import (
	"context"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Slot is one time at which a target is due in a lane.
type Slot struct {
	Target string
	Lane   probe.Lane
	// Due carries a monotonic reading.
	Due time.Time
	// Seq tells apart slots with the same Due, which there are after the clock
	// was set back.
	Seq uint64
	// Boosted is true for a slot that is there only because of a Boost.
	Boosted bool
	// Next is when the lane is due after this slot.
	Next time.Time
}

// Event is what became of a slot: one of a closed set for each, told when it is
// skipped or when its run has ended.
type Event string

// The events.
const (
	// Run is a slot whose run was started on time and has ended.
	Run Event = "run"
	// Late is one whose run was started more than a second late.
	Late Event = "late"
	// Missed is one that was skipped: the run before it had not ended, or it was
	// found too late.
	Missed Event = "missed"
	// Held is one that was skipped because its lane is held.
	Held Event = "held"
	// Excluded is one that was skipped because its exclusion group is full.
	Excluded Event = "excluded"
	// Maintained is one that was skipped for a maintenance time.
	Maintained Event = "maintenance"
	// Withheld is one whose run ended without sending, for want of budget.
	Withheld Event = "withheld"
	// Panicked is one whose run ended in a panic.
	Panicked Event = "panicked"
)

// Events returns the closed set.
func Events() []Event {
	return []Event{Run, Late, Missed, Held, Excluded, Maintained, Withheld, Panicked}
}

// Reason is why a slot was skipped; empty where it was not.
type Reason string

// The reasons to skip a slot.
const (
	// Overrun is a run before it that had not ended.
	Overrun Reason = "overrun"
	// TooLate is a slot that was found too late.
	TooLate Reason = "too_late"
)

// Observer is told of slots. Its methods are called from several goroutines and
// must not wait.
type Observer interface {
	// Slot tells what became of a slot; lag is how long after Due its run was
	// started, or it was skipped. n is the number of slots, more than 1 only where
	// several were missed at once.
	Slot(target string, lane probe.Lane, event Event, reason Reason, lag time.Duration, n int)
	// Stepped tells that the wall clock was set, by how much.
	Stepped(by time.Duration)
}

// Group is a number of runs that exclude each other.
type Group struct {
	Name  string
	Limit int
}

// Entry is one lane of one target with its schedule.
type Entry struct {
	Target   string
	Lane     probe.Lane
	Schedule Schedule
	// Offset moves every slot; see the function Offset.
	Offset time.Duration
	// Groups are those in which the run takes a place.
	Groups []Group
	// Skip reports whether a slot falls into a maintenance time that stops
	// probing; nil is never. It is called while the scheduler is locked: it must
	// be quick and not call the scheduler.
	Skip func(due time.Time) bool
	// Held reports whether the lane is held by something that this scheduler is not
	// told of by Hold, such as an account that is blocked; nil is never. As Skip, it
	// must be quick and not call the scheduler.
	Held func(now time.Time) bool
	// Job is the run. It must return soon after ctx ends. It reports whether it
	// sent anything, or was withheld for want of budget.
	Job func(ctx context.Context, slot Slot) (sent bool)
}

// key identifies a lane.
type key struct {
	target string
	lane   probe.Lane
}

// Reading is what the machine's two clocks say at one moment.
type Reading struct {
	// Wall is the time of day, Mono the time since some fixed moment.
	Wall time.Time
	Mono time.Duration
}

// The bounds of lateness and of sleep.
const (
	// lateAfter is the lag from which a started slot counts as late.
	lateAfter = time.Second
	// MaxSleep bounds how long the loop waits, so that a step of the clock is
	// seen.
	MaxSleep = 30 * time.Second
	// stepLimit is the smallest difference between the clocks that is a step.
	stepLimit = 2 * time.Second
	// maxMissed bounds how many missed slots are looked for one by one, for each
	// lane: a night of one in five minutes. Beyond, their number is told from the
	// mean gap of these, which for @every is exact. It keeps a machine that was
	// suspended for weeks from working through every slot of thousands of lanes.
	maxMissed = 200
	// mostMissed is the most that are counted at once: a clock that starts in 1970
	// and is then set has missed nothing for half a century.
	mostMissed = 10_000
	// minBoost is the shortest time between the slots of a boost.
	minBoost = time.Second
	// unwinding is how long Stop waits for runs that were cut off.
	unwinding = 5 * time.Second
)

// grace returns how late a slot may be started: a tenth of the gap to the next,
// at least ten seconds and at most five minutes, and never as long as the gap.
func grace(gap time.Duration) time.Duration {
	return min(max(gap/10, 10*time.Second), 5*time.Minute, gap-1)
}
