package exporter

import (
	"math"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hfwatch/hfwatch/series"
)

// coarsest is the lowest schema of a native histogram, whose buckets each grow
// by 2^16. See the Prometheus native histogram specification.
const coarsest = -4

// shape is what all histograms of an exporter share.
type shape struct {
	series.NativeLayout
	// fractions are the bucket bounds within [0.5, 1) at the finest schema.
	fractions [8]float64
	// bounds are the classic ones, without the infinite one.
	bounds []float64
}

// newShape returns the shape of the list of series.
func newShape() *shape {
	return &shape{
		NativeLayout: series.Natives(), bounds: series.Buckets(),
		// 2^(i/8 - 1) as Prometheus rounds them. A bound that differs in its last
		// bit would put a value into another bucket than the server expects.
		fractions: [8]float64{
			0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
			0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
		},
	}
}

// key returns the native bucket of v > 0 at the finest schema: the least i with
// v <= b^i.
func (s *shape) key(v float64) int32 {
	frac, exp := math.Frexp(v)
	i, _ := slices.BinarySearch(s.fractions[:], frac)
	return int32(i + (exp-1)*len(s.fractions))
}

// histogram is one distribution of seconds, in native form and, where it has
// classic counts, in classic form too. It is ours because that of the client
// library keeps two concurrent maps of pointers for what is here a sorted slice
// behind a lock that its owner holds anyway: a fifth of the memory, by
// BenchmarkHistograms. A histogram is not safe for concurrent use.
type histogram struct {
	*shape
	// coarser is by how much the schema is below the finest.
	coarser int32
	buckets []nativeBucket // ascending, none empty
	zero    uint64
	count   uint64
	sum     float64
	// classic counts the values of each bound that are in no lower one; nil in
	// histograms that are native alone.
	classic []uint64
	// hidden is how many of the lowest classic buckets are not published.
	hidden  int
	since   time.Time
	created *timestamppb.Timestamp
}

// nativeBucket is one populated bucket.
type nativeBucket struct {
	key int32
	n   uint64
}

// newHistogram returns an empty histogram that begins at that time.
func newHistogram(s *shape, classic bool, at time.Time) *histogram {
	h := &histogram{shape: s}
	if classic {
		h.classic = make([]uint64, len(s.bounds))
	}
	h.reset(at)
	return h
}

// reset empties the histogram, at its finest schema again.
func (h *histogram) reset(at time.Time) {
	h.coarser, h.buckets, h.zero, h.count, h.sum = 0, h.buckets[:0], 0, 0, 0
	clear(h.classic)
	h.since, h.created = at, timestamppb.New(at)
}

// observe adds a value of seconds; below zero, which no duration is, counts as
// zero. A histogram that holds too many buckets begins anew if it has not for
// MinReset; otherwise its buckets become twice as wide, until it may.
func (h *histogram) observe(v float64, now time.Time) {
	mayReset := now.Sub(h.since) >= h.MinReset
	if h.coarser > 0 && mayReset {
		h.reset(now)
	}
	h.add(max(0, v))
	if len(h.buckets) <= h.MaxBuckets {
		return
	}
	if mayReset {
		h.reset(now)
		h.add(max(0, v))
		return
	}
	for len(h.buckets) > h.MaxBuckets && h.Schema-h.coarser > coarsest {
		h.widen()
	}
}

// add counts a value.
func (h *histogram) add(v float64) {
	h.count++
	h.sum += v
	if h.classic != nil {
		if i, _ := slices.BinarySearch(h.bounds, v); i < len(h.classic) {
			h.classic[i]++
		}
	}
	if v <= h.ZeroThreshold {
		h.zero++
		return
	}
	key := coarse(h.key(v), h.coarser)
	i, found := slices.BinarySearchFunc(h.buckets, key, func(b nativeBucket, key int32) int { return int(b.key - key) })
	if !found {
		h.buckets = slices.Insert(h.buckets, i, nativeBucket{key: key})
	}
	h.buckets[i].n++
}

// coarse returns the bucket of a schema lower by n that holds the given one:
// the key divided by 2^n, rounded up.
func coarse(key, n int32) int32 { return (key + 1<<n - 1) >> n }

// widen halves the resolution.
func (h *histogram) widen() {
	h.coarser++
	merged := h.buckets[:0]
	for _, b := range h.buckets {
		key := coarse(b.key, 1)
		if last := len(merged) - 1; last >= 0 && merged[last].key == key {
			merged[last].n += b.n
		} else {
			merged = append(merged, nativeBucket{key, b.n})
		}
	}
	h.buckets = merged
}

// write returns the histogram as Prometheus's client model has it. It shares
// nothing with h that h changes.
func (h *histogram) write() *dto.Histogram {
	schema, count, sum, zero := h.Schema-h.coarser, h.count, h.sum, h.zero
	out := &dto.Histogram{
		SampleCount: &count, SampleSum: &sum, CreatedTimestamp: h.created,
		Schema: &schema, ZeroThreshold: &h.ZeroThreshold, ZeroCount: &zero,
	}
	out.PositiveSpan, out.PositiveDelta = h.spans()
	if h.classic == nil {
		return out
	}
	buckets, counts := make([]dto.Bucket, len(h.bounds)), make([]uint64, len(h.bounds))
	out.Bucket = make([]*dto.Bucket, 0, len(h.bounds))
	var cumulative uint64
	for i := range h.bounds {
		cumulative += h.classic[i]
		if i < h.hidden {
			continue
		}
		counts[i] = cumulative
		buckets[i].CumulativeCount, buckets[i].UpperBound = &counts[i], &h.bounds[i]
		out.Bucket = append(out.Bucket, &buckets[i])
	}
	return out
}

// spans returns the native buckets as runs with a gap before each, and the
// differences from one to the next. Gaps of up to two buckets are filled, since
// that takes less room than another run.
func (h *histogram) spans() ([]*dto.BucketSpan, []int64) {
	var spans []*dto.BucketSpan
	deltas := make([]int64, 0, len(h.buckets))
	var next int32
	var before int64
	add := func(n int64) {
		*spans[len(spans)-1].Length++
		deltas = append(deltas, n-before)
		before = n
	}
	for i, b := range h.buckets {
		gap := b.key - next
		if i == 0 || gap > 2 {
			spans = append(spans, &dto.BucketSpan{Offset: &gap, Length: new(uint32)})
		} else {
			for range gap {
				add(0)
			}
		}
		add(int64(b.n))
		next = b.key + 1
	}
	return spans, deltas
}
