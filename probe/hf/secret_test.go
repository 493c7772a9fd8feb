package hf_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

const (
	hubToken = "hf_ThisIsTheTokenOfTheHubAndNobodyElse"
	ownKey   = "sk-own-key-of-the-target"
)

// endpoints serves TLS under all the names and returns the network.
func endpoints(t *testing.T, handler http.HandlerFunc, names ...string) (*network, []byte) {
	t.Helper()
	cert, authority := certificate(t, names...)
	n := newNetwork(t, hf.Options{Version: "1.2.3"})
	for _, name := range names {
		n.serveTLS(t, name+":443", cert, handler)
	}
	return n, authority
}

func TestTheHubTokenGoesToTheHubAlone(t *testing.T) {
	names := []string{
		"router.huggingface.co", "huggingface.co", "x.us-east-1.aws.endpoints.huggingface.cloud",
		"huggingface.co.evil.test", "evil.test",
	}
	rows := []struct {
		why        string
		host       string
		endpoint   probe.Endpoint
		authorized string
		billed     string
	}{
		{"the router gets it, and who pays", "router.huggingface.co", probe.Endpoint{}, "Bearer " + hubToken, "my-org"},
		{"so does an endpoint", "x.us-east-1.aws.endpoints.huggingface.cloud", probe.Endpoint{}, "Bearer " + hubToken, "my-org"},
		{"a stranger gets neither", "evil.test", probe.Endpoint{}, "", ""},
		{"nor one who dresses up", "huggingface.co.evil.test", probe.Endpoint{}, "", ""},
		{
			"the target's own key replaces it", "router.huggingface.co",
			probe.Endpoint{AuthHeader: "Authorization", AuthValue: probe.NewSecret("Bearer " + ownKey)},
			"Bearer " + ownKey, "",
		},
		{
			"also in another field", "router.huggingface.co",
			probe.Endpoint{AuthHeader: "X-Api-Key", AuthValue: probe.NewSecret(ownKey)},
			"", "",
		},
		{
			"a stranger gets the key that is written beside it", "evil.test",
			probe.Endpoint{AuthHeader: "Authorization", AuthValue: probe.NewSecret("Bearer " + ownKey)},
			"Bearer " + ownKey, "",
		},
		{"none means none", "router.huggingface.co", probe.Endpoint{NoAuth: true}, "", ""},
		{
			"a host that need not prove itself is any host", "router.huggingface.co",
			probe.Endpoint{TLS: probe.TLSOptions{Insecure: true}},
			"", "",
		},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, authority := endpoints(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) }, names...)
				call := n.call(t, "https://"+row.host+"/")
				u := call.Target.Endpoint.URL
				call.Target.Endpoint = row.endpoint
				call.Target.Endpoint.URL, call.Target.Endpoint.Route = u, probe.RouteURL
				call.Target.Endpoint.HubToken, call.Target.Endpoint.BillTo = probe.NewSecret(hubToken), "my-org"
				if !row.endpoint.TLS.Insecure {
					call.Target.Endpoint.TLS.CA = authority
				}
				got := n.client.Do(t.Context(), call)
				if got.Outcome != probe.OK || len(n.requests()) != 1 {
					t.Fatalf("outcome %s (%s), %d requests; want ok, 1", got.Outcome, got.Error, len(n.requests()))
				}
				h := n.requests()[0].Header
				if h.Get("Authorization") != row.authorized || h.Get("X-HF-Bill-To") != row.billed {
					t.Errorf("Authorization %q, X-HF-Bill-To %q; want %q, %q",
						h.Get("Authorization"), h.Get("X-HF-Bill-To"), row.authorized, row.billed)
				}
			})
		})
	}
}

func TestARedirectCarriesNoTokenAnywhere(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		synctest.Test(t, func(t *testing.T) {
			n, authority := endpoints(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Host == "evil.test" {
					_, _ = io.WriteString(w, `{"ok":1}`)
					return
				}
				http.Redirect(w, r, "https://evil.test/steal", status)
			}, "router.huggingface.co", "evil.test")
			call := n.call(t, "https://router.huggingface.co/")
			call.Target.Endpoint.HubToken = probe.NewSecret(hubToken)
			call.Target.Endpoint.TLS.CA = authority
			got := n.client.Do(t.Context(), call)
			if got.Outcome != probe.Unknown || len(n.requests()) != 1 || n.Dials("evil.test:443") != 0 {
				t.Errorf("%d: outcome %s, %d requests, %d dials to the stranger; want unknown, 1, 0",
					status, got.Outcome, len(n.requests()), n.Dials("evil.test:443"))
			}
		})
	}
}

func TestNoSecretEntersAResult(t *testing.T) {
	everything := func(r *http.Request) string {
		return fmt.Sprintf("%s %s %s %s %s", r.Header.Get("Authorization"), r.Header.Get("X-Secret-Key"), r.URL.Query().Get("api_key"), r.URL.Query().Get("sig"),
			url.QueryEscape(r.Header.Get("X-Secret-Key")))
	}
	handlers := map[string]http.HandlerFunc{
		"echoed by an error": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", everything(r))
			w.Header().Set("X-HF-Warning", "old; "+everything(r))
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": strings.Repeat("x", 280) + everything(r)})
		},
		"echoed by a good status": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, everything(r)) },
		"echoed in a stream": func(w http.ResponseWriter, r *http.Request) {
			text, _ := json.Marshal(everything(r))
			events(w)("data: {\"text\":\"a\",\"model\":%s,\"finish\":%s}\n\ndata: {\"error\":%s}\n\n", text, text, text)
		},
		"echoed in the way": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://"+url.PathEscape(r.Header.Get("X-Secret-Key"))+".test/")
			w.WriteHeader(http.StatusFound)
		},
		"echoed instead of HTTP": func(w http.ResponseWriter, r *http.Request) {
			conn := hijack(w)
			_, _ = io.WriteString(conn, everything(r)+"\r\n\r\n")
			_ = conn.Close()
		},
	}
	for why, handler := range handlers {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := serve(t, handler)
				call := n.stream(t, "http://user:password-in-url@a.test/?api_key=key-in-query&sig=signed-by-azure")
				call.Target.Endpoint.AuthHeader = "Authorization"
				call.Target.Endpoint.AuthValue = probe.NewSecret("Bearer " + ownKey)
				call.Target.Endpoint.Headers = map[string]string{"X-Secret-Key": "a secret/header+value"}
				got := n.client.Do(t.Context(), call)
				printed := fmt.Sprintf("%+v", got)
				for _, secret := range []string{
					ownKey, "a secret/header+value", url.QueryEscape("a secret/header+value"), "key-in-query", "signed-by-azure", "password-in-url", hubToken,
				} {
					if strings.Contains(printed, secret) {
						t.Errorf("the result holds %q: %s", secret, printed)
					}
				}
				if got.Outcome == probe.OK {
					t.Errorf("outcome ok, want one that shows what came back")
				}
			})
		})
	}
}

func TestRequestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":1}`) })
		call := n.call(t, "http://a.test/")
		call.Target.Endpoint.Route, call.Ask.Model = probe.RouteHFInference, "org/name"
		call.Target.Endpoint.Headers = map[string]string{"X-Team": "a", "Host": "front.test"}
		call.Header = map[string]string{"X-Scale-Up-Timeout": "600"}
		call.Request.Accept = "image/png"
		_ = n.client.Do(t.Context(), call)
		call.Target.Cache = probe.CacheAllow
		_ = n.client.Do(t.Context(), call)
		if len(n.requests()) != 2 {
			t.Fatalf("%d requests, want 2", len(n.requests()))
		}
		r := n.requests()[0]
		for name, want := range map[string]string{
			"User-Agent": "hfwatch/dev", "X-Amzn-Trace-Id": "0123456789abcdef", "Content-Type": "application/json",
			"Accept": "image/png", "X-Use-Cache": "false", "X-Team": "a", "X-Scale-Up-Timeout": "600",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if r.Method != http.MethodPost || r.URL.Path != "/hf-inference/models/org/name" || r.Host != "front.test" || r.ContentLength != 14 {
			t.Errorf("%s %s at %s, %d bytes; want POST of 14 bytes to the model at front.test", r.Method, r.URL.Path, r.Host, r.ContentLength)
		}
		if got := n.requests()[1].Header.Get("X-Use-Cache"); got != "" {
			t.Errorf("with caching allowed X-Use-Cache = %q, want none", got)
		}
	})
}

func TestCallsThatCannotBeSentAreInternal(t *testing.T) {
	n := newNetwork(t, hf.Options{})
	rows := map[string]func(*probe.Call){
		"no target":  func(c *probe.Call) { c.Target = nil },
		"no address": func(c *probe.Call) { c.Target.Endpoint.URL = nil },
		"a repeating header": func(c *probe.Call) {
			c.Target.Endpoint.Headers = map[string]string{"idempotency-key": "1"}
		},
		"a broken authority":   func(c *probe.Call) { c.Target.Endpoint.TLS.CA = []byte("none") },
		"a broken certificate": func(c *probe.Call) { c.Target.Endpoint.TLS.Certificate = []byte("none") },
	}
	for why, change := range rows {
		call := n.call(t, "http://a.test/")
		change(&call)
		if got := n.client.Do(t.Context(), call); got.Outcome != probe.Internal || got.Error == "" || !got.Sent.IsZero() {
			t.Errorf("%s: outcome %s (%q), sent %v; want internal with a reason, not sent", why, got.Outcome, got.Error, got.Sent)
		}
	}
}
