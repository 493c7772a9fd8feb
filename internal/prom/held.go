package prom

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"golang.org/x/sys/unix"
)

// ErrHeld is returned by Append where the samples could not be written to the
// disk and are held in memory: queries and rules see them, and they are written
// as soon as the disk allows it. What is held is lost where the process ends
// before that.
var ErrHeld = errors.New("held in memory")

const (
	// maxHeld bounds the samples held while nothing can be written, about half
	// an hour of 4,000 series each 15 s; the oldest go first.
	maxHeld = 500_000
	// heldChunk is how many of them are written at once.
	heldChunk = 10_000
)

// sample is one sample that is held.
type sample struct {
	labels labels.Labels
	st, t  int64
	v      float64
	h      *histogram.Histogram
}

// T returns the time in milliseconds.
func (s sample) T() int64 { return s.t }

// ST returns the start time in milliseconds.
func (s sample) ST() int64 { return s.st }

// F returns the value of a float.
func (s sample) F() float64 { return s.v }

// H returns the histogram, or nil.
func (s sample) H() *histogram.Histogram { return s.h }

// FH returns nil: histograms of floats are not held.
func (s sample) FH() *histogram.FloatHistogram { return nil }

// Type returns what kind of sample it is.
func (s sample) Type() chunkenc.ValueType {
	if s.h != nil {
		return chunkenc.ValHistogram
	}
	return chunkenc.ValFloat
}

// Copy returns a deep copy.
func (s sample) Copy() chunks.Sample {
	if s.h != nil {
		s.h = s.h.Copy()
	}
	return s
}

// held are the samples that could not be written, oldest first, and the store
// that they belong into. It stands between the store and all that reads and
// writes it, and passes through while nothing is held.
type held struct {
	store *tsdb.DB

	mu      sync.Mutex
	samples []sample
	lost    int // given up since the last flush
}

// minFree is the room that must be left for the store to be written to. A
// record that a full disk cuts short spoils the log: the store goes on, and
// deletes all that came later at the next start.
const minFree = 32 << 20

// room returns an error where the disk is about to be full.
func (h *held) room() error {
	var fs unix.Statfs_t
	if err := unix.Statfs(h.store.Dir(), &fs); err != nil {
		return fmt.Errorf("%s: %w", h.store.Dir(), err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < minFree {
		return fmt.Errorf("%s: %w: %d MiB are left and %d are needed", h.store.Dir(), syscall.ENOSPC, free>>20, minFree>>20)
	}
	return nil
}

// AppenderV2 returns an appender whose Commit holds what cannot be written.
func (h *held) AppenderV2(ctx context.Context) storage.AppenderV2 { return h.appender(ctx) }

func (h *held) appender(ctx context.Context) *holder {
	if err := h.room(); err != nil {
		return &holder{held: h, err: err}
	}
	return &holder{inner: h.store.AppenderV2(ctx), held: h}
}

// holder is an appender that remembers what it was given.
type holder struct {
	inner   storage.AppenderV2 // nil where nothing may be written
	held    *held
	samples []sample
	err     error // why the samples are held
}

// Append appends, and remembers what the store took.
func (a *holder) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options) (storage.SeriesRef, error) {
	if a.inner == nil {
		a.samples = append(a.samples, sample{ls, st, t, v, h})
		return ref, nil
	}
	got, err := a.inner.Append(ref, ls, st, t, v, h, fh, opts)
	var partial *storage.AppendPartialError
	if (err == nil || errors.As(err, &partial)) && fh == nil {
		a.samples = append(a.samples, sample{ls, st, t, v, h})
	}
	return got, err
}

// Commit writes the samples, or holds them. It never fails.
func (a *holder) Commit() error {
	if a.inner != nil {
		a.err = a.inner.Commit()
	}
	if a.err != nil {
		a.held.add(a.samples)
	}
	return nil
}

// Rollback forgets the samples.
func (a *holder) Rollback() error {
	if a.inner == nil {
		return nil
	}
	return a.inner.Rollback()
}

// add holds samples, and gives up the oldest beyond the bound.
func (h *held) add(samples []sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, samples...)
	if more := len(h.samples) - maxHeld; more > 0 {
		h.samples = slices.Delete(h.samples, 0, more)
		h.lost += more
	}
}

// len returns how many samples are held.
func (h *held) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.samples)
}

// flush writes what is held, as far as the store takes it, in order of time.
func (h *held) flush(ctx context.Context) error {
	for h.len() > 0 {
		if err := h.room(); err != nil {
			return err
		}
		h.mu.Lock()
		chunk := slices.Clone(h.samples[:min(len(h.samples), heldChunk)])
		h.mu.Unlock()
		app := h.store.AppenderV2(ctx)
		for _, s := range chunk {
			// One that the store has, or refuses for good, is done with.
			_, _ = app.Append(0, s.labels, s.st, s.t, s.v, s.h, nil, storage.AOptions{})
		}
		if err := app.Commit(); err != nil {
			return err
		}
		h.mu.Lock()
		// Only flush takes samples away, but for the oldest beyond the bound.
		n := max(0, len(chunk)-h.lost)
		h.samples, h.lost = slices.Delete(h.samples, 0, min(n, len(h.samples))), 0
		if len(h.samples) == 0 {
			h.samples = nil
		}
		h.mu.Unlock()
	}
	return nil
}

// Querier returns what the store has, and what is held.
func (h *held) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := h.store.Querier(mint, maxt)
	if err != nil || h.len() == 0 {
		return q, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var within []sample
	for _, s := range h.samples {
		if s.t >= mint && s.t <= maxt {
			within = append(within, s)
		}
	}
	return storage.NewMergeQuerier([]storage.Querier{q, heldQuerier{within}}, nil, storage.ChainedSeriesMerge), nil
}

// heldQuerier reads samples that are held.
type heldQuerier struct{ samples []sample }

// Select returns the series that match.
func (q heldQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	byLabels := map[string]*heldSeries{}
	var all []*heldSeries
	var key []byte
	for _, s := range q.samples {
		key = s.labels.Bytes(key[:0])
		one := byLabels[string(key)]
		if one == nil {
			one = &heldSeries{labels: s.labels, matches: matches(s.labels, matchers)}
			byLabels[string(key)] = one
			if one.matches {
				all = append(all, one)
			}
		}
		if one.matches {
			one.samples = append(one.samples, s)
		}
	}
	slices.SortFunc(all, func(a, b *heldSeries) int { return labels.Compare(a.labels, b.labels) })
	set := &heldSet{at: -1}
	for _, one := range all {
		slices.SortStableFunc(one.samples, func(a, b chunks.Sample) int { return int(a.T() - b.T()) })
		set.series = append(set.series, storage.NewListSeries(one.labels, one.samples))
	}
	return set
}

// heldSeries is one series of those that are held.
type heldSeries struct {
	labels  labels.Labels
	matches bool
	samples []chunks.Sample
}

// matches says whether all matchers match.
func matches(ls labels.Labels, matchers []*labels.Matcher) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(ls.Get(m.Name)) })
}

// names collects strings of the series that match, sorted, each once.
func (q heldQuerier) names(matchers []*labels.Matcher, f func(labels.Label, func(string))) []string {
	seen := map[string]bool{}
	for _, s := range q.samples {
		if matches(s.labels, matchers) {
			s.labels.Range(func(l labels.Label) { f(l, func(name string) { seen[name] = true }) })
		}
	}
	out := make([]string, 0, len(seen))
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// LabelValues returns the values of a label.
func (q heldQuerier) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.names(matchers, func(l labels.Label, add func(string)) {
		if l.Name == name {
			add(l.Value)
		}
	}), nil, nil
}

// LabelNames returns the names of labels.
func (q heldQuerier) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.names(matchers, func(l labels.Label, add func(string)) { add(l.Name) }), nil, nil
}

// Close has nothing to release.
func (heldQuerier) Close() error { return nil }

// heldSet iterates over series.
type heldSet struct {
	series []storage.Series
	at     int
}

// Next moves to the next series.
func (s *heldSet) Next() bool { s.at++; return s.at < len(s.series) }

// At returns the series moved to.
func (s *heldSet) At() storage.Series { return s.series[s.at] }

// Err returns nil.
func (*heldSet) Err() error { return nil }

// Warnings returns none.
func (*heldSet) Warnings() annotations.Annotations { return nil }
