package exporter

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hfwatch/hfwatch/series"
)

// family is one series of the list, made ready.
type family struct {
	series.Definition
	desc *prometheus.Desc
}

// families makes the list ready; location is a label of every series.
func families(location string) map[series.Series]*family {
	all := map[series.Series]*family{}
	for _, d := range series.All() {
		names := make([]string, 0, len(d.Labels))
		for _, l := range d.Labels {
			names = append(names, l.Name)
		}
		all[d.Series] = &family{Definition: d, desc: describe(d, names, location)}
	}
	return all
}

// describe returns the description of a series with those labels.
func describe(d series.Definition, names []string, location string) *prometheus.Desc {
	var opts []prometheus.DescOpt
	if d.Unit != "" {
		opts = append(opts, prometheus.WithUnit(d.Unit))
	}
	return prometheus.V2.NewDesc(d.Series.Name(), d.Help, prometheus.UnconstrainedLabels(names),
		prometheus.Labels{series.Location: location}, opts...)
}

// child is one series with one set of label values. Its group's lock guards
// it.
type child struct {
	family *family
	labels []*dto.LabelPair
	value  float64
	// absent is a gauge whose value is not known; it is not published.
	absent  bool
	created *timestamppb.Timestamp
	hist    *histogram
}

// set makes a gauge known.
func (c *child) set(v float64) { c.value, c.absent = v, false }

// group is some series that are read and written under one lock, so that what
// is published of them is of one moment.
type group struct {
	*vocabulary
	mu sync.Mutex
	// target is the label of the target that the group is of; nil for none.
	target   *dto.LabelPair
	children []*child
}

// vocabulary is what all groups of an exporter share.
type vocabulary struct {
	*shape
	families map[series.Series]*family
	location *dto.LabelPair

	mu sync.Mutex
	// closed are the pairs of closed sets, of which thousands of series share
	// one.
	closed map[[2]string]*dto.LabelPair
}

// pair returns a label.
func pair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// label returns the label of a series for a value.
func (v *vocabulary) label(l series.Label, value string) *dto.LabelPair {
	if l.Values == nil {
		return pair(l.Name, value)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	key := [2]string{l.Name, value}
	if v.closed[key] == nil {
		v.closed[key] = pair(l.Name, value)
	}
	return v.closed[key]
}

// add makes a new child. The values are of the labels in the order of the list,
// without the group's target. It begins a millisecond before the time given, so
// that it stood at zero before its first value: a database can store both, and
// sees an increase, even where it is told of them within the same millisecond.
// The caller holds the group's lock or has not yet shared the group.
func (g *group) add(s series.Series, at time.Time, values ...string) *child {
	at = at.Add(-time.Millisecond)
	f := g.families[s]
	c := &child{family: f, labels: []*dto.LabelPair{g.location}}
	for _, l := range f.Labels {
		if l.Name == series.Target && g.target != nil {
			c.labels = append(c.labels, g.target)
			continue
		}
		c.labels = append(c.labels, g.label(l, values[0]))
		values = values[1:]
	}
	sortLabels(c.labels)
	switch f.Type {
	case series.Counter:
		c.created = timestamppb.New(at)
	case series.Gauge:
		c.absent = true
	case series.Histogram:
		classic := f.Layout == series.ClassicBaseline && hasLabel(c.labels, series.Kind, "baseline")
		c.hist = newHistogram(g.shape, classic, at)
	}
	g.children = append(g.children, c)
	return c
}

// drop takes a child out.
func (g *group) drop(c *child) {
	g.children = slices.DeleteFunc(g.children, func(other *child) bool { return other == c })
}

// sortLabels sorts as the registry wants it.
func sortLabels(labels []*dto.LabelPair) {
	slices.SortFunc(labels, func(a, b *dto.LabelPair) int {
		if a.GetName() < b.GetName() {
			return -1
		}
		return 1
	})
}

func hasLabel(labels []*dto.LabelPair, name, value string) bool {
	return slices.ContainsFunc(labels, func(l *dto.LabelPair) bool { return l.GetName() == name && l.GetValue() == value })
}

// sample is what is published of a child; it does not change any more.
type sample struct {
	desc      *prometheus.Desc
	labels    []*dto.LabelPair
	counter   *dto.Counter
	gauge     *dto.Gauge
	histogram *dto.Histogram
}

// Desc returns the description of the series.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write fills in a metric.
func (s *sample) Write(out *dto.Metric) error {
	out.Label, out.Counter, out.Gauge, out.Histogram = s.labels, s.counter, s.gauge, s.histogram
	return nil
}

// snapshot returns what is known now. It holds the lock for some microseconds
// and never while anybody takes the samples.
func (g *group) snapshot() []sample {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]sample, 0, len(g.children))
	values := make([]float64, len(g.children))
	for i, c := range g.children {
		if c.absent {
			continue
		}
		s := sample{desc: c.family.desc, labels: c.labels}
		values[i] = c.value
		switch c.family.Type {
		case series.Counter:
			s.counter = &dto.Counter{Value: &values[i], CreatedTimestamp: c.created}
		case series.Gauge:
			s.gauge = &dto.Gauge{Value: &values[i]}
		case series.Histogram:
			s.histogram = c.hist.write()
		}
		out = append(out, s)
	}
	return out
}

// send publishes what is known now.
func (g *group) send(ch chan<- prometheus.Metric) {
	samples := g.snapshot()
	for i := range samples {
		ch <- &samples[i]
	}
}
