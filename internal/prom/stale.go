package prom

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// forgetAfter is how long a vanished series is remembered. One that comes back
// meanwhile, after a collector failed once, is known and does not count as
// begun anew.
const forgetAfter = time.Hour

// series is what the feed remembers of one series. Times are milliseconds.
type series struct {
	ref     storage.SeriesRef
	labels  labels.Labels
	round   uint64 // the live append that last had it; 0 for none
	seen    int64  // the instant of that append
	created int64  // its start time then; 0 when unknown
	idleAt  int64  // when it last had no observation; 0 once written
	endedAt int64  // the instant of its stale marker, if ended
	written bool   // a sample was accepted from this process
	ended   bool   // a stale marker is its last sample
}

// alive says whether the series is one that a query at the newest instant sees.
func (s *series) alive() bool { return s.round != 0 && s.written && !s.ended }

// find returns the series of metric m with suffix appended to its name and one
// more label, if extra is not empty.
func (w *writer) find(name, suffix string, m *dto.Metric, extra, extraValue string) *series {
	f := w.feed
	// 0xff cannot occur in UTF-8, so that no two label sets share a key.
	key := f.key[:0]
	key = append(key, name...)
	key = append(key, suffix...)
	for _, l := range m.GetLabel() {
		key = append(key, 0xff)
		key = append(key, l.GetName()...)
		key = append(key, 0xff)
		key = append(key, l.GetValue()...)
	}
	if extra != "" {
		key = append(key, 0xff)
		key = append(key, extra...)
		key = append(key, 0xff)
		key = append(key, extraValue...)
	}
	f.key = key
	if s := f.series[string(key)]; s != nil {
		return s
	}
	f.builder.Reset()
	f.builder.Add(model.MetricNameLabel, name+suffix)
	for _, l := range m.GetLabel() {
		if l.GetValue() != "" {
			f.builder.Add(l.GetName(), l.GetValue())
		}
	}
	if extra != "" {
		f.builder.Add(extra, extraValue)
	}
	f.builder.Sort()
	s := &series{labels: f.builder.Labels()}
	f.series[string(key)] = s
	return s
}

// endVanished writes a stale marker to every series that an earlier live
// append had and this one has not. A marker that is refused, because the
// series has a sample at this very instant, is tried again at the next.
func (w *writer) endVanished() {
	for _, s := range w.feed.series {
		if !s.alive() || s.round == w.feed.round {
			continue
		}
		_, err := w.app.Append(s.ref, s.labels, 0, w.t, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{RejectOutOfOrder: true})
		if err != nil {
			continue
		}
		s.ended, s.endedAt = true, w.t
		w.out.Stale++
	}
}

// revert takes back what the series learned from an append that was not
// committed. Forgetting the start times makes the next append offer them
// again; the storage ignores those it already has.
func (w *writer) revert() {
	for _, s := range w.feed.series {
		s.created = 0
		if w.live && s.ended && s.endedAt == w.t {
			s.ended = false
		}
	}
}

// forget drops the series that no append had for forgetAfter.
func (f *feed) forget(t int64) {
	for key, s := range f.series {
		if s.round != f.round && s.idleAt != t && t-s.seen > forgetAfter.Milliseconds() {
			delete(f.series, key)
		}
	}
}
