package notify

import (
	"container/list"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// knowledge is what a receiver knows of an alert.
type knowledge int8

const (
	// unaware: it was told nothing, it refused all it was told, or it was told
	// that the alert resolved.
	unaware knowledge = iota
	// doubtful: it may have been told that the alert fires; an attempt failed in
	// a way that leaves this open.
	doubtful
	// aware: it was told that the alert fires.
	aware
)

// entry is one alert as one receiver is to see it.
//
// Its life, by what the receiver knows (columns) and what is true (rows):
//
//	           unaware            doubtful           aware
//	fires      pending            pending            told; repeated at times
//	resolved   forgotten          pending            pending
//
// A pending entry becomes part of a message, and of one message at a time: what
// changes meanwhile is pending behind it, so that one alert's states arrive in
// their order.
type entry struct {
	fp    model.Fingerprint
	group string

	// alert is the newest state.
	alert    *alert.Alert
	resolved bool
	// held is a firing alert that is muted, or not this receiver's any more.
	held, muted bool

	knows knowledge
	// pending is that the newest state is to be told and not yet in a message.
	pending bool
	// reminder is that the newest state is to be told though it is known.
	reminder bool
	// msg is the message in progress that tells a state of the alert.
	msg *message

	// since is when the newest state was first to be told.
	since time.Time
	// notBefore is when it may go into a message again after a failure.
	notBefore time.Time
	// told is when the receiver was last told that the alert fires.
	told time.Time
	// seen is when the alert was last spoken of.
	seen time.Time
	// place is the entry's place among those that may give way.
	place *list.Element

	// noted is what the store holds of the entry.
	noted kept
	// recalled is that the entry is from before the start, and that nobody has
	// spoken of it since.
	recalled bool
}

// mayGiveWay reports whether the entry can be dropped with nothing lost but a
// page that nobody has attempted to send.
func (e *entry) mayGiveWay() bool { return !e.resolved && e.knows == unaware && e.msg == nil }

// ready reports whether the entry can go into a message now.
func (e *entry) ready(now time.Time) bool {
	return e.owed() && !e.notBefore.After(now)
}

// owed reports whether the entry waits for a message.
func (e *entry) owed() bool {
	return e.pending && e.msg == nil && (!e.held || e.resolved)
}

// fires makes the alert fire, or go on firing.
func (e *entry) fires(a *alert.Alert, held, muted bool, at time.Time, repeat time.Duration) {
	again := e.resolved
	e.alert, e.resolved, e.held, e.muted, e.seen, e.recalled = a, false, held, muted, at, false
	switch {
	case again:
		e.owe(at)
	case e.pending || e.msg != nil || held:
	case e.knows == aware && repeat > 0 && at.Sub(e.told) >= repeat:
		e.owe(at)
		e.reminder = true
	}
}

// resolves makes the alert resolved. A resolve without annotations or link
// takes those of the firing: whoever cleans up needs to know what it was.
func (e *entry) resolves(a *alert.Alert, at time.Time) {
	e.seen, e.recalled = at, false
	if e.resolved {
		return
	}
	if len(a.Annotations) == 0 || a.GeneratorURL == "" {
		c := *a
		if len(c.Annotations) == 0 {
			c.Annotations = e.alert.Annotations
		}
		if c.GeneratorURL == "" {
			c.GeneratorURL = e.alert.GeneratorURL
		}
		a = &c
	}
	e.alert, e.resolved, e.held, e.muted = a, true, false, false
	e.owe(at)
}

// owe makes the newest state pending.
func (e *entry) owe(at time.Time) {
	e.pending, e.reminder, e.since, e.notBefore = true, false, at, time.Time{}
}

// snapshot returns the entry's newest state for a message.
func (e *entry) snapshot() carried {
	return carried{e: e, alert: e.alert, resolved: e.resolved, reminder: e.reminder, since: e.since}
}
