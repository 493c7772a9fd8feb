package exporter

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// maxValue bounds the length of a label value in bytes.
const maxValue = 256

// TargetInfo is what the series of a target say of it.
type TargetInfo struct {
	Name, Model, Task, Provider, URLHost string
	// Stream says that results have a first token.
	Stream bool
	// Interval is the time between two slots of the baseline; 0 where it has
	// none.
	Interval time.Duration
	// Timeout is the deadline of a baseline probe; 0 is unknown. No failed result
	// is faster, so that classic buckets below it need not be published.
	Timeout time.Duration
	// Labels are the user's. Their names are made label names of Prometheus.
	Labels map[string]string
	// Kinds are those that the configuration asks for. Their counters begin at
	// zero; those of other kinds at their first result.
	Kinds []probe.Kind
	// Objectives are what is good enough.
	Objectives Objectives
}

// Objectives are the most that a good result may take, and the share of results
// that should be good; 0 is no objective.
type Objectives struct {
	Response, FirstToken, TPOT time.Duration
	Availability               float64
}

// same reports whether the series of a go on as those of b: what is measured is
// the same, whatever has been said about it.
func same(a, b TargetInfo) bool {
	return a.Model == b.Model && a.Task == b.Task && a.Provider == b.Provider && a.URLHost == b.URLHost && a.Stream == b.Stream
}

// CheckTargets returns what SetTargets would refuse.
func CheckTargets(targets []TargetInfo) error {
	var problems []error
	seen := map[string]bool{}
	for i, t := range targets {
		switch {
		case t.Name == "":
			problems = append(problems, fmt.Errorf("targets[%d]: no name", i))
		case !utf8.ValidString(t.Name):
			problems = append(problems, fmt.Errorf("targets[%d]: the name %q is not UTF-8", i, t.Name))
		case seen[t.Name]:
			problems = append(problems, fmt.Errorf("targets[%d]: the name %q is taken; names are unique", i, t.Name))
		}
		seen[t.Name] = true
		if _, err := userLabels(t.Labels); err != nil {
			problems = append(problems, fmt.Errorf("target %s: %w", t.Name, err))
		}
	}
	return errors.Join(problems...)
}

// userLabels returns the labels under the names by which they are published.
func userLabels(labels map[string]string) (map[string]string, error) {
	out, origin := map[string]string{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		published := series.LabelName(name)
		switch {
		case published == "":
			return nil, errors.New("a label without a name")
		case series.ReservedLabel(published):
			return nil, fmt.Errorf("label %q would be published as %s, which hfwatch uses itself; rename it", name, published)
		case origin[published] != "":
			return nil, fmt.Errorf("labels %q and %q would both be published as %s; rename one", origin[published], name, published)
		}
		origin[published], out[published] = name, clean(labels[name])
	}
	return out, nil
}

// clean returns a label value that every format can hold: UTF-8 and bounded.
func clean(value string) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if len(value) <= maxValue {
		return value
	}
	cut := maxValue
	for !utf8.RuneStart(value[cut]) {
		cut--
	}
	return value[:cut]
}

// fleet is the targets of one configuration. It does not change once shared.
type fleet struct {
	targets map[string]*target
	desc    *prometheus.Desc
	names   []string // of the user's labels, sorted
}

// target is the series and the state of one target.
type target struct {
	group
	info atomic.Pointer[sample]

	facts    TargetInfo
	fleet    *fleet
	revision string
	kinds    map[probe.Kind]*kindSeries
	slots    map[slotKey]*child
	suspend  *child
	cold     *coldSeries
	reason   string
	recent   [16]uint64 // the last results, so that one counts once
	next     int
	state
	factSeries factSeries
	router     *routerSeries
}

// slotKey names a counter of slots.
type slotKey struct{ lane, result string }

// SetTargets replaces the targets at start and on reload. What is measured of a
// target that is the same goes on; a target that is gone takes its series with
// it. The error is CheckTargets', and then nothing has changed.
func (e *Exporter) SetTargets(targets []TargetInfo) error {
	if err := CheckTargets(targets); err != nil {
		return err
	}
	now := time.Now()
	e.setting.Lock()
	defer e.setting.Unlock()
	before := e.fleet.Load().targets
	f := &fleet{targets: map[string]*target{}}
	for _, info := range targets {
		labels, _ := userLabels(info.Labels)
		for name := range labels {
			f.names = append(f.names, name)
		}
	}
	slices.Sort(f.names)
	f.names = slices.Compact(f.names)
	def := e.vocabulary.families[series.TargetInfo].Definition
	own := make([]string, 0, len(def.Labels))
	for _, l := range def.Labels {
		own = append(own, l.Name)
	}
	f.desc = describe(def, append(own, f.names...), e.location)

	for _, info := range targets {
		t := before[info.Name]
		if t == nil || !same(t.facts, info) {
			t = e.newTarget(info, now)
		}
		t.configure(info, f, now)
		f.targets[info.Name] = t
	}
	e.fleet.Store(f)
	return nil
}

// newTarget returns a target of which nothing is known yet.
func (e *Exporter) newTarget(info TargetInfo, now time.Time) *target {
	t := &target{
		group: group{vocabulary: e.vocabulary, target: pair(series.Target, info.Name)},
		kinds: map[probe.Kind]*kindSeries{}, slots: map[slotKey]*child{},
	}
	t.state = newState(&t.group, now)
	return t
}

// configure takes over the facts of a configuration.
func (t *target) configure(info TargetInfo, f *fleet, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.facts, t.fleet = info, f
	t.interval.absent = info.Interval <= 0
	t.interval.value = info.Interval.Seconds()
	t.objective.absent = info.Objectives.Availability <= 0
	t.objective.value = info.Objectives.Availability
	for _, kind := range info.Kinds {
		t.kind(kind, now)
	}
	if slices.Contains(info.Kinds, probe.Baseline) {
		t.slot(string(probe.LaneBaseline), series.SlotRun, now)
		t.slot(string(probe.LaneBaseline), series.SlotMissed, now)
		if t.uncounted.absent {
			t.uncounted.set(0)
		}
	} else {
		t.uncounted.absent = true
	}
	if k := t.kinds[probe.Baseline]; k != nil {
		k.hide(info.Timeout)
	}
	t.publishInfo()
}

// publishInfo renews the info series from the facts.
func (t *target) publishInfo() {
	labels := []*dto.LabelPair{
		t.location, t.target, pair(series.Model, clean(t.facts.Model)), pair(series.Task, clean(t.facts.Task)),
		pair(series.Provider, clean(t.facts.Provider)), pair(series.URLHost, clean(t.facts.URLHost)),
		pair(series.Revision, t.revision),
	}
	users, _ := userLabels(t.facts.Labels)
	for _, name := range t.fleet.names {
		labels = append(labels, pair(name, users[name]))
	}
	sortLabels(labels)
	one := 1.0
	t.info.Store(&sample{desc: t.fleet.desc, labels: labels, gauge: &dto.Gauge{Value: &one}})
}

// below returns how many classic buckets lie wholly below what a failed result
// can be: those under the deadline but the last, which stays so that a quantile
// within the failed ones has a lower end.
func below(bounds []float64, timeout time.Duration) int {
	return max(0, sort.SearchFloat64s(bounds, timeout.Seconds())-1)
}
