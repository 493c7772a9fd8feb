package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

const (
	// digits is the precision of all histograms: a value is off by at most a
	// thousandth.
	digits = 3
	// confidence is that of every interval.
	confidence = 0.95
)

// store is what a metric counts in: dense where it is recorded into often, packed
// where there are many.
type store interface {
	RecordValue(v int64) error
	ValueAtPercentile(p float64) int64
	EncodeV2() ([]byte, error)
}

// metric is one distribution of times. The histogram counts microseconds; what
// must be exact stands beside it.
type metric struct {
	h           store
	high        int64
	n           int
	sum         time.Duration
	min, max    time.Duration
	censored    int
	censoredMin time.Duration
	outOfRange  int
}

// newMetric returns an empty metric for values up to high.
func newMetric(high time.Duration, dense bool) *metric {
	top := max(int64(high/time.Microsecond), 2)
	if dense {
		return &metric{h: hdrhistogram.New(1, top, digits), high: top}
	}
	return &metric{h: hdrhistogram.NewPacked(1, top, digits), high: top}
}

// record takes one value; a censored one is a lower bound. What is out of range
// is counted, and recorded as the end of the range that is nearest.
func (m *metric) record(d time.Duration, censored bool) {
	if m.n == 0 || d < m.min {
		m.min = d
	}
	if m.n == 0 || d > m.max {
		m.max = d
	}
	m.n++
	m.sum += d
	if censored {
		if m.censored == 0 || d < m.censoredMin {
			m.censoredMin = d
		}
		m.censored++
	}
	v := int64((d + time.Microsecond/2) / time.Microsecond)
	if v < 0 || v > m.high {
		m.outOfRange++
		v = min(max(v, 0), m.high)
	}
	if m.h.RecordValue(v) != nil {
		m.outOfRange++
	}
}

// at returns the value at a rank from 1.
func (m *metric) at(rank int) time.Duration {
	v := time.Duration(m.h.ValueAtPercentile(100*float64(rank)/float64(m.n))) * time.Microsecond
	return min(max(v, m.min), m.max)
}

// plain returns a quantile without interval; absent without values.
func (m *metric) plain(p float64) probe.Seconds {
	if m == nil {
		return probe.Seconds{}
	}
	rank, ok := stats.QuantileRank(m.n, p)
	if !ok {
		return probe.Seconds{}
	}
	return probe.Measured(m.at(rank))
}

// p99AtLeast returns the lower bound of the p99 at a confidence of lagConfidence,
// absent where so few values have none.
func (m *metric) p99AtLeast() probe.Seconds {
	if m == nil {
		return probe.Seconds{}
	}
	rank, ok := stats.LowerRank(m.n, 0.99, lagConfidence)
	if !ok {
		return probe.Seconds{}
	}
	return probe.Measured(m.at(rank))
}

// quantile returns a quantile and its interval, nil where n values have none. neff
// is how many independent values they are worth, at most n: where so few have no
// interval, the value stands with the lower bound that they have, if any.
func (m *metric) quantile(p, neff float64) *Quantile {
	rank, ok := stats.QuantileRank(m.n, p)
	if !ok {
		return nil
	}
	if _, ok := stats.QuantileRanks(m.n, p, confidence); !ok {
		return nil
	}
	q := &Quantile{Value: probe.Measured(m.at(rank))}
	worth := int(min(neff, float64(m.n)))
	// As in stats.QuantileInterval: the ranks of fewer values, spread over all.
	scale := float64(m.n+1) / float64(worth+1)
	high := m.n + 1
	if r, ok := stats.QuantileRanks(worth, p, confidence); ok {
		q.Low = probe.Measured(m.at(max(int(float64(r.Low)*scale+1e-9), 1)))
		high = min(int(float64(r.High)*scale+1-1e-9), m.n)
		q.High = probe.Measured(m.at(high))
	} else if low, ok := stats.LowerRank(worth, p, confidence); ok {
		q.Low = probe.Measured(m.at(max(int(float64(low)*scale+1e-9), 1)))
	}
	if m.censored > 0 {
		if m.censoredMin <= m.at(rank) {
			q.AtLeast = true
		}
		if high <= m.n && m.censoredMin <= m.at(high) {
			q.High = probe.Seconds{}
		}
	}
	return q
}

// sizer returns how many independent values n values are worth for a quantile;
// absent where it cannot be said.
type sizer func(p float64) (share float64, ok bool)

// distribution describes m; an encoder adds the histogram itself.
func (m *metric) distribution(size sizer, whole *encoder) Distribution {
	if m == nil || m.n == 0 {
		return Distribution{}
	}
	d := Distribution{
		N: m.n, Censored: m.censored, Sum: probe.Measured(m.sum), Mean: probe.Measured(m.sum / time.Duration(m.n)),
		Min: probe.Measured(m.min), Max: probe.Measured(m.max),
	}
	if m.censored > 0 {
		d.CensoredMin = probe.Measured(m.censoredMin)
	}
	for _, q := range []struct {
		p    float64
		into **Quantile
	}{{0.5, &d.P50}, {0.9, &d.P90}, {0.95, &d.P95}, {0.99, &d.P99}, {0.999, &d.P999}} {
		neff := float64(m.n)
		if size != nil {
			if share, ok := size(q.p); ok {
				neff *= share
				if q.p == 0.5 {
					d.NEff = probe.Some(neff)
				}
			}
		}
		*q.into = m.quantile(q.p, neff)
	}
	if whole != nil {
		d.HDR = whole.encode(m.h)
	}
	return d
}

// points describes m as a point of the curve; an encoder adds the histogram
// itself.
func (m *metric) points(whole *encoder) Points {
	if m == nil || m.n == 0 {
		return Points{}
	}
	p := Points{N: m.n, P50: m.plain(0.5), P95: m.plain(0.95), P99: m.plain(0.99), Max: probe.Measured(m.max)}
	if whole != nil {
		p.HDR = whole.encode(m.h)
	}
	return p
}

// metricOf returns the metric that a distribution describes; nil of none.
func metricOf(d Distribution) (*metric, error) {
	if d.N == 0 {
		return nil, nil //nolint:nilnil // No values are no metric.
	}
	h, err := decodeHDR(d.HDR)
	if err != nil {
		return nil, err
	}
	m := &metric{h: h, high: h.HighestTrackableValue(), n: d.N, censored: d.Censored}
	m.sum, _ = d.Sum.Get()
	m.min, _ = d.Min.Get()
	m.max, _ = d.Max.Get()
	m.censoredMin, _ = d.CensoredMin.Get()
	if h.TotalCount() != int64(d.N) {
		return nil, fmt.Errorf("hdr: it holds %d values, and n is %d", h.TotalCount(), d.N)
	}
	return m, nil
}

// merge adds o to m, either of which may be nil. Both come from metricOf.
func (m *metric) merge(o *metric) (*metric, error) {
	switch {
	case o == nil:
		return m, nil
	case m == nil:
		return o, nil
	}
	into, okInto := m.h.(*hdrhistogram.PackedHistogram)
	from, okFrom := o.h.(*hdrhistogram.PackedHistogram)
	if !okInto || !okFrom {
		return nil, fmt.Errorf("hdr: merging %T and %T", m.h, o.h)
	}
	if from.HighestTrackableValue() > into.HighestTrackableValue() {
		into, from = from, into
		m.high = into.HighestTrackableValue()
	}
	if dropped := into.Merge(from); dropped > 0 {
		return nil, fmt.Errorf("hdr: %d values did not fit", dropped)
	}
	m.h = into
	m.n += o.n
	m.sum += o.sum
	m.min, m.max = min(m.min, o.min), max(m.max, o.max)
	if o.censored > 0 && (m.censored == 0 || o.censoredMin < m.censoredMin) {
		m.censoredMin = o.censoredMin
	}
	m.censored += o.censored
	return m, nil
}

// add adds the values of o, which has the same range, is packed as m is, and stays
// as it is; nil adds nothing.
func (m *metric) add(o *metric) {
	if o == nil {
		return
	}
	into, okInto := m.h.(*hdrhistogram.PackedHistogram)
	from, okFrom := o.h.(*hdrhistogram.PackedHistogram)
	if !okInto || !okFrom {
		return
	}
	into.Merge(from)
	if m.n == 0 || o.min < m.min {
		m.min = o.min
	}
	m.n, m.sum, m.max = m.n+o.n, m.sum+o.sum, max(m.max, o.max)
}

// decodeHDR reads an HdrHistogram V2 in base64.
func decodeHDR(text string) (*hdrhistogram.PackedHistogram, error) {
	h, err := hdrhistogram.DecodePacked([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("hdr: %w", err)
	}
	return h, nil
}
