package prom

import (
	"cmp"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// created returns a created timestamp in milliseconds, 0 for none.
func created(ts *timestamppb.Timestamp) int64 {
	if ts == nil {
		return 0
	}
	return ts.AsTime().UnixMilli()
}

// isNative says whether h has a native form. A span, be it empty, a zero
// threshold or a zero count tells it from a classic one:
// https://prometheus.io/docs/specs/native_histograms/#exposition-formats.
func isNative(h *dto.Histogram) bool {
	return len(h.GetPositiveSpan()) > 0 || len(h.GetNegativeSpan()) > 0 ||
		h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0
}

// histogramOf returns the native form of h. It shares no memory with h, since
// the storage keeps what it is given.
func histogramOf(h *dto.Histogram) *histogram.Histogram {
	out := &histogram.Histogram{
		Schema:          h.GetSchema(),
		ZeroThreshold:   h.GetZeroThreshold(),
		ZeroCount:       h.GetZeroCount(),
		Count:           h.GetSampleCount(),
		Sum:             h.GetSampleSum(),
		PositiveSpans:   spansOf(h.GetPositiveSpan()),
		PositiveBuckets: slices.Clone(h.GetPositiveDelta()),
		NegativeSpans:   spansOf(h.GetNegativeSpan()),
		NegativeBuckets: slices.Clone(h.GetNegativeDelta()),
	}
	return out.Compact(0)
}

func spansOf(in []*dto.BucketSpan) []histogram.Span {
	if len(in) == 0 {
		return nil
	}
	out := make([]histogram.Span, len(in))
	for i, s := range in {
		out[i] = histogram.Span{Offset: s.GetOffset(), Length: s.GetLength()}
	}
	return out
}

// exemplars returns in, sorted by time as the storage demands; nil when they
// are not kept. One without a time of its own gets the sample's.
func (w *writer) exemplars(in ...*dto.Exemplar) []exemplar.Exemplar {
	if !w.feed.exemplars {
		return nil
	}
	var out []exemplar.Exemplar
	for _, e := range in {
		if e == nil {
			continue
		}
		pairs := make([]labels.Label, 0, len(e.GetLabel()))
		for _, l := range e.GetLabel() {
			pairs = append(pairs, labels.Label{Name: l.GetName(), Value: l.GetValue()})
		}
		x := exemplar.Exemplar{Labels: labels.New(pairs...), Value: e.GetValue(), Ts: w.t}
		if e.GetTimestamp() != nil {
			x.Ts, x.HasTs = e.GetTimestamp().AsTime().UnixMilli(), true
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b exemplar.Exemplar) int { return cmp.Compare(a.Ts, b.Ts) })
	return out
}
