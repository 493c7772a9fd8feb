package daemon

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// TestExport writes what the daemon recorded, over its pages and from the file
// once it has stopped.
func TestExport(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s") + model("b", "http://m.test/b", "@every 10s"))
		time.Sleep(62 * time.Second)
		ask := func(query string) (int, string, string) {
			w := httptest.NewRecorder()
			r.d.mux(false, false).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/export"+query, nil))
			return w.Code, w.Header().Get("Content-Type"), w.Body.String()
		}
		code, kind, body := ask("")
		if code != http.StatusOK || strings.Count(body, "\n") != 12 || !strings.HasPrefix(kind, "application/jsonl") {
			t.Errorf("/export answers %d, %s with %d lines, want 12", code, kind, strings.Count(body, "\n"))
		}
		if _, _, body = ask("?format=csv&target=b&kind=baseline"); strings.Count(body, "\n") != 7 {
			t.Errorf("of one target as CSV: %s", body)
		}
		for query, says := range map[string]string{
			"?format=xml": "none of", "?kind=x": "none of", "?from=x": "is no time", "?events=x": "none of",
			"?events=window&format=csv": "no columns", "?events=window&kind=baseline": "events or for results",
		} {
			if code, _, body := ask(query); code != http.StatusBadRequest || !strings.Contains(body, says) {
				t.Errorf("%s answers %d %s, want 400 and %q", query, code, body, says)
			}
		}
		if _, kind, body = ask("?events=reload"); strings.Count(body, "\n") != 1 || !strings.Contains(body, `"kind":"reload"`) || !strings.HasPrefix(kind, "application/jsonl") {
			t.Errorf("events as %s: %s", kind, body)
		}
		cfg := r.d.now.Load().cfg
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		q := ExportQuery{Format: history.FormatJSONL, Target: "a", Kinds: []probe.Kind{probe.Baseline}, From: time.Now().Add(-time.Hour)}
		if err := Export(t.Context(), &out, cfg, q, slog.New(slog.DiscardHandler)); err != nil || strings.Count(out.String(), "\n") < 6 {
			t.Errorf("Export() = %v with %q", err, out.String())
		}
		out.Reset()
		q = ExportQuery{Format: history.FormatJSONL, Events: []history.EventKind{history.KindReload, history.KindWindow}, From: time.Now().Add(-time.Hour)}
		if back, err := queryOf(q.values()); err != nil || !reflect.DeepEqual(back.Events, q.Events) {
			t.Errorf("over the socket: %+v, %v", back, err)
		}
		if err := Export(t.Context(), &out, cfg, q, slog.New(slog.DiscardHandler)); err != nil || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("Export() of events = %v with %q", err, out.String())
		}
	})
}
