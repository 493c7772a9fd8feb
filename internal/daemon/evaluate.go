package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// evaluator is the tick: gather, append at that instant, evaluate, notify. It
// is used from one goroutine, but for its routing and its hint.
type evaluator struct {
	gatherer prometheus.Gatherer
	// refresh brings up to date what is gathered.
	refresh func(context.Context)
	// stepped is told of every step of the wall clock.
	stepped func(kind string, by time.Duration)
	// db is nil where both alerting and history are off.
	db *prom.DB
	// rules is nil where alerting is off; sender is then told of Watchdog alone.
	rules  *prom.Rules
	sender *notify.Sender
	// table remembers over restarts what rules found, and changed is told of what
	// began and ended. Both are nil where alerting is off.
	table   *alerts.Table
	changed func(context.Context, []alerts.Change)
	// tell adds evidence to what was found.
	tell func([]prom.Alert)
	// silenced is told how many alerts fire and are silenced.
	silenced func(n int)
	// reconciled is that every rule was evaluated once since the start.
	reconciled bool
	watch      evaluationObserver
	logger     *slog.Logger
	// location is the value of that label on alerts of the evaluator's own.
	location string
	origin   time.Time
	clock    prom.Clock
	// trust is told what time it is.
	trust *trusted
	// last is the instant of the last tick's samples.
	last time.Time
	// hourly are the recording rules; nil where history is off.
	hourly *prom.Hourly
	// failing is true while samples cannot be stored; misses counts the ticks in
	// a row that could not store any, from missing on.
	failing bool
	misses  int
	missing time.Time
	// blind is true while that is paged, for those who look.
	blind atomic.Bool
	// covered is until when what follows of it is not paged besides.
	covered time.Time

	mu      sync.Mutex
	every   time.Duration
	routing alerts.Routing
	hint    prom.Hint

	cancel context.CancelFunc
	done   chan struct{}
}

// evaluationObserver is told of every tick.
type evaluationObserver interface {
	// Evaluated says how long a tick took and what it stored and refused.
	Evaluated(took time.Duration, samples int, refused map[string]int)
	// EvaluationFailed counts one failure, by rule; the rule is empty where
	// nothing could be gathered or stored.
	EvaluationFailed(rule string)
	// ClockStepped counts one step of the wall clock.
	ClockStepped(kind string)
}

// start begins to tick. The ticks keep the values of ctx and not its end.
func (e *evaluator) start(ctx context.Context) {
	ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.done = make(chan struct{})
	go e.run(ctx)
}

// stop ends the ticks and makes a last one, so that the last results are
// stored.
func (e *evaluator) stop(ctx context.Context) {
	e.cancel()
	<-e.done
	e.tick(ctx)
}

// run ticks until ctx ends. A tick that takes longer than the interval skips
// the ones that it overran.
func (e *evaluator) run(ctx context.Context) {
	defer close(e.done)
	every := e.interval()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		e.tick(ctx)
		if now := e.interval(); now != every {
			every = now
			tick.Reset(every)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// interval returns the time between two ticks.
func (e *evaluator) interval() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.every
}

// tick makes one evaluation now.
func (e *evaluator) tick(ctx context.Context) {
	start := time.Now()
	e.refresh(ctx)
	e.mu.Lock()
	hint, routing := e.hint, e.routing
	e.mu.Unlock()
	if e.rules == nil {
		e.beat(ctx, routing)
	}
	if e.db == nil {
		return
	}
	reading := prom.Read(e.origin)
	at, clock, event := e.clock.Stamp(reading, hint)
	e.clock = clock
	if event.Kind != prom.EventNone {
		e.watch.ClockStepped(string(event.Kind))
		e.stepped(string(event.Kind), event.By)
		e.logger.Warn("the clock stepped", "kind", string(event.Kind), "by", event.By.String())
	}
	e.trust.set(at)
	skew := at.Sub(reading.Wall)
	at = aligned(e.last, at, e.interval())
	e.last = at

	families, gatherErr := e.gatherer.Gather()
	appended, appendErr := e.db.AppendSkewed(ctx, at, skew, families)
	refused := map[string]int{}
	for reason, n := range appended.Refused {
		refused[string(reason)] = n
	}
	// What our own end cut off says nothing of the disk.
	if err := errors.Join(gatherErr, appendErr); err == nil || ctx.Err() == nil {
		if err != nil {
			e.watch.EvaluationFailed("")
		}
		e.say(err)
		e.page(ctx, appendErr, reading.Wall, routing)
	}
	// Samples that a full disk refuses are held in memory, where the rules see
	// them. Without new samples every rule would cease to hold after the look-back
	// of five minutes, and what still fails would be resolved.
	if e.rules != nil && (appendErr == nil || errors.Is(appendErr, prom.ErrHeld)) {
		e.evaluate(ctx, at, skew, routing)
	} else if e.rules != nil {
		// What stays as it is must be said again: an Alertmanager resolves what it
		// hears nothing of.
		same := e.rules.Alerts()
		e.tell(same)
		e.hand(ctx, same, skew, routing)
	}
	if e.hourly != nil && (appendErr == nil || errors.Is(appendErr, prom.ErrHeld)) {
		e.record(ctx, at)
	}
	e.watch.Evaluated(time.Since(start), appended.Samples, refused)
}

// aligned returns the instant of samples that are taken at at: exactly one
// interval after the last one where it is that but for the lateness of a timer,
// up to a hundredth of it. Samples that are evenly spaced take a bit each for
// their time, others two bytes. It is always later than the last.
func aligned(last, at time.Time, every time.Duration) time.Time {
	if expected := last.Add(every); at.Sub(expected).Abs() <= every/100 {
		return expected
	}
	if !at.After(last) {
		return last.Add(time.Millisecond)
	}
	return at
}

// record evaluates the recording rules of the hours that have ended.
func (e *evaluator) record(ctx context.Context, at time.Time) {
	_, err := e.hourly.Eval(ctx, at)
	if err == nil || ctx.Err() != nil {
		return
	}
	var failed prom.EvalError
	if !errors.As(err, &failed) {
		e.watch.EvaluationFailed("")
	}
	for _, rule := range failed {
		e.watch.EvaluationFailed(rule.Rule)
	}
	e.logger.Warn("hours could not be recorded", "err", err)
}

// evaluate runs the rules at that instant and hands on what they found.
func (e *evaluator) evaluate(ctx context.Context, at time.Time, skew time.Duration, routing alerts.Routing) {
	bounded, cancel := context.WithTimeout(ctx, e.interval())
	defer cancel()
	found, err := e.rules.Eval(bounded, at)
	if err != nil && ctx.Err() == nil {
		var failed prom.EvalError
		if errors.As(err, &failed) {
			for _, rule := range failed {
				e.watch.EvaluationFailed(rule.Rule)
			}
		} else {
			e.watch.EvaluationFailed("")
		}
	}
	now := time.Now()
	e.tell(found)
	if found != nil || err == nil {
		// Before anybody is told, so that what is told now can be resolved by
		// whoever starts after us.
		e.changed(ctx, e.table.Keep(now, found))
	}
	e.hand(ctx, found, skew, routing)
	if err == nil && !e.reconciled {
		e.reconciled = true
		e.sender.Reconcile(now)
	}
}

// hand tells the sender what was found, in times of day.
func (e *evaluator) hand(ctx context.Context, found []prom.Alert, skew time.Duration, routing alerts.Routing) {
	for i, a := range found {
		found[i] = a.Shift(-skew)
	}
	now := time.Now()
	if e.blind.Load() {
		e.covered = now.Add(coveredFor)
	}
	routed := alerts.Route(ctx, found, routing)
	n := 0
	for i, r := range routed {
		if r.Silenced {
			n++
		}
		// One page says that the disk fails. That results wait for the same disk
		// would be a second one, and its rule looks back over ten minutes.
		if now.Before(e.covered) && r.Alert.EndsAt.IsZero() && r.Alert.Labels["alertname"] == historyFailing {
			routed[i].Muted = true
		}
	}
	e.silenced(n)
	e.sender.Set(now, routed)
}

// beat tells the sender that hfwatch is alive, where no rules are evaluated. What
// was told before alerting was turned off is resolved.
func (e *evaluator) beat(ctx context.Context, routing alerts.Routing) {
	now := time.Now()
	e.sender.Set(now, alerts.Route(ctx, []prom.Alert{alerts.Beat(e.location, e.origin)}, routing))
	if !e.reconciled {
		e.reconciled = true
		e.sender.Reconcile(now)
	}
}

// historyFailing is the name of the alerts on what cannot be stored or recorded.
const historyFailing = "HistoryFailing"

// coveredFor is how long after samples are stored again results that were not
// recorded meanwhile page nobody. What goes on for longer has another cause.
const coveredFor = 15 * time.Minute

// blindAfter is how many ticks in a row must fail to store samples before that
// is paged.
const blindAfter = 2

// page tells the receivers that samples cannot be stored, past the engine which
// may not see it, and that they are stored again.
func (e *evaluator) page(ctx context.Context, err error, now time.Time, routing alerts.Routing) {
	if e.rules == nil {
		return
	}
	a := prom.Alert{
		Rule: historyFailing, State: prom.StateFiring, ActiveAt: e.missing, FiredAt: e.missing, Value: float64(e.misses),
		Labels: map[string]string{"alertname": historyFailing, "severity": string(alerts.Critical), "reason": "series", "location": e.location},
		Annotations: map[string]string{
			"summary":     "Alerts stand still: samples cannot be stored",
			"description": "hfwatch probes on, but cannot store samples, so that no alert begins or ends. Look at the disk of the data directory.",
			"runbook_url": alerts.RunbookBase + "HistoryFailing.md",
		},
	}
	if errors.Is(err, prom.ErrHeld) {
		a.Annotations["summary"] = "Samples cannot be stored and are held in memory"
		a.Annotations["description"] = "hfwatch probes on and alerts go on from memory, but what is held there is lost with the process, and the oldest of it after half an hour. Look at the disk of the data directory."
	}
	switch {
	case err != nil:
		if e.misses++; e.misses == 1 {
			e.missing = now
		}
		if e.misses < blindAfter {
			return
		}
		e.blind.Store(true)
		a.ActiveAt, a.FiredAt, a.Value = e.missing, e.missing, float64(e.misses)
	case e.misses >= blindAfter:
		a.State, a.ResolvedAt = prom.StateResolved, now
		e.misses = 0
		e.blind.Store(false)
	default:
		e.misses = 0
		return
	}
	e.sender.Set(time.Now(), alerts.Route(ctx, []prom.Alert{a}, routing))
}

// say logs the first failure of a row and its end.
func (e *evaluator) say(err error) {
	if (err != nil) == e.failing {
		return
	}
	e.failing = err != nil
	if e.failing {
		e.logger.Error("samples cannot be stored; alerts stay as they are", "err", err)
		return
	}
	e.logger.Info("samples are stored again")
}

// configure replaces the interval, and whom alerts concern.
func (e *evaluator) configure(every time.Duration, r alerts.Routing) {
	e.mu.Lock()
	was := e.every
	e.every, e.routing = every, r
	e.mu.Unlock()
	if e.hourly == nil || was == every {
		return
	}
	if err := e.hourly.Replace(alerts.Hourly(alerts.NativeHistograms, every)); err != nil {
		e.logger.Error("hours are recorded as before the reload", "err", err)
	}
}

// Record takes the Date header of a result as the word of another clock.
func (e *evaluator) Record(r probe.Result) {
	if r.Date.IsZero() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hint = prom.Hint{Time: r.Date, Mono: time.Since(e.origin)}
}
