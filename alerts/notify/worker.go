package notify

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amnotify "github.com/prometheus/alertmanager/notify"

	"github.com/hfwatch/hfwatch/probe"
)

// worker delivers one receiver's messages, one attempt at a time.
type worker struct {
	box  *mailbox
	opts Options
	// match is the Sender's, under its lock.
	match probe.Match
	to    Receiver
	wake  chan struct{}
	// done is closed at the worker's end; left, what it owed then, may be read
	// after it.
	done chan struct{}
	left int

	mu       sync.Mutex
	notifier amnotify.Notifier
}

// startWorker returns a worker that runs until its mailbox was closed and is
// empty, or ctx ends.
func startWorker(ctx context.Context, r Receiver, n amnotify.Notifier, o Options) *worker {
	w := &worker{
		box: newMailbox(r.Name, o), opts: o, match: r.Match, to: r, notifier: n,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if addressIs(o.Store, r.Name, r.address()) {
		w.box.readdress(time.Now(), true)
	}
	go w.run(ctx)
	return w
}

// replace puts the receiver's new settings in place.
func (w *worker) replace(r Receiver, n amnotify.Notifier, now time.Time) {
	w.mu.Lock()
	w.notifier = n
	w.mu.Unlock()
	moved := w.to.address() != r.address()
	changed := moved || w.to.credentials() != r.credentials()
	w.match, w.to = r.Match, r
	addressIs(w.opts.Store, r.Name, r.address())
	if changed {
		w.box.readdress(now, moved)
		w.nudge()
	}
}

// nudge makes the worker look at its mailbox.
func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// ended reports whether the worker has come to its end.
func (w *worker) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// run delivers until there is nothing more to do.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	for ctx.Err() == nil {
		m, wait, done := w.box.take(time.Now())
		w.report()
		switch {
		case m != nil:
			w.attempt(ctx, m)
		case done:
			w.end()
			return
		default:
			w.sleep(ctx, wait)
		}
	}
	w.end()
}

// end counts what is left undelivered.
func (w *worker) end() {
	w.left = w.box.leave()
	w.report()
}

// sleep waits for the time, for a nudge or for the end; 0 is no time of its own.
func (w *worker) sleep(ctx context.Context, wait time.Duration) {
	var timer <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-timer:
	case <-w.wake:
	case <-ctx.Done():
	}
}

// attempt tries to deliver m once, and books and reports what came of it.
func (w *worker) attempt(ctx context.Context, m *message) {
	w.box.flush(ctx)
	start := time.Now()
	alerts, why := w.box.alerts(m, start)
	ctx = m.context(ctx, w.box.receiver, why)
	again, err := w.notify(ctx, alerts)
	now := time.Now()
	o := outcome{again: again}
	if f, ok := errors.AsType[*DeliveryError](err); ok {
		o.reason, o.retryAfter = f.Reason, f.RetryAfter
	} else if err != nil {
		o.reason = Internal
	}
	action, wait, attempts := w.box.finish(m, now, o)
	w.log(m, action, o.reason, attempts, wait, err)
	news := make([]*alert.Alert, len(m.news))
	for i, c := range m.news {
		news[i] = c.value(now)
	}
	oldest := slices.MinFunc(m.news, func(a, b carried) int { return a.since.Compare(b.since) })
	w.opts.Observer.Attempted(Attempt{
		Receiver: w.box.receiver, Action: action, Reason: o.reason,
		Took: now.Sub(start), Waited: now.Sub(oldest.since), Alerts: len(m.news), News: news,
	})
}

// notify calls the notifier and turns a panic into a refusal, so that one
// message can fail and not the daemon.
func (w *worker) notify(ctx context.Context, alerts []*alert.Alert) (again bool, err error) {
	w.mu.Lock()
	n := w.notifier
	w.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			w.opts.Logger.Error("notifier panicked", "receiver", w.box.receiver, "stack", string(debug.Stack()))
			again, err = false, &DeliveryError{Reason: Internal, text: fmt.Sprintf("%s: panic of type %T", w.box.receiver, p)}
		}
	}()
	return n.Notify(ctx, alerts...)
}

// log writes a line where the message's state changed.
func (w *worker) log(m *message, action Action, reason Reason, attempts int, wait time.Duration, err error) {
	l := w.opts.Logger.With("receiver", w.box.receiver, "alertname", m.group,
		"alerts", len(m.news), "attempt", attempts, "delivery", deliveryID(w.box.receiver, m.groupKey(), m.made, m.flush))
	switch action {
	case Sent:
		l.Info("notification delivered")
	case Retry:
		level := l.Debug
		if m.said != reason {
			level = l.Warn
		}
		m.said = reason
		level("notification failed and will be tried again", "wait", wait, "err", err)
	case Refused:
		l.Error("notification refused", "again_after", refusedPause, "err", err)
	case GivenUp:
		l.Error("notification given up", "err", err)
	case Interrupted:
		l.Warn("notification interrupted by the end of hfwatch")
	}
}

// report tells the observer what was dropped.
func (w *worker) report() {
	for reason, n := range w.box.dropped() {
		w.opts.Observer.Dropped(w.box.receiver, reason, n)
		w.opts.Logger.Warn("alerts dropped", "receiver", w.box.receiver, "reason", string(reason), "alerts", n)
	}
	if letters, more := w.box.takeLetters(); len(letters) > 0 || more > 0 {
		w.opts.DeadLetters.Put(letters, more)
	}
}
