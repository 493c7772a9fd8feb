package notify

import (
	"cmp"
	"container/list"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// retryingMost bounds the messages of one receiver that wait for another
	// attempt. Until one of them ends, what is new gathers in larger ones.
	retryingMost = 32
	// unspokenKeep is how long an alert that fires by all we know, and of which
	// nobody speaks any more, is remembered where room is short.
	unspokenKeep = time.Hour
)

// mailbox is what one receiver is owed. Its methods do no I/O and return
// quickly; they may be called from several goroutines.
type mailbox struct {
	receiver string
	opts     Options

	mu      sync.Mutex
	entries map[model.Fingerprint]*entry
	// waiting are the entries that may give way, oldest first.
	waiting *list.List
	// retrying are the messages in progress; flying is the one being attempted.
	retrying []*message
	flying   *message
	// gate is when the receiver wants to be talked to again.
	gate time.Time
	// number is the last message's.
	number uint64
	swept  time.Time
	// closing is that the mailbox is to become empty and takes nothing more;
	// until bounds it, and is zero where the end is only that of each message.
	closing bool
	until   time.Time
	// removed is that the receiver is no longer configured.
	removed bool
	drops   map[DropReason]int
	// letters are what was dropped since it was last asked, as far as there is
	// room; more is how much there was beyond.
	letters []Letter
	more    int
}

// newMailbox returns a mailbox with what the store holds of it. Messages are numbered from a random
// number, so that no two daemons name theirs alike.
func newMailbox(receiver string, o Options) *mailbox {
	b := &mailbox{
		receiver: receiver, opts: o, number: rand.Uint64(),
		entries: map[model.Fingerprint]*entry{}, waiting: list.New(), drops: map[DropReason]int{},
	}
	b.recall()
	return b
}

// fact is an alert as one evaluation saw it, with what every mailbox needs to
// know of it.
type fact struct {
	Routed
	fp       model.Fingerprint
	id       probe.Identity
	resolved bool
}

// accept takes what one evaluation says, all of it before anything is sent, so
// that what belongs together goes into one message. wanted says which firing
// alerts are the receiver's.
func (b *mailbox) accept(facts []fact, at time.Time, wanted func(fact) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return
	}
	for _, f := range facts {
		if f.resolved {
			// Whom it was told to matters now, and not whom it would be told to.
			b.resolves(f, at)
		} else {
			b.fires(f, wanted(f), at)
		}
	}
}

// fires takes the news that an alert fires. wanted is false where the receiver
// is not to be told of it.
func (b *mailbox) fires(f fact, wanted bool, at time.Time) {
	e := b.entries[f.fp]
	if !wanted {
		if e == nil {
			return
		}
		if e.mayGiveWay() {
			b.drop(e, DropRemoved)
			return
		}
	}
	if e == nil {
		if !b.makeRoom(at) {
			b.dead(DropOverflow, f.Alert, false)
			return
		}
		e = &entry{fp: f.fp, group: f.Alert.Name()}
		e.owe(at)
		b.entries[f.fp] = e
	}
	e.fires(f.Alert, f.Muted || !wanted, f.Muted, at, b.opts.Repeat)
	b.index(e)
}

// resolves takes the news that an alert has resolved. Of an alert that the
// receiver has never heard of it says nothing.
func (b *mailbox) resolves(f fact, at time.Time) {
	e := b.entries[f.fp]
	if e == nil {
		return
	}
	if !e.mayGiveWay() {
		e.resolves(f.Alert, at)
		b.index(e)
		return
	}
	reason := DropResolvedEarly
	if e.muted {
		reason = DropMuted
	}
	e.alert, e.resolved = f.Alert, true
	b.drop(e, reason)
}

// makeRoom reports whether there is room for one more entry, after it has
// dropped the oldest that may give way where there was none.
func (b *mailbox) makeRoom(at time.Time) bool {
	if len(b.entries) < b.opts.Capacity {
		return true
	}
	if oldest := b.waiting.Front(); oldest != nil {
		b.drop(oldest.Value.(*entry), DropOverflow)
		return true
	}
	if at.Sub(b.swept) < time.Minute {
		return false
	}
	b.swept = at
	for _, e := range b.entries {
		if !e.resolved && e.msg == nil && at.Sub(e.seen) > unspokenKeep {
			b.drop(e, DropOverflow)
		}
	}
	return len(b.entries) < b.opts.Capacity
}

// index keeps the entry's place among those that may give way, and in the
// store.
func (b *mailbox) index(e *entry) {
	b.note(e, false)
	switch may := e.mayGiveWay(); {
	case may && e.place == nil:
		e.place = b.waiting.PushBack(e)
	case !may && e.place != nil:
		b.waiting.Remove(e.place)
		e.place = nil
	}
}

// drop forgets the entry and counts it.
func (b *mailbox) drop(e *entry, reason DropReason) {
	b.forget(e)
	b.dead(reason, e.alert, e.resolved)
}

// forget takes the entry out.
func (b *mailbox) forget(e *entry) {
	delete(b.entries, e.fp)
	b.note(e, true)
	if e.place != nil {
		b.waiting.Remove(e.place)
		e.place = nil
	}
}

// take returns the message to attempt now. Where there is none it returns how
// long to wait, 0 meaning until something changes, and done is true where a
// closing mailbox has nothing more to do.
func (b *mailbox) take(now time.Time) (m *message, wait time.Duration, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var due time.Time
	if b.gate.After(now) {
		if len(b.retrying) > 0 || b.hasOwed() {
			due = b.gate
		}
	} else {
		if m, due = b.choose(now); m != nil {
			b.flying = m
			return m, 0, false
		}
	}
	if b.closing && (due.IsZero() || !b.until.IsZero() && due.After(b.until)) {
		return nil, 0, true
	}
	if due.IsZero() {
		return nil, 0, false
	}
	return nil, due.Sub(now), false
}

// choose returns a message to attempt at now, or when there may be one. What
// was never attempted goes first, and what was attempted least often before the
// rest, so that a message at which the receiver chokes holds up no other.
func (b *mailbox) choose(now time.Time) (*message, time.Time) {
	var due time.Time
	sooner := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	if len(b.retrying) < retryingMost {
		var oldest *entry
		for _, e := range b.entries {
			switch {
			case e.ready(now):
				if oldest == nil || before(e, oldest) {
					oldest = e
				}
			case e.owed() && !b.closing:
				sooner(e.notBefore)
			}
		}
		if oldest != nil {
			return b.make(oldest.group, now), due
		}
	}
	var best *message
	for _, m := range b.retrying {
		if m.due.After(now) {
			sooner(m.due)
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(m.tries.attempts, best.tries.attempts), m.due.Compare(best.due)) < 0 {
			best = m
		}
	}
	return best, due
}

// before orders entries by age, and by group and fingerprint where they are
// equally old.
func before(a, b *entry) bool {
	return cmp.Or(a.since.Compare(b.since), strings.Compare(a.group, b.group), cmp.Compare(a.fp, b.fp)) < 0
}

// hasOwed reports whether any entry waits for a message.
func (b *mailbox) hasOwed() bool {
	for _, e := range b.entries {
		if e.owed() {
			return true
		}
	}
	return false
}

// make returns a new message of what is pending in the group. One place is left
// for an alert that goes on firing: a message of resolves alone would read as
// if the whole group had resolved.
func (b *mailbox) make(group string, now time.Time) *message {
	var ready []*entry
	for _, e := range b.entries {
		if e.group == group && e.ready(now) {
			ready = append(ready, e)
		}
	}
	slices.SortFunc(ready, func(x, y *entry) int {
		if before(x, y) {
			return -1
		}
		return 1
	})
	ready = ready[:min(len(ready), max(1, b.opts.MaxAlerts-1))]
	b.number++
	m := &message{group: group, made: now, flush: b.number}
	m.tries = tries{id: deliveryID(b.receiver, m.groupKey(), now, b.number), first: now}
	for _, e := range ready {
		m.news = append(m.news, e.snapshot())
		e.pending, e.msg = false, m
		b.index(e)
	}
	b.retrying = append(b.retrying, m)
	return m
}
