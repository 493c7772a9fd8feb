package hf

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

// TestHealthURL: the inference route is taken off, and nothing else.
func TestHealthURL(t *testing.T) {
	for at, want := range map[string]string{
		"http://h:8080":                            "http://h:8080/health",
		"http://h:8080/":                           "http://h:8080/health",
		"http://h/v1":                              "http://h/health",
		"http://h/v1/chat/completions?key=x":       "http://h/health",
		"http://h/embed":                           "http://h/health",
		"http://h/v1/embeddings":                   "http://h/health",
		"http://h/models/a/generate_stream":        "http://h/models/a/health",
		"http://h/own/path":                        "http://h/own/path/health",
		"https://router.huggingface.co/v1":         "",
		"https://x.endpoints.huggingface.cloud/v1": "https://x.endpoints.huggingface.cloud/health",
	} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u := healthURL(&probe.Endpoint{Route: probe.RouteURL, URL: u}); u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("healthURL(%s) = %q, want %q", at, got, want)
		}
	}
	if u := healthURL(&probe.Endpoint{Route: probe.RouteHFInference, URL: &url.URL{Scheme: "https", Host: "h"}}); u != nil {
		t.Errorf("healthURL of hf-inference = %v, want none", u)
	}
}

// TestHealth: one GET, with credentials, judged by its status.
func TestHealth(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	status, body := 200, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Key")+" "+r.Header.Get("Content-Type"))
		status, body := status, body
		mu.Unlock()
		if status == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	u, err := url.Parse(server.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	target := &probe.Target{Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u, AuthHeader: "X-Key", AuthValue: probe.NewSecret("hidden-key")}}
	c := New(Options{})
	defer c.Close()
	for _, row := range []struct {
		status int
		body   string
		want   Health
	}{
		{200, "", Health{Healthy, "/health", 200, ""}},
		{200, "Ok", Health{Healthy, "/health", 200, ""}},
		{200, `{"status":"ok"}`, Health{Healthy, "/health", 200, ""}},
		{503, `{"error":"unhealthy","error_type":"healthcheck"}`, Health{Unhealthy, "/health", 503, "503 Service Unavailable: unhealthy"}},
		{500, "hidden-key", Health{Unhealthy, "/health", 500, "500 Internal Server Error: <secret>"}},
		{404, `{"detail":"Not Found"}`, Health{HealthUnknown, "/health", 404, "404 Not Found: Not Found"}},
		{403, "", Health{HealthUnknown, "/health", 403, "403 Forbidden"}},
		{200, "<html><title>Welcome</title>", Health{HealthUnknown, "/health", 200, "200 OK: Welcome"}},
		{0, "", Health{Unhealthy, "/health", 0, "no answer within 50ms"}},
	} {
		mu.Lock()
		status, body = row.status, row.body
		mu.Unlock()
		got := c.Health(t.Context(), target, "id", 50*time.Millisecond)
		if strings.Contains(got.Error, "hidden-key") {
			t.Errorf("Health() shows a secret: %s", got.Error)
		}
		if row.body == "hidden-key" {
			got.Error, row.want.Error = "", ""
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%d %s (-want +got):\n%s", row.status, row.body, diff)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 9 || asked[0] != "GET /health hidden-key " {
		t.Errorf("the server was asked %q, want nine GETs with the key and no type", asked)
	}
	if got := c.Health(t.Context(), &probe.Target{Endpoint: probe.Endpoint{Route: probe.RouteRouter, URL: u}}, "id", time.Second); got.State != HealthUnknown || got.Path != "" {
		t.Errorf("Health() of the router = %+v, want nothing sent", got)
	}
}
