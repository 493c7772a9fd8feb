package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// engine carries out one share.
type engine struct {
	plan     Plan
	share    Share
	o        Options
	arrivals Taken
	timeout  time.Duration
	drain    time.Duration
	stages   []string
	pools    []*Pool
	memos    []*probe.Memo
	rec      *recorder

	// told, where not nil, is told each result and when it was done.
	told func(j job, res *probe.Result, done time.Duration)

	ctx   context.Context //nolint:containedctx // An engine lives as long as its one run.
	start time.Time
	began usage
	pacer pacer
	// quit is closed once nothing more may be sent.
	quit chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	stop *Stop
	// next is the first arrival that nobody took, due the first that is not due:
	// what lies between waits. idle are workers without work.
	next, due          int
	idle               []*worker
	busy               int
	maxBusy, maxQueued int
	full, readings     int
	// asked counts what users asked.
	asked int
	// settled is closed once the plan is through and nothing waits or flies.
	finished bool
	settled  chan struct{}
}

// newEngine checks everything that can be wrong before anything is sent.
func newEngine(plan Plan, share Share, o Options) (*engine, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	steps := 1
	for _, a := range plan.Arrivals {
		steps = max(steps, a.Step+1)
	}
	if plan.Spec != nil {
		steps = max(steps, len(plan.Spec.Steps))
	}
	switch {
	case o.Runner.Exchanger == nil:
		return nil, errors.New("load: the runner has no exchanger")
	case len(o.Targets) < steps:
		return nil, fmt.Errorf("load: %d targets for %d steps; give one for each step", len(o.Targets), steps)
	case o.MaxInFlight < 1:
		return nil, fmt.Errorf("load: max_in_flight %d: a window must have a bound of at least 1", o.MaxInFlight)
	case plan.Users() > o.MaxInFlight:
		return nil, fmt.Errorf("load: %d users and max_in_flight %d: they would wait for each other", plan.Users(), o.MaxInFlight)
	}
	e := &engine{plan: plan, share: share, o: o, quit: make(chan struct{}), settled: make(chan struct{})}
	var err error
	if e.arrivals, err = plan.Take(share); err != nil {
		return nil, err
	}
	for _, t := range o.Targets {
		e.timeout = max(e.timeout, t.Timeout)
		e.pools = append(e.pools, NewPool(t.Inputs.Values))
		e.memos = append(e.memos, probe.NewMemo(t))
	}
	if o.Timeout > 0 {
		e.timeout = o.Timeout
	}
	if e.drain = o.Drain; e.drain <= 0 {
		e.drain = e.timeout
	}
	for i := range plan.Stages {
		e.stages = append(e.stages, strconv.Itoa(i))
	}
	// An exchange may end a little after its deadline.
	e.rec = newRecorder(&plan, plan.Length()+e.drain+e.timeout+5*time.Second, &o)
	e.rec.plan(e.arrivals)
	return e, nil
}

// run carries the share out.
func (e *engine) run(ctx context.Context) Window {
	e.ctx = ctx
	e.warm(ctx)
	e.began = usageNow()
	e.start = time.Now()
	e.rec.start = e.start
	e.pacer = e.newPacer()
	defer e.pacer.close()
	unhook := context.AfterFunc(ctx, func() { e.end(stopOf(context.Cause(ctx))) })
	defer unhook()
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		e.watch()
	}()
	if e.plan.Users() > 0 {
		e.users()
	} else {
		e.dispatch()
	}
	e.settle()
	e.wg.Wait()
	e.mu.Lock()
	e.finished = true
	e.mu.Unlock()
	close(e.settled)
	<-ticking
	return e.window()
}

// stopOf returns what ended a context as what ends a window.
func stopOf(cause error) *Stop {
	var s *Stop
	if errors.As(cause, &s) {
		return s
	}
	return &Stop{EndInterrupted, "the run was ended: " + cause.Error()}
}

// newPacer returns a precise pacer where the rate is high enough to ask for one.
func (e *engine) newPacer() pacer {
	peak := 0.0
	for _, s := range e.plan.Stages {
		peak = max(peak, s.Rate)
	}
	if e.o.Precise && peak >= preciseRate {
		return newPrecisePacer(e.quit)
	}
	return newTimerPacer(e.quit)
}

// end lets nothing more be sent. The first reason stays.
func (e *engine) end(s *Stop) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.finished || e.stop != nil {
		if !e.finished && e.stop.By == EndPlan && s.By == EndInterrupted {
			// What was in flight at the plan's end is cut as well.
			e.stop = s
		}
		return
	}
	e.stop = s
	close(e.quit)
	e.pacer.wake()
}

// ended returns why the window was ended, nil where it was not.
func (e *engine) ended() *Stop {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stop
}
