package notify

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amnotify "github.com/prometheus/alertmanager/notify"

	"github.com/hfwatch/hfwatch/probe"
)

// group is the context in which an alert is delivered.
func group(ctx context.Context) context.Context {
	m := &message{group: "TargetFailing", made: time.Now(), flush: 1}
	return m.context(ctx, "ops", amnotify.ReasonFirstNotification)
}

// TestServicesAreTold by Alertmanager's own code: when an alert fires and when
// it has resolved; their refusals are told apart, and no error shows a secret.
func TestServicesAreTold(t *testing.T) {
	for _, kind := range []Kind{Slack, MSTeams, PagerDuty} {
		t.Run(string(kind), func(t *testing.T) {
			var mu sync.Mutex
			var bodies []string
			code := http.StatusOK
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				defer mu.Unlock()
				bodies = append(bodies, string(body))
				if kind == PagerDuty && code == http.StatusOK {
					w.WriteHeader(http.StatusAccepted)
					return
				}
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "ok")
			}))
			defer server.Close()
			n, err := newService("ops", Service{
				Kind: kind, URL: probe.NewSecret(server.URL + "/hooks/T0KEN-of-the-hook"), Key: probe.NewSecret("routing-key-1234"),
			}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			a := firing("TargetFailing", "bert")
			for _, one := range []*alert.Alert{a, resolved(a)} {
				if again, err := n.Notify(group(t.Context()), one); again || err != nil {
					t.Fatalf("Notify() = %v, %v", again, err)
				}
			}
			if len(bodies) != 2 || !strings.Contains(bodies[0], "TargetFailing") || bodies[0] == bodies[1] {
				t.Errorf("the service got %q", bodies)
			}
			if kind == PagerDuty && (!strings.Contains(bodies[0], `"trigger"`) || !strings.Contains(bodies[1], `"resolve"`)) {
				t.Errorf("PagerDuty got %q, want a trigger and a resolve", bodies)
			}
			for status, want := range map[int]Reason{429: RateLimited, 500: ServerError, 403: AuthError, 404: ClientError} {
				mu.Lock()
				code = status
				mu.Unlock()
				again, err := n.Notify(group(t.Context()), a)
				f, ok := errors.AsType[*DeliveryError](err)
				if !ok || again != (status == 429 || status >= 500) {
					t.Errorf("status %d: %v, %v", status, again, err)
				} else if f.Reason != want && f.Reason != ClientError && f.Reason != Network {
					t.Errorf("status %d: reason %s, want %s", status, f.Reason, want)
				}
			}
			server.Close()
			_, err = n.Notify(group(t.Context()), a)
			if err == nil || strings.Contains(err.Error(), "T0KEN") || strings.Contains(err.Error(), "routing-key") {
				t.Errorf("Notify() of nobody = %v, want an error without a secret", err)
			}
		})
	}
}

// mailServer takes mails on loopback, and sends each on the channel.
func mailServer(t *testing.T) (address string, mails chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mails = make(chan string, 4)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mails <- take(conn)
			_ = conn.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	return l.Addr().String(), mails
}

// take speaks SMTP until the other side quits, and returns the mail.
func take(conn net.Conn) string {
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 test")
	var mail strings.Builder
	lines, data := bufio.NewScanner(conn), false
	for lines.Scan() {
		switch line := lines.Text(); {
		case data && line == ".":
			data = false
			say("250 taken")
		case data:
			mail.WriteString(line + "\n")
		case strings.HasPrefix(line, "DATA"):
			data = true
			say("354 go on")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return mail.String()
		default:
			say("250 ok")
		}
	}
	return mail.String()
}

// TestEmail is sent to everybody, as text and as HTML, and needs STARTTLS
// unless told otherwise.
func TestEmail(t *testing.T) {
	address, mails := mailServer(t)
	s := Service{Kind: Email, To: []string{"a@example.org", "b@example.org"}, From: "hfwatch@example.org", Smarthost: address, Plain: true}
	n, err := newService("post", s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := n.Notify(group(t.Context()), firing("TargetFailing", "bert")); again || err != nil {
		t.Fatalf("Notify() = %v, %v", again, err)
	}
	mail := <-mails
	for _, part := range []string{"To: a@example.org, b@example.org", "Subject: [FIRING:1]", "text/plain", "text/html", "TargetFailing on bert"} {
		if !strings.Contains(mail, part) {
			t.Errorf("the mail has no %q:\n%s", part, mail)
		}
	}
	s.Plain = false
	secure, err := newService("post", s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secure.Notify(group(t.Context()), firing("TargetFailing", "bert")); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("Notify() without STARTTLS = %v, want a refusal", err)
	}
}

// TestAServiceThatHangsEndsInItsTime, whatever the library does.
func TestAServiceThatHangsEndsInItsTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held net.Conn
	var accepted sync.WaitGroup
	accepted.Go(func() { held, _ = l.Accept() })
	n, err := newService("post", Service{Kind: Email, To: []string{"a@example.org"}, From: "b@example.org", Smarthost: l.Addr().String(), Plain: true}, Options{Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.Notify(group(t.Context()), firing("TargetFailing", "bert"))
	f, ok := errors.AsType[*DeliveryError](err)
	if !again || !ok || f.Reason != Timeout {
		t.Errorf("Notify() = %v, %v, want a timeout", again, err)
	}
	accepted.Wait()
	_ = held.Close()
	_ = l.Close()
	n.hanging <- struct{}{}
	<-n.hanging
}
