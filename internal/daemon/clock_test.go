package daemon

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/history"
)

// TestAWrongClockAcrossRestartsLosesNoHistory: a daemon runs for some hours,
// comes back with a clock that is far ahead while the servers' Date says what
// time it is, and comes back again with the right one. All samples and all
// records of the first life are there at the end, what the last one measures is
// stored, and nobody is told that a target is blind.
func TestAWrongClockAcrossRestartsLosesNoHistory(t *testing.T) {
	const life = 2 * time.Hour
	const all = `count_over_time(hfwatch_target_interval_seconds{target="a"}[1d])`
	for _, wrong := range []time.Duration{5 * time.Hour, 90 * 24 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			dir := t.TempDir()
			ops := &hook{}
			// Each life begins at the same midnight by its bubble's clock, and sleeps
			// until it is what its wall clock says.
			live := func(name string, begin, off, length time.Duration, check func(t *testing.T, r *rig)) {
				ok := t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newRig(t, dir)
						time.Sleep(begin + off + 3*time.Second)
						r.net.Serve(t, "ops.test:80", ops)
						r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
							w.Header().Set("Date", time.Now().Add(-off).UTC().Format(http.TimeFormat))
							good(w, req)
						}))
						r.start("evaluation_interval: 5m\n" + `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("a", "http://m.test/a", "@every 10m"))
						time.Sleep(length)
						synctest.Wait()
						check(t, r)
						if err := r.stop(); err != nil {
							t.Errorf("Stop() = %v", err)
						}
					})
				})
				if !ok {
					t.FailNow()
				}
			}
			samples := func(t *testing.T, r *rig, at time.Time) float64 {
				t.Helper()
				res, err := r.d.evaluator.db.Query(t.Context(), all, at)
				if err != nil || len(res.Series()) != 1 {
					t.Fatalf("%v, %v; logs:\n%s", res.Series(), err, r.logs)
				}
				return res.Series()[0].Points[0].Value
			}
			// records are those of the first life.
			records := func(t *testing.T, r *rig) (n int) {
				t.Helper()
				start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
				if err := r.d.records.EachResult(t.Context(), history.ResultQuery{From: start, To: start.Add(life)}, func([]byte) error { n++; return nil }); err != nil {
					t.Fatal(err)
				}
				return n
			}
			// A sample at once and every five minutes, and a result every ten.
			const perLife = 25
			live("right", 0, 0, life, func(t *testing.T, r *rig) {
				if got := samples(t, r, time.Now()); got != perLife {
					t.Errorf("%v samples, want %d", got, perLife)
				}
			})
			live("wrong", life+time.Minute, wrong, life, func(t *testing.T, r *rig) {
				if got := samples(t, r, r.d.evaluator.db.Newest()); got != 2*perLife+1 {
					t.Errorf("%v samples, want %d of both lives and the last of the first", got, 2*perLife+1)
				}
				if got := records(t, r); got != 11 {
					t.Errorf("%d records of the first life, want 11", got)
				}
			})
			live("right again", 2*(life+time.Minute), 0, life, func(t *testing.T, r *rig) {
				newest := r.d.evaluator.db.Newest()
				if got := samples(t, r, newest); got != 3*perLife+2 {
					t.Errorf("%v samples, want %d of all lives", got, 3*perLife+2)
				}
				if got := records(t, r); got != 11 {
					t.Errorf("%d records of the first life, want 11", got)
				}
				r.want(0, "hfwatch_samples_refused_total", "reason", "too_old")
			})
			for _, alert := range []string{"TargetBlind", "TargetFailing", "HistoryFailing", "NeverSucceeded"} {
				if got := ops.of(alert, "", "firing"); len(got) != 0 {
					t.Errorf("%d pages of %s: %s", len(got), alert, fmt.Sprint(got[0].Annotations))
				}
			}
		})
	}
}
