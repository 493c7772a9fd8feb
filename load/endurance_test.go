package load_test

import (
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// TestLongRunGrowsNoMemory carries out a quarter of an hour at 5/s, and with
// HFWATCH_SOAK=1 six hours: from half way on the heap grows by what the curve's points take and no
// more.
func TestLongRunGrowsNoMemory(t *testing.T) {
	length := 15 * time.Minute
	if os.Getenv("HFWATCH_SOAK") == "1" {
		length = 6 * time.Hour
	}
	synctest.Test(t, func(t *testing.T) {
		p := draw(t, load.Spec{Window: "w", Process: load.Poisson, Stages: []load.Stage{stage(5, length, 0)}}, 1)
		o := options(t, nil, 16)
		o.Runner.Exchanger, o.Abort = instant{}, load.DefaultAbort()
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		var half, end, goroutines int64
		seen := 0
		o.Observe = func(probe.Result) {
			switch seen++; seen {
			case len(p.Arrivals) / 2:
				half, goroutines = heap(), int64(runtime.NumGoroutine())
			case len(p.Arrivals) - 1:
				end = heap()
				if n := int64(runtime.NumGoroutine()); n > goroutines+2 {
					t.Errorf("%d goroutines at the end, %d half way", n, goroutines)
				}
			}
		}
		w := run(t, p, o)
		if w.Good < int(4.8*length.Seconds()) || half == 0 || end == 0 {
			t.Fatalf("%d good of %d, heap %d and %d", w.Good, w.Due, half, end)
		}
		// What grows is the curve, bounded at 1,200 points, and the failures kept.
		if grown := end - half; grown > 2<<20 {
			t.Errorf("the heap grew from %d KiB to %d KiB in the second half, %d bytes a request", half>>10, end>>10, grown/int64(w.Good/2))
		}
		t.Logf("heap %d KiB half way, %d KiB at the end, %d requests", half>>10, end>>10, w.Good)
	})
}
