package daemon

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrill follows a page to its receiver and back, and leaves nothing behind
// that a rule or a trend of real results would read.
func TestDrill(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops, other := &hook{}, &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		r.net.Serve(t, "other.test:80", other)
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start(`notify:
  - {name: ops, webhook: {url: "http://ops.test/hook"}}
  - {name: other, match: {name: b}, webhook: {url: "http://other.test/hook"}}
models:
` + model("a", "http://m.test/a", "@every 1h", "model: org/a") + model("b", "http://m.test/b", "@every 1h"))
		time.Sleep(time.Minute)
		before := time.Now()
		var steps []string
		if err := r.d.Drill(t.Context(), "", 5*time.Minute, func(s DrillStep) { steps = append(steps, s.Step+" "+s.Receiver) }); err != nil {
			t.Errorf("Drill() = %v", err)
		}
		if want := "injected |fired |acknowledged ops|cleared |resolved |acknowledged ops"; strings.Join(steps, "|") != want {
			t.Errorf("the steps are %q, want %q", strings.Join(steps, "|"), want)
		}
		// An evaluation for the page and one for its resolve.
		if took := time.Since(before); took > 30*time.Second {
			t.Errorf("the drill took %s, want two evaluations at most", took)
		}
		fired, resolved := ops.of("Drill", "a", "firing"), ops.of("Drill", "a", "resolved")
		if len(fired) != 1 || len(resolved) != 1 || fired[0].Labels["drill"] == "" || fired[0].Labels["model"] != "org/a" || fired[0].Labels["severity"] != "critical" {
			t.Errorf("the pages are %v and %v, want one of each that bears the drill", fired, resolved)
		}
		if !strings.HasPrefix(fired[0].Annotations["summary"], "DRILL") {
			t.Errorf("the summary is %q, want it to say first that it is a drill", fired[0].Annotations["summary"])
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if all := len(ops.pages); all != 2 || len(other.pages) != 0 {
			t.Errorf("%d and %d pages, want the two of the drill alone", all, len(other.pages))
		}
		r.want(3, "hfwatch_probes_total", "target", "a", "kind", "drill", "outcome", "server_error")
		r.want(0, "hfwatch_results_total", "target", "a", "kind", "baseline", "counts", "bad")
		for _, name := range []string{"hfwatch_drill_bad_of_last_5", "hfwatch_target_bad_of_last_5", "hfwatch_target_consecutive_bad"} {
			if got, there := r.value(name, "target", "a"); there && got != 0 {
				t.Errorf("%s = %v after the drill", name, got)
			}
		}
		if _, body := r.ask(http.MethodGet, "/export?target=a", ""); strings.Contains(body, "drill") {
			t.Errorf("the records hold what the drill made up: %s", body)
		}
		if err := r.d.Drill(t.Context(), "none", time.Minute, func(DrillStep) {}); err == nil {
			t.Error("a drill of no target is taken")
		}
	})
}

// TestDrillThatDoesNotArrive says why: a receiver that refuses, a silence, and
// nobody who listens. What was begun is resolved all the same.
func TestDrillThatDoesNotArrive(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "ops.test:80", status(http.StatusNotFound))
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start(`notify: [{name: ops, match: {labels: {env: x}}, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("a", "http://m.test/a", "@every 1h", "labels: {env: x}") + model("b", "http://m.test/b", "@every 1h"))
		time.Sleep(time.Minute)
		drill := func(target, want string) {
			t.Helper()
			var failed []string
			err := r.d.Drill(t.Context(), target, time.Minute, func(s DrillStep) {
				if s.Step == "failed" {
					failed = append(failed, s.Receiver+" "+s.Detail)
				}
			})
			if !errors.Is(err, ErrDrill) || !strings.Contains(err.Error(), want) {
				t.Errorf("Drill(%s) = %v, want %q", target, err, want)
			}
			if target == "a" && want == "acknowledged by ops" && (len(failed) == 0 || !strings.Contains(failed[0], "client_error")) {
				t.Errorf("the failed attempts are %v", failed)
			}
			time.Sleep(time.Minute)
		}
		drill("a", "acknowledged by ops")
		drill("b", "no receiver takes it")
		r.silence("a", time.Time{}, time.Now().Add(time.Hour))
		drill("a", "a silence holds it back")
		if got := r.d.evaluator.rules.Alerts(); len(got) > 0 {
			for _, a := range got {
				if a.Rule == "Drill" && a.ResolvedAt.IsZero() {
					t.Errorf("the drill fires on: %v", a)
				}
			}
		}
	})
}
