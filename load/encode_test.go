package load

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// TestEncoderWritesWhatTheLibraryWrites encodes histograms of many shapes with one
// encoder, one after the other: each is what the library's own encoder makes of it,
// byte for byte, and decodes to the same values. Records of before, which the
// library wrote, are read as ever.
func TestEncoderWritesWhatTheLibraryWrites(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	e := newEncoder()
	for i := range 400 {
		high := []time.Duration{time.Microsecond, 3 * time.Millisecond, time.Second, 95 * time.Second, 2 * time.Hour}[i%5]
		m := newMetric(high, i%2 == 0)
		for range []int{1, 2, 17, 300}[i%4] {
			// Now and then beyond the range, so that its last place is used.
			m.record(time.Duration(rng.Int64N(int64(high)*9/8))>>rng.IntN(20), false)
		}
		for range i % 3 * 200 {
			m.record(high/2, false)
		}
		want, err := m.h.EncodeV2()
		if err != nil {
			t.Fatal(err)
		}
		got := e.encode(m.h)
		if got != string(want) {
			t.Fatalf("histogram %d of %d values up to %v: %s, want %s", i, m.n, high, got, want)
		}
		back, err := decodeHDR(got)
		if err != nil || back.TotalCount() != int64(m.n) || back.ValueAtPercentile(50) != m.h.ValueAtPercentile(50) {
			t.Fatalf("histogram %d: decoded %v, %v", i, back, err)
		}
	}
}

// TestEncoderTakesAnotherGeometry holds that a histogram of another hand is written
// in its own geometry.
func TestEncoderTakesAnotherGeometry(t *testing.T) {
	e := newEncoder()
	for _, h := range []store{hdrhistogram.NewPacked(1, 1e6, 2), hdrhistogram.NewPacked(1000, 1e9, 3), hdrhistogram.NewPacked(1, 1e6, 3)} {
		if want, err := h.EncodeV2(); err != nil || e.encode(h) != string(want) {
			t.Errorf("an empty histogram is %q, want %q, %v", e.encode(h), want, err)
		}
		if err := h.RecordValue(77_777); err != nil {
			t.Fatal(err)
		}
		if want, err := h.EncodeV2(); err != nil || e.encode(h) != string(want) {
			t.Errorf("%q, want %q, %v", e.encode(h), want, err)
		}
	}
}

// TestEncoderAllocatesTheTextAlone holds that after its first histogram an encoder
// takes memory for what it returns and no more: a window's end costs the same
// however many points its curve has.
func TestEncoderAllocatesTheTextAlone(t *testing.T) {
	e := newEncoder()
	for _, dense := range []bool{false, true} {
		m := newMetric(30*time.Second, dense)
		for i := range 200 {
			m.record(time.Duration(i*i)*time.Millisecond/4, false)
		}
		if text := e.encode(m.h); text == "" {
			t.Fatal("nothing was written")
		}
		if n := testing.AllocsPerRun(20, func() { e.encode(m.h) }); n > 1 {
			t.Errorf("dense %v: %v allocations for a histogram, want the text's alone", dense, n)
		}
	}
}

// BenchmarkEncode is one second's histogram, as the end of a window writes each.
func BenchmarkEncode(b *testing.B) {
	m := newMetric(30*time.Second, false)
	for i := range 200 {
		m.record(time.Duration(i*i)*time.Millisecond/4, false)
	}
	b.Run("one compressor", func(b *testing.B) {
		b.ReportAllocs()
		e := newEncoder()
		for b.Loop() {
			e.encode(m.h)
		}
	})
	b.Run("one each", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.h.EncodeV2(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
