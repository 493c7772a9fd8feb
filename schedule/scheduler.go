package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// ErrBusy is returned by Try where the lane has a run in flight.
var ErrBusy = errors.New("busy: a run is in flight in this lane")

// ErrHeld is returned by Try where the lane is held.
var ErrHeld = errors.New("held")

// ErrUnknown is returned for a target that has no such lane.
var ErrUnknown = errors.New("there is no such target")

// ErrStopped is returned after Stop.
var ErrStopped = errors.New("the scheduler is stopped")

// Options are what a Scheduler needs.
type Options struct {
	// Logger must not be nil.
	Logger *slog.Logger
	// Observer must not be nil.
	Observer Observer
}

// Scheduler runs the jobs of its entries when they are due. It has one
// goroutine for the loop and one for each run in flight.
type Scheduler struct {
	opts   Options
	origin time.Time
	// jobs is what runs are under; cancel ends them.
	jobs   context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	core    core
	stopped bool
	runs    sync.WaitGroup

	wake chan struct{} // holds one token when the lanes have changed
	stop chan struct{}
	done chan struct{}
}

// New returns a running scheduler without entries. Its runs keep the values of
// ctx and not its end: Stop ends them.
func New(ctx context.Context, o Options) *Scheduler {
	s := &Scheduler{
		opts: o, origin: time.Now(), core: core{lanes: map[key]*lane{}, groups: map[string]int{}},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.jobs, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go s.loop()
	return s
}

// Update puts other entries in place: what is unchanged keeps its phase, its
// hold and its run in flight; what is gone is not started again.
func (s *Scheduler) Update(entries []Entry) {
	s.mu.Lock()
	s.core.update(entries, time.Now())
	s.mu.Unlock()
	s.nudge()
}

// Stop starts nothing more, waits for the runs in flight until ctx ends, and
// then cancels them. It returns an error where it had to, and names those that
// did not end within five seconds of that; it does not wait for them.
func (s *Scheduler) Stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	s.mu.Unlock()
	if first {
		close(s.stop)
	}
	<-s.done
	defer s.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.runs.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	err := fmt.Errorf("probes in flight were cut off: %w", context.Cause(ctx))
	s.cancel()
	timer := time.NewTimer(unwinding)
	defer timer.Stop()
	select {
	case <-ended:
		return err
	case <-timer.C:
		return fmt.Errorf("%w; these go on all the same: %s", err, strings.Join(s.inFlight(), ", "))
	}
}

// inFlight returns the names of the lanes with a run in flight.
func (s *Scheduler) inFlight() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for k, l := range s.core.lanes {
		if l.running {
			names = append(names, k.target+" ("+string(k.lane)+")")
		}
	}
	slices.Sort(names)
	return names
}

// loop waits for what is due and starts it.
func (s *Scheduler) loop() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
		case <-s.wake:
		}
		timer.Reset(s.turn())
	}
}

// turn starts what is due now and returns how long to wait.
func (s *Scheduler) turn() time.Duration {
	now := time.Now()
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return MaxSleep
	}
	actions, stepped, sleep := s.core.step(Reading{Wall: now.Round(0), Mono: now.Sub(s.origin)})
	for i := range actions {
		if a := &actions[i]; a.event == Run || a.event == Late {
			a.slot.Due = now.Add(-a.lag)
			s.runs.Add(1)
			go s.run(a.lane, a.lane.Job, *a)
		}
	}
	s.mu.Unlock()
	if stepped != 0 {
		s.opts.Logger.Warn("the clock was set", "by", stepped.String())
		s.opts.Observer.Stepped(stepped)
	}
	for _, a := range actions {
		if a.event == Run || a.event == Late {
			continue
		}
		s.opts.Observer.Slot(a.slot.Target, a.slot.Lane, a.event, a.reason, max(a.lag, 0), a.n)
	}
	return sleep
}

// run carries out one job. A panic ends the job and nothing else.
func (s *Scheduler) run(l *lane, job func(context.Context, Slot) bool, a action) {
	defer s.runs.Done()
	event := Panicked
	defer func() {
		if p := recover(); p != nil {
			s.opts.Logger.Error("a run panicked", "target", a.slot.Target, "lane", string(a.slot.Lane), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		s.end(l)
		s.opts.Observer.Slot(a.slot.Target, a.slot.Lane, event, "", max(a.lag, 0), 1)
	}()
	if sent := job(s.jobs, a.slot); sent {
		event = a.event
	} else {
		event = Withheld
	}
}

// end marks a lane's run as over.
func (s *Scheduler) end(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.core.end(l)
}

// Try runs do in the lane of the target, now and in the caller's goroutine, as
// if a slot were due. It returns ErrBusy, ErrHeld, ErrUnknown or ErrStopped
// where it may not.
func (s *Scheduler) Try(target string, name probe.Lane, do func()) error {
	return s.try(target, name, (*lane).held, do)
}

// TryHeld is Try for a run that finds out whether what its entry's Held reports
// still lasts. It is refused by a Hold alone.
func (s *Scheduler) TryHeld(target string, name probe.Lane, do func()) error {
	return s.try(target, name, (*lane).kept, do)
}

// try is Try with what refuses it.
func (s *Scheduler) try(target string, name probe.Lane, held func(*lane, time.Time) bool, do func()) error {
	s.mu.Lock()
	l, ok := s.core.find(target, name)
	var err error
	switch {
	case s.stopped:
		err = ErrStopped
	case !ok:
		err = ErrUnknown
	case l.running:
		err = ErrBusy
	case held(l, time.Now()):
		err = ErrHeld
	}
	if err != nil {
		s.mu.Unlock()
		return fmt.Errorf("%s, lane %s: %w", target, name, err)
	}
	s.core.start(l)
	s.runs.Add(1)
	s.mu.Unlock()
	defer s.runs.Done()
	defer s.end(l)
	do()
	return nil
}

// Hold skips the slots of a lane until the time given, or until Release with
// the same reason. Holds of other reasons stay. A run in flight goes on.
func (s *Scheduler) Hold(target string, name probe.Lane, until time.Time, reason string) error {
	return s.change(target, name, func(l *lane, _ time.Time) {
		if l.holds == nil {
			l.holds = map[string]time.Time{}
		}
		// Without the monotonic reading: it is compared with the wall clock, and
		// moved along when that is set.
		l.holds[reason] = until.Round(0)
		s.opts.Logger.Info("lane held", "target", target, "lane", string(name), "until", until, "reason", reason)
	})
}

// Release ends the hold of that reason, if there is one.
func (s *Scheduler) Release(target string, name probe.Lane, reason string) error {
	return s.change(target, name, func(l *lane, _ time.Time) { delete(l.holds, reason) })
}

// Boost adds slots to a lane, one each time that so long has passed since the
// last and at most one each second, until the time given. An every of 0 ends
// it.
func (s *Scheduler) Boost(target string, name probe.Lane, every time.Duration, until time.Time, reason string) error {
	if every > 0 {
		every = max(every, minBoost)
	}
	return s.change(target, name, func(l *lane, now time.Time) {
		l.boostEvery, l.boostUntil = every, until.Round(0)
		s.core.replan(l, now)
		if every <= 0 {
			s.opts.Logger.Info("lane no longer boosted", "target", target, "lane", string(name), "reason", reason)
			return
		}
		s.opts.Logger.Info("lane boosted", "target", target, "lane", string(name), "every", every.String(), "until", until, "reason", reason)
	})
}

// change applies a change to a lane and wakes the loop.
func (s *Scheduler) change(target string, name probe.Lane, do func(*lane, time.Time)) error {
	s.mu.Lock()
	l, ok := s.core.find(target, name)
	if ok {
		do(l, time.Now())
	}
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("%s, lane %s: %w", target, name, ErrUnknown)
	}
	s.nudge()
	return nil
}

// Next returns when a lane is due next; the zero time where it never is.
func (s *Scheduler) Next(target string, name probe.Lane) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.core.find(target, name); ok {
		return l.due
	}
	return time.Time{}
}

// nudge tells the loop that the lanes have changed.
func (s *Scheduler) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
