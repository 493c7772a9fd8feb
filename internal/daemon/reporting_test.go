package daemon

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/report"
)

// TestTheReportPage tells of what was probed, in each form, and refuses what it
// cannot make.
func TestTheReportPage(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "a.test:80", http.HandlerFunc(good))
		r.start("alerting: off\nmodels:\n" + model("a", "http://a.test/", "*/5 * * * *"))
		time.Sleep(2 * time.Hour)
		ask := func(query string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r.d.mux(false, false).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/report"+query, nil))
			return w
		}
		got := ask("?format=json&since=1d")
		var made report.Report
		if err := json.Unmarshal(got.Body.Bytes(), &made); err != nil || got.Code != http.StatusOK {
			t.Fatalf("%d, %v: %s", got.Code, err, got.Body)
		}
		if len(made.Targets) != 1 || made.Targets[0].Errors.ThisWeek.Good < 20 || made.To.Sub(made.From) != 24*time.Hour {
			t.Errorf("the report tells %+v", made)
		}
		if w := ask(""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<svg") || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("the page: %d, %s", w.Code, w.Header().Get("Content-Type"))
		}
		for _, query := range []string{"?since=never", "?format=pdf", "?since=3000d"} {
			if w := ask(query); w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d, want 400", query, w.Code)
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestScheduledReportsAreCountedAndRecorded by the daemon itself.
func TestScheduledReportsAreCountedAndRecorded(t *testing.T) {
	dir := t.TempDir()
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "a.test:80", http.HandlerFunc(good))
		r.start("alerting: off\nreports: [{name: hourly, schedule: \"0 * * * *\", file: \"" + dir + "/r.html\"}]\nmodels:\n" + model("a", "http://a.test/", "*/5 * * * *"))
		time.Sleep(time.Hour + time.Minute)
		r.want(1, "hfwatch_reports_total", "result", "delivered")
		r.want(0, "hfwatch_reports_total", "result", "failed")
		events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindReport}})
		if err != nil || len(events) != 1 || !strings.Contains(string(events[0].Data), `"name":"hourly"`) {
			t.Errorf("events %v, %v", events, err)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
