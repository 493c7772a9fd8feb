package exporter

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// maxStages bounds the stages of a window that have series; the record has all.
const maxStages = 12

// windows holds the series of load windows by the name of their target or mix.
type windows struct {
	*vocabulary
	mu  sync.Mutex
	all map[string]*windowSeries
	// byHand are further names, which have series from their first window on.
	byHand map[string]bool
}

// windowSeries is the series of one target's windows: counters that go on, and
// gauges of the last window and of one under way, each replaced whole.
type windowSeries struct {
	counts     group
	ended      map[load.Verdict]*child
	skipped    map[string]*child
	last, live *group
}

// of returns the series of a name, made if need be. The caller holds the lock.
func (w *windows) of(name string) *windowSeries {
	s := w.all[name]
	if s == nil {
		s = &windowSeries{counts: w.group(name), ended: map[load.Verdict]*child{}, skipped: map[string]*child{}}
		for _, v := range load.Verdicts() {
			s.ended[v] = s.counts.add(series.Windows, time.Now(), string(v))
		}
		w.all[name] = s
	}
	return s
}

// known returns the series of a name, nil of one that may have none. The caller
// holds the lock.
func (w *windows) known(name string) *windowSeries {
	if w.all[name] == nil && !w.byHand[name] {
		return nil
	}
	return w.of(name)
}

// group returns an empty group of a name.
func (w *windows) group(name string) group {
	return group{vocabulary: w.vocabulary, target: pair(series.Target, clean(name))}
}

// send publishes what is known now.
func (w *windows) send(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	var groups []*group
	for _, s := range w.all {
		groups = append(groups, &s.counts)
		for _, g := range []*group{s.last, s.live} {
			if g != nil {
				groups = append(groups, g)
			}
		}
	}
	w.mu.Unlock()
	for _, g := range groups {
		g.send(ch)
	}
}

// SetWindows makes the given names those that have series of windows, at once, and
// byHand those that have them from their first window on; those of others go away.
func (e *Exporter) SetWindows(names, byHand []string) {
	w := e.windows
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.all
	w.all, w.byHand = map[string]*windowSeries{}, map[string]bool{}
	for _, name := range names {
		if s := before[name]; s != nil {
			w.all[name] = s
			continue
		}
		w.of(name)
	}
	for _, name := range byHand {
		w.byHand[name] = true
		if s := before[name]; s != nil {
			w.all[name] = s
		}
	}
}

// WindowEnded counts a window that has ended, and publishes it as the last.
func (e *Exporter) WindowEnded(record load.Window) {
	w := e.windows
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.known(nameOf(record))
	if s == nil {
		return
	}
	if c := s.ended[record.Verdict]; c != nil {
		s.counts.mu.Lock()
		c.value++
		s.counts.mu.Unlock()
	}
	s.last, s.live = w.lastOf(record), nil
}

// RestoreWindow publishes the last window of a target or mix as the records know
// it, and counts nothing.
func (e *Exporter) RestoreWindow(record load.Window) {
	w := e.windows
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.known(nameOf(record)); s != nil {
		s.last = w.lastOf(record)
	}
}

// WindowSkipped counts a window that did not start.
func (e *Exporter) WindowSkipped(name, reason string) {
	w := e.windows
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.all[name]
	if s == nil {
		return
	}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	if s.skipped[reason] == nil {
		s.skipped[reason] = s.counts.add(series.WindowsSkipped, time.Now(), reason)
	}
	s.skipped[reason].value++
}

// WindowProgress publishes a window under way.
func (e *Exporter) WindowProgress(name string, p load.Snapshot) {
	w := e.windows
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.known(name)
	if s == nil {
		return
	}
	if p.Ended {
		s.live = nil
		return
	}
	g := w.group(name)
	for _, one := range []struct {
		series series.Series
		value  float64
	}{
		{series.WindowLiveElapsed, p.Elapsed.Seconds()},
		{series.WindowLiveRate, p.Rate},
		{series.WindowLiveInFlight, float64(p.InFlight)},
		{series.WindowLiveQueued, float64(p.Queued)},
	} {
		g.add(one.series, time.Now()).set(one.value)
	}
	for _, q := range []struct {
		name  string
		value probe.Seconds
	}{{"p50", p.Recent.P50}, {"p95", p.Recent.P95}, {"p99", p.Recent.P99}} {
		g.seconds(series.WindowLiveResponse, q.value, q.name)
	}
	s.live = &g
}

// nameOf returns the target's or the mix's name.
func nameOf(w load.Window) string {
	if w.Mix != "" {
		return w.Mix
	}
	return w.Target
}

// lastOf returns the gauges of a window that has ended.
func (w *windows) lastOf(record load.Window) *group {
	g := w.group(nameOf(record))
	now := time.Now()
	g.add(series.WindowEnd, now).set(float64(record.Ended.UnixNano()) / 1e9)
	g.add(series.WindowDuration, now).set(record.Ended.Sub(record.Started).Seconds())
	if s := record.Steady; s != nil && (s.Answer == "found" || s.Answer == "at_least" || s.Answer == "possible") {
		cold, _ := s.ColdTime.Get()
		warm, _ := s.WarmUpTime.Get()
		g.add(series.WindowWarmUp, now).set((cold + warm).Seconds())
	}
	if c := record.Capacity; c != nil {
		if c.InFlightLow > 0 {
			g.add(series.WindowCapacity, now, "low").set(c.RateLow)
		}
		if c.InFlightHigh > 0 {
			g.add(series.WindowCapacity, now, "high").set(c.RateHigh)
		}
	}
	var lags []coldstart.Lag
	for _, target := range record.Scaling {
		lags = append(lags, target.Lags...)
	}
	if lag, ok := coldstart.Worst(lags).Get(); ok {
		g.add(series.WindowScalingLag, now).set(lag.Seconds())
	}
	g.number(series.WindowCost, record.CostUSD)
	g.summary(series.StageAll, record.Summary)
	if len(record.Stages) > 1 {
		for i, stage := range record.Stages[:min(maxStages, len(record.Stages))] {
			g.summary(strconv.Itoa(i), stage.Summary)
		}
	}
	return &g
}

// summary adds the gauges of a window or of one of its stages.
func (g *group) summary(stage string, s load.Summary) {
	for _, d := range []struct {
		series series.Series
		of     load.Distribution
	}{
		{series.WindowResponse, s.Response},
		{series.WindowService, s.Service},
		{series.WindowFirstToken, s.FirstToken},
		{series.WindowTPOT, s.TPOT},
	} {
		for _, q := range []struct {
			name  string
			value *load.Quantile
		}{{"p50", d.of.P50}, {"p90", d.of.P90}, {"p95", d.of.P95}, {"p99", d.of.P99}, {"p999", d.of.P999}} {
			if q.value != nil {
				g.seconds(d.series, q.value.Value, stage, q.name)
			}
		}
	}
	g.number(series.WindowAskedRate, s.AskedRate, stage)
	g.number(series.WindowAchievedRate, s.AchievedRate, stage)
	g.number(series.WindowThroughput, s.Throughput, stage)
	if s.Goodput != nil {
		g.number(series.WindowGoodput, probe.Some(s.Goodput.Ratio), stage)
	}
	if n := s.Good + s.Bad; n > 0 {
		g.number(series.WindowBad, probe.Some(float64(s.Bad)/float64(n)), stage)
	}
	if s.Tokens != nil {
		g.number(series.WindowTokens, s.Tokens.System, stage)
	}
	for _, n := range []struct {
		state string
		count int
	}{{"planned", s.Planned}, {"sent", s.Sent}, {"late", s.Late}, {"not_sent", s.NotSent}} {
		g.number(series.WindowRequests, probe.Some(float64(n.count)), stage, n.state)
	}
}

// seconds adds a gauge of a time; an absent one adds none.
func (g *group) seconds(s series.Series, v probe.Seconds, labels ...string) {
	if d, ok := v.Get(); ok {
		g.add(s, time.Now(), labels...).set(d.Seconds())
	}
}

// number adds a gauge; an absent number adds none.
func (g *group) number(s series.Series, v probe.Opt[float64], labels ...string) {
	if n, ok := v.Get(); ok {
		g.add(s, time.Now(), labels...).set(n)
	}
}
