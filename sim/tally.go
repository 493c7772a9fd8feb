package sim

import (
	"net/http"
	"slices"
)

// tally counts what a model's engine did, for its /metrics. It is guarded by the
// mutex of the Server.
type tally struct {
	requests, success uint64
	// failures count by what the engine calls them, statuses by what was answered.
	failures map[string]uint64
	statuses map[int]uint64
	finished map[string]uint64
	// in and out are tokens.
	in, out uint64

	total, queue, inference, prefill, decode, first, each *buckets
	tokensIn, tokensOut                                   *buckets
}

// newTally returns one that has counted nothing.
func newTally() *tally {
	t := &tally{failures: map[string]uint64{}, statuses: map[int]uint64{}, finished: map[string]uint64{}}
	for _, s := range []**buckets{&t.total, &t.queue, &t.inference, &t.prefill, &t.decode, &t.first, &t.each} {
		*s = newBuckets(secondBounds())
	}
	t.tokensIn, t.tokensOut = newBuckets(tokenBounds()), newBuckets(tokenBounds())
	return t
}

// secondBounds are the upper bounds of buckets of times; the engines' own differ
// from version to version.
func secondBounds() []float64 {
	return []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}
}

// tokenBounds are those of counts of tokens.
func tokenBounds() []float64 { return []float64{1, 10, 100, 1_000, 10_000, 100_000} }

// buckets is a histogram.
type buckets struct {
	bounds []float64
	counts []uint64
	sum    float64
	n      uint64
}

// newBuckets returns an empty one of the upper bounds.
func newBuckets(bounds []float64) *buckets {
	return &buckets{bounds: bounds, counts: make([]uint64, len(bounds))}
}

// add counts a value.
func (s *buckets) add(v float64) {
	s.sum += v
	s.n++
	for i, bound := range s.bounds {
		if v <= bound {
			s.counts[i]++
		}
	}
}

// mean returns the mean, 0 of nothing.
func (s *buckets) mean() float64 { return s.sum / float64(max(1, s.n)) }

// quantile returns the least bound that at least the share q is below, 0 of
// nothing.
func (s *buckets) quantile(q float64) float64 {
	i := slices.IndexFunc(s.counts, func(n uint64) bool { return float64(n) >= q*float64(s.n) })
	switch {
	case s.n == 0:
		return 0
	case i < 0:
		return s.bounds[len(s.bounds)-1]
	}
	return s.bounds[i]
}

// count takes in a finished request.
func (t *tally) count(x *exchange) {
	rec := &x.rec
	t.requests++
	t.statuses[rec.Status]++
	if rec.Status != http.StatusOK {
		t.failures[failureName(rec)]++
		return
	}
	t.success++
	t.total.add(rec.Done.Sub(rec.Received).Seconds())
	if rec.Started.IsZero() {
		return
	}
	t.queue.add(rec.QueueSeconds)
	t.inference.add(rec.Done.Sub(rec.Started).Seconds())
	t.in += uint64(x.tokensIn)
	t.out += uint64(x.tokensOut)
	t.tokensIn.add(float64(x.tokensIn))
	t.finished[x.finished]++
	if x.tokensOut == 0 {
		return
	}
	t.tokensOut.add(float64(x.tokensOut))
	first, last := rec.FirstToken, rec.LastToken
	if first.IsZero() {
		// In one piece all of them come at once.
		first, last = rec.Done, rec.Done
	}
	t.first.add(first.Sub(rec.Received).Seconds())
	t.prefill.add(first.Sub(rec.Started).Seconds())
	t.decode.add(last.Sub(first).Seconds())
	t.each.add(rec.Done.Sub(rec.Started).Seconds() / float64(x.tokensOut))
}

// failureName is the label err of TGI and TEI.
func failureName(rec *TruthRecord) string {
	switch rec.Status {
	case http.StatusTooManyRequests:
		return "overloaded"
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusBadRequest:
		return "validation"
	case 0:
		return "aborted"
	default:
		return "generation"
	}
}

// busy returns how many requests compute, and how many wait.
func (g *gate) busy() (running, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running, len(g.waiting)
}
