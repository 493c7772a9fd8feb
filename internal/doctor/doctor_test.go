package doctor_test

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/doctor"
	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "write the golden file")

// now is when everything is judged.
var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// secret is a token that a server repeats in its error.
const secret = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"

// refused is an answer of the Hub's that is no 2xx.
func refused(status int, reason string, html bool) error {
	return &hub.StatusError{What: "GET huggingface.co/x", Status: status, Reason: reason, HTML: html}
}

// TestEveryLine holds every line that the doctor can say against the golden
// file, where it can be read as a person reads it.
func TestEveryLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, section := range []struct {
		name  string
		found []doctor.Finding
	}{
		{"token", tokens()},
		{"bill_to", payers()},
		{"model by the router", routed()},
		{"model by the Hub", onHub()},
		{"endpoint", endpoints()},
		{"clock", clocks()},
		{"contact", contacts()},
		{"certificate", certificates()},
		{"environment", append(doctor.Environment([]string{"https_proxy=http://p:1", "HTTP_PROXY=http://p:1", "NO_PROXY=x", "all_proxy="}, false),
			doctor.Environment([]string{"HTTPS_PROXY=http://p:1"}, true)...)},
		{"data", places()},
		{"receiver", receivers()},
		{"request", requests()},
		{"daemon", daemons()},
	} {
		out.WriteString("# " + section.name + "\n")
		for _, f := range section.found {
			out.WriteString(f.Line() + "\n")
			if f.Check == "" || f.About == "" || f.Says == "" || f.Grade == "" {
				t.Errorf("%+v lacks something", f)
			}
			if f.Grade == doctor.Problem && f.Do == "" {
				t.Errorf("%s: a problem without what to do", f.Line())
			}
		}
	}
	out.WriteString("# spending\n" + strings.Join([]string{
		doctor.Spending(0, 0, 0, 0), doctor.Spending(1, 54, 0, 1), doctor.Spending(3, 120, 0.00123, 0), doctor.Spending(3, 120, 0.00001, 2),
	}, "\n") + "\n# summary")
	if err := (doctor.Tally{doctor.OK: 7, doctor.Problem: 1, doctor.Unknown: 2}).Summary(&out); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/lines.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(out.String(), secret) {
		t.Error("a line shows a token")
	}
}

func tokens() (found []doctor.Finding) {
	users := []string{"sentiment", "assistant"}
	me := hub.Identity{Name: "me", Role: "read"}
	fine := hub.Identity{Name: "me", Role: "fineGrained"}
	able := fine
	able.Scopes = []string{"inference.serverless.write"}
	for _, t := range []doctor.TokenFacts{
		{Users: users, Routed: users},
		{},
		{Set: true, Prefixed: true, Nowhere: users},
		{Set: true, Prefixed: true},
		{Set: true, Prefixed: true, Users: users},
		{Set: true, Prefixed: true, Users: users, Routed: users, Asked: true, Identity: me},
		{Set: true, Prefixed: true, Users: users, Routed: users, Asked: true, Identity: able},
		{Set: true, Prefixed: true, Users: users, Routed: users, Asked: true, Identity: fine},
		{Set: true, Prefixed: true, Users: users, Asked: true, Identity: fine},
		{Set: true, Prefixed: true, Users: users, Routed: users, Asked: true, Identity: hub.Identity{Name: "me"}},
		{Set: true, Users: users, Routed: users, Asked: true, Identity: me},
		{Set: true, Prefixed: true, Users: users, Asked: true, Err: refused(401, "Invalid credentials "+secret, false)},
		{Set: true, Prefixed: true, Users: users, Asked: true, Err: refused(401, "a page in HTML", true)},
		{Set: true, Prefixed: true, Users: users, Asked: true, Err: refused(403, "Forbidden", false)},
		{Set: true, Prefixed: true, Users: users, Asked: true, Err: errors.New("GET huggingface.co/api/whoami-v2: no whole answer within 15s")},
	} {
		found = append(found, doctor.Token(t)...)
	}
	return found
}

func payers() []doctor.Finding {
	me := hub.Identity{Name: "me", Orgs: []string{"acme"}}
	return []doctor.Finding{
		doctor.BillTo("acme", []string{"a"}, me), doctor.BillTo("me", []string{"a"}, me), doctor.BillTo("other", []string{"a", "b", "c", "d", "e", "f"}, me),
		doctor.BillTo("acme", []string{"a"}, hub.Identity{}),
	}
}

func routed() (found []doctor.Finding) {
	w := doctor.Wanted{Target: "assistant", Model: "meta-llama/Llama-3.1-8B-Instruct", Task: "chat-completion", Provider: "cerebras"}
	with := func(offers ...hub.Offer) []hub.Listed { return []hub.Listed{{ID: w.Model, Providers: offers}} }
	good := hub.Offer{Provider: "cerebras", Status: "live", Context: probe.Some(131072), USDPerMTokInput: probe.Some(0.1), USDPerMTokOutput: probe.Some(0.25)}
	other := hub.Offer{Provider: "novita", Status: "live"}
	sick := good
	sick.Status = "error"
	for _, row := range []struct {
		list []hub.Listed
		err  error
	}{
		{list: with(good, other)},
		{list: with(hub.Offer{Provider: "cerebras"})},
		{list: with(sick, other)},
		{list: with(sick)},
		{list: with(other)},
		{list: with()},
		{list: []hub.Listed{{ID: "meta-llama/llama-3.1-8b-instruct"}}},
		{list: nil},
		{err: errors.New("GET router.huggingface.co/v1/models: connection refused")},
	} {
		found = append(found, doctor.Routed(w, row.list, row.err))
	}
	return append(found, doctor.Vacant("all", "the router's list does not name org/m", true), doctor.Vacant("all", "the router's list was never read", false))
}

func onHub() (found []doctor.Finding) {
	w := doctor.Wanted{Target: "sentiment", Model: "distilbert/sst-2", Task: "text-classification", Provider: "hf-inference"}
	live := []hub.Mapping{{Provider: "hf-inference", Status: "live", Task: "text-classification"}}
	for _, row := range []struct {
		m   hub.Model
		err error
	}{
		{m: hub.Model{ID: w.Model, Providers: live}},
		{m: hub.Model{ID: w.Model, Providers: live, Gated: true}},
		{m: hub.Model{ID: w.Model, Providers: []hub.Mapping{{Provider: "hf-inference", Status: "error"}}}},
		{m: hub.Model{ID: w.Model, Providers: []hub.Mapping{{Provider: "hf-inference", Status: "staging"}}}},
		{m: hub.Model{ID: w.Model, Task: "fill-mask", Providers: []hub.Mapping{{Provider: "hf-inference", Status: "live", Task: "fill-mask"}}}},
		{m: hub.Model{ID: w.Model, Providers: []hub.Mapping{{Provider: "novita", Status: "live"}}}},
		{m: hub.Model{ID: w.Model}},
		{m: hub.Model{ID: w.Model, Disabled: true, Providers: live}},
		{err: refused(404, "Repository not found", false)},
		{err: refused(401, "Invalid username or password.", false)},
		{err: refused(502, "a page in HTML", true)},
	} {
		found = append(found, doctor.OnHub(w, row.m, row.err))
	}
	w = doctor.Wanted{Target: "pictures", Model: "org/pictures", Task: "text-to-image", Provider: "fal-ai", ProviderModel: "fal-ai/pictures"}
	for _, id := range []string{"fal-ai/pictures", "fal-ai/pictures/v2"} {
		named := []hub.Mapping{{Provider: "fal-ai", ProviderID: id, Status: "live", Task: "text-to-image"}}
		found = append(found, doctor.OnHub(w, hub.Model{ID: w.Model, Providers: named}, nil))
	}
	return found
}

func endpoints() (found []doctor.Finding) {
	m := doctor.Managed{
		Target: "summarizer", Namespace: "my-org", Name: "bart", Host: "x.us-east-1.aws.endpoints.huggingface.cloud", Idle: time.Hour, Wake: probe.ObserveCold,
	}
	warm := m
	warm.Wake = probe.KeepWarm
	expected := m
	expected.ExpectPaused = true
	at := func(state string, ready, target int) hub.Endpoint {
		return hub.Endpoint{State: state, Ready: ready, Target: target, URL: "https://" + m.Host, IdleMinutes: 60}
	}
	failed := at("failed", 0, 1)
	failed.Message = "out of memory on load"
	moved := at("running", 1, 1)
	moved.URL = "https://y.eu-west-1.aws.endpoints.huggingface.cloud"
	sooner := at("running", 1, 1)
	sooner.IdleMinutes = 15
	for _, row := range []struct {
		m   doctor.Managed
		e   hub.Endpoint
		err error
	}{
		{m: m, e: at("running", 2, 2)},
		{m: m, e: at("running", 1, 2)},
		{m: m, e: at("paused", 0, 0)},
		{m: expected, e: at("paused", 0, 0)},
		{m: m, e: at("scaledToZero", 0, 0)},
		{m: warm, e: at("scaledToZero", 0, 0)},
		{m: m, e: failed},
		{m: m, e: at("updateFailed", 1, 1)},
		{m: m, e: at("initializing", 0, 1)},
		{m: m, e: at("melting", 0, 1)},
		{m: m, e: moved},
		{m: m, e: sooner},
		{m: m, err: refused(404, "Endpoint not found", false)},
		{m: m, err: refused(403, "Forbidden", false)},
		{m: m, err: errors.New("no whole answer within 15s")},
	} {
		found = append(found, doctor.Endpoint(row.m, row.e, row.err)...)
	}
	return found
}

func clocks() []doctor.Finding {
	at := func(host string, date time.Time) doctor.Reading {
		return doctor.Reading{Host: host, Date: date, Sent: now, Got: now.Add(200 * time.Millisecond)}
	}
	return []doctor.Finding{
		doctor.Clock(nil),
		doctor.Clock([]doctor.Reading{at("huggingface.co", now)}),
		doctor.Clock([]doctor.Reading{at("huggingface.co", now.Add(-3*time.Second))}),
		doctor.Clock([]doctor.Reading{at("huggingface.co", now.Add(-21*time.Second))}),
		doctor.Clock([]doctor.Reading{at("huggingface.co", now.Add(20*time.Second+200*time.Millisecond))}),
		doctor.Clock([]doctor.Reading{at("huggingface.co", now.Add(2*time.Hour+200*time.Millisecond))}),
		doctor.Clock([]doctor.Reading{at("am.test", now.Add(time.Hour)), at("huggingface.co", now)}),
	}
}

func contacts() (found []doctor.Finding) {
	refuses := &net.OpError{Op: "dial", Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}
	for _, c := range []doctor.Contact{
		{Failed: doctor.StageDone},
		{Failed: doctor.StageDone, Proxy: "proxy:3128"},
		{Failed: doctor.StageDNS, Err: &net.DNSError{Err: "no such host", Name: "tei.test", IsNotFound: true}, Users: []string{"a", "b"}},
		{Failed: doctor.StageDNS, Err: &net.DNSError{Err: "i/o timeout", Name: "tei.test", IsTimeout: true}},
		{Failed: doctor.StageDNS, Err: &net.DNSError{Err: "server misbehaving", Name: "tei.test"}},
		{Failed: doctor.StageConnect, Err: refuses},
		{Failed: doctor.StageConnect, Err: context.DeadlineExceeded},
		{Failed: doctor.StageConnect, Err: syscall.ENETUNREACH},
		{Failed: doctor.StageConnect, Err: errors.New("something else")},
		{Failed: doctor.StageConnect, Err: refuses, Proxy: "proxy:3128"},
		{Failed: doctor.StageDone, Proxy: "proxy:3128", Unseen: true},
		{Failed: doctor.StageProxy, Proxy: "proxy:1080", ProxyScheme: "socks5", Status: 407},
		{Failed: doctor.StageProxy, Proxy: "proxy:1080", ProxyScheme: "socks5", Err: errors.New("it says: the host refuses connections")},
		{Failed: doctor.StageProxy, Proxy: "proxy:3128", Status: 407},
		{Failed: doctor.StageProxy, Proxy: "proxy:3128", Status: 403},
		{Failed: doctor.StageProxy, Proxy: "proxy:3128", Status: 502},
		{Failed: doctor.StageProxy, Proxy: "proxy:3128", Err: errors.New("its answer is not HTTP: EOF")},
		{Failed: doctor.StageProxy, Proxy: "proxy:3129", ProxyScheme: "https", Err: errors.New("its TLS: EOF")},
		{Failed: doctor.StageTLS, Err: errors.New("tls: first record does not look like a TLS handshake")},
		{Failed: doctor.StageTLS, Err: errors.New("https://hooks.test/" + secret), Check: "receiver", Hidden: true},
	} {
		c.About = "tei.test"
		found = append(found, doctor.Reach(c, now)...)
	}
	by := func(failed doctor.Stage, users ...string) doctor.Contact {
		return doctor.Contact{About: "huggingface.co", Failed: failed, Users: users, Proxy: "proxy:1080", ProxyScheme: "socks5", ProxyUser: true}
	}
	plain := doctor.Contact{Failed: doctor.StageDone, Users: []string{"c"}, Proxy: "proxy:3128", Unseen: true}
	shut := doctor.Contact{Failed: doctor.StageProxy, Users: []string{"d"}, Proxy: "shut:3128", ProxyScheme: "https"}
	for _, all := range [][]doctor.Contact{
		{{Failed: doctor.StageDone}},
		{by("", "a"), by("")},
		{by(doctor.StageDone, "a", "b"), by(doctor.StageTLS), plain, shut},
		{by(doctor.StageDone, "a", "b"), by(doctor.StageProxy)},
	} {
		found = append(found, doctor.Proxies(all)...)
	}
	return found
}

func certificates() (found []doctor.Finding) {
	good := doctor.Chain{Version: "TLS 1.3", Issuer: "Let's Encrypt R11", Length: 2, From: now.Add(-24 * time.Hour), Until: now.Add(60 * 24 * time.Hour)}
	of := func(change func(*doctor.Chain)) doctor.Contact {
		chain := good
		change(&chain)
		return doctor.Contact{About: "tei.test", Failed: doctor.StageDone, TLS: &chain}
	}
	for _, c := range []doctor.Contact{
		of(func(*doctor.Chain) {}),
		of(func(c *doctor.Chain) { c.Until = now.Add(5*24*time.Hour + time.Hour) }),
		of(func(c *doctor.Chain) { c.Until = now.Add(-time.Hour); c.Err = errors.New("expired") }),
		of(func(c *doctor.Chain) { c.From = now.Add(time.Hour); c.Err = errors.New("not yet") }),
		of(func(c *doctor.Chain) { c.Issuer = "Acme Inspection CA"; c.Err = x509.UnknownAuthorityError{} }),
		of(func(c *doctor.Chain) {
			c.Err = x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"other.test"}}, Host: "tei.test"}
		}),
		of(func(c *doctor.Chain) { c.Err = errors.New("x509: certificate relies on legacy Common Name field") }),
		of(func(c *doctor.Chain) { c.Unchecked = true; c.Err = x509.UnknownAuthorityError{} }),
	} {
		// The first finding says that the host was reached.
		found = append(found, doctor.Reach(c, now)[1:]...)
	}
	return found
}

func places() []doctor.Finding {
	const gib = 1 << 30
	return []doctor.Finding{
		doctor.Data(doctor.Place{Dir: "./data", Exists: true, Free: 60 * gib, Used: 300 << 20, Max: 8 * gib}),
		doctor.Data(doctor.Place{Dir: "./data", Free: 60 * gib, Max: 8 * gib}),
		doctor.Data(doctor.Place{Dir: "./data", Exists: true, Free: 3 * gib, Used: 4 * gib, Max: 8 * gib}),
		doctor.Data(doctor.Place{Dir: "./data", Exists: true, Free: 9 << 10, Used: 4 * gib, Max: 8 * gib}),
		doctor.Data(doctor.Place{Dir: "/data", Exists: true, Err: errors.New("/data: permission denied")}),
	}
}

func receivers() (found []doctor.Finding) {
	for _, err := range []error{nil, refused(401, "Unauthorized", false), refused(404, "Not Found", false), refused(503, "", false), errors.New("EOF")} {
		found = append(found, doctor.Alertmanager("am (am.test:9093)", err))
	}
	return found
}

func requests() (found []doctor.Finding) {
	for _, o := range probe.Outcomes() {
		found = append(found, doctor.Asked("provider cerebras", probe.Result{Target: "assistant", Outcome: o, Error: "what the server said"}))
	}
	return append(found,
		doctor.Asked("provider cerebras", probe.Result{Target: "assistant", Outcome: probe.Auth, Status: 403, Error: "403 Forbidden: " + secret}),
		doctor.Asked("host x (auth of tei)", probe.Result{Target: "tei", Outcome: probe.Auth, Status: 401, Error: "401 Unauthorized"}),
		doctor.Asked("host x", probe.Result{Target: "assistant", Outcome: probe.Loading, Counts: probe.Bad, Error: "503"}),
		doctor.NotAsked("provider cerebras", "its host cannot be reached"))
}

func daemons() (found []doctor.Finding) {
	b := doctor.Blocked{Scope: "token hub.token", Reason: probe.Auth, Detail: "401 Unauthorized: " + secret, Since: now}
	open, pending, unpaid, unasked := b, b, b, b
	unasked.Unasked = true
	open.Open, pending.Pending, unpaid.Reason = true, true, probe.Billing
	return []doctor.Finding{
		doctor.Daemon("./data", true, nil), doctor.Daemon("./data", false, nil), doctor.Daemon("./data", false, errors.New("EOF")),
		doctor.Suspended(b), doctor.Suspended(open), doctor.Suspended(pending), doctor.Suspended(unpaid), doctor.Suspended(unasked),
	}
}
