package main

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hfwatch/hfwatch/series"
)

// draws are the quantiles of a lognormal distribution, to be drawn from by a
// random number: its values in seconds and their native buckets.
type draws struct {
	value [4096]float64
	key   [4096]int
}

// newDraws returns those of a median in seconds and a sigma.
func newDraws(median, sigma float64) *draws {
	d := &draws{}
	perOctave := float64(int(1) << series.Natives().Schema)
	for i := range d.value {
		normal := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/float64(len(d.value))-1)
		d.value[i] = median * math.Exp(sigma*normal)
		d.key[i] = int(math.Ceil(math.Log2(d.value[i]) * perOctave))
	}
	return d
}

// The keys of buckets that a histogram can have: from a microsecond to a day at
// schema 3.
const (
	lowest = -160
	keys   = 320
)

// histogram is a native histogram that is changed in place. Whoever keeps what
// it shows copies it.
type histogram struct {
	out    dto.Histogram
	counts [keys]int64
	at     [keys]int // where a bucket stands in the deltas; -1 for nowhere
	fresh  bool      // a bucket has appeared
}

func newHistogram(created *timestamppb.Timestamp) *histogram {
	layout := series.Natives()
	h := &histogram{out: dto.Histogram{
		SampleCount: new(uint64), SampleSum: new(float64), CreatedTimestamp: created,
		Schema: &layout.Schema, ZeroThreshold: &layout.ZeroThreshold, ZeroCount: new(uint64),
	}}
	for i := range h.at {
		h.at[i] = -1
	}
	return h
}

// observe adds the value that a random number draws, shifted by a number of
// buckets.
func (h *histogram) observe(from *draws, random uint32, shift int) {
	i := random % uint32(len(from.value))
	*h.out.SampleCount++
	// A shift by one bucket makes a value 2^(1/8) times as large.
	larger := [...]float64{1, 1.0905077326652577, 1.189207115002721}
	*h.out.SampleSum += from.value[i] * larger[shift]
	key := from.key[i] + shift - lowest
	h.counts[key]++
	at := h.at[key]
	if at < 0 {
		h.fresh = true
		return
	}
	h.out.PositiveDelta[at]++
	if at+1 < len(h.out.PositiveDelta) {
		h.out.PositiveDelta[at+1]--
	}
}

// seal brings the spans up to date with the buckets. Gaps of up to two are
// filled, as the exporter does.
func (h *histogram) seal() {
	if !h.fresh {
		return
	}
	h.fresh = false
	h.out.PositiveSpan, h.out.PositiveDelta = nil, nil
	next, before := -lowest, int64(0)
	for key, n := range h.counts {
		if n == 0 {
			continue
		}
		gap := key - next
		if len(h.out.PositiveSpan) == 0 || gap > 2 {
			offset := int32(gap)
			h.out.PositiveSpan = append(h.out.PositiveSpan, &dto.BucketSpan{Offset: &offset, Length: new(uint32)})
			gap = 0
		}
		last := h.out.PositiveSpan[len(h.out.PositiveSpan)-1]
		for fill := key - gap; fill <= key; fill++ {
			h.at[fill] = len(h.out.PositiveDelta)
			h.out.PositiveDelta = append(h.out.PositiveDelta, h.counts[fill]-before)
			before = h.counts[fill]
			*last.Length++
		}
		next = key + 1
	}
}
