package daemon

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/coldstart"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// TestColdStartExample runs the example against its scenario for an hour: each
// policy does as its comment says, and the page shows it.
func TestColdStartExample(t *testing.T) {
	const dir = "../../examples/cold-start"
	scenario := exampleScenario(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "cold-start.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	in(t, func(t *testing.T, r *rig) {
		server, err := sim.New(scenario, sim.Options{TruthSize: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		r.net.Serve(t, "127.0.0.1:14843", server.Handler())
		r.start(strings.Replace(string(text), "data: {dir: ./data}\n", "", 1))
		time.Sleep(time.Hour + time.Second)
		count := map[string]int{}
		for _, e := range r.episodes() {
			count[e.Target]++
			if e.End == "" {
				// The one that began at the full hour.
				continue
			}
			first, answered := e.FirstAnswer.Get()
			switch e.Target {
			case "summarizer":
				if e.Cause != coldstart.CauseExperiment || e.WokenBy != probe.ColdStart || e.End != coldstart.EndSteady || e.WarmUp == nil || e.WarmUp.Cold != 1 {
					t.Errorf("summarizer: %s by %q, %s: %s", e.Cause, e.WokenBy, e.End, e.Words)
				}
				// 21 s of waking, pending, initializing and unhealthy, and a first answer
				// that takes 4 s longer.
				if !answered || first < 24*time.Second || first > 27*time.Second || e.Running.IsZero() || e.Healthy.IsZero() {
					t.Errorf("summarizer: running %v, healthy %v, first answer after %v, want 21 s and a slow answer", e.Running, e.Healthy, first)
				}
			case "writer":
				// A natural one is as exact as the probes are close.
				if e.Cause != coldstart.CauseNatural || !e.EstimateStuck || !answered || first < 25*time.Second || first > 31*time.Second || e.WarmUp == nil || e.WarmUp.Requests == 0 {
					t.Errorf("writer: %s, stuck %v, first answer after %v, want 25 s: %s", e.Cause, e.EstimateStuck, first, e.Words)
				}
			default:
				t.Errorf("%s: %+v", e.Target, e)
			}
		}
		for _, name := range []string{"summarizer", "writer", "archive"} {
			woken, _ := coldStarts(server.ColdTruth(name))
			if count[name] != len(woken) || name == "archive" && len(woken) != 0 || name != "archive" && len(woken) < 6 {
				t.Errorf("%s was woken %d times and has %d episodes", name, len(woken), count[name])
			}
		}
		r.want(1, "hfwatch_probes_total", "target", "archive", "outcome", "asleep", "fault", "none", "kind", "baseline")
		ask := func(query string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r.d.mux(false, false).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/cold-starts"+query, nil))
			return w
		}
		page := ask("")
		if page.Code != http.StatusOK || page.Header().Get("Content-Type") != "text/html; charset=utf-8" || strings.Count(page.Body.String(), "<h2>") != 2 {
			t.Errorf("the page answers %d, %s:\n%s", page.Code, page.Header().Get("Content-Type"), page.Body)
		}
		for _, want := range []string{"1 cold request (", "never shrank", "None of archive (asleep)", "experiment by hold"} {
			if !strings.Contains(page.Body.String(), want) {
				t.Errorf("the page lacks %q:\n%s", want, page.Body)
			}
		}
		if w := ask("?target=archive"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No cold start was seen") {
			t.Errorf("of one without: %d %s", w.Code, w.Body)
		}
		for query, code := range map[string]int{"?since=never": http.StatusBadRequest, "?target=nobody": http.StatusNotFound} {
			if w := ask(query); w.Code != code {
				t.Errorf("%s: %d, want %d", query, w.Code, code)
			}
		}
	})
}
