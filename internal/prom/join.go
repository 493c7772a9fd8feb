package prom

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// joinTo is how many samples chunks of native histograms are joined to. The head
// cuts them at a kilobyte, which a busy histogram fills in a quarter of an hour:
// a third of its blocks would be first samples, written in full.
const joinTo = 240

// newCompactor returns Prometheus's compactor, which besides joins small chunks
// of native histograms as it merges blocks.
func newCompactor(ctx context.Context, r prometheus.Registerer, l *slog.Logger, ranges []int64, pool chunkenc.Pool, opts *tsdb.Options) (tsdb.Compactor, error) {
	merge := storage.NewCompactingChunkSeriesMerger(storage.ChainedSeriesMerge)
	return tsdb.NewLeveledCompactorWithOptions(ctx, r, l, ranges, pool, tsdb.LeveledCompactorOptions{
		MaxBlockChunkSegmentSize:    opts.MaxBlockChunkSegmentSize,
		EnableOverlappingCompaction: opts.EnableOverlappingCompaction,
		MergeFunc: func(series ...storage.ChunkSeries) storage.ChunkSeries {
			merged := merge(series...)
			if merged == nil {
				return nil
			}
			return &storage.ChunkSeriesEntry{
				Lset: merged.Labels(),
				ChunkIteratorFn: func(chunks.Iterator) chunks.Iterator {
					return &joiner{in: merged.Iterator(nil)}
				},
			}
		},
	})
}

// joiner iterates over the chunks of one series, in order and without overlap,
// and joins successive ones of native histograms up to joinTo samples.
type joiner struct {
	in    chunks.Iterator
	next  *chunks.Meta  // read and not yet used
	ready []chunks.Meta // made and not yet handed out
	at    chunks.Meta
	err   error

	chunk chunkenc.Chunk // the one that is being made; nil for none
	app   chunkenc.Appender
	from  int64
	to    int64
	read  chunkenc.Iterator
	hist  histogram.Histogram
}

// Next moves to the next chunk.
func (j *joiner) Next() bool {
	if j.err == nil && len(j.ready) == 0 {
		j.fill()
	}
	if j.err != nil || len(j.ready) == 0 {
		return false
	}
	j.at, j.ready = j.ready[0], j.ready[1:]
	return true
}

// At returns the chunk moved to.
func (j *joiner) At() chunks.Meta { return j.at }

// Err returns why the iteration ended early, or nil.
func (j *joiner) Err() error {
	if j.err != nil {
		return j.err
	}
	return j.in.Err()
}

// fill makes at least one chunk ready, where there is any left.
func (j *joiner) fill() {
	first, ok := j.take()
	if !ok {
		return
	}
	second, more := j.take()
	if !more {
		j.ready = append(j.ready, first)
		return
	}
	if !joinable(first, second) {
		j.ready, j.next = append(j.ready, first), &second
		return
	}
	j.copy(first)
	for total := first.Chunk.NumSamples(); more && j.err == nil; second, more = j.take() {
		if total += second.Chunk.NumSamples(); total > joinTo || !joinable(first, second) {
			j.next = &second
			break
		}
		j.copy(second)
	}
	j.seal()
}

// take returns the next chunk of the input.
func (j *joiner) take() (chunks.Meta, bool) {
	if j.next != nil {
		m := *j.next
		j.next = nil
		return m, true
	}
	if !j.in.Next() {
		return chunks.Meta{}, false
	}
	return j.in.At(), true
}

// joinable says whether two chunks are small ones of native histograms of
// counts that ascend.
func joinable(a, b chunks.Meta) bool {
	small := func(m chunks.Meta) bool {
		h, ok := m.Chunk.(*chunkenc.HistogramChunk)
		return ok && h.GetCounterResetHeader() != chunkenc.GaugeType
	}
	return small(a) && small(b) && a.Chunk.NumSamples()+b.Chunk.NumSamples() <= joinTo
}

// copy adds the samples of a chunk to the one that is being made. A sample that
// cannot follow the last one, after a reset, begins another.
func (j *joiner) copy(m chunks.Meta) {
	if j.chunk == nil {
		j.begin(chunkenc.NewHistogramChunk())
	}
	j.read = m.Chunk.Iterator(j.read)
	for typ := j.read.Next(); typ != chunkenc.ValNone; typ = j.read.Next() {
		if typ != chunkenc.ValHistogram {
			j.err = fmt.Errorf("a chunk of native histograms holds a sample of type %s", typ)
			return
		}
		t, h := j.read.AtHistogram(&j.hist)
		chunk, recoded, app, err := j.app.AppendHistogram(nil, j.read.AtST(), t, h, false)
		if err != nil {
			j.err = fmt.Errorf("joining chunks of native histograms: %w", err)
			return
		}
		if chunk != nil && !recoded {
			j.seal()
			j.from = t
		} else if j.chunk.NumSamples() == 1 && chunk == nil {
			j.from = t
		}
		if chunk != nil {
			j.chunk = chunk
		}
		j.app, j.to = app, t
	}
	if err := j.read.Err(); err != nil {
		j.err = err
	}
}

// begin makes an empty chunk the one that is being made.
func (j *joiner) begin(chunk chunkenc.Chunk) {
	app, err := chunk.Appender()
	if err != nil {
		j.err = err
		return
	}
	j.chunk, j.app = chunk, app
}

// seal makes the chunk ready.
func (j *joiner) seal() {
	if j.chunk == nil || j.chunk.NumSamples() == 0 {
		return
	}
	j.ready = append(j.ready, chunks.Meta{MinTime: j.from, MaxTime: j.to, Chunk: j.chunk})
	j.chunk, j.app = nil, nil
}
