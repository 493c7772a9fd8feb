package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/history"
)

// TestEveryDriftIsOneEvent: of each thing that answers show, a change is one event
// with before and after, one in the series and one line in the log, however many
// probes see it; nothing is told while nothing changes, nor again after a restart.
func TestEveryDriftIsOneEvent(t *testing.T) {
	const labels = `[[{"label":"A","score":1}]]`
	chat := func(model, text string) string {
		return `{"id":"x","object":"chat.completion","model":"` + model + `","choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `"},"finish_reason":"stop"}]}`
	}
	classify := "task: text-classification\n    url: http://m.test/\n    inputs: [\"I love it.\", \"I hate it.\"]"
	say := "task: chat-completion\n    url: http://m.test/v1/chat/completions\n    stream: false\n    inputs: [\"Hi\"]"
	embed := "task: feature-extraction\n    url: http://m.test/embed\n    inputs: [\"a\"]\n    expect: {similar_to: {vector_file: vector.json, min: 0.9}}"
	for _, row := range []struct {
		name, model, what string
		// before and after are the answers, as a header and a body.
		header        string
		before, after [2]string
		said          [2]string
	}{
		{"the learned shape", classify, "shape", "", [2]string{"", labels}, [2]string{"", `[{"label":"A","score":1}]`}, [2]string{"list<list<label>>", "list<label>"}},
		{"the model that is named", say, "model", "", [2]string{"", chat("m", "Hello")}, [2]string{"", chat("m-turbo", "Hello")}, [2]string{"m", "m-turbo"}},
		{"the provider", classify, "provider", "X-Inference-Provider", [2]string{"groq", labels}, [2]string{"novita", labels}, [2]string{"groq", "novita"}},
		{"the revision", classify, "revision", "X-Sha", [2]string{"1111", labels}, [2]string{"2222", labels}, [2]string{"1111", "2222"}},
		{
			"the likeness to a vector", embed, "answer", "",
			[2]string{"", `[[1,0.1]]`},
			[2]string{"", `[[0.1,1]]`},
			[2]string{asExpected, "expect.similar_to: the cosine similarity is 0.0995037, want at least 0.9"},
		},
		{
			"the fixed answer", say + "\n    expect: {equals: Hello}", "answer", "",
			[2]string{"", chat("m", "Hello")},
			[2]string{"", chat("m", "Goodbye")},
			[2]string{asExpected, `expect.equals: the text is "Goodbye", want "Hello"`},
		},
		{
			"the length", say + "\n    expect: {min_length: 4}", "answer", "",
			[2]string{"", chat("m", "Hello")},
			[2]string{"", chat("m", "Hi")},
			[2]string{asExpected, "expect.min_length: the text has 2 characters, want at least 4"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				var changed atomic.Bool
				r.net.Serve(t, "m.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					now := row.before
					if changed.Load() {
						now = row.after
					}
					if row.header != "" {
						w.Header().Set(row.header, now[0])
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, now[1])
				}))
				r.write("vector.json", `[1, 0]`)
				text := "alerting: off\nmodels:\n  - name: a\n    " + row.model + "\n    baseline: {schedule: \"@every 10s\", jitter: 0s, timeout: 5s}\n"
				r.start(text)
				time.Sleep(30 * time.Second)
				if n, there := r.value("hfwatch_drift_events_total"); there {
					t.Errorf("%v changes are told before there was one", n)
				}
				changed.Store(true)
				time.Sleep(30 * time.Second)
				r.want(1, "hfwatch_drift_events_total", "target", "a", "what", row.what)
				r.again(time.Minute, text)
				time.Sleep(30 * time.Second)
				if n, there := r.value("hfwatch_drift_events_total"); there {
					t.Errorf("%v changes are told again after a restart", n)
				}
				events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindDrift}})
				if err != nil {
					t.Fatal(err)
				}
				var got []change
				for _, e := range events {
					var c change
					if err := json.Unmarshal(e.Data, &c); err != nil {
						t.Fatal(err)
					}
					c.Result, c.Outcome = "", ""
					got = append(got, c)
				}
				if diff := cmp.Diff([]change{{What: row.what, Before: row.said[0], After: row.said[1]}}, got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if n := strings.Count(r.logs.String(), `"msg":"answers changed"`); n != 1 {
					t.Errorf("%d lines tell of it, want 1", n)
				}
			})
		})
	}
}
