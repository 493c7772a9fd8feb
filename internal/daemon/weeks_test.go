package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestTheWeeksPage shows the hours that the daemon's own rules have recorded, and
// refuses what it cannot show.
func TestTheWeeksPage(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "a.test:80", http.HandlerFunc(good))
		r.start("evaluation_interval: 1m\nmodels:\n" + model("a", "http://a.test/", "*/5 * * * *"))
		time.Sleep(3*time.Hour + time.Minute)
		ask := func(query string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r.d.mux(false, false).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/weeks"+query, nil))
			return w
		}
		w := ask("?since=1w")
		page := w.Body.String()
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%d, %s: %s", w.Code, w.Header().Get("Content-Type"), page)
		}
		// The first hour has eleven slots, those that follow twelve; the week before
		// has none.
		if !strings.Contains(page, `<td class="n">0 %</td><td class="n">35</td>`) || !strings.Contains(page, `<td class="n">-</td><td class="n">0</td>`) {
			t.Errorf("the page does not tell of 35 good results this week and none before:\n%s", page)
		}
		if strokes := strings.Count(page, "M3"); strokes != 3 {
			t.Errorf("%d hours are drawn at the right end, want three", strokes)
		}
		for _, query := range []string{"?since=never", "?since=1h", "?since=3000d"} {
			if w := ask(query); w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d, want 400", query, w.Code)
			}
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "a.test:80", http.HandlerFunc(good))
		r.start("history: off\nmodels:\n" + model("a", "http://a.test/", "*/5 * * * *"))
		w := httptest.NewRecorder()
		r.d.mux(false, false).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/weeks", nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "history: off") {
			t.Errorf("with history off: %d, %s", w.Code, w.Body)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
}
