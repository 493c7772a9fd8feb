package history

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// keepRate is how many results a second are kept themselves in the long
	// run; of more than that, good ones are counted in their hours alone.
	keepRate = 20
	// keepBurst is how many may come at once before that.
	keepBurst = 600
	// sampledIDs is how many that are not kept are remembered, so that one
	// recorded twice does not count twice.
	sampledIDs = 8192
)

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

// take refills the bucket and takes a token, and reports whether there was one.
func (b *bucket) take(now time.Time) bool {
	if b.at.IsZero() {
		b.tokens = keepBurst
	} else if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(keepBurst, b.tokens+passed.Seconds()*keepRate)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// sampler decides which results are kept themselves. Windows have a bucket of
// their own: their floods take nothing from the baselines.
type sampler struct{ windows, others bucket }

// sampled reports whether a result is counted in its hour alone.
func (s *sampler) sampled(r probe.Result, now time.Time) bool {
	b := &s.others
	if r.Kind == probe.WindowKind {
		b = &s.windows
	}
	return !b.take(now) && r.Counts == probe.Good
}

// recent remembers the last of a number of ids.
type recent struct {
	ids  map[string]struct{}
	ring []string
	next int
}

// has reports whether an id is remembered.
func (r *recent) has(id string) bool {
	_, ok := r.ids[id]
	return ok
}

// add remembers an id in the place of the oldest.
func (r *recent) add(id string) {
	if r.ids == nil {
		r.ids, r.ring = map[string]struct{}{}, make([]string, sampledIDs)
	}
	delete(r.ids, r.ring[r.next])
	r.ids[id], r.ring[r.next] = struct{}{}, id
	r.next = (r.next + 1) % sampledIDs
}
