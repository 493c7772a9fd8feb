package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// keyPair returns a certificate and its key as PEM.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// TestEndpoints: every setting of how a model is reached.
func TestEndpoints(t *testing.T) {
	cert, key := keyPair(t)
	all := secrets()
	all["cert.pem"], all["key.pem"], all["token"] = cert, key, "abc\n"
	all["c.yaml"] = `hub: {token: hub-token, bill_to: org}
defaults: {task: text-classification, inputs: [x]}
models:
  - {name: router, model: org/a}
  - {name: paid, model: org/a, bill_to: other}
  - {name: bearer, url: "https://host.example.org/x", auth: {token_file: token}, model: org/a}
  - {name: none, url: "https://host.example.org/x", auth: none, model: org/a}
  - name: all
    model: org/a
    url: https://host.example.org:8443/x?version=1
    http2: true
    connection: reuse
    headers: {X-Team: a}
    proxy: http://user:pass@proxy:3128
    tls: {ca_file: cert.pem, cert_file: cert.pem, key_file: key.pem, server_name: other, insecure_skip_verify: true}
  - {name: chat, model: org/a, provider: hf-inference, task: chat-completion}
`
	c, err := config.Load(config.Options{File: "c.yaml", Read: files(all), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	router, paid, bearer, none, full, chat := c.Models[0].Target.Endpoint, c.Models[1].Target.Endpoint, c.Models[2].Target.Endpoint,
		c.Models[3].Target.Endpoint, c.Models[4].Target.Endpoint, c.Models[5].Target.Endpoint
	for _, row := range []struct {
		why       string
		got, want any
	}{
		{"the hub's token", router.HubToken.Reveal(), "hub-token"},
		{"the hub's account pays", router.BillTo, "org"},
		{"unless the model names another", paid.BillTo, "other"},
		{"a token of its own", bearer.AuthHeader + ": " + bearer.AuthValue.Reveal(), "Authorization: Bearer abc"},
		{"no credentials at all", none.NoAuth, true},
		{"the url is whole", full.URL.String(), "https://host.example.org:8443/x?version=1"},
		{"http2", full.HTTP2, true},
		{"connection", c.Models[4].Connection, "reuse"},
		{"headers", full.Headers, map[string]string{"X-Team": "a"}},
		{"proxy", full.Proxy.Redacted(), "http://user:xxxxx@proxy:3128"},
		{"trust", string(full.TLS.CA), cert},
		{"client certificate", string(full.TLS.Certificate), cert},
		{"client key", full.TLS.Key.Reveal(), key},
		{"server name", full.TLS.ServerName, "other"},
		{"insecure", full.TLS.Insecure, true},
		{"chat of hf-inference has its own route", chat.Route, probe.RouteHFInference},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.why, diff)
		}
	}
}

// TestExpect: every assertion on an answer.
func TestExpect(t *testing.T) {
	c := mustLoad(t, `models:
  - name: text
    model: org/a
    task: chat-completion
    provider: cerebras
    inputs: [hi]
    expect:
      contains: red
      matches: '^[a-z]+$'
      equals: {a: [1, 2.5, null, true, "x"]}
      min_length: 3
      max_length: 30
      json_schema: {type: object, required: [name]}
  - name: vector
    model: org/b
    task: feature-extraction
    inputs: [hi]
    expect: {dimension: 2, similar_to: {vector_file: vector.json, min: 95%}, json_schema: schema.json}
  - name: more
    model: org/c
    task: summarization
    inputs: [hi]
    expect: {contains: [a, b]}
`, func(o *config.Options) {
		all := secrets()
		read := o.Read
		all["vector.json"], all["schema.json"] = "[0.6, 0.8]", `{"type": "array"}`
		o.Read = func(name string, limit int64) ([]byte, error) {
			if name == "c.yaml" {
				return read(name, limit)
			}
			return files(all)(name, limit)
		}
	})
	text, vector, more := c.Models[0].Target.Expect, c.Models[1].Target.Expect, c.Models[2].Target.Expect
	for _, row := range []struct {
		why       string
		got, want any
	}{
		{"one text", text.Contains, []string{"red"}},
		{"several texts", more.Contains, []string{"a", "b"}},
		{"a regular expression", text.Matches.String(), "^[a-z]+$"},
		{"a value, as JSON", string(text.Equals), `{"a":[1,2.5,null,true,"x"]}`},
		{"lengths", []any{text.MinLength, text.MaxLength}, []any{probe.Some(3), probe.Some(30)}},
		{"a dimension", vector.Dimension, 2},
		{"a vector", vector.Similar, &probe.Similar{Vector: []float64{0.6, 0.8}, Min: 0.95}},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.why, diff)
		}
	}
	if err := text.Schema.Validate(map[string]any{"name": "x"}); err != nil {
		t.Errorf("Validate(good) = %v", err)
	}
	err := text.Schema.Validate(map[string]any{})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "name") {
		t.Errorf("Validate(bad) = %v, want one line that names the property", err)
	}
	if vector.Schema.Validate("text") == nil {
		t.Error("the schema of a file accepts what is not an array")
	}
}

// TestReceivers of every kind, once they exist.
func TestReceivers(t *testing.T) {
	c := mustLoad(t, small+`notify:
  - {name: signed, webhook: {url: "http://127.0.0.1:1/x", secret_file: /run/secrets/hook-key}, match: {severity: critical, name: a}}
  - {name: am, alertmanager: {urls: ["http://a:9093", "https://b:9093/am"], auth: {token_file: /run/secrets/tei}}}
  - {name: slack, slack: {url_file: /run/secrets/hook, channel: "#ops"}}
  - {name: pd, pagerduty: {routing_key_file: /run/secrets/tei, url: "https://events.eu.pagerduty.com/v2/enqueue"}}
  - {name: mail, email: {to: [a@b.org], from: c@d.org, smarthost: "mail:587", username: u, password_file: /run/secrets/tei}}
  - {name: teams, msteams: {url: "https://x.webhook.office.com/y"}}
`, nil)
	n := c.Notify
	for _, row := range []struct {
		why       string
		got, want any
	}{
		{"a webhook", n[0].Webhook.URL.Reveal() + " " + n[0].Webhook.Secret.Reveal(), "http://127.0.0.1:1/x signing-key"},
		{"its match", n[0].Match, probe.Match{Name: "a", Severity: "critical"}},
		{"the members of a cluster", []string{n[1].Alertmanager.URLs[0].String(), n[1].Alertmanager.URLs[1].String()}, []string{"http://a:9093", "https://b:9093/am"}},
		{"their credentials", n[1].Alertmanager.AuthHeader + " " + n[1].Alertmanager.AuthValue.Reveal(), "Authorization Bearer tei-key"},
		{"slack", n[2].Other.Kind + " " + n[2].Other.Channel + " " + n[2].Other.URL.Reveal(), "slack #ops https://hook.example.org/T0/hidden"},
		{"pagerduty", n[3].Other.Key.Reveal() + " " + n[3].Other.URL.Reveal(), "tei-key https://events.eu.pagerduty.com/v2/enqueue"},
		{"email", []string{n[4].Other.To[0], n[4].Other.From, n[4].Other.Smarthost, n[4].Other.Username, n[4].Other.Key.Reveal()}, []string{"a@b.org", "c@d.org", "mail:587", "u", "tei-key"}},
		{"msteams", n[5].Other.Kind + " " + n[5].Other.URL.Reveal(), "msteams https://x.webhook.office.com/y"},
	} {
		if diff := cmp.Diff(row.want, row.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", row.why, diff)
		}
	}
}

// TestSleepingModels: which baselines of models that may sleep run.
func TestSleepingModels(t *testing.T) {
	const head = `models:
  - name: a
    model: org/a
    task: summarization
    url: https://abc.us-east-1.aws.endpoints.huggingface.cloud
    inputs: [x]
`
	for _, row := range []struct {
		why, keys string
		runs      bool
	}{
		{"slower than the idle time", "    wake: observe_cold\n    endpoint: {namespace: o, name: n, idle: 1h}\n    baseline: {schedule: \"@every 2h\"}\n", true},
		{"never_wake too", "    wake: never_wake\n    endpoint: {namespace: o, name: n, idle: 15m}\n    baseline: {schedule: \"0,30 * * * *\"}\n", true},
		{"experiments alone", "    wake: observe_cold\n    baseline: off\n    cold_start: {schedule: \"0 5 * * *\"}\n", false},
		{"the built-in schedule is left out", "    wake: observe_cold\n    cold_start: {schedule: \"0 5 * * *\"}\n", false},
		{"keep_warm runs whatever", "    wake: keep_warm\n", true},
	} {
		c := mustLoad(t, head+row.keys, nil)
		if got := c.Models[0].Baseline != nil; got != row.runs {
			t.Errorf("%s: a baseline runs = %v, want %v", row.why, got, row.runs)
		}
		if c.Models[0].Target.Timeout != 30*time.Second {
			t.Errorf("%s: timeout = %v, want 30s", row.why, c.Models[0].Target.Timeout)
		}
	}
}

// TestVectorFiles: a vector as a list, or as an engine answers it.
func TestVectorFiles(t *testing.T) {
	for file, want := range map[string]int{
		`[0.1, 0.2]`: 2, `[[0.1, 0.2, 0.3]]`: 3, `{"object": "list", "data": [{"embedding": [0.5]}]}`: 1,
		`[[1], [2]]`: 0, `{"data": []}`: 0, `"a"`: 0,
	} {
		all := secrets()
		all["v.json"] = file
		cfg, err := load(t, "models:\n  - {name: a, model: org/a, url: http://127.0.0.1, task: feature-extraction, inputs: [a], expect: {similar_to: {vector_file: v.json, min: 0.9}}}\n", func(o *config.Options) {
			all["c.yaml"] = string(must1(o.Read("c.yaml", 1<<20)))
			o.Read = files(all)
		})
		switch {
		case want == 0 && err == nil:
			t.Errorf("%s is taken for a vector", file)
		case want > 0 && (err != nil || len(cfg.Models[0].Target.Expect.Similar.Vector) != want):
			t.Errorf("%s: %v, want %d numbers", file, err, want)
		}
	}
}

// must1 returns v, or panics on an error.
func must1(v []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return v
}

// TestManyQuestionsOfALargeFile are too much to hold.
func TestManyQuestionsOfALargeFile(t *testing.T) {
	all := secrets()
	all["big.png"] = strings.Repeat("x", 7<<20)
	all["c.yaml"] = "models:\n  - {name: a, model: org/a, url: http://127.0.0.1, task: image-text-to-text, input_file: big.png, inputs: [" + strings.Repeat("What?, ", 9) + "]}\n"
	_, err := load(t, "", func(o *config.Options) { o.Read = files(all) })
	if err == nil || !strings.Contains(err.Error(), "9 questions about a file of this size are more than 64MiB together") {
		t.Errorf("Load() = %v, want that it is too much", err)
	}
}
