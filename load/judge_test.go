package load

import (
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// TestOneHiccupIsNoLimit: of a few requests the slowest is the p99, and a few late
// ones in a row do not make the client the limit; steady lateness does, in a window
// of any size that can tell.
func TestOneHiccupIsNoLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		sent, late int
		by         time.Duration
		limited    bool
	}{
		"one of five":             {5, 1, time.Second, false},
		"one of twenty":           {20, 1, time.Second, false},
		"three of twenty":         {20, 3, 50 * time.Millisecond, false},
		"four of twenty":          {20, 4, 50 * time.Millisecond, true},
		"all of three":            {3, 3, 50 * time.Millisecond, true},
		"one of one":              {1, 1, 50 * time.Millisecond, false},
		"one in a hundred":        {4000, 40, 50 * time.Millisecond, false},
		"two in a hundred":        {4000, 80, 50 * time.Millisecond, true},
		"many, within the bound":  {4000, 4000, 4 * time.Millisecond, false},
		"all, beyond the bound":   {4000, 4000, 6 * time.Millisecond, true},
		"nothing that found room": {0, 0, 0, false},
	} {
		lags := newMetric(time.Minute, true)
		for i := range tc.sent {
			lag := 100 * time.Microsecond
			if i < tc.late {
				lag = tc.by
			}
			lags.record(lag, false)
		}
		f := facts{end: EndPlan, median: 20 * time.Millisecond, client: Client{LagP99: lags.plain(0.99), LagP99Low: lags.p99AtLeast()}}
		verdict, why := judge(f)
		if (verdict == ClientLimited) != tc.limited || tc.limited && !strings.Contains(why, "late at p99, more than 5ms") {
			t.Errorf("%s: %s (%s), want client_limited: %v", name, verdict, why, tc.limited)
		}
	}
	var none *metric
	if got := none.p99AtLeast(); got != (probe.Seconds{}) {
		t.Errorf("the lag of nothing is at least %v", got)
	}
}

// TestBoundInWords: a bound of one place is no plural.
func TestBoundInWords(t *testing.T) {
	for bound, want := range map[int]string{1: "the only place was taken in 100 % of the seconds", 8: "all 8 places were taken in 100 % of the seconds"} {
		f := facts{end: EndPlan, open: true, asked: 10, sent: 5, median: time.Second, growth: 1, bound: bound, client: Client{BoundFull: 1}}
		if verdict, why := judge(f); verdict != ClientLimited || !strings.HasPrefix(why, want) {
			t.Errorf("a bound of %d: %s (%s), want %q", bound, verdict, why, want)
		}
		f.growth = 2
		if verdict, why := judge(f); verdict != ServerLimited || !strings.Contains(why, "while "+want[:len("all 8 places")]) {
			t.Errorf("a bound of %d and a slower server: %s (%s)", bound, verdict, why)
		}
	}
}
