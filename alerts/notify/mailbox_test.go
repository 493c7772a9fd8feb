package notify

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amwebhook "github.com/prometheus/alertmanager/notify/webhook"
)

// many returns so many firing alerts of one name.
func many(n int) []*alert.Alert {
	out := make([]*alert.Alert, n)
	for i := range out {
		out[i] = firing("TargetFailing", fmt.Sprintf("t%03d", i))
	}
	return out
}

// say tells the mailbox the alert's state as of now.
func say(b *mailbox, a *alert.Alert, now time.Time) {
	f := fact{Routed: Routed{Alert: a}, fp: a.Fingerprint(), resolved: !a.EndsAt.IsZero()}
	b.accept([]fact{f}, now, func(fact) bool { return true })
}

// shape is what a message says in numbers.
type shape struct {
	Firing, Resolved int
	Truncated        uint64
	Status, Reason   string
}

func shapeOf(m amwebhook.Message) shape {
	return shape{
		len(m.Alerts.Firing()), len(m.Alerts.Resolved()), m.TruncatedAlerts, m.Status, m.NotificationReason,
	}
}

// TestGroups: alerts of one name that are to be told at once share a message, 64
// at most; none is left out, and the status is that of the whole group.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		alerts := many(100)
		r.set(append(alerts, firing("TargetBlind", "t000"))...)
		synctest.Wait()
		next := 0
		step := func(what string, want ...shape) {
			t.Helper()
			synctest.Wait()
			var got []shape
			for _, p := range h.got()[next:] {
				got = append(got, shapeOf(p.msg))
			}
			next = len(h.got())
			same(t, what, got, want)
		}
		step("all fire",
			shape{1, 0, 0, "firing", "first notification"},
			shape{63, 0, 0, "firing", "first notification"},
			shape{64, 0, 36, "firing", "new alerts added"})
		told := map[string]bool{}
		for _, p := range h.got() {
			for _, a := range p.msg.Alerts {
				told[a.Labels["target"]] = true
			}
		}
		same(t, "targets told of", len(told), 100)
		pass(time.Second)
		r.set(resolved(alerts[0]))
		step("one resolves", shape{63, 1, 36, "firing", "some alerts resolved"})
		pass(time.Second)
		var ends []*alert.Alert
		for _, a := range alerts[1:99] {
			ends = append(ends, resolved(a))
		}
		r.set(ends...)
		step("all but one resolve",
			shape{1, 63, 0, "firing", "some alerts resolved"},
			shape{1, 35, 0, "firing", "some alerts resolved"})
		pass(time.Second)
		r.set(resolved(alerts[99]), firing("TargetFailing", "new"))
		step("mixed", shape{1, 1, 0, "firing", "first notification"})
		pass(time.Second)
		r.set(resolved(firing("TargetFailing", "new")))
		step("the last resolves", shape{0, 1, 0, "resolved", "all alerts resolved"})
	})
}

// TestOverflow: where there is no room, the oldest page that was never
// attempted gives way, and what must be resolved never does.
func TestOverflow(t *testing.T) {
	now := time.Now()
	b := newMailbox("ops", Options{Capacity: 3}.withDefaults())
	fire := func(a *alert.Alert) { say(b, a, now) }
	alerts := many(6)
	fire(alerts[0])
	m, _, _ := b.take(now)
	b.finish(m, now, outcome{})
	fire(alerts[1])
	m, _, _ = b.take(now)
	b.finish(m, now, outcome{reason: ServerError, again: true})
	fire(alerts[2])
	same(t, "drops while there is room", b.dropped(), map[DropReason]int{})
	fire(alerts[3])
	fire(alerts[4])
	same(t, "drops beyond", b.dropped(), map[DropReason]int{DropOverflow: 2})
	same(t, "size", len(b.entries), 3)
	for i, want := range []bool{true, true, false, false, true, false} {
		if _, got := b.entries[alerts[i].Fingerprint()]; got != want {
			t.Errorf("alert %d remembered: %v, want %v", i, got, want)
		}
	}
	m, _, _ = b.take(now)
	b.finish(m, now, outcome{})
	fire(alerts[5])
	same(t, "drops where all were told", b.dropped(), map[DropReason]int{DropOverflow: 1})
	if _, got := b.entries[alerts[5].Fingerprint()]; got {
		t.Error("the new page drove out an alert that must be resolved")
	}
	// Nobody has spoken of the told ones for more than an hour.
	now = now.Add(unspokenKeep + time.Minute)
	fire(alerts[5])
	if _, got := b.entries[alerts[5].Fingerprint()]; !got {
		t.Error("alerts that nobody speaks of any more keep out a new page")
	}
}

// TestManyOverflow: a storm of twice the capacity at a receiver that takes
// nothing ends with the newest half, and stays as quick as the half.
func TestManyOverflow(t *testing.T) {
	now := time.Now()
	const capacity = 1000
	b := newMailbox("ops", Options{Capacity: capacity}.withDefaults())
	alerts := many(2 * capacity)
	for _, a := range alerts {
		say(b, a, now)
	}
	same(t, "size", len(b.entries), capacity)
	same(t, "evictable", b.waiting.Len(), capacity)
	same(t, "drops", b.dropped(), map[DropReason]int{DropOverflow: capacity})
	if b.entries[alerts[len(alerts)-1].Fingerprint()] == nil {
		t.Error("the newest is not there")
	}
}

// TestRetryingIsBounded: beyond the bound of messages in progress what is new
// gathers.
func TestRetryingIsBounded(t *testing.T) {
	now := time.Now()
	b := newMailbox("ops", Options{}.withDefaults())
	for i := range 50 {
		a := firing("TargetFailing", fmt.Sprint(i))
		say(b, a, now)
		if m, _, _ := b.take(now); m != nil {
			b.finish(m, now, outcome{reason: Network, again: true})
		}
	}
	same(t, "messages in progress", len(b.retrying), retryingMost)
	later := now.Add(backoffMost)
	for range retryingMost {
		m, _, _ := b.take(later)
		if len(m.news) != 1 {
			t.Fatalf("a message of %d alerts while others are due, want 1", len(m.news))
		}
		b.finish(m, later, outcome{})
		if rest, _, _ := b.take(later); len(b.retrying) == retryingMost && len(rest.news) != 18 {
			t.Errorf("the next new message has %d alerts, want 18", len(rest.news))
		} else if len(b.retrying) == retryingMost {
			return
		}
	}
}

// TestFlapDuringDelivery: states that change while a message is on its way are
// told after it, and only the newest.
func TestFlapDuringDelivery(t *testing.T) {
	a := firing("TargetFailing", "bert")
	for _, c := range []struct {
		name string
		// during is what is said while the firing is on its way: f or r.
		during string
		o      outcome
		want   string // what is told next
		drops  map[DropReason]int
	}{
		{"nothing happens", "", outcome{}, "", map[DropReason]int{}},
		{"it resolves and the firing arrives", "r", outcome{}, "r", map[DropReason]int{}},
		{"it resolves and the firing is lost", "r", outcome{reason: Network, again: true}, "f", map[DropReason]int{}},
		{"it resolves and the firing is refused", "r", outcome{reason: ClientError}, "", map[DropReason]int{DropResolvedEarly: 1}},
		{"it resolves and fires anew", "rf", outcome{}, "f", map[DropReason]int{}},
		{"it resolves twice", "rfr", outcome{}, "r", map[DropReason]int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			b := newMailbox("ops", Options{}.withDefaults())
			say(b, a, now)
			m, _, _ := b.take(now)
			for _, s := range c.during {
				if s == 'r' {
					say(b, resolved(a), now)
				} else {
					say(b, a, now)
				}
			}
			b.finish(m, now, c.o)
			next, _, _ := b.take(now.Add(backoffFirst))
			got := ""
			if next != nil {
				got = "f"
				if next.news[0].resolved {
					got = "r"
				}
			}
			same(t, "told next", got, c.want)
			same(t, "drops", b.dropped(), c.drops)
		})
	}
}

// TestFlapWhileResolving: an alert that fires and resolves again while its
// resolve is on its way leaves nothing behind.
func TestFlapWhileResolving(t *testing.T) {
	a := firing("TargetFailing", "bert")
	now := time.Now()
	b := newMailbox("ops", Options{}.withDefaults())
	say(b, a, now)
	m, _, _ := b.take(now)
	b.finish(m, now, outcome{})
	say(b, resolved(a), now)
	m, _, _ = b.take(now)
	say(b, a, now)
	say(b, resolved(a), now)
	b.finish(m, now, outcome{})
	same(t, "entries", len(b.entries), 0)
	same(t, "drops", b.dropped(), map[DropReason]int{DropResolvedEarly: 1})
	same(t, "messages", len(b.retrying), 0)
}
