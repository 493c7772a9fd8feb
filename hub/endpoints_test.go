package hub_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
)

const oneEndpoint = `{"name":"bart","type":"protected","healthRoute":"/health","compute":{"scaling":{"minReplica":0,"maxReplica":3,
"scaleToZeroTimeout":15,"measure":{"pendingRequests":1.5}}},"status":{"state":"running","message":"ok\nnow","url":"https://x.endpoints.huggingface.cloud",
"readyReplica":1,"targetReplica":2,"private":null}}`

// api serves one answer and notes the paths.
func api(t *testing.T, status int, body string) (*hub.Client, *[]string) {
	t.Helper()
	n := fakenet.New()
	var asked []string
	n.Serve(t, "api.test:80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	c := hub.New(hub.Options{Dial: n.DialContext, Endpoints: &url.URL{Scheme: "http", Host: "api.test"}})
	t.Cleanup(c.Close)
	return c, &asked
}

// TestEndpoint reads one endpoint.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	c, asked := api(t, 200, oneEndpoint)
	got, err := c.Endpoint(t.Context(), "my-org", "bart", probe.Secret{})
	want := hub.Endpoint{
		Name: "bart", State: "running", Message: "ok now", Ready: 1, Target: 2, URL: "https://x.endpoints.huggingface.cloud",
		HealthRoute: "/health", IdleMinutes: 15, MaxReplicas: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Endpoint = %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"GET /v2/endpoint/my-org/bart"}, *asked); diff != "" {
		t.Error(diff)
	}
}

// TestEndpoints reads both forms of a list.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"items":[` + oneEndpoint + `]}`, `[` + oneEndpoint + `]`} {
		c, _ := api(t, 200, body)
		all, err := c.Endpoints(t.Context(), "my-org", probe.Secret{})
		if err != nil || len(all) != 1 || all[0].Ready != 1 {
			t.Errorf("Endpoints = %v, %v", all, err)
		}
	}
}

// TestEndpointErrors name what was asked and never pass for a state.
func TestEndpointErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		about, body, name string
		status            int
		want              string
	}{
		{"not there", `{"error":"Endpoint not found"}`, "bart", 404, "status 404: Endpoint not found"},
		{"no state", `{"name":"bart"}`, "bart", 200, "endpoint my-org/bart: the answer names no state"},
		{"a page", `<html>`, "bart", 200, "not an endpoint in JSON"},
		{"another path", ``, "../other", 200, "not a name of the management API"},
	} {
		c, _ := api(t, row.status, row.body)
		_, err := c.Endpoint(t.Context(), "my-org", row.name, probe.Secret{})
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.about, err, row.want)
		}
	}
}

// TestWell asks the health route of the engine, and takes for its word only what
// an engine says: 200, or that it fails.
func TestWell(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		status int
		path   string
		route  string
		asks   string
		well   bool
		says   bool
	}{
		{200, "", "", "GET /health", true, true},
		{200, "/e/one", "", "GET /e/one/health", true, true},
		{200, "/e/one/", "ping", "GET /e/one/ping", true, true},
		{503, "", "/health", "GET /health", false, true},
		{500, "", "/health", "GET /health", false, true},
		{429, "", "/health", "GET /health", false, true},
		{302, "", "/health", "GET /health", false, false},
		{404, "", "/health", "GET /health", false, false},
		{401, "", "/health", "GET /health", false, false},
	} {
		c, asked := api(t, row.status, "")
		got, err := c.Well(t.Context(), &url.URL{Scheme: "http", Host: "api.test", Path: row.path}, row.route, probe.Secret{})
		if got != row.well || (err == nil) != row.says || (*asked)[0] != row.asks {
			t.Errorf("%+v: %v, %v, %v", row, got, err, *asked)
		}
	}
}
