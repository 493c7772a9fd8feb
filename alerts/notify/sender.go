package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	amnotify "github.com/prometheus/alertmanager/notify"
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
	// clusters post to Alertmanagers, by the receiver's name.
	clusters map[string]*cluster
	stopped  bool
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
	s := &Sender{opts: o.withDefaults(), live: map[string]*worker{}, clusters: map[string]*cluster{}}
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
	notifiers, err := s.notifiers(receivers)
	if err != nil {
		return err
	}
	for _, r := range receivers {
		s.opts.DeadLetters.Hide(r.secrets())
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
		w, n := s.live[r.Name], notifiers[r.Name]
		switch {
		case n == nil:
		case w != nil:
			w.replace(r, n, now)
		default:
			s.live[r.Name] = startWorker(s.base, r, n, s.opts)
		}
	}
	s.updateClusters(receivers)
	return nil
}

// notifiers returns what delivers the messages of each receiver that takes
// messages, or what is wrong with one.
func (s *Sender) notifiers(receivers []Receiver) (map[string]amnotify.Notifier, error) {
	if err := check(receivers); err != nil {
		return nil, err
	}
	out := map[string]amnotify.Notifier{}
	for i, r := range receivers {
		if r.Alertmanager != nil {
			continue
		}
		n, err := r.notifier(s.opts)
		if err != nil {
			return nil, fmt.Errorf("notify[%d] %q: %w", i, r.Name, err)
		}
		out[r.Name] = n
	}
	return out, nil
}

// updateClusters starts and ends what posts to Alertmanagers.
func (s *Sender) updateClusters(receivers []Receiver) {
	wanted := map[string]Receiver{}
	for _, r := range receivers {
		if r.Alertmanager != nil {
			wanted[r.Name] = r
		}
	}
	for name, c := range s.clusters {
		if r, stays := wanted[name]; stays {
			c.replace(r)
			continue
		}
		delete(s.clusters, name)
		c.retire()
	}
	for name, r := range wanted {
		if s.clusters[name] == nil {
			s.clusters[name] = newCluster(s.base, r, s.opts)
		}
	}
}

// Reconcile resolves what receivers were told before the start and of which Set
// has not spoken since. It is to be called once, after the first evaluation of
// every rule.
func (s *Sender) Reconcile(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	names := map[string]bool{}
	for name, w := range s.live {
		names[name] = true
		w.box.reconcile(now)
		w.nudge()
	}
	for name, c := range s.clusters {
		names[name] = true
		c.reconcile()
	}
	forgetReceivers(s.opts.Store, names)
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
	for name, c := range s.clusters {
		c.accept(facts, now, func(f fact) bool {
			return slices.Contains(f.To, name) || len(f.To) == 0 && c.match.Selects(f.id)
		})
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
	for _, c := range s.clusters {
		out = append(out, c.status())
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
	clusters := slices.Collect(maps.Values(s.clusters))
	s.mu.Unlock()
	defer s.cut()
	for _, c := range clusters {
		// Alertmanagers expire by themselves what is not posted any more.
		c.retire()
	}
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
	for _, c := range clusters {
		c.wait(ctx)
	}
	if left > 0 {
		return fmt.Errorf("notify: stopped with %d alerts undelivered", left)
	}
	return nil
}
