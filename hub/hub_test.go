package hub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
)

const token = "hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcd"

// asked is a client whose every question reaches handler, over plain http.
func asked(t *testing.T, handler http.HandlerFunc, o Options) *Client {
	t.Helper()
	n := fakenet.New()
	n.Serve(t, "hub.test:80", handler)
	u := &url.URL{Scheme: "http", Host: "hub.test"}
	o.Dial, o.API, o.Router, o.Endpoints = n.DialContext, u, u, u
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func TestListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models/meta-llama/Llama-3.1-8B-Instruct" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			_, _ = io.WriteString(w, `{"data":{"id":"meta-llama/Llama-3.1-8B-Instruct","architecture":{"input_modalities":["text"],"output_modalities":["text"]},
"providers":[{"provider":"cerebras","status":"live","context_length":131072,"pricing":{"input":0.1,"output":"0.2"},"supports_tools":true,
"first_token_latency_ms":312.5,"throughput":1800,"is_model_author":false},{"provider":"novita","status":"error"},{"provider":"../x"},7]}}`)
		}, Options{})
		got, err := c.Listing(t.Context(), "meta-llama/Llama-3.1-8B-Instruct")
		if err != nil {
			t.Fatal(err)
		}
		want := Listed{ID: "meta-llama/Llama-3.1-8B-Instruct", Input: []string{"text"}, Output: []string{"text"}, Providers: []Offer{
			{
				Provider: "cerebras", Status: "live", Context: probe.Some(131072), USDPerMTokInput: probe.Some(0.1), USDPerMTokOutput: probe.Some(0.2),
				Tools: probe.Some(true), FirstToken: probe.Measured(312500 * time.Microsecond), Throughput: probe.Some(1800.0),
			},
			{Provider: "novita", Status: "error"},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Listing() (-want +got):\n%s", diff)
		}
		if _, err := c.Listing(t.Context(), "../whoami"); err == nil || !strings.Contains(err.Error(), "not a model's id") {
			t.Errorf("Listing(../whoami) = %v", err)
		}
	})
}

func TestModelReadsBothFormsOfTheMapping(t *testing.T) {
	want := []Mapping{{"groq", "llama3", "live", "conversational"}, {"novita", "m/l", "error", "conversational"}}
	for _, mapping := range []string{
		`{"novita":{"status":"error","providerId":"m/l","task":"conversational"},"groq":{"status":"live","providerId":"llama3","task":"conversational"}}`,
		`[{"provider":"novita","status":"error","providerId":"m/l","task":"conversational"},{"provider":"groq","status":"live","providerId":"llama3","task":"conversational"},null]`,
	} {
		got, err := ParseInfo([]byte(`{"id":"a/b","pipeline_tag":"text-generation","gated":"auto","inference":"warm","sha":"abc","tags":["x",null],
"lastModified":"2026-01-02T03:04:05.000Z","inferenceProviderMapping":` + mapping + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Model{
			ID: "a/b", Task: "text-generation", Gated: true, Warm: true, Revision: "abc", Tags: []string{"x"},
			Modified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Providers: want,
		}, got); diff != "" {
			t.Errorf("ParseInfo(%s) (-want +got):\n%s", mapping, diff)
		}
	}
}

func TestIdentityKnowsWhatATokenMayDo(t *testing.T) {
	for _, row := range []struct {
		auth string
		want probe.Opt[bool]
	}{
		{`{"role":"read","displayName":"n"}`, probe.Some(true)},
		{`{"role":"fineGrained","fineGrained":{"global":[],"scoped":[{"entity":{"type":"user"},"permissions":["inference.serverless.write","repo.read"]}]}}`, probe.Some(true)},
		{`{"role":"fineGrained","fineGrained":{"scoped":[{"permissions":["repo.read"]}]}}`, probe.Some(false)},
		{`{"role":"god"}`, probe.Opt[bool]{}},
		{`null`, probe.Opt[bool]{}},
	} {
		id, err := ParseIdentity([]byte(`{"type":"user","name":"me","orgs":[{"name":"my-org"}],"auth":{"accessToken":` + row.auth + `}}`))
		if err != nil || id.Name != "me" || id.Orgs[0] != "my-org" || id.MayInfer() != row.want {
			t.Errorf("ParseIdentity(%s) = %+v, %v, may infer %v, want %v", row.auth, id, err, id.MayInfer(), row.want)
		}
	}
}

// TestRefusals says what was asked and what the answer was, once, in one line,
// without tokens.
func TestRefusals(t *testing.T) {
	for _, row := range []struct {
		name, kind, body, header string
		status                   int
		want                     string
		html                     bool
	}{
		{"string", "application/json", `{"error":"Invalid username or password."}`, "", 401, "GET hub.test/api/models/a/b: status 401: Invalid username or password.", false},
		{"object", "application/json", `{"error":{"message":"no ` + token + `"}}`, "", 400, "GET hub.test/api/models/a/b: status 400: no <secret>", false},
		{"header", "text/plain", ``, "Repository not found", 404, "GET hub.test/api/models/a/b: status 404: Repository not found", false},
		{"page", "text/html", "<html>\n<p>bad", "", 502, "GET hub.test/api/models/a/b: status 502: a page in HTML", true},
		{"redirect", "text/plain", "moved", "", 302, "GET hub.test/api/models/a/b: status 302: moved", false},
		{"long", "text/plain", strings.Repeat("x", 5000), "", 500, "GET hub.test/api/models/a/b: status 500: " + strings.Repeat("x", 300) + "…", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var count atomic.Int32
				c := asked(t, func(w http.ResponseWriter, _ *http.Request) {
					count.Add(1)
					w.Header().Set("Content-Type", row.kind)
					if row.header != "" {
						w.Header().Set("X-Error-Message", row.header)
					}
					w.Header().Set("Location", "http://hub.test/elsewhere")
					w.WriteHeader(row.status)
					_, _ = io.WriteString(w, row.body)
				}, Options{Token: probe.NewSecret(token)})
				_, err := c.Model(t.Context(), "a/b")
				var refused *StatusError
				if !errors.As(err, &refused) || err.Error() != row.want || refused.HTML != row.html || refused.Status != row.status {
					t.Errorf("Model() = %v (%+v), want %s", err, refused, row.want)
				}
				if count.Load() != 1 {
					t.Errorf("%d requests, want 1", count.Load())
				}
			})
		})
	}
}

// TestBounds holds an answer to its bytes and its time.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := asked(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/models" {
				_, _ = io.WriteString(w, strings.Repeat(" ", 2000))
				return
			}
			select {
			case <-time.NewTimer(time.Hour).C:
			case <-r.Context().Done():
			}
		}, Options{MaxBody: 1000, Timeout: 3 * time.Second})
		if _, err := c.Models(t.Context()); err == nil || err.Error() != "GET hub.test/v1/models: the answer is larger than 1000 bytes" {
			t.Errorf("Models() = %v", err)
		}
		start := time.Now()
		if _, err := c.Model(t.Context(), "slow"); err == nil || err.Error() != "GET hub.test/api/models/slow: no whole answer within 3s" {
			t.Errorf("Model() = %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %v, want 3s", took)
		}
	})
}

// TestTokenGoesOnlyWhereItBelongs: over https to Hugging Face and nowhere else.
func TestTokenGoesOnlyWhereItBelongs(t *testing.T) {
	got := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		_, _ = io.WriteString(w, `{"name":"me","data":[]}`)
	}))
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	for host, want := range map[string]string{
		"huggingface.co": "Bearer " + token, "router.huggingface.co": "Bearer " + token, "example.com": "", "huggingface.co.example.com": "",
	} {
		c := New(Options{Token: probe.NewSecret(token), API: &url.URL{Scheme: "https", Host: host}, Dial: dial})
		// The test's certificate is of example.com.
		transport, _ := c.http.Transport.(*http.Transport)
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: "example.com"}
		if _, _, err := c.WhoAmI(t.Context()); err != nil {
			t.Fatal(err)
		}
		if header := <-got; header != want {
			t.Errorf("to %s went %q, want %q", host, header, want)
		}
	}
	if _, _, err := New(Options{}).WhoAmI(t.Context()); err == nil || !strings.Contains(err.Error(), "hub.token") {
		t.Errorf("WhoAmI() without a token = %v", err)
	}
}

// FuzzParse reads whatever the services may answer: no input may panic, and no
// name that cannot stand in an address may come through.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":"a/b","providers":[{"provider":"groq","status":"live","pricing":{"input":0.1}}]}]}`,
		`{"id":"a/b","inferenceProviderMapping":{"groq":{"status":"live"}}}`, `{"id":"a/b","inferenceProviderMapping":[{"provider":"groq"}]}`,
		`{"name":"me","auth":{"accessToken":{"role":"fineGrained","fineGrained":{"scoped":[{"permissions":["x"]}]}}}}`,
		`<html>`, ``, `[]`, `{"data":{}}`, `{"data":[{"id":"../../x"}]}`, `{"data":[{"id":1e999,"providers":{}}]}`, "\xef\xbb\xbf{\"data\":[]}",
		`{"name":"bart","healthRoute":"/health","compute":{"scaling":{"minReplica":0,"maxReplica":3,"scaleToZeroTimeout":15}},"status":{"state":"running","url":"https://x.test","message":"m","readyReplica":1,"targetReplica":2}}`,
		`{"items":[{"name":"a","status":{"state":"paused"}},{"status":{"state":"scaledToZero","readyReplica":-1,"targetReplica":0}}]}`, `{"status":{"state":" "}}`,
		`{"status":{"state":"running"},"compute":{"scaling":{"scaleToZeroTimeout":1e300}}}`, `{"items":[{"status":null}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		models, _ := ParseModels(body)
		if one, err := ParseModel(body); err == nil {
			models = append(models, one)
		}
		for _, m := range models {
			if !plainID(m.ID) {
				t.Errorf("id %q", m.ID)
			}
			for _, o := range m.Providers {
				if d, ok := o.FirstToken.Get(); !plainProvider(o.Provider) || (ok && d < 0) {
					t.Errorf("offer %+v", o)
				}
			}
		}
		endpoints, _ := readEndpoints(body)
		if one, err := readEndpoint(body); err == nil {
			endpoints = append(endpoints, one)
		}
		for _, e := range endpoints {
			if e.State == "" || len(e.State) > 64+3 || strings.ContainsAny(e.State+e.Message, "\n\r") || e.Ready < 0 || e.Target < 0 || e.IdleMinutes < 0 {
				t.Errorf("endpoint %+v", e)
			}
		}
		_, _ = ParseInfo(body)
		_, _ = ParseIdentity(body)
		_ = said(body, "")
	})
}
