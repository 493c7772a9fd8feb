package stats_test

import (
	"math"
	"testing"

	"github.com/hfwatch/hfwatch/stats"
)

// TestWilson against the closed form's values, and its exact ends.
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ share, n, low, high float64 }{
		{0, 195, 0, 0.019319}, {1, 195, 0.980681, 1}, {0.5, 10, 0.236593, 0.763407}, {0.1, 100, 0.055229, 0.174366}, {0, 1, 0, 0.793450},
	} {
		low, high := stats.Wilson(row.share, row.n)
		if math.Abs(low-row.low) > 1e-6 || math.Abs(high-row.high) > 1e-6 {
			t.Errorf("Wilson(%g, %g) = %.6f, %.6f, want %.6f, %.6f", row.share, row.n, low, high, row.low, row.high)
		}
	}
	for n := range 5000 {
		low, _ := stats.Wilson(0, float64(n+1))
		_, high := stats.Wilson(1, float64(n+1))
		if low != 0 || high != 1 {
			t.Fatalf("of %d: %g and %g, want 0 and 1", n+1, low, high)
		}
	}
}
