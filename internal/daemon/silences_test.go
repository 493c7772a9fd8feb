package daemon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/history"
)

// ask makes a request of the daemon's pages as the control socket opens them.
func (r *rig) ask(method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	r.d.mux(true, true).ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// silence asks for one and returns its identity.
func (r *rig) silence(target string, start, end time.Time) string {
	r.t.Helper()
	text, err := json.Marshal(alerts.Silence{
		Matchers: []alerts.SilenceMatcher{{Name: "target", Value: target}}, StartsAt: start, EndsAt: end, CreatedBy: "me", Comment: "moving <it>",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	code, body := r.ask(http.MethodPost, "/api/v2/silences", string(text))
	var said struct{ SilenceID string }
	if err := json.Unmarshal([]byte(body), &said); code != http.StatusOK || err != nil || said.SilenceID == "" {
		r.t.Fatalf("POST /api/v2/silences = %d %s, %v", code, body, err)
	}
	return said.SilenceID
}

// TestASilenceHoldsPagesBack until it ends, over a restart: what it covers fires,
// is recorded and is shown; what was paged before it is resolved; nothing else is
// touched.
func TestASilenceHoldsPagesBack(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var broken, healed atomic.Bool
		for _, host := range []string{"m.test:80", "n.test:80", "o.test:80"} {
			r.net.Serve(t, host, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				switch {
				case req.URL.Path == "/before" && !healed.Load(), req.URL.Path != "/before" && broken.Load():
					status(http.StatusBadGateway)(w, req)
				default:
					good(w, req)
				}
			}))
		}
		text := `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" +
			model("before", "http://m.test/before", "@every 10s") + model("quiet", "http://n.test/quiet", "@every 10s") +
			model("loud", "http://o.test/loud", "@every 10s")
		r.start(text)
		time.Sleep(2 * time.Minute)
		end := time.Now().Add(10 * time.Minute)
		id := r.silence("quiet", time.Time{}, end)
		r.silence("before", time.Time{}, end)
		r.silence("loud", time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
		broken.Store(true)
		healed.Store(true)
		time.Sleep(2 * time.Minute)
		r.want(2, "hfwatch_silences", "state", "active")
		r.want(1, "hfwatch_silences", "state", "pending")
		r.want(1, "hfwatch_alerts_silenced")
		if _, body := r.ask(http.MethodGet, "/", ""); !strings.Contains(body, "silenced by me until 2000-01-01 00:12:03 UTC: moving &lt;it&gt;") {
			t.Errorf("the front page does not say who silences what: %s", body)
		}
		r.again(time.Second, text)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := ops.of("TargetFailing", "quiet", "firing"); len(got) != 0 {
			t.Errorf("%d pages of what is silenced, want none", len(got))
		}
		if got := ops.of("TargetFailing", "loud", "firing"); len(got) != 1 {
			t.Errorf("%d pages of what is not silenced yet, want 1", len(got))
		}
		if fired, ended := ops.of("TargetFailing", "before", "firing"), ops.of("TargetFailing", "before", "resolved"); len(fired) == 0 || len(ended) != 1 {
			t.Errorf("%d pages and %d resolves of what was paged before, want some and 1", len(fired), len(ended))
		}
		sameSilencing(t, r, id)
		time.Sleep(time.Until(end) + 20*time.Second)
		synctest.Wait()
		got := ops.of("TargetFailing", "quiet", "firing")
		if len(got) != 1 || got[0].at.Before(end) || got[0].at.After(end.Add(16*time.Second)) {
			t.Errorf("pages of the silenced target %v, want one within 16 s of %s", got, end)
		}
		r.want(0, "hfwatch_silences", "state", "active")
		r.want(0, "hfwatch_alerts_silenced")
	})
}

// sameSilencing wants the record of the silenced target's alert to name the
// silence.
func sameSilencing(t *testing.T, r *rig, id string) {
	t.Helper()
	events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindAlert}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var data alertEvent
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Labels["target"] == "quiet" {
			if len(data.SilencedBy) != 1 || data.SilencedBy[0] != id {
				t.Errorf("the record says that %v silence it, want %s", data.SilencedBy, id)
			}
			return
		}
	}
	t.Error("the silenced alert is not recorded")
}

// TestSilencePages: what is refused, and that nobody changes anything but through
// what opens it.
func TestSilencePages(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "m.test:80", http.HandlerFunc(good))
		r.start("models:\n" + model("a", "http://m.test/a", "@every 10s"))
		id := r.silence("a", time.Time{}, time.Now().Add(time.Hour))
		code, body := r.ask(http.MethodGet, "/api/v2/silence/"+id, "")
		var one alerts.Silence
		if err := json.Unmarshal([]byte(body), &one); code != http.StatusOK || err != nil || one.Status.State != "active" || one.CreatedBy != "me" {
			t.Errorf("the silence is %d %s", code, body)
		}
		ends := `"endsAt":"2000-01-02T00:00:00Z","createdBy":"me","comment":"c"`
		for _, c := range []struct {
			method, path, body string
			code               int
			says               string
		}{
			{http.MethodPost, "/api/v2/silences", "{", 400, "not a silence"},
			{http.MethodPost, "/api/v2/silences", `{` + ends + `}`, 400, "no matchers"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":""}],` + ends + `}`, 400, "match the empty string"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":"(","isRegex":true}],` + ends + `}`, 400, "regular expression"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":"b"}],"endsAt":"1999-01-01T00:00:00Z","createdBy":"me","comment":"c"}`, 400, "ends in the past"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":"b"}],"endsAt":"2002-01-01T00:00:00Z","createdBy":"me","comment":"c"}`, 400, "a year"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":"b"}],"endsAt":"2000-01-02T00:00:00Z","comment":"c"}`, 400, "createdBy"},
			{http.MethodPost, "/api/v2/silences", `{"matchers":[{"name":"a","value":"b"}],"endsAt":"2000-01-02T00:00:00Z","createdBy":"me"}`, 400, "comment"},
			{http.MethodPost, "/api/v2/silences", `{"id":"x","matchers":[{"name":"a","value":"b"}],` + ends + `}`, 404, "no such silence"},
			{http.MethodGet, "/api/v2/silence/x", "", 404, "no such silence"},
			{http.MethodDelete, "/api/v2/silence/x", "", 404, "no such silence"},
			{http.MethodDelete, "/api/v2/silence/" + id, "", 200, ""},
		} {
			if code, body := r.ask(c.method, c.path, c.body); code != c.code || !strings.Contains(body, c.says) {
				t.Errorf("%s %s %s = %d %s, want %d and %q", c.method, c.path, c.body, code, body, c.code, c.says)
			}
		}
		w := httptest.NewRecorder()
		r.d.mux(false, false).ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/api/v2/silence/"+id, nil))
		if w.Code != http.StatusForbidden {
			t.Errorf("DELETE without --web.enable-lifecycle = %d, want 403", w.Code)
		}
	})
}

// TestDeadLetterOfADaemon: what no receiver took moves the counters by one, and
// is a line of the file.
func TestDeadLetterOfADaemon(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.net.Serve(t, "ops.test:80", status(http.StatusNotFound))
		var healed atomic.Bool
		r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if healed.Load() {
				good(w, req)
				return
			}
			status(http.StatusBadGateway)(w, req)
		}))
		r.start(`notify: [{name: ops, match: {labels: {alertname: TargetFailing}}, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(time.Minute)
		healed.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		r.want(1, "hfwatch_notifications_dropped_total", "receiver", "ops", "reason", "resolved_early")
		dir := r.d.now.Load().cfg.Data.Dir
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		r.want(1, "hfwatch_dead_letters_total")
		r.want(0, "hfwatch_dead_letters_lost_total")
		text, err := os.ReadFile(filepath.Join(dir, lettersFile))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(bytes.NewReader(text))
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var l notify.Letter
		if err := json.Unmarshal(line, &l); err != nil || l.Alert.Labels["alertname"] != "TargetFailing" || l.Alert.Annotations["evidence"] == "" {
			t.Errorf("the letter is %s, %v", line, err)
		}
		if _, err := lines.ReadByte(); err != io.EOF {
			t.Errorf("the file holds more than one line: %s", text)
		}
	})
}
