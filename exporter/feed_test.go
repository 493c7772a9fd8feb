package exporter

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/probe"
)

// TestInTheEmbeddedDatabase asks of what was stored what rules ask: a counter
// first seen at one is an increase, quantiles read good and bad results, and a
// removed target is gone at once.
func TestInTheEmbeddedDatabase(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := prom.Open(prom.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		e := newTest(t, plain("a"), plain("b"))
		tick := func() {
			t.Helper()
			families, err := e.Gatherer().Gather()
			if err != nil {
				t.Fatal(err)
			}
			out, err := db.Append(t.Context(), time.Now(), families)
			if err != nil || len(out.Refused) != 0 {
				t.Fatalf("Append() = %v, refused %v; want all stored", err, out.Refused)
			}
			time.Sleep(15 * time.Second)
		}
		query := func(expr string) []float64 {
			t.Helper()
			result, err := db.Query(t.Context(), expr, db.Newest())
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			var values []float64
			for _, s := range result.Series() {
				values = append(values, s.Points[0].Value)
			}
			return values
		}
		one := func(expr string, low, high float64) {
			t.Helper()
			if got := query(expr); len(got) != 1 || got[0] < low || got[0] > high {
				t.Errorf("%s = %v, want one value from %g to %g", expr, got, low, high)
			}
		}
		for range 8 {
			tick()
		}
		e.Record(failed("a", 0, probe.Billing))
		for seq := range 10 {
			e.Record(good("a", seq+1))
		}
		for seq := range 10 {
			e.Record(failed("a", seq+11, probe.Overloaded))
		}
		for range 8 {
			tick()
		}
		one(`increase(hfwatch_probes_total{outcome="billing"}[3m])`, 0.99, 1.3)
		one(`increase(hfwatch_probes_total{outcome="overloaded",target="a"}[3m])`, 9.9, 12)
		one(`histogram_count(sum(increase(hfwatch_response_seconds{target="a",kind="baseline"}[3m])))`, 19.9, 24)
		one(`histogram_quantile(0.95, sum(increase(hfwatch_response_seconds{target="a",kind="baseline"}[3m])))`, 28, 32)
		one(`histogram_quantile(0.95, sum(increase(hfwatch_response_seconds{target="a",kind="baseline",result="ok"}[3m])))`, 2.1, 2.4)
		one(`hfwatch_target_bad_of_last_5 * on (target, location) group_left (model) hfwatch_target_info`, 5, 5)

		if err := e.SetTargets([]TargetInfo{plain("b")}); err != nil {
			t.Fatal(err)
		}
		tick()
		if got := query(`count({target="a"})`); got != nil {
			t.Errorf("%v series of the removed target answer, want none", got)
		}
		one(`count(hfwatch_target_info)`, 1, 1)
	})
}
