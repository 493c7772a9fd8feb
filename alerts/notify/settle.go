package notify

import (
	"slices"
	"time"
)

// finish books the outcome of an attempt at m that ended at now, and returns
// what follows from it, the wait for another attempt and how many there were.
func (b *mailbox) finish(m *message, now time.Time, o outcome) (Action, time.Duration, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	action, wait, t := next(m.tries, now, o, b.opts.GiveUp)
	m.tries, b.flying = t, nil
	pause := refusedPause
	if m.readdressed {
		// What was refused was refused by the old address or for the old key.
		m.readdressed, pause = false, 0
		if action == Retry {
			wait = 0
		}
	} else if o.retryAfter > 0 {
		b.gate = now.Add(min(o.retryAfter, retryAfterMost))
	}
	if action == Retry || action == Interrupted {
		m.due = now.Add(wait)
	} else {
		b.retrying = slices.DeleteFunc(b.retrying, func(x *message) bool { return x == m })
	}
	for _, c := range m.news {
		switch action {
		case Sent:
			b.told(c, now)
		case Refused:
			b.failed(c, now, pause, true)
		case GivenUp:
			c.doubt()
			b.failed(c, now, backoffMost, false)
		default:
			c.doubt()
		}
		if b.entries[c.e.fp] == c.e {
			b.index(c.e)
		}
	}
	return action, wait, t.attempts
}

// doubt notes that the receiver may have been told.
func (c carried) doubt() {
	if !c.resolved && c.e.knows == unaware {
		c.e.knows = doubtful
	}
}

// told books that the receiver was told of c.
func (b *mailbox) told(c carried, now time.Time) {
	e := c.e
	e.msg = nil
	switch {
	case !c.resolved:
		e.knows, e.told = aware, now
	case !e.resolved:
		// It fires again and the receiver is yet to be told.
		e.knows = unaware
	case e.pending:
		// It fired and resolved again meanwhile: nobody knows, nobody needs to.
		b.drop(e, DropResolvedEarly)
	default:
		b.forget(e)
	}
	if b.removed && !e.owed() {
		b.forget(e)
	}
}

// failed books that the message with c ended without being delivered. What is
// true by now is told in another message: at once where it is news, after the
// pause where it is the same again. A resolve is dropped only where it was
// refused for a day.
func (b *mailbox) failed(c carried, now time.Time, pause time.Duration, refused bool) {
	e := c.e
	e.msg = nil
	if !e.pending {
		e.pending, e.reminder, e.since, e.notBefore = true, c.reminder, c.since, now.Add(pause)
	}
	switch {
	case b.removed:
		b.drop(e, DropRemoved)
	case e.resolved && e.knows == unaware:
		b.drop(e, DropResolvedEarly)
	case refused && c.resolved && e.resolved && now.Sub(e.since) > refusedKeep:
		b.drop(e, DropRefused)
	}
}

// readdress makes everything due again: the receiver's address or key is
// another one. With moved the address is, and what fires is told to it.
func (b *mailbox) readdress(now time.Time, moved bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = time.Time{}
	if b.flying != nil {
		b.flying.readdressed = true
	}
	for _, m := range b.retrying {
		m.due = now
		m.tries = tries{id: m.tries.id, first: now}
	}
	for _, e := range b.entries {
		if moved && !e.resolved && !e.pending && (e.msg == nil || e.msg == b.flying) {
			e.owe(now)
		}
		e.notBefore = time.Time{}
		b.index(e)
	}
}

// retire closes the mailbox of a receiver that is not configured any more. What
// was attempted and what has resolved is still delivered.
func (b *mailbox) retire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closing, b.removed = true, true
	for _, e := range b.entries {
		switch {
		case e.msg != nil || e.resolved:
		case e.pending && e.knows != aware:
			b.drop(e, DropRemoved)
		default:
			b.forget(e)
		}
	}
}

// drain closes the mailbox at the daemon's end: everything is tried once more at
// once, and again as long as there is time until then; the zero time is no
// bound.
func (b *mailbox) drain(now, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closing, b.until = true, until
	for _, m := range b.retrying {
		m.due = now
	}
	for _, e := range b.entries {
		e.notBefore = time.Time{}
	}
}

// leave returns how much a closed mailbox still owes. Where nothing is kept over
// a restart it is lost, and counted.
func (b *mailbox) leave() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := 0
	for _, e := range b.entries {
		if !e.owed() && e.msg == nil {
			continue
		}
		left++
		if _, lost := b.opts.Store.(nowhere); lost || b.removed {
			b.drop(e, DropShutdown)
		}
	}
	return left
}

// dropped returns what was dropped since it was last asked.
func (b *mailbox) dropped() map[DropReason]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	drops := b.drops
	b.drops = map[DropReason]int{}
	return drops
}

// status returns how much the mailbox holds.
func (b *mailbox) status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{Receiver: b.receiver, Retrying: len(b.retrying)}
	for _, e := range b.entries {
		switch {
		case e.owed() || e.msg != nil:
			s.Queued++
			since := e.since
			if e.msg != nil {
				since = e.msg.made
			}
			if s.Oldest.IsZero() || since.Before(s.Oldest) {
				s.Oldest = since
			}
		case e.held && e.pending:
			s.Held++
		}
		if e.knows == aware {
			s.Told++
		}
	}
	return s
}
