package hf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// polling is a task whose answers say what to ask next.
type polling struct{ *fakeTask }

// Follow reads {"path": …}, {"link": …} or {"failed": …}.
func (polling) Follow(_ probe.Ask, a probe.Answer) probe.Next {
	var says struct{ Path, Link, Failed string }
	_ = json.Unmarshal(a.Body, &says)
	switch {
	case says.Failed != "":
		return probe.Next{Failed: true, State: "failed", Reason: says.Failed}
	case says.Link != "":
		return probe.Next{Link: says.Link}
	case says.Path != "":
		return probe.Next{Path: says.Path, Query: "q=1", Wait: 500 * time.Millisecond, State: "working"}
	}
	return probe.Next{}
}

// polled sends one request for which a provider works.
func polled(t *testing.T, n *network, limit time.Duration, reuse bool, change func(*probe.Target)) probe.Result {
	t.Helper()
	call := n.polling(limit, reuse)
	if change != nil {
		change(call.Target)
	}
	return n.client.Do(t.Context(), call)
}

// polling returns a call of the task whose results are asked for.
func (n *network) polling(limit time.Duration, reuse bool) probe.Call {
	target := &probe.Target{
		Name: "m", Model: "o/m", ProviderModel: "p/m", Provider: "prov", Task: polling{n.task},
		Endpoint: probe.Endpoint{Route: probe.RouteProvider, URL: &url.URL{Scheme: "http", Host: "a.test"}, AuthHeader: "Authorization", AuthValue: probe.NewSecret("Bearer secret-1")},
	}
	return probe.Call{
		Shot: probe.Shot{Target: target, Reuse: reuse}, ID: "id-1", Ask: probe.Ask{Route: probe.RouteProvider, Provider: "prov", Model: "p/m"}, Limit: limit,
		Request: probe.Request{Path: "/run", ContentType: "application/json", Body: []byte(`{}`), Header: map[string]string{"Prefer": "wait"}},
	}
}

// eachWay is bothWays in a bubble.
func eachWay(t *testing.T, why string, test func(t *testing.T, reuse bool)) {
	t.Helper()
	bothWays(t, why, func(t *testing.T, reuse bool) {
		synctest.Test(t, func(t *testing.T) { test(t, reuse) })
	})
}

// TestFollowPolls asks at the provider's own paths with the request's credentials,
// counts the questions, and measures until the result is there.
func TestFollowPolls(t *testing.T) {
	eachWay(t, "polls", func(t *testing.T, reuse bool) {
		begun := time.Now()
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost, time.Since(begun) < 2*time.Second:
				_, _ = fmt.Fprint(w, `{"path":"/jobs/1"}`)
			case r.URL.Path == "/prov/jobs/1":
				_, _ = fmt.Fprint(w, `{"link":"http://a.test/files/1"}`)
			default:
				_, _ = fmt.Fprint(w, `"ok"`)
			}
		})
		res := polled(t, n, 10*time.Second, reuse, nil)
		if polls, _ := res.Polls.Get(); res.Outcome != probe.OK || polls != 4 || res.Service != probe.Measured(2*time.Second) || res.FirstByte != probe.Measured(0) {
			t.Errorf("%s (%s) in %s after %d polls, first byte after %s; want ok in 2s after 4, 0s", res.Outcome, res.Error, res.Service, polls, res.FirstByte)
		}
		var paths []string
		for _, r := range n.requests() {
			paths = append(paths, r.Method+" "+r.URL.RequestURI())
			auth, want := r.Header.Get("Authorization"), "Bearer secret-1"
			if strings.HasPrefix(r.URL.Path, "/files/") {
				want = ""
			}
			if auth != want || (r.Method == http.MethodGet) == (r.Header.Get("Prefer") != "") {
				t.Errorf("%s %s: Authorization %q, Prefer %q", r.Method, r.URL, auth, r.Header.Get("Prefer"))
			}
		}
		if got, want := strings.Join(paths, ", "), "POST /prov/run, GET /prov/jobs/1?q=1, GET /prov/jobs/1?q=1, GET /prov/jobs/1?q=1, GET /prov/jobs/1?q=1, GET /files/1"; got != want {
			t.Errorf("asked:\n%s\nwant\n%s", got, want)
		}
	})
}

// TestFollowEnds: every way in which there is no result.
func TestFollowEnds(t *testing.T) {
	const job = `{"path":"/jobs/1"}`
	for _, row := range []struct {
		about string
		poll  http.HandlerFunc
		want  string
		phase probe.Phase
		took  time.Duration
	}{
		{"never ready", say(job), "timeout: the deadline passed while the provider was at work, after 19 questions for the result: it says working", probe.PhaseTotal, 10 * time.Second},
		{"gave up", say(`{"failed":"generation failed"}`), "server_error: the provider gave up: it says failed: generation failed", "", 500 * time.Millisecond},
		{"out of memory", say(`{"failed":"CUDA out of memory"}`), "server_error: the provider gave up: it says failed: CUDA out of memory", "", 500 * time.Millisecond},
		{"no capacity", say(`{"failed":"Model is overloaded"}`), "overloaded: the provider gave up: it says failed: Model is overloaded", "", 500 * time.Millisecond},
		{"filtered", say(`{"failed":"NSFW content detected"}`), "filtered: the provider gave up: it says failed: NSFW content detected", "", 500 * time.Millisecond},
		{"a status", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"Not Found"}`, http.StatusNotFound)
		}, "gone: asking for the result: 404 Not Found: Not Found", "", 500 * time.Millisecond},
		{"a limit", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"Rate limit reached"}`, http.StatusTooManyRequests)
		}, "rate_limited: asking for the result: 429 Too Many Requests: Rate limit reached", "", 500 * time.Millisecond},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "reset: asking for the result: the connection was closed before the answer began", probe.PhaseFirstByte, 500 * time.Millisecond},
		{"a link to this machine", say(`{"link":"http://127.0.0.1/x"}`), "invalid_output: the answer's link is not one that is fetched: http://127.0.0.1/x", probe.PhaseBody, 500 * time.Millisecond},
		{"a link without https", say(`{"link":"http://cdn.test/x?signature=s3cr3t"}`), "invalid_output: the answer's link is not one that is fetched: http://cdn.test/x", probe.PhaseBody, 500 * time.Millisecond},
		{"a link to a network of ours", say(`{"link":"https://10.0.0.1/x"}`), "invalid_output: the answer's link is not one that is fetched: https://10.0.0.1/x", probe.PhaseBody, 500 * time.Millisecond},
		{"a link into a cluster", say(`{"link":"https://vault.internal/x"}`), "invalid_output: the answer's link is not one that is fetched: https://vault.internal/x", probe.PhaseBody, 500 * time.Millisecond},
		{"no file", say(`{"link":"http://a.test/none"}`), "invalid_output: fetching the file: 404 Not Found", "", 500 * time.Millisecond},
		{"a file that is kept back", say(`{"link":"http://a.test/shut"}`), "invalid_output: fetching the file: 403 Forbidden", "", 500 * time.Millisecond},
		{"fal's failure", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"detail":[{"loc":["body"],"msg":"generation failed","type":"generation_error"}]}`, http.StatusUnprocessableEntity)
		}, "server_error: asking for the result: 422 Unprocessable Entity: generation failed: generation_error", "", 500 * time.Millisecond},
		{"fal's filter", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"detail":[{"loc":["body","prompt"],"msg":"The content could not be processed.","type":"content_policy_violation"}]}`, http.StatusUnprocessableEntity)
		}, "filtered: asking for the result: 422 Unprocessable Entity: The content could not be processed.: content_policy_violation", "", 500 * time.Millisecond},
		{"a result that is none", say(`{}`), "invalid_output: not the fake's answer", "", 500 * time.Millisecond},
	} {
		eachWay(t, row.about, func(t *testing.T, reuse bool) {
			n := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost:
					_, _ = fmt.Fprint(w, job)
				case r.URL.Path == "/none":
					w.WriteHeader(http.StatusNotFound)
				case r.URL.Path == "/shut":
					w.WriteHeader(http.StatusForbidden)
				default:
					row.poll(w, r)
				}
			})
			res := polled(t, n, 10*time.Second, reuse, nil)
			if got := string(res.Outcome) + ": " + res.Error; got != row.want || res.Phase != row.phase || res.Service != probe.Measured(row.took) {
				t.Errorf("%s in phase %q after %s\nwant %s in phase %q after %s", got, res.Phase, res.Service, row.want, row.phase, row.took)
			}
		})
	}
}

// say answers with a text.
func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

// TestFollowIsBounded: questions for a result that never comes get rarer, and end.
func TestFollowIsBounded(t *testing.T) {
	eachWay(t, "follow", func(t *testing.T, reuse bool) {
		n := serve(t, say(`{"path":"/jobs/1"}`))
		res := polled(t, n, time.Hour, reuse, nil)
		// 60 times each 0.5, 1 and 2 s, and 20 times 4 s.
		if res.Outcome != probe.Timeout || res.Error != "no result after 200 questions for it: it says working" || res.Service != probe.Measured(290*time.Second) {
			t.Errorf("%s: %s after %s, want timeout after 200 questions in 290s", res.Outcome, res.Error, res.Service)
		}
		if got := len(n.requests()); got != 201 {
			t.Errorf("%d requests, want 201", got)
		}
	})
}

// TestFollowOnlyAtProviders: an answer at any other address is the result.
func TestFollowOnlyAtProviders(t *testing.T) {
	eachWay(t, "follow", func(t *testing.T, reuse bool) {
		n := serve(t, say(`{"path":"/jobs/1"}`))
		polled(t, n, time.Second, reuse, func(p *probe.Target) { p.Endpoint.Route = probe.RouteURL })
		if got := len(n.requests()); got != 1 {
			t.Errorf("%d requests, want 1", got)
		}
	})
}

// TestFollowCanceled: the caller's end ends the wait at once, and is no timeout; the
// connection of the request serves the next one meanwhile.
func TestFollowCanceled(t *testing.T) {
	eachWay(t, "canceled", func(t *testing.T, reuse bool) {
		n := serve(t, say(`{"path":"/jobs/1"}`))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1200*time.Millisecond, cancel)
		begun := time.Now()
		res := n.client.Do(ctx, n.polling(time.Minute, reuse))
		if took := time.Since(begun); res.Outcome != probe.Canceled || res.Phase != probe.PhaseTotal || took != 1200*time.Millisecond {
			t.Errorf("%s in phase %q (%s) after %s, want canceled in phase total after 1.2s", res.Outcome, res.Phase, res.Error, took)
		}
		if reused, _ := n.client.Do(t.Context(), n.polling(time.Second, reuse)).Reused.Get(); reused != reuse {
			t.Errorf("the next request went over a kept connection: %t, want %t", reused, reuse)
		}
	})
}

// TestFollowDeadlineWithin: a question that is not answered is no longer waited for
// than the whole may take.
func TestFollowDeadlineWithin(t *testing.T) {
	eachWay(t, "hangs", func(t *testing.T, reuse bool) {
		n := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				<-r.Context().Done()
				return
			}
			_, _ = fmt.Fprint(w, `{"path":"/jobs/1"}`)
		})
		res := polled(t, n, 3*time.Second, reuse, nil)
		if res.Outcome != probe.Timeout || res.Phase != probe.PhaseFirstByte || res.Service != ms(3000) || !strings.HasPrefix(res.Error, "asking for the result: ") {
			t.Errorf("%s in phase %q after %s: %s; want timeout in phase first_byte after 3s", res.Outcome, res.Phase, res.Service, res.Error)
		}
	})
}
