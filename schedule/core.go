package schedule

import (
	"container/heap"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// lane is the state of one entry.
type lane struct {
	Entry
	// due is the next time, as the wall clock would show it.
	due     time.Time
	boosted bool
	running bool
	// taken are the groups in which the run in flight has a place.
	taken []Group
	// last and seq name the last slot handed out.
	last time.Time
	seq  uint64
	// at is the lane's place in the heap.
	at int
	// gone is true of a lane that is configured no more and whose run has not
	// ended. It stays known until then: put back meanwhile, it must not run twice.
	gone bool

	// holds are until when the lane is held, by reason.
	holds      map[string]time.Time
	boostUntil time.Time
	boostEvery time.Duration
}

// held reports whether anything holds the lane.
func (l *lane) held(now time.Time) bool {
	return l.kept(now) || (l.Held != nil && l.Held(now))
}

// kept reports whether a Hold lasts.
func (l *lane) kept(now time.Time) bool {
	for reason, until := range l.holds {
		if now.Before(until) {
			return true
		}
		delete(l.holds, reason)
	}
	return false
}

// shift moves what ends at a time along with a clock that was set, so that it
// lasts as long as it was meant to.
func (l *lane) shift(by time.Duration) {
	for reason, until := range l.holds {
		l.holds[reason] = until.Add(by)
	}
	if !l.boostUntil.IsZero() {
		l.boostUntil = l.boostUntil.Add(by)
	}
}

// core is the scheduler without its loop: what is due at a reading of the
// clocks is a function of its lanes. It does not wait and is not safe for
// concurrent use.
type core struct {
	lanes  map[key]*lane
	queue  laneHeap
	groups map[string]int
	read   Reading
	begun  bool
}

// action is something that a reading asks for.
type action struct {
	lane   *lane
	slot   Slot
	event  Event
	reason Reason
	n      int
	lag    time.Duration
}

// step returns what is due at r, by how much the wall clock was set since the
// last reading, and how long to wait at most. Slots that are to run are marked
// as running.
func (c *core) step(r Reading) (actions []action, stepped, sleep time.Duration) {
	if c.begun {
		if by := r.Wall.Sub(c.read.Wall) - (r.Mono - c.read.Mono); by.Abs() >= stepLimit {
			stepped = by
		}
	}
	c.begun, c.read = true, r
	if stepped != 0 {
		for _, l := range c.lanes {
			l.shift(stepped)
		}
	}
	if stepped < 0 {
		// What was next is a long way off now; every lane goes on from here.
		for _, l := range c.queue {
			l.plan(r.Wall)
		}
		heap.Init(&c.queue)
	}
	for len(c.queue) > 0 && c.queue[0].dueBy(r.Wall) {
		l := c.queue[0]
		actions = append(actions, c.decide(l, r.Wall)...)
		heap.Fix(&c.queue, 0)
	}
	sleep = MaxSleep
	if len(c.queue) > 0 && !c.queue[0].due.IsZero() {
		sleep = min(sleep, c.queue[0].due.Sub(r.Wall))
	}
	return actions, stepped, sleep
}

// decide says what becomes of a lane's slots up to now, and moves the lane to
// its next one: the last slot is run or skipped, and all before it were missed.
func (c *core) decide(l *lane, now time.Time) []action {
	first, boosted := l.due, l.boosted
	due := first
	var missed int
	for range maxMissed {
		l.plan(due)
		if !l.dueBy(now) {
			break
		}
		missed++
		due, boosted = l.due, l.boosted
	}
	if l.dueBy(now) {
		missed = min(missed+int(now.Sub(due)/(due.Sub(first)/time.Duration(missed))), mostMissed)
		l.plan(now)
	}
	var out []action
	if missed > 0 {
		out = append(out, action{lane: l, event: Missed, reason: TooLate, n: missed, slot: Slot{Target: l.Target, Lane: l.Lane}})
	}
	a := action{lane: l, n: 1, lag: now.Sub(due), slot: Slot{Target: l.Target, Lane: l.Lane, Due: due, Boosted: boosted, Next: l.due}}
	a.event, a.reason = c.judge(l, due, now)
	if a.event == Run || a.event == Late {
		if !due.After(l.last) {
			l.seq++
		} else {
			l.last, l.seq = due, 0
		}
		a.slot.Seq = l.seq
		c.start(l)
	}
	return append(out, a)
}

// dueBy reports whether the lane is due at the time or before it.
func (l *lane) dueBy(t time.Time) bool { return !l.due.IsZero() && !l.due.After(t) }

// start marks a lane as running.
func (c *core) start(l *lane) {
	l.running, l.taken = true, l.Groups
	for _, g := range l.taken {
		c.groups[g.Name]++
	}
}

// judge says what becomes of one slot.
func (c *core) judge(l *lane, due, now time.Time) (Event, Reason) {
	lag := now.Sub(due)
	switch {
	case l.Skip != nil && l.Skip(due):
		return Maintained, ""
	case l.held(now):
		return Held, ""
	case l.running:
		return Missed, Overrun
	case lag > 0 && !l.due.IsZero() && lag > grace(l.due.Sub(due)):
		return Missed, TooLate
	case slices.ContainsFunc(l.Groups, func(g Group) bool { return c.groups[g.Name] >= g.Limit }):
		return Excluded, ""
	case lag > lateAfter:
		return Late, ""
	default:
		return Run, ""
	}
}

// plan sets the lane's next time after the given one.
func (l *lane) plan(after time.Time) {
	l.due, l.boosted = time.Time{}, false
	if next := l.Schedule.Next(after.Add(-l.Offset)); !next.IsZero() {
		l.due = next.Add(l.Offset).Round(0).UTC()
	}
	if l.boostEvery <= 0 || !after.Before(l.boostUntil) {
		return
	}
	if extra := after.Add(l.boostEvery); l.due.IsZero() || extra.Before(l.due) {
		l.due, l.boosted = extra.Round(0).UTC(), true
	}
}

// end marks a run as over.
func (c *core) end(l *lane) {
	l.running = false
	if k := (key{l.Target, l.Lane}); l.gone && c.lanes[k] == l {
		delete(c.lanes, k)
	}
	for _, g := range l.taken {
		if c.groups[g.Name]--; c.groups[g.Name] == 0 {
			delete(c.groups, g.Name)
		}
	}
	l.taken = nil
}

// find returns the lane that is configured under that name.
func (c *core) find(target string, name probe.Lane) (*lane, bool) {
	l, ok := c.lanes[key{target, name}]
	return l, ok && !l.gone
}

// update puts other entries in place. A lane whose schedule is unchanged keeps
// its phase and its state; one that is gone runs no more, though its run goes
// on.
func (c *core) update(entries []Entry, now time.Time) {
	seen := map[key]bool{}
	for _, e := range entries {
		k := key{e.Target, e.Lane}
		seen[k] = true
		l, ok := c.lanes[k]
		if !ok {
			l = &lane{Entry: e}
			c.lanes[k] = l
			l.plan(now)
			continue
		}
		same := !l.gone && l.Schedule.String() == e.Schedule.String() && l.Schedule.Zone() == e.Schedule.Zone() && l.Offset == e.Offset
		l.Entry, l.gone = e, false
		if !same {
			l.plan(now)
		}
	}
	for k, l := range c.lanes {
		switch {
		case seen[k]:
		case l.running:
			l.gone, l.due, l.holds, l.boostUntil = true, time.Time{}, nil, time.Time{}
		default:
			delete(c.lanes, k)
		}
	}
	c.queue = c.queue[:0]
	for _, l := range c.lanes {
		if !l.due.IsZero() {
			l.at = len(c.queue)
			c.queue = append(c.queue, l)
		}
	}
	heap.Init(&c.queue)
}

// replan moves one lane after its boost changed.
func (c *core) replan(l *lane, now time.Time) {
	l.plan(now)
	if l.at < len(c.queue) && c.queue[l.at] == l {
		heap.Fix(&c.queue, l.at)
		return
	}
	heap.Push(&c.queue, l)
}

// laneHeap orders lanes by when they are due, and then by name, so that the
// order is the same every time. A lane that is never due again sorts last.
type laneHeap []*lane

func (h laneHeap) Len() int { return len(h) }

func (h laneHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	if !a.due.Equal(b.due) {
		return b.due.IsZero() || (!a.due.IsZero() && a.due.Before(b.due))
	}
	if a.Target != b.Target {
		return a.Target < b.Target
	}
	return a.Lane < b.Lane
}

func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push and Pop serve container/heap.
func (h *laneHeap) Push(x any) {
	l, ok := x.(*lane)
	if ok {
		l.at = len(*h)
		*h = append(*h, l)
	}
}

// Pop takes the last lane off.
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}
