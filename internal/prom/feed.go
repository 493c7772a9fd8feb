package prom

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Reason says why the storage refused a sample. The set is closed.
type Reason string

// The reasons a sample is refused for.
const (
	// ReasonOutOfOrder is a sample older than its series allows.
	ReasonOutOfOrder Reason = "out_of_order"
	// ReasonTooOld is a sample more than OutOfOrderWindow behind the newest.
	ReasonTooOld Reason = "too_old"
	// ReasonOutOfBounds is a sample outside what the storage can hold.
	ReasonOutOfBounds Reason = "out_of_bounds"
	// ReasonDuplicate is a second, different value at one instant.
	ReasonDuplicate Reason = "duplicate"
	// ReasonFuture is a sample too far ahead of the clock.
	ReasonFuture Reason = "future"
	// ReasonExemplar is an exemplar that was refused; its sample was not.
	ReasonExemplar Reason = "exemplar"
	// ReasonInvalid is a sample that is broken in itself.
	ReasonInvalid Reason = "invalid"
)

// Appended says what one Append did.
type Appended struct {
	// Samples is the number of samples accepted, stale markers apart.
	Samples int
	// Series is the number of series alive after it.
	Series int
	// Stale is the number of series ended with a stale marker.
	Stale int
	// Idle is the number of native histograms left out, since they had no
	// observation yet.
	Idle int
	// Refused is the number of samples refused, by reason; nil if none was.
	Refused map[Reason]int
	// Example is the first refusal with its series, for a log line; nil if
	// there was none.
	Example error
}

// refuse counts one refusal.
func (a *Appended) refuse(reason Reason, series labels.Labels, err error) {
	if a.Refused == nil {
		a.Refused = map[Reason]int{}
	}
	a.Refused[reason]++
	if a.Example == nil {
		a.Example = fmt.Errorf("%s: %w", series, err)
	}
}

// reasonOf sorts an error of the storage into the closed set.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, storage.ErrTooOldSample):
		return ReasonTooOld
	case errors.Is(err, storage.ErrOutOfOrderSample):
		return ReasonOutOfOrder
	case errors.Is(err, storage.ErrOutOfBounds):
		return ReasonOutOfBounds
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return ReasonDuplicate
	default:
		return ReasonInvalid
	}
}

// feed turns gathered families into samples. It remembers every series, to
// spare the storage the lookup, to know when one vanished, and to know when
// one began.
type feed struct {
	series    map[string]*series
	round     uint64 // counts live appends
	last      int64  // instant of the newest live append, in milliseconds
	exemplars bool
	key       []byte
	builder   labels.ScratchBuilder
}

func newFeed(last int64, exemplars bool) *feed {
	return &feed{series: map[string]*series{}, last: last, exemplars: exemplars, builder: labels.NewScratchBuilder(16)}
}

// append writes families at the instant t in milliseconds and commits. On an
// error nothing was written and the feed is as it was before, but for what it
// knows of start times, which it learns anew.
func (f *feed) append(app storage.AppenderV2, t int64, skew time.Duration, families []*dto.MetricFamily) (Appended, error) {
	w := &writer{feed: f, app: app, t: t, skew: skew, live: t >= f.last}
	if w.live {
		f.round++
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			w.metric(family, m)
		}
	}
	if w.live {
		w.endVanished()
	}
	if err := app.Commit(); err != nil {
		w.revert()
		return Appended{}, err
	}
	if w.live {
		f.last = t
		f.forget(t)
	}
	for _, s := range f.series {
		if s.alive() {
			w.out.Series++
		}
	}
	return w.out, nil
}

// writer is one append in progress.
type writer struct {
	feed *feed
	app  storage.AppenderV2
	t    int64
	skew time.Duration
	live bool // not a late batch
	out  Appended
}

// metric writes every sample of one metric.
func (w *writer) metric(family *dto.MetricFamily, m *dto.Metric) {
	name := family.GetName()
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		c := m.GetCounter()
		v := c.GetValue()
		if strings.HasSuffix(name, "_seconds_total") {
			v = onGrid(v)
		}
		w.sample(w.find(name, "", m, "", ""), point{
			value: v, created: created(c.GetCreatedTimestamp()), exemplars: w.exemplars(c.GetExemplar()),
		})
	case dto.MetricType_GAUGE:
		v := m.GetGauge().GetValue()
		if w.skew != 0 && strings.HasSuffix(name, "_timestamp_seconds") {
			v += w.skew.Seconds()
		}
		if strings.HasSuffix(name, "_seconds") {
			v = gaugeOnGrid(v)
		}
		w.sample(w.find(name, "", m, "", ""), point{value: v})
	case dto.MetricType_UNTYPED:
		w.sample(w.find(name, "", m, "", ""), point{value: m.GetUntyped().GetValue()})
	case dto.MetricType_SUMMARY:
		w.summary(name, m)
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		gauge := family.GetType() == dto.MetricType_GAUGE_HISTOGRAM
		if isNative(m.GetHistogram()) {
			w.native(name, m, gauge)
		} else {
			w.classic(name, m, gauge)
		}
	}
}

// grid is the inverse of the resolution in which seconds are stored: 2^-14 s,
// 61 µs. The storage encodes a float by the bits in which it differs from the
// one before, so that digits below what anything is measured to are most of what
// a sum of seconds costs on disk. Sums stay ascending, and their errors do not
// add up.
const grid = 1 << 14

// onGrid returns seconds that accumulate as they are stored.
func onGrid(v float64) float64 { return math.Round(v*grid) / grid }

// gaugeOnGrid returns seconds that stand for themselves as they are stored: to
// 61 µs, and to 14 bits, one part in 16,000, where they are shorter than one.
func gaugeOnGrid(v float64) float64 {
	if frac, exp := math.Frexp(v); exp < 1 {
		return math.Ldexp(onGrid(frac), exp)
	}
	return onGrid(v)
}

func (w *writer) summary(name string, m *dto.Metric) {
	sum := m.GetSummary()
	start := created(sum.GetCreatedTimestamp())
	for _, q := range sum.GetQuantile() {
		s := w.find(name, "", m, "quantile", labels.FormatOpenMetricsFloat(q.GetQuantile()))
		w.sample(s, point{value: q.GetValue()})
	}
	w.sample(w.find(name, "_sum", m, "", ""), point{value: sum.GetSampleSum(), created: start})
	w.sample(w.find(name, "_count", m, "", ""), point{value: float64(sum.GetSampleCount()), created: start})
}

// classic writes the buckets, sum and count of a histogram that has no native
// form. The +Inf bucket is always there, as the text format demands.
func (w *writer) classic(name string, m *dto.Metric, gauge bool) {
	h := m.GetHistogram()
	var start int64
	if !gauge {
		start = created(h.GetCreatedTimestamp())
	}
	last := ""
	for _, b := range h.GetBucket() {
		last = labels.FormatOpenMetricsFloat(b.GetUpperBound())
		w.sample(w.find(name, "_bucket", m, labels.BucketLabel, last), point{
			value: float64(b.GetCumulativeCount()), created: start, exemplars: w.exemplars(b.GetExemplar()),
		})
	}
	count := point{value: float64(h.GetSampleCount()), created: start}
	if last != "+Inf" {
		w.sample(w.find(name, "_bucket", m, labels.BucketLabel, "+Inf"), count)
	}
	w.sample(w.find(name, "_sum", m, "", ""), point{value: h.GetSampleSum(), created: start})
	w.sample(w.find(name, "_count", m, "", ""), count)
}

// native writes a histogram in its native form alone, once it has an
// observation.
func (w *writer) native(name string, m *dto.Metric, gauge bool) {
	h := m.GetHistogram()
	s := w.find(name, "", m, "", "")
	if len(h.GetPositiveCount()) > 0 || len(h.GetNegativeCount()) > 0 || h.GetSampleCountFloat() > 0 {
		w.out.refuse(ReasonInvalid, s.labels, errors.New("native histograms of floats are not supported"))
		return
	}
	if h.GetSampleCount() == 0 && !s.written && !gauge {
		w.out.Idle++
		if w.live {
			s.idleAt = w.t
		}
		return
	}
	p := point{histogram: histogramOf(h), exemplars: w.exemplars(h.GetExemplars()...)}
	if strings.HasSuffix(name, "_seconds") {
		p.histogram.Sum = onGrid(p.histogram.Sum)
	}
	if gauge {
		p.histogram.CounterResetHint = histogram.GaugeType
	} else {
		p.created = created(h.GetCreatedTimestamp())
	}
	w.sample(s, p)
}

// point is one sample without its series and time.
type point struct {
	value     float64
	histogram *histogram.Histogram
	created   int64 // milliseconds; 0 when unknown or not a counter
	exemplars []exemplar.Exemplar
}

// sample writes one sample and books what the storage says to it.
func (w *writer) sample(s *series, p point) {
	start := w.start(s, p.created)
	ref, err := w.app.Append(s.ref, s.labels, start, w.t, p.value, p.histogram, nil, storage.AOptions{Exemplars: p.exemplars})
	var partial *storage.AppendPartialError
	if errors.As(err, &partial) {
		for _, e := range partial.ExemplarErrors {
			w.out.refuse(ReasonExemplar, s.labels, e.Err)
		}
		err = nil
	}
	if w.live {
		// A refused sample does not make its series vanish.
		s.seen, s.round = w.t, w.feed.round
	}
	if err != nil {
		w.out.refuse(reasonOf(err), s.labels, err)
		return
	}
	s.ref, s.written, s.idleAt = ref, true, 0
	if w.live {
		s.created, s.ended = p.created, false
	}
	w.out.Samples++
}

// start returns the time in milliseconds at which the series stood at zero, to
// be stored before its first sample, or 0 when there is none to store. Only a
// series that this process has not seen, or whose metric was made anew, has
// one: a start time repeated after a clock step would be stored as a reset.
func (w *writer) start(s *series, created int64) int64 {
	if !w.live || created == 0 {
		return 0
	}
	if s.idleAt != 0 {
		// It had no observation then; its created time may be too long ago
		// for the storage.
		return s.idleAt
	}
	if s.created == created {
		return 0
	}
	return created + w.skew.Milliseconds()
}
