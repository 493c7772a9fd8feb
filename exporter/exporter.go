// Package exporter turns results and what else hfwatch tells of itself into
// time series, and serves them as /metrics: text, OpenMetrics and protobuf, the
// last with native histograms.
//
// It refuses to decide what a result means (package probe does), to keep
// anything over a restart (the records do; Restore takes what they know), to
// hold a series of a target that is not configured, and to name a series that is
// not on the list of package series. It starts no goroutine. An Exporter may be
// used from several goroutines at once: each target has a lock of its own,
// which a scrape holds for some microseconds and never while anybody reads what
// it gathered.
package exporter

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/hfwatch/hfwatch/series"
)

// Options are the settings of an Exporter.
type Options struct {
	// Location is the value of the label that every series has.
	Location string
	// Version is that of hfwatch; empty means the one that Go built in.
	Version string
	// Logger takes a line where a scrape fails; nil is silence.
	Logger *slog.Logger
}

// Exporter holds the series of hfwatch. It is a probe.Sink.
type Exporter struct {
	location   string
	logger     *slog.Logger
	vocabulary *vocabulary
	// stored is what the embedded database is given, public what /metrics shows.
	stored, public *prometheus.Registry

	// setting serialises changes of targets and receivers, which readers never
	// wait for.
	setting   sync.Mutex
	fleet     atomic.Pointer[fleet]
	receivers atomic.Pointer[map[string]*receiver]

	self        *self
	budgets     *gauges[Budget]
	maintenance *gauges[string]
	maintained  *gauges[string]
	silences    *gauges[string]
	drills      *gauges[Drill]
	windows     *windows
	accounts    *gauges[Account]
}

// New returns an Exporter without targets.
func New(opts Options) *Exporter {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	v := &vocabulary{
		shape: newShape(), families: families(opts.Location), location: pair(series.Location, opts.Location),
		closed: map[[2]string]*dto.LabelPair{},
	}
	e := &Exporter{
		location: opts.Location, logger: opts.Logger, vocabulary: v,
		stored: prometheus.NewRegistry(), public: prometheus.NewRegistry(),
		self:        newSelf(v, time.Now()),
		budgets:     newGauges(v, series.BudgetUsed, Budget.values),
		maintenance: newGauges(v, series.MaintenanceActive, func(name string) []string { return []string{name} }),
		maintained:  newGauges(v, series.InMaintenance, func(target string) []string { return []string{target} }),
		silences:    newGauges(v, series.Silences, func(state string) []string { return []string{state} }),
		drills:      newGauges(v, series.DrillBad, Drill.values),
		windows:     &windows{vocabulary: v, all: map[string]*windowSeries{}},
		accounts:    newGauges(v, series.Account, Account.values),
	}
	e.fleet.Store(&fleet{})
	e.receivers.Store(&map[string]*receiver{})
	info, _ := debug.ReadBuildInfo()
	e.self.build(buildOf(opts.Version, info), time.Now())

	e.Registerer().MustRegister(collector{e}, infos{e})
	e.public.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return e
}

// Registerer takes series that other packages publish themselves and that the
// embedded database is to store as well.
func (e *Exporter) Registerer() prometheus.Registerer { return both{e.stored, e.public} }

// Internals takes series about hfwatch's own machinery, which /metrics shows
// and the embedded database does not store.
func (e *Exporter) Internals() prometheus.Registerer { return e.public }

// Gatherer returns what the embedded database is to store: everything but the
// series of the Go runtime, the process and the machinery.
func (e *Exporter) Gatherer() prometheus.Gatherer { return e.stored }

// both registers in two registries. Collecting the one through the other would
// be simpler, and one collector that panics would take all others with it.
type both struct{ stored, public *prometheus.Registry }

// Register registers with both or, on an error, with neither.
func (b both) Register(c prometheus.Collector) error {
	if err := b.stored.Register(c); err != nil {
		return err
	}
	if err := b.public.Register(c); err != nil {
		b.stored.Unregister(c)
		return err
	}
	return nil
}

// MustRegister panics where Register returns an error.
func (b both) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := b.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister takes the collector out of both, and returns whether it was in
// either.
func (b both) Unregister(c prometheus.Collector) bool {
	stored, public := b.stored.Unregister(c), b.public.Unregister(c)
	return stored || public
}

// collector publishes every series of the list that the exporter has, but for
// the info series.
type collector struct{ e *Exporter }

// Describe sends the descriptions on the list.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range c.e.vocabulary.families {
		if f.Series != series.TargetInfo && f.Series != series.AlertHits {
			ch <- f.desc
		}
	}
}

// Collect sends what is known now.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, t := range c.e.fleet.Load().targets {
		t.send(ch)
	}
	for _, r := range *c.e.receivers.Load() {
		r.send(ch)
	}
	c.e.self.send(ch)
	c.e.budgets.send(ch)
	c.e.maintenance.send(ch)
	c.e.maintained.send(ch)
	c.e.silences.send(ch)
	c.e.drills.send(ch)
	c.e.windows.send(ch)
	c.e.accounts.send(ch)
}

// infos publishes the info series of targets. It describes nothing, since the
// configuration decides which labels they have.
type infos struct{ e *Exporter }

// Describe sends nothing.
func (infos) Describe(chan<- *prometheus.Desc) {}

// Collect sends the facts of every target.
func (c infos) Collect(ch chan<- prometheus.Metric) {
	for _, t := range c.e.fleet.Load().targets {
		ch <- t.info.Load()
	}
}
