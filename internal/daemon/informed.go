package daemon

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/journal"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// stateFile is the journal of what fires and of what receivers were told.
const stateFile = "alerts.journal"

// informed counts of each target the results that this process has seen, so
// that what fired before it began does not end for want of memory. It is safe
// for concurrent use.
type informed struct {
	mu sync.Mutex
	// counted are results that count, seen those of any kind. Those of the records
	// are among them.
	counted, seen map[string]int
	// recalled has the targets of which the records told what there was.
	recalled map[string]bool
}

// allOf is more results than any rule looks back on.
const allOf = 1 << 20

// record counts a result.
func (i *informed) record(r probe.Result) {
	if r.Kind != probe.Baseline {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.init()
	if i.seen[r.Target] < allOf {
		i.seen[r.Target]++
	}
	if r.Enters() && i.counted[r.Target] < allOf {
		i.counted[r.Target]++
	}
}

// restored notes that everything is known of a target that was recorded: so many
// results that count, and those of any kind. Where a rule looks back on more than
// there were, nothing can have fallen out of its sight: its alert, if it fired, can
// only seem to have ended, for want of a result that no disk would take before a kill.
func (i *informed) restored(target string, counted int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.init()
	i.counted[target] = min(i.counted[target]+counted, allOf)
	i.seen[target], i.recalled[target] = allOf, true
}

// init makes the maps.
func (i *informed) init() {
	if i.counted == nil {
		i.counted, i.seen, i.recalled = map[string]int{}, map[string]int{}, map[string]bool{}
	}
}

// enough reports whether so many results of a target were seen. Of a target
// without a name every target must have been seen so often, whatever came of
// it.
func (i *informed) enough(target string, needs int, w *watched) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if target != "" {
		m, watched := w.models[target]
		return !watched || m.Baseline == nil || i.counted[target] >= needs || needs == 1 && i.recalled[target]
	}
	for name, m := range w.models {
		if m.Baseline != nil && i.seen[name] < needs {
			return false
		}
	}
	return true
}

// silent reports whether no more can be learned of a target for a condition of the
// form "k of n" that has not counted n yet. Results will come, if only it is probed;
// cold starts may not for weeks, so that those of the records must do.
func (i *informed) silent(target string, episodic bool, w *watched) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	m, watched := w.models[target]
	if !watched || episodic {
		return !watched || i.recalled[target]
	}
	return m.Baseline == nil
}

// known reports whether the samples of now can show that an alert of before the
// start has ended.
func (d *Daemon) known(a prom.Alert) bool {
	w := d.now.Load()
	i := slices.IndexFunc(w.rules, func(r alerts.Rule) bool { return r.Name == a.Rule })
	if i < 0 {
		return true
	}
	rule, target := w.rules[i], a.Labels["target"]
	if rule.Expr == "" && rule.When.Form == alerts.FormLast {
		// Neither is every result one of those that it counts, nor any a cold start.
		// Until it has counted n, what fired has not ended: nothing fell out of its sight.
		return d.counter.Seen(rule.Name, target, a.Labels["location"]) >= rule.When.N || d.informed.silent(target, rule.When.Signal.Episodic(), w)
	}
	return d.informed.enough(target, rule.Memory(), w)
}

// openState opens the journal of alerts, which is there with history off too.
func (d *Daemon) openState(ctx context.Context, cfg *config.Config) (*journal.Journal, error) {
	state, err := journal.Open(ctx, journal.Options{
		Path: filepath.Join(cfg.Data.Dir, stateFile), Logger: d.logger, Failed: d.exporter.AlertStateFailed,
	})
	if err != nil {
		return nil, fmt.Errorf("the state of alerts: %w", err)
	}
	d.undo.add("state of alerts", within(state.Close))
	return state, nil
}

// alertEvent is the data of an event of kind alert.
type alertEvent struct {
	State       prom.State        `json:"state"`
	Alert       string            `json:"alert"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Value       float64           `json:"value"`
	ActiveAt    string            `json:"active_at"`
	FiredAt     string            `json:"fired_at"`
	ResolvedAt  string            `json:"resolved_at,omitempty"`
	// SilencedBy are the silences that held its page back.
	SilencedBy []string `json:"silenced_by,omitempty"`
}

// changed records that alerts began to fire or have resolved.
func (d *Daemon) changed(ctx context.Context, changes []alerts.Change) {
	d.drills.changed(changes)
	for _, c := range changes {
		a := c.Alert
		if a.Rule == alerts.WatchdogName {
			// It says nothing that other events do not.
			continue
		}
		e := alertEvent{
			State: a.State, Alert: a.Rule, Labels: a.Labels, Annotations: a.Annotations, Value: finite(a.Value),
			ActiveAt: stamp(a.ActiveAt), FiredAt: stamp(a.FiredAt), ResolvedAt: stamp(a.ResolvedAt),
			SilencedBy: d.silencesOf(ctx, a.Labels),
		}
		d.event(history.KindAlert, e)
	}
	if len(changes) > 0 {
		d.recorded(ctx)
	}
}

// recordedWithin is how long a page waits for what made it to be recorded.
const recordedWithin = time.Second

// recorded waits until the results that changed an alert are recorded, before
// anybody is told: whoever starts after a kill -9 must find the alert as it was
// told. A disk that fails or hangs costs a page a second and not its delivery.
func (d *Daemon) recorded(ctx context.Context) {
	if d.records == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordedWithin)
	defer cancel()
	if err := d.records.Flush(ctx); err != nil {
		d.logger.Debug("a page does not wait for its results to be recorded", "err", err)
	}
}

// stamp writes a time; none is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// finite returns a number that JSON can hold.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// receivers returns the receivers of a configuration as they are delivered to.
func receivers(cfg *config.Config) []notify.Receiver {
	var out []notify.Receiver
	for _, r := range cfg.Notify {
		to := notify.Receiver{Name: r.Name, Match: r.Match, Webhook: r.Webhook}
		if am := r.Alertmanager; am != nil {
			to.Alertmanager = &notify.Alertmanager{URLs: am.URLs, AuthHeader: am.AuthHeader, AuthValue: am.AuthValue}
		}
		if s := r.Other; s != nil {
			to.Service = &notify.Service{
				Kind: notify.Kind(s.Kind), URL: s.URL, Channel: s.Channel, Key: s.Key,
				To: s.To, From: s.From, Smarthost: s.Smarthost, Username: s.Username,
			}
		}
		out = append(out, to)
	}
	return out
}
