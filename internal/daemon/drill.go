package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

const (
	// drillBad is how many synthetic results of a drill are bad: as many as make
	// TargetFailing fire.
	drillBad = 3
	// drillSeen bounds what has been seen of a drill and not been looked at.
	drillSeen = 256
	// DrillTimeout is how long a drill may take at most.
	DrillTimeout = 30 * time.Minute
)

// ErrDrill is that a page of a drill did not arrive.
var ErrDrill = errors.New("the drill's page did not arrive")

// DrillStep is one step of a fire drill.
type DrillStep struct {
	At time.Time `json:"at"`
	// Seconds is the time since the fault.
	Seconds float64 `json:"seconds"`
	// Step is injected, fired, acknowledged, failed, cleared or resolved.
	Step     string `json:"step"`
	Receiver string `json:"receiver,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// drills is the fire drill under way, if any. It is safe for concurrent use.
type drills struct {
	mu   sync.Mutex
	id   string
	seen chan drillEvent
}

// drillEvent is what was seen of a drill's alert: a change of its state, or an
// attempt to tell a receiver of one.
type drillEvent struct {
	at       time.Time
	receiver string
	action   notify.Action
	reason   notify.Reason
	resolved bool
}

// begin begins a drill, unless one is under way.
func (s *drills) begin() (id string, seen <-chan drillEvent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" {
		return "", nil, false
	}
	var name [6]byte
	_, _ = rand.Read(name[:])
	s.id, s.seen = hex.EncodeToString(name[:]), make(chan drillEvent, drillSeen)
	return s.id, s.seen, true
}

// end ends the drill.
func (s *drills) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.seen = "", nil
}

// note tells the drill of that identity what was seen. It does not wait.
func (s *drills) note(id string, e drillEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" || id != s.id {
		return
	}
	select {
	case s.seen <- e:
	default:
	}
}

// changed notes that the drill's alert began or ended.
func (s *drills) changed(changes []alerts.Change) {
	for _, c := range changes {
		if c.Alert.Rule == alerts.DrillName {
			s.note(c.Alert.Labels["drill"], drillEvent{at: time.Now(), resolved: c.Alert.State == prom.StateResolved})
		}
	}
}

// attempted notes an attempt to tell a receiver of the drill's alert.
func (s *drills) attempted(a notify.Attempt) {
	now := time.Now()
	for _, one := range a.News {
		if one.Name() == alerts.DrillName {
			s.note(string(one.Labels["drill"]), drillEvent{at: now, receiver: a.Receiver, action: a.Action, reason: a.Reason, resolved: one.ResolvedAt(now)})
		}
	}
}

// drilling is one drill as it is carried out.
type drilling struct {
	d    *Daemon
	id   string
	m    probe.Identity
	seen <-chan drillEvent
	say  func(DrillStep)
	at   time.Time
	seq  uint64
	// fired and told are how far the state has come that is waited for.
	fired, resolved time.Time
	knows           map[string][2]bool
}

// Drill makes synthetic results of a target fail, marked as a drill, and follows
// the alert until every receiver that it concerns has acknowledged the page and
// its resolve. An empty target is the first that is configured. Each step is
// told to say. The error wraps ErrDrill where the page did not arrive within the
// timeout, and says who lacks it.
func (d *Daemon) Drill(ctx context.Context, target string, timeout time.Duration, say func(DrillStep)) error {
	w := d.now.Load()
	if d.evaluator.rules == nil {
		return fmt.Errorf("%w: alerting is off here; the Prometheus that evaluates the rules pages", ErrDrill)
	}
	if target == "" && len(w.cfg.Models) > 0 {
		target = w.cfg.Models[0].Target.Name
	}
	if _, ok := w.models[target]; !ok {
		return fmt.Errorf("%q: %w", target, schedule.ErrUnknown)
	}
	id, seen, ok := d.drills.begin()
	if !ok {
		return fmt.Errorf("a drill is under way: %w", schedule.ErrBusy)
	}
	defer d.drills.end()
	defer d.exporter.SetDrills(nil)
	ctx, cancel := context.WithTimeout(ctx, min(timeout, DrillTimeout))
	defer cancel()
	dr := &drilling{d: d, id: id, m: w.identity(target), seen: seen, say: say, at: time.Now(), knows: map[string][2]bool{}}
	dr.inject(true)
	dr.step("injected", "", fmt.Sprintf("%d bad results of %s, marked as drill %s", drillBad, target, id))
	if err := dr.follow(ctx, false); err != nil {
		return err
	}
	dr.inject(false)
	dr.step("cleared", "", "good results of "+target)
	return dr.follow(ctx, true)
}

// inject hands out synthetic results, bad or good. No rule, trend, record or
// state of the target reads them: they are counted by their kind, and by the
// gauge that the drill's own rule reads.
func (dr *drilling) inject(bad bool) {
	d, now := dr.d, time.Now()
	t := d.now.Load().models[dr.m.Name].Target
	n, value := drillBad, 0.0
	res := probe.Result{Outcome: probe.OK, Fault: probe.FaultNone, Counts: probe.Good}
	if bad {
		value = drillBad
		res.Outcome, res.Fault, res.Counts, res.Error = probe.ServerError, probe.FaultTarget, probe.Bad, "made up by a drill"
	}
	for range n {
		dr.seq++
		res.Schema, res.Kind, res.Target, res.Location, res.Due, res.Version = probe.ResultSchema, probe.Drill, t.Name, d.runner.Location, now, d.opts.Version
		res.ID = probe.ID(d.runner.Location, t.Name+" drill "+dr.id, probe.LaneBaseline, now, dr.seq)
		d.exporter.Record(res)
	}
	d.exporter.SetDrills(map[exporter.Drill]float64{{Target: t.Name, ID: dr.id}: value})
}

// step tells of a step.
func (dr *drilling) step(name, receiver, detail string) {
	now := time.Now()
	dr.say(DrillStep{At: now.UTC(), Seconds: now.Sub(dr.at).Seconds(), Step: name, Receiver: receiver, Detail: detail})
}

// follow waits until the alert has fired or resolved, and everybody knows.
func (dr *drilling) follow(ctx context.Context, resolved bool) error {
	for !dr.arrived(resolved) {
		select {
		case e := <-dr.seen:
			dr.see(e)
		case <-ctx.Done():
			return dr.missing(ctx, resolved)
		}
	}
	return nil
}

// see takes what was seen.
func (dr *drilling) see(e drillEvent) {
	what, i := "the page", 0
	if e.resolved {
		what, i = "the resolve", 1
	}
	switch {
	case e.receiver == "" && e.resolved:
		dr.resolved = e.at
		dr.step("resolved", "", "the rule no longer holds")
	case e.receiver == "":
		dr.fired = e.at
		dr.step("fired", "", alerts.DrillName+" fires, severity critical")
	case e.action == notify.Sent:
		if knows := dr.knows[e.receiver]; !knows[i] {
			knows[i] = true
			dr.knows[e.receiver] = knows
			dr.step("acknowledged", e.receiver, what)
		}
	default:
		dr.step("failed", e.receiver, fmt.Sprintf("%s: %s, %s", what, e.reason, e.action))
	}
}

// concerned returns the receivers that the drill's alert goes to.
func (dr *drilling) concerned() []string {
	id := dr.m
	id.Severity = string(alerts.Critical)
	id.Labels = map[string]string{}
	for name, value := range dr.labels() {
		id.Labels[name] = value
	}
	var out []string
	for _, r := range receivers(dr.d.now.Load().cfg) {
		if r.Match.Selects(id) {
			out = append(out, r.Name)
		}
	}
	return out
}

// labels returns the labels of the alert of the drill, as far as they are known
// before it fires; once it does, they are its own.
func (dr *drilling) labels() map[string]string {
	for _, a := range dr.d.evaluator.rules.Alerts() {
		if a.Rule == alerts.DrillName && a.Labels["drill"] == dr.id {
			return a.Labels
		}
	}
	return map[string]string{"alertname": alerts.DrillName, "drill": dr.id, "target": dr.m.Name}
}

// arrived reports whether the state is there and every receiver knows of it.
func (dr *drilling) arrived(resolved bool) bool {
	i := 0
	if resolved {
		i = 1
	}
	return len(dr.knows) > 0 && !dr.fired.IsZero() && (!resolved || !dr.resolved.IsZero()) && len(dr.lacking(i)) == 0
}

// lacking returns the receivers that were not told yet.
func (dr *drilling) lacking(i int) []string {
	return slices.DeleteFunc(dr.concerned(), func(name string) bool { return dr.knows[name][i] })
}

// missing returns why the drill has not arrived.
func (dr *drilling) missing(ctx context.Context, resolved bool) error {
	i, what := 0, "the page"
	if resolved {
		i, what = 1, "the resolve"
	}
	why := "it has not been acknowledged by " + strings.Join(dr.lacking(i), ", ")
	switch labels := dr.labels(); {
	case dr.fired.IsZero():
		why = "the rule has not fired"
	case resolved && dr.resolved.IsZero():
		why = "the rule has not resolved"
	case len(dr.concerned()) == 0:
		why = "no receiver takes it: none matches an alert of severity critical about " + dr.m.Name
	case dr.d.silenced(ctx, labelSet(labels)):
		why = "a silence holds it back"
	case dr.d.now.Load().maintenance.Muted(dr.m, time.Now()):
		why = "a maintenance time holds it back"
	}
	return fmt.Errorf("%w: %s after %s: %s (%w)", ErrDrill, what, time.Since(dr.at).Round(time.Second), why, context.Cause(ctx))
}
