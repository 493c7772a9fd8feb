package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/fakenet"
)

// The secrets of these tests. None of them is anybody's.
const (
	hubToken   = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"
	ownKey     = "own-key-9f8e7d6c5b4a"
	bearer     = "bearer-1a2b3c4d5e6f7a8b"
	hookPath   = "T0HOOK-PATH-B1C2D3E4F5"
	hookQuery  = "q-hook-99887766554433"
	signingKey = "signing-key-0011223344"
	headerKey  = "x-secret-header-55667788"
)

// serveTLS answers on an address over TLS, and writes the certificate's
// authority into the rig's files as ca.pem.
func (r *rig) serveTLS(handler http.Handler, addresses ...string) {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, a := range addresses {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			r.t.Fatal(err)
		}
		cert.DNSNames = append(cert.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	for _, a := range addresses {
		fakenet.ServeListener(r.t, tls.NewListener(r.listen(a), &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12,
		}), handler)
	}
}

// received keeps what hosts were sent: for each host, the headers of its
// requests.
type received struct {
	mu   sync.Mutex
	all  map[string][]http.Header
	next http.HandlerFunc
}

func (h *received) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	if h.all == nil {
		h.all = map[string][]http.Header{}
	}
	host := r.Host
	if r.TLS == nil {
		host = "http://" + host
	}
	h.all[host] = append(h.all[host], r.Header.Clone())
	h.mu.Unlock()
	h.next(w, r)
}

// with returns the hosts that were sent the text in any header, and of all the
// number of requests.
func (h *received) with(text string) (hosts []string, requests int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for host, list := range h.all {
		requests += len(list)
		if slices.ContainsFunc(list, func(header http.Header) bool { return strings.Contains(fmt.Sprint(header), text) }) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts, requests
}

// TestHubTokenStaysAtHuggingFace: the hub's token goes over https to Hugging
// Face's own hosts, and to no other, whoever asks for it.
func TestHubTokenStaysAtHuggingFace(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		h := &received{next: func(w http.ResponseWriter, req *http.Request) {
			if strings.HasPrefix(req.URL.Path, "/away") {
				http.Redirect(w, req, "https://elsewhere.test/taken", http.StatusTemporaryRedirect)
				return
			}
			good(w, req)
		}}
		hosts := []string{
			"router.huggingface.co", "abc.us-east-1.aws.endpoints.huggingface.cloud", "elsewhere.test", "huggingface.co.evil.test",
			"evilhuggingface.co", "endpoints.huggingface.cloud.evil.test", "huggingface.cloud",
		}
		var addresses []string
		for _, host := range hosts {
			addresses = append(addresses, host+":443")
		}
		r.serveTLS(h, addresses...)
		r.net.Serve(t, "plain.test:80", h)
		r.net.Serve(t, "router.huggingface.co:80", h)
		ca := "tls: {ca_file: ca.pem}"
		text := "alerting: off\nhub: {token: " + hubToken + ", bill_to: my-org}\nmodels:\n" +
			"  - {name: router, model: org/m, task: text-classification, inputs: [x], tls: {ca_file: ca.pem}, baseline: {schedule: \"@every 10s\", jitter: 0s, timeout: 5s}}\n" +
			model("dedicated", "https://abc.us-east-1.aws.endpoints.huggingface.cloud/", "@every 10s", ca, "wake: keep_warm") +
			model("away", "https://router.huggingface.co/away", "@every 10s", ca) +
			model("plainhf", "http://renamed.test/", "@every 10s") +
			model("plain", "http://plain.test/", "@every 10s")
		for i, host := range hosts[2:] {
			text += model(fmt.Sprintf("other%d", i), "https://"+host+"/", "@every 10s", ca)
		}
		// Which the configuration would refuse.
		r.change = func(c *config.Config) {
			for i, m := range c.Models {
				if m.Target.Name == "plainhf" {
					target := *m.Target
					target.Endpoint.URL = &url.URL{Scheme: "http", Host: "router.huggingface.co"}
					c.Models[i].Target = &target
				}
			}
		}
		r.start(text)
		time.Sleep(35 * time.Second)
		synctest.Wait()
		got, requests := h.with(hubToken)
		if want := []string{"abc.us-east-1.aws.endpoints.huggingface.cloud", "router.huggingface.co"}; !slices.Equal(got, want) {
			t.Errorf("the token went to %q, want %q", got, want)
		}
		if got, _ := h.with("my-org"); !slices.Equal(got, []string{"abc.us-east-1.aws.endpoints.huggingface.cloud", "router.huggingface.co"}) {
			t.Errorf("who pays went to %q, want where the token goes", got)
		}
		// Ten targets, three slots each, and no request behind a redirect.
		if requests != 30 || len(h.all) != 9 {
			t.Errorf("%d requests to %d hosts (%q), want 30 to 9; logs:\n%s", requests, len(h.all), slices.Sorted(maps.Keys(h.all)), r.logs)
		}
	})
}

// TestTokenNeverAppears: whatever the other sides echo and whatever fails, no
// secret stands in anything that hfwatch writes, shows or sends on.
func TestTokenNeverAppears(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		echo := func(w http.ResponseWriter, req *http.Request) {
			all := fmt.Sprint(req.Header)
			token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ") + req.Header.Get("X-Api-Key")
			w.Header().Set("X-Request-Id", token)
			w.Header().Set("X-Inference-Provider", token)
			w.Header().Set("X-Sha", token)
			switch req.URL.Path {
			case "/redirect":
				http.Redirect(w, req, "https://elsewhere.test/?token="+token+"#"+token, http.StatusFound)
			case "/refused":
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprintf(w, `{"error":"invalid token %s","seen":%q}`, token, all)
			case "/broken":
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, strings.Repeat(token+" ", 200))
			case "/stream":
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q},\"finish_reason\":%q}],\"model\":%q}\n\n", token, token, token)
				_, _ = fmt.Fprintf(w, "event: error\ndata: {\"error\":%q}\n\n", all)
			case "/cut":
				w.Header().Set("Content-Length", "100000")
				_, _ = io.WriteString(w, all)
				panic(http.ErrAbortHandler)
			default:
				_, _ = fmt.Fprintf(w, `{"ok":true,"model":%q,"echo":%q}`, token, all)
			}
		}
		h := &received{next: echo}
		r.serveTLS(h, "abc.us-east-1.aws.endpoints.huggingface.cloud:443")
		r.net.Serve(t, "m.test:80", h)
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ops.ServeHTTP(w, req)
			if time.Now().Second() < 40 {
				http.Error(w, "no hook at "+req.URL.String()+" for "+fmt.Sprint(req.Header), http.StatusNotFound)
			}
		}))
		r.net.SetLink("gone.test:80", fakenet.Link{LookupErr: &net.DNSError{Err: "server misbehaving", Name: "gone.test"}})
		for name, text := range map[string]string{
			"hub": hubToken, "own": ownKey, "bearer": bearer, "sign": signingKey,
			"hook": "http://ops.test/services/" + hookPath + "?token=" + hookQuery, "gone": "http://gone.test/" + hookPath,
		} {
			r.write(name, text+"\n")
		}
		r.opts.Listener = r.listen("127.0.0.1:9000")
		r.opts.Probe, r.opts.Lifecycle = true, true
		text := "hub: {token_file: hub}\nbudget: {requests_per_day: 1000000}\nnotify:\n" +
			"  - {name: ops, webhook: {url_file: hook, secret_file: sign}}\n  - {name: gone, webhook: {url_file: gone, secret_file: sign}}\nmodels:\n"
		paths := []string{"ok", "redirect", "refused", "broken", "stream", "cut"}
		var targets []string
		for _, path := range paths {
			var stream []string
			if path == "stream" {
				stream = []string{"stream: true"}
			}
			text += model("hub-"+path, "https://abc.us-east-1.aws.endpoints.huggingface.cloud/"+path, "@every 10s", append(stream, "tls: {ca_file: ca.pem}", "wake: keep_warm")...) +
				model("own-"+path, "http://m.test/"+path, "@every 10s", append(stream, "auth: {header: {name: X-Api-Key, value_file: own}}", "headers: {X-Extra-Secret: "+headerKey+"}")...) +
				model("bearer-"+path, "http://m.test/"+path, "@every 10s", append(stream, "auth: {token_file: bearer}")...)
			targets = append(targets, "hub-"+path, "own-"+path, "bearer-"+path)
		}
		r.start(text)
		time.Sleep(3 * time.Minute)
		synctest.Wait()

		places := map[string]string{"messages to receivers": ops.bodies.String()}
		for what, accept := range map[string]string{
			"text": "text/plain", "OpenMetrics": "application/openmetrics-text; version=1.0.0",
			"protobuf": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
		} {
			_, places["/metrics as "+what] = r.get("GET", "http://127.0.0.1:9000/metrics", "Accept", accept)
		}
		_, places["/config"] = r.get("GET", "http://127.0.0.1:9000/config")
		_, places["the front page"] = r.get("GET", "http://127.0.0.1:9000/")
		for _, target := range targets {
			_, places["/probe of "+target] = r.get("POST", "http://127.0.0.1:9000/probe?target="+target)
			text, err := json.Marshal(r.last(target))
			if err != nil {
				t.Fatal(err)
			}
			places["the result of "+target] = string(text)
		}
		for what, bad := range map[string]string{
			"an unknown key":     text + "secret: {token: " + hubToken + "}\n",
			"a token in a list":  strings.Replace(text, "{token_file: hub}", "{token: ["+hubToken+"]}", 1),
			"a hook that is bad": strings.Replace(text, "url_file: hook", "url: \"ftp://ops.test/"+hookPath+"\"", 1),
			"a broken file":      text + "\n - " + hubToken + ": [",
		} {
			r.write(configFile, bad)
			if _, body := r.get("POST", "http://127.0.0.1:9000/-/reload"); !strings.Contains(body, "was not reloaded") {
				t.Errorf("reload with %s = %q, want it refused", what, body)
			} else {
				places["the answer to a reload with "+what] = body
			}
		}
		dir := r.d.now.Load().cfg.Data.Dir
		if err := r.stop(); err != nil && !strings.Contains(err.Error(), "undelivered") {
			t.Errorf("Stop() = %v", err)
		} else if err != nil {
			places["the error of Stop"] = err.Error()
		}
		places["the log"] = r.logs.String()
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			places["the file "+path[len(dir):]] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"/records.db", "/budget.journal"} {
			if places["the file "+file] == "" {
				t.Errorf("there is no file %s to look into", file)
			}
		}
		for what, secret := range map[string]string{
			"the hub's token": hubToken, "a key of one's own": ownKey, "a bearer token": bearer, "the hook's path": hookPath,
			"the hook's query": hookQuery, "the signing key": signingKey, "a configured header": headerKey,
		} {
			for place, text := range places {
				if at := strings.Index(text, secret); at >= 0 {
					t.Errorf("%s stands in %s: …%q…", what, place, text[max(0, at-60):min(len(text), at+60)])
				}
			}
		}
		// The test is worth something only where the secrets were really sent.
		for _, secret := range []string{hubToken, ownKey, bearer, headerKey} {
			if hosts, _ := h.with(secret); len(hosts) == 0 {
				t.Errorf("%s… was sent to nobody", secret[:8])
			}
		}
		if len(ops.pages) == 0 || !strings.Contains(places["the log"], "notif") {
			t.Error("no notification was tried")
		}
	})
}
