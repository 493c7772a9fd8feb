package exporter

import (
	"maps"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/series"
)

// self is the series of hfwatch itself, in one group.
type self struct {
	group
	ignored, clockSteps, dropped, refused, evaluationFailures, reports, controls *counters
	routerReads                                                                  *counters
	written, writeFailures, stateFailures, appended                              *child
	remoteSent, remoteDropped, remoteFailures                                    *child
	deadLetters, deadLettersLost, silenced                                       *child
	evaluation, schedulerLag                                                     *child
	reloadOK, reloadTime, routerTime                                             *child
	vantage                                                                      *child
}

// newSelf returns the series of an hfwatch that begins now.
func newSelf(v *vocabulary, now time.Time) *self {
	s := &self{group: group{vocabulary: v}}
	set := func(id series.Series, label string) *counters {
		return newCounters(&s.group, id, v.families[id].Values(label), now)
	}
	s.ignored = set(series.ResultsIgnored, series.Reason)
	s.clockSteps = set(series.ClockSteps, series.Kind)
	s.dropped = set(series.RecordsDropped, series.Reason)
	s.refused = set(series.SamplesRefused, series.Reason)
	s.reports = set(series.Reports, series.Result)
	s.controls = set(series.ControlDials, series.Result)
	s.evaluationFailures = newCounters(&s.group, series.EvaluationFailures, []string{""}, now)
	s.written = s.add(series.RecordsWritten, now)
	s.writeFailures = s.add(series.RecordsWriteFailures, now)
	s.remoteSent = s.add(series.RemoteSamples, now)
	s.remoteDropped = s.add(series.RemoteDropped, now)
	s.remoteFailures = s.add(series.RemoteFailures, now)
	s.stateFailures = s.add(series.AlertStateFailures, now)
	s.deadLetters = s.add(series.DeadLetters, now)
	s.deadLettersLost = s.add(series.DeadLettersLost, now)
	s.silenced = s.add(series.AlertsSilenced, now)
	s.silenced.set(0)
	s.appended = s.add(series.SamplesAppended, now)
	s.evaluation = s.add(series.EvaluationSeconds, now)
	s.schedulerLag = s.add(series.SchedulerLag, now)
	s.reloadOK = s.add(series.ReloadSuccessful, now)
	s.reloadTime = s.add(series.ReloadSuccessTime, now)
	s.routerReads = set(series.RouterReads, series.Result)
	s.routerTime = s.add(series.RouterReadTime, now)
	s.vantage = s.add(series.VantageDown, now)
	s.vantage.set(0)
	return s
}

// build publishes what was built.
func (s *self) build(b build, now time.Time) {
	s.add(series.BuildInfo, now, b.version, b.revision, b.goVersion, b.goOS, b.goArch).set(1)
}

// counters is a counter for each value of one label; its set is closed, and
// what is not in it counts as other.
type counters struct {
	group  *group
	series series.Series
	// before are the values of the labels that come before.
	before []string
	known  map[string]*child
}

// newCounters returns counters that begin at zero. Other begins at its first
// use, unless it is among the values given.
func newCounters(g *group, s series.Series, values []string, now time.Time, before ...string) *counters {
	c := &counters{group: g, series: s, before: before, known: map[string]*child{}}
	for _, v := range values {
		if v != series.Other {
			c.make(v, now)
		}
	}
	return c
}

// make adds a counter.
func (c *counters) make(value string, now time.Time) {
	c.known[value] = c.group.add(c.series, now, append(slices.Clone(c.before), value)...)
}

// inc adds one.
func (c *counters) inc(value string) { c.plus(value, 1) }

// plus adds n; less than one adds nothing.
func (c *counters) plus(value string, n int) {
	if n < 1 {
		return
	}
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	if c.known[value] == nil {
		value = series.Other
		if c.known[value] == nil {
			c.make(value, time.Now())
		}
	}
	c.known[value].value += float64(n)
}

// keep makes the given values the set; the counters of others go away.
func (c *counters) keep(values []string) {
	c.group.mu.Lock()
	defer c.group.mu.Unlock()
	for value, child := range c.known {
		if !slices.Contains(values, value) {
			c.group.drop(child)
			delete(c.known, value)
		}
	}
	for _, value := range values {
		if c.known[value] == nil {
			c.make(value, time.Now())
		}
	}
}

// gauges is a gauge for each of some keys, all of which are set at once.
type gauges[K comparable] struct {
	group
	series series.Series
	values func(K) []string
	known  map[K]*child
}

// newGauges returns an empty set; values gives the label values of a key.
func newGauges[K comparable](v *vocabulary, s series.Series, values func(K) []string) *gauges[K] {
	return &gauges[K]{group: group{vocabulary: v}, series: s, values: values, known: map[K]*child{}}
}

// set makes now the whole set; the gauges of other keys go away.
func (g *gauges[K]) set(now map[K]float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.known, func(key K, c *child) bool {
		_, keep := now[key]
		if !keep {
			g.drop(c)
		}
		return !keep
	})
	for key, value := range now {
		if g.known[key] == nil {
			g.known[key] = g.add(g.series, time.Now(), g.values(key)...)
		}
		g.known[key].set(value)
	}
}
