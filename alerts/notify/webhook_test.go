package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	amnotify "github.com/prometheus/alertmanager/notify"
	amwebhook "github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
)

// example returns alerts with fixed times: two that fire and one that has
// resolved.
func example() (fires, also, ended *alert.Alert) {
	at := time.Date(2025, 11, 24, 3, 0, 0, 0, time.UTC)
	of := func(target string) *alert.Alert {
		a := firing("TargetFailing", target)
		a.StartsAt = at
		a.Annotations["description"] = model.LabelValue("5 of 5 <bad> & late on " + target)
		a.Annotations["runbook_url"] = "https://example.org/TargetFailing.md"
		return a
	}
	fires, also, ended = of("assistant"), of("summarizer"), of("sentiment")
	ended.EndsAt = at.Add(90 * time.Second)
	return fires, also, ended
}

// about returns a context as Alertmanager's pipeline and the Sender make it.
func about(ctx context.Context, reason amnotify.NotifyReason) context.Context {
	m := &message{group: "TargetFailing", made: time.Unix(1_700_000_000, 0), flush: 7}
	return m.context(ctx, "ops", reason)
}

// TestPayload holds the body against a file, against what Alertmanager's own
// webhook posts for the same alerts, byte for byte, and against its types.
func TestPayload(t *testing.T) {
	fires, also, ended := example()
	for _, c := range []struct {
		name   string
		alerts []*alert.Alert
		reason amnotify.NotifyReason
		bound  int
		want   shape
	}{
		{"firing", []*alert.Alert{fires, also}, amnotify.ReasonFirstNotification, 64, shape{2, 0, 0, "firing", "first notification"}},
		{"resolved", []*alert.Alert{ended}, amnotify.ReasonAllAlertsResolved, 64, shape{0, 1, 0, "resolved", "all alerts resolved"}},
		{"mixed", []*alert.Alert{ended, fires, also}, amnotify.ReasonNewResolvedAlerts, 2, shape{1, 1, 1, "firing", "some alerts resolved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			external := &url.URL{Scheme: "https", Host: "hfwatch.example.org"}
			n, err := NewWebhook("ops", *to("ops").Webhook, Options{MaxAlerts: c.bound, ExternalURL: external})
			if err != nil {
				t.Fatal(err)
			}
			ctx := about(t.Context(), c.reason)
			body, err := n.body(ctx, c.alerts)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "body beside Alertmanager's", string(body), string(theirs(ctx, t, external, c.bound, c.alerts)))
			var back amwebhook.Message
			if err := json.Unmarshal(body, &back); err != nil {
				t.Fatalf("Alertmanager's type cannot read it: %v", err)
			}
			same(t, "shape", shapeOf(back), c.want)
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".golden.json", pretty.Bytes())
		})
	}
}

// theirs returns what Alertmanager's own webhook posts.
func theirs(ctx context.Context, t *testing.T, external *url.URL, bound int, alerts []*alert.Alert) []byte {
	t.Helper()
	var body bytes.Buffer
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = body.ReadFrom(r.Body)
	}))
	defer srv.Close()
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.ExternalURL = external
	n, err := amwebhook.New(&amwebhook.WebhookConfig{
		HTTPConfig: &commoncfg.HTTPClientConfig{}, URL: amcommoncfg.SecretTemplateURL(srv.URL), MaxAlerts: uint64(bound),
	}, tmpl, Options{}.withDefaults().Logger, commoncfg.WithKeepAlivesDisabled())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Notify(ctx, alerts...); err != nil {
		t.Fatal(err)
	}
	return body.Bytes()
}

// TestLoopback delivers to a real server over a real socket.
func TestLoopback(t *testing.T) {
	h := newHook(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	w := &watcher{}
	s, err := New(t.Context(), []Receiver{{Name: "ops", Webhook: &Webhook{URL: probe.NewSecret(srv.URL), Secret: h.key}}},
		Options{Observer: w, UserAgent: "hfwatch/1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	a := firing("TargetFailing", "bert")
	s.Set(time.Now(), []Routed{{Alert: a}})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	posts := h.got()
	if len(posts) != 1 {
		t.Fatalf("%d posts, want 1", len(posts))
	}
	p := posts[0]
	same(t, "states", p.states(), []string{"TargetFailing/bert firing"})
	same(t, "type", p.header.Get("Content-Type"), "application/json")
	same(t, "agent", p.header.Get("User-Agent"), "hfwatch/1.2.3")
	same(t, "version", p.msg.Version, "4")
	same(t, "receiver", p.msg.Receiver, "ops")
	same(t, "attempts", w.counts("ops"), map[string]int{"sent ": 1})
}

// TestUnsigned: without a key nothing claims to be a signature.
func TestUnsigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		h := newHook(t)
		h.key = probe.Secret{}
		r.net.Serve(t, "ops.example:80", h)
		rec := to("ops")
		rec.Webhook.Secret = probe.Secret{}
		r.run(rec)
		r.set(firing("TargetFailing", "bert"))
		synctest.Wait()
		for _, name := range []string{HeaderSignature, HeaderTimestamp} {
			if got := h.got()[0].header.Values(name); got != nil {
				t.Errorf("%s: %q, want none", name, got)
			}
		}
	})
}

// TestAddressIsNeverShown: in whatever way a delivery fails, no part of the
// address is in the error or in the log, and the receiver's name is.
func TestAddressIsNeverShown(t *testing.T) {
	const host, user, password, path, token = "Tok3nHost.Example", "hookUser", "p4ssword", "T00000000/B1111", "x0x0-q%75ery"
	secrets := []string{host, user, password, "T00000000", "B1111", "x0x0-q", "aG9va1VzZXI6cDRzc3dvcmQ"}
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, "no hook at %s%s for %s; %q", r.Host, r.URL, r.Header.Get("Authorization"), r.URL.Query())
		},
		"escaped echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, strings.ReplaceAll(strings.ToUpper(r.URL.String()), "/", `\/`))
		},
		"long echo": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, strings.Repeat(" ", errorBytes-20), r.Host, r.URL)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"/again", http.StatusFound)
		},
		"broken": func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_, _ = c.Write([]byte("what " + host + "\r\n\r\n"))
			c.Close()
		},
	}
	links := map[string]fakenet.Link{
		"lookup":    {LookupErr: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}},
		"blackhole": {BlackHole: true},
	}
	try := func(t *testing.T, name string, prepare func(*rig)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				prepare(r)
				hook := Webhook{URL: probe.NewSecret("http://" + user + ":" + password + "@" + host + ":80/services/" + path + "?key=" + token)}
				r.run(Receiver{Name: "pager", Webhook: &hook})
				r.set(firing("TargetFailing", "bert"))
				pass(time.Minute)
				n, err := NewWebhook("pager", hook, r.opts)
				if err != nil {
					t.Fatal(err)
				}
				_, err = n.Notify(about(t.Context(), amnotify.ReasonFirstNotification), firing("TargetFailing", "bert"))
				if err == nil {
					t.Fatal("Notify: no error, want one")
				}
				text := strings.ToLower(err.Error() + fmt.Sprintf("%+v %#v", err, hook) + r.logs.String())
				for _, s := range secrets {
					if strings.Contains(text, strings.ToLower(s)) {
						t.Errorf("%s is shown:\n%s", s, text)
					}
				}
				if !strings.Contains(err.Error(), "webhook pager: ") || !strings.Contains(r.logs.String(), "receiver=pager") {
					t.Errorf("error %q or log does not name the receiver", err)
				}
			})
		})
	}
	for name, answer := range answers {
		try(t, name, func(r *rig) { r.net.Serve(r.t, host+":80", http.HandlerFunc(answer)) })
	}
	for name, link := range links {
		try(t, name, func(r *rig) { r.net.SetLink(host+":80", link) })
	}
	try(t, "refused", func(r *rig) {
		l, err := r.net.Listen(host + ":80")
		if err != nil {
			r.t.Fatal(err)
		}
		l.Close()
	})
}

// TestErrorSaysWhatTheReceiverSaid: what helps at night is in the error.
func TestErrorSaysWhatTheReceiverSaid(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("invalid_payload:\n\tno text\x00"))
	}))
	defer srv.Close()
	n, err := NewWebhook("ops", Webhook{URL: probe.NewSecret(srv.URL)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.Notify(about(t.Context(), amnotify.ReasonFirstNotification), firing("TargetFailing", "bert"))
	same(t, "error", fmt.Sprint(err), "webhook ops: status 400: invalid_payload: no text")
	same(t, "again", again, false)
	theirs, ok := errors.AsType[*amnotify.ErrorWithReason](err)
	if !ok || theirs.Reason != amnotify.ClientErrorReason {
		t.Errorf("Alertmanager's reason of %v is %v, want clientError", err, theirs)
	}
}

// TestClassify is the closed list of statuses.
func TestClassify(t *testing.T) {
	for code, want := range map[int]string{
		301: "redirect false", 308: "redirect false", 304: "redirect false",
		400: "client_error false", 404: "client_error false", 408: "client_error false", 410: "client_error false",
		401: "auth false", 403: "auth false", 429: "rate_limited true",
		500: "server_error true", 502: "server_error true", 503: "server_error true", 599: "server_error true",
		101: "server_error true", 999: "server_error true",
	} {
		reason, again := classify(code)
		if got := fmt.Sprint(reason, " ", again); got != want {
			t.Errorf("classify(%d) = %s, want %s", code, got, want)
		}
	}
}

// TestPanic: a bug in one message fails that message and not the daemon.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h := oneHook(t, Options{})
		w := r.sender.live["ops"]
		w.mu.Lock()
		good := w.notifier
		bad := *good.(*WebhookNotifier)
		bad.tmpl = nil
		w.notifier = &bad
		w.mu.Unlock()
		r.set(firing("TargetFailing", "bert"))
		synctest.Wait()
		same(t, "attempts", r.watch.counts("ops"), map[string]int{"refused internal": 1})
		w.mu.Lock()
		w.notifier = good
		w.mu.Unlock()
		pass(refusedPause)
		same(t, "posts", len(h.got()), 1)
	})
}
