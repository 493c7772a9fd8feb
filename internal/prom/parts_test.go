package prom

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
)

// TestPartsAreTheWhole: every expression gives the same answer, and the same
// remarks, evaluated in parts and by the engine at once; bounds of the query are
// read from the whole.
func TestPartsAreTheWhole(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, _ := recorded(t, Options{Dir: dir}, 30)
		end := time.Now()
		for expr, split := range map[string]bool{
			`histogram_quantile(0.95, rate(h_seconds[1h]))`:                     true,
			`rate(h_seconds[1h])`:                                               true,
			`histogram_count(h_seconds)`:                                        true,
			`topk(1, last_over_time(h_seconds:p95_1h[1h]))`:                     true,
			`histogram_count(h_seconds) and on () (hour() > 3)`:                 true,
			`rate(h_seconds:p95_1h[1h])`:                                        true, // which has a remark
			`time()`:                                                            true,
			`absent(nothing)`:                                                   true,
			`nothing`:                                                           true,
			`histogram_count(h_seconds offset 3h)`:                              true,
			`sum_over_time(last_over_time(h_seconds:p95_1h[1h])[3h:1h])`:        true,
			`histogram_count(h_seconds) - histogram_count(h_seconds @ start())`: false,
			`max_over_time(histogram_count(h_seconds)[1h:10m] @ end())`:         false,
		} {
			q, err := db.newRangeQuery(t.Context(), nil, expr, begin, end, 7*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if _, parted := q.(rangeQuery); parted != split {
				t.Errorf("%s: evaluated in parts is %v, want %v", expr, parted, split)
			}
			got := q.Exec(t.Context())
			whole, err := db.engine.NewRangeQuery(t.Context(), db.held, nil, expr, begin, end, 7*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			want := whole.Exec(t.Context())
			if got.Err != nil || want.Err != nil {
				t.Fatalf("%s: %v in parts, %v as a whole", expr, got.Err, want.Err)
			}
			if diff := cmp.Diff(want.Value.String(), got.Value.String()); diff != "" {
				t.Errorf("%s (-whole +parts):\n%s", expr, diff)
			}
			if diff := cmp.Diff(fmt.Sprint(want.Warnings.AsStrings(expr, 0, 0)), fmt.Sprint(got.Warnings.AsStrings(expr, 0, 0))); diff != "" {
				t.Errorf("%s: remarks (-whole +parts):\n%s", expr, diff)
			}
		}
	})
}

// TestPartsThatFail say what the whole says, and a query that is too much for its
// parts alone is answered.
func TestPartsThatFail(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		db, _ := recorded(t, Options{Dir: dir, MaxSamples: 5000}, 30)
		end := time.Now()
		in := func(expr string) rangeQuery {
			q, err := db.newRangeQuery(t.Context(), nil, expr, begin, end, 4*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			parts, parted := q.(rangeQuery)
			if !parted {
				t.Fatalf("%s is not evaluated in parts", expr)
			}
			return parts
		}
		const tooMany = "query processing would load too many samples into memory in query execution"
		if res := in(`histogram_count(h_seconds)`).Exec(t.Context()); res.Err == nil || res.Err.Error() != tooMany {
			t.Errorf("too much for all: %v, want %s", res.Err, tooMany)
		}
		const wide = `count_over_time(h_seconds[20h])`
		if res := in(wide).parts[3].Exec(t.Context()); res.Err == nil || res.Err.Error() != tooMany {
			t.Errorf("too much for a part: %v, want %s", res.Err, tooMany)
		}
		if res := in(wide).Exec(t.Context()); res.Err != nil || len(res.Value.(promql.Matrix)) != 2 {
			t.Errorf("too much for its parts, and not for the whole: %v, want two series", res.Err)
		}
	})
}
