package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Sender owes every receiver the newest state of each alert, and delivers it.
// Each receiver has a goroutine of its own.
type Sender struct {
	opts Options
	// base is what attempts run under; cut ends them all.
	base context.Context
	cut  context.CancelFunc

	mu sync.Mutex
	// live are the workers of the configured receivers, by name.
	live map[string]*worker
	// retired are those of receivers taken out that still have something to
	// deliver.
	retired []*worker
	stopped bool
}

// Status is how much a receiver is owed.
type Status struct {
	Receiver string
	// Queued is the number of alerts whose state is to be told, in a message or
	// not yet.
	Queued int
	// Retrying is the number of messages in progress.
	Retrying int
	// Held is the number of muted alerts that fire and were not told.
	Held int
	// Told is the number of alerts that the receiver knows to fire.
	Told int
	// Oldest is since when the oldest of Queued waits; zero is none.
	Oldest time.Time
}

// New returns a running Sender, to be ended by Stop. It keeps the values of ctx
// and not its end, so that what is pending when the daemon is told to stop can
// still be delivered. Its errors name the receiver and what is wrong with it.
func New(ctx context.Context, receivers []Receiver, o Options) (*Sender, error) {
	s := &Sender{opts: o.withDefaults(), live: map[string]*worker{}}
	s.base, s.cut = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.Update(receivers); err != nil {
		s.cut()
		return nil, err
	}
	return s, nil
}

// Update puts other receivers in place. Nothing changes where it returns an
// error. A receiver that keeps its name keeps its state: at a new address it is
// told of what fires, and of the resolve of what was told at the old one. One
// that goes away is still told of the resolves that wait for it.
func (s *Sender) Update(receivers []Receiver) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("notify: stopped")
	}
	notifiers := map[string]*WebhookNotifier{}
	for i, r := range receivers {
		where := fmt.Sprintf("notify[%d] %q", i, r.Name)
		switch {
		case r.Name == "":
			return fmt.Errorf("notify[%d]: has no name", i)
		case notifiers[r.Name] != nil:
			return fmt.Errorf("%s: another receiver has this name", where)
		case r.Webhook == nil:
			return fmt.Errorf("%s: says not how to deliver; add a webhook", where)
		}
		n, err := NewWebhook(r.Name, *r.Webhook, s.opts)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		notifiers[r.Name] = n
	}
	now := time.Now()
	for name, w := range s.live {
		if notifiers[name] == nil {
			delete(s.live, name)
			s.retired = append(s.retired, w)
			w.box.retire()
			w.nudge()
		}
	}
	s.retired = slices.DeleteFunc(s.retired, (*worker).ended)
	for _, r := range receivers {
		if w := s.live[r.Name]; w != nil {
			w.replace(r, notifiers[r.Name], now)
			continue
		}
		s.live[r.Name] = startWorker(s.base, r, notifiers[r.Name], s.opts)
	}
	return nil
}

// Set tells the Sender what fires and what has resolved as of an evaluation at
// now. It does no I/O and does not wait. To say the same again changes nothing,
// and of an alert that is not among them nothing is concluded: what has
// resolved must be said to have, at least once after it was said to fire.
func (s *Sender) Set(now time.Time, alerts []Routed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	at := time.Now()
	facts := make([]fact, 0, len(alerts))
	for _, r := range alerts {
		facts = append(facts, fact{
			Routed: r, fp: r.Alert.Fingerprint(), id: Identity(r.Alert), resolved: r.Alert.ResolvedAt(now),
		})
	}
	for name, w := range s.live {
		w.box.accept(facts, at, func(f fact) bool {
			return slices.Contains(f.To, name) || len(f.To) == 0 && w.match.Selects(f.id)
		})
		w.nudge()
	}
}

// Status returns how much each configured receiver is owed, by name.
func (s *Sender) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Status, 0, len(s.live))
	for _, w := range s.live {
		out = append(out, w.box.status())
	}
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Receiver, b.Receiver) })
	return out
}

// Stop takes nothing more, tries everything that is pending once more at once,
// and goes on until all is delivered, nothing more can be done before the
// deadline of ctx, or ctx ends. It returns an error where alerts are left, and
// nil when called again.
func (s *Sender) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	workers := slices.Clone(s.retired)
	for _, w := range s.live {
		workers = append(workers, w)
	}
	s.mu.Unlock()
	defer s.cut()
	now := time.Now()
	until, _ := ctx.Deadline()
	for _, w := range workers {
		w.box.drain(now, until)
		w.nudge()
	}
	left := 0
	for _, w := range workers {
		select {
		case <-w.done:
		case <-ctx.Done():
			s.cut()
			<-w.done
		}
		left += w.left
	}
	if left > 0 {
		return fmt.Errorf("notify: stopped with %d alerts undelivered", left)
	}
	return nil
}
