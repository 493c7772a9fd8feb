package prom

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

// chunksOf returns how many chunks and samples of native histograms a database
// has in blocks.
func chunksOf(t *testing.T, db *DB) (n, samples int) {
	t.Helper()
	for _, b := range db.store.Blocks() {
		ir, err := b.Index()
		if err != nil {
			t.Fatal(err)
		}
		cr, err := b.Chunks()
		if err != nil {
			t.Fatal(err)
		}
		name, value := index.AllPostingsKey()
		p, err := ir.Postings(context.Background(), name, value)
		if err != nil {
			t.Fatal(err)
		}
		for p.Next() {
			var metas []chunks.Meta
			if err := ir.Series(p.At(), &labels.ScratchBuilder{}, &metas); err != nil {
				t.Fatal(err)
			}
			for _, m := range metas {
				chunk, _, err := cr.ChunkOrIterable(m)
				if err != nil {
					t.Fatal(err)
				}
				if chunk.Encoding() == chunkenc.EncHistogram {
					n, samples = n+1, samples+chunk.NumSamples()
				}
			}
		}
		if err := ir.Close(); err != nil {
			t.Fatal(err)
		}
		if err := cr.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return n, samples
}

// Blocks that are merged hold few large chunks, and answer as one that was never
// written to disk.
func TestChunksOfHistogramsAreJoined(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir})
		reg := prometheus.NewRegistry()
		// What restarts loses its counts, as after an update of hfwatch.
		restarts := prometheus.NewRegistry()
		h, r := prometheus.NewHistogram(native("h_seconds")), prometheus.NewHistogram(native("r_seconds"))
		reg.MustRegister(h)
		restarts.MustRegister(r)
		n := 0
		for i := range 10 * 60 {
			time.Sleep(time.Minute)
			for k := range 50 {
				h.Observe(float64(1+(i*50+k)*7919%1000) / 100)
			}
			if i%90 == 89 {
				restarts.Unregister(r)
				r = prometheus.NewHistogram(native("r_seconds"))
				restarts.MustRegister(r)
			}
			r.Observe(float64(i % 13))
			add(t, db, time.Now(), prometheus.Gatherers{reg, restarts})
			n++
		}
		synctest.Wait()
		if got := one(t, db, "count_over_time(h_seconds[10h])", time.Now()); got != float64(n) {
			t.Errorf("%v samples, want %d", got, n)
		}
		// Each restart's first observation is seen too, but for what the rate
		// extrapolates.
		if got := one(t, db, "histogram_count(increase(r_seconds[10h]))", time.Now()); math.Abs(got-float64(n)) > 1 {
			t.Errorf("increase over restarts = %v, want %d", got, n)
		}
		if got := one(t, db, "histogram_count(increase(h_seconds[10h]))", time.Now()); math.Abs(got-float64(50*n)) > 51 {
			t.Errorf("increase = %v, want %d within one sample", got, 50*n)
		}
		number, samples := chunksOf(t, db)
		if samples < n || samples/number < 60 {
			t.Errorf("%d chunks of %d samples, want at least 60 samples each", number, samples)
		}
	})
}
