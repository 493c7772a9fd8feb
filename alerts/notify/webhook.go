package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amnotify "github.com/prometheus/alertmanager/notify"
	amwebhook "github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"

	"github.com/hfwatch/hfwatch/probe"
)

// WebhookNotifier posts signed messages to one address. It is one of
// Alertmanager's notifiers and takes the group, the receiver, the time and the
// reason of a notification from the context, as all of them do.
type WebhookNotifier struct {
	name      string
	url       *url.URL
	key       probe.Secret
	hide      *redactor
	client    *http.Client
	tmpl      *template.Template
	logger    *slog.Logger
	userAgent string
	timeout   time.Duration
	maxAlerts int
}

var (
	_ amnotify.Notifier       = (*WebhookNotifier)(nil)
	_ amnotify.ResolvedSender = (*WebhookNotifier)(nil)
)

// NewWebhook returns a notifier for the receiver of that name. Its errors do
// not show the address.
func NewWebhook(name string, w Webhook, o Options) (*WebhookNotifier, error) {
	o = o.withDefaults()
	u, err := url.Parse(w.URL.Reveal())
	switch {
	case w.URL.IsZero():
		return nil, errors.New("webhook.url: empty; write the address, or name a file that holds it")
	case err != nil:
		// The error of package net/url quotes the address.
		return nil, errors.New("webhook.url: not a URL; check for spaces and stray characters")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("webhook.url: neither http:// nor https://")
	case u.Hostname() == "":
		return nil, errors.New("webhook.url: has no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return &WebhookNotifier{
		name: name, url: u, key: w.Secret, hide: newRedactor(u),
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: attached(o.Dial), Proxy: o.Proxy,
				// Alerts are rare: an idle connection would mostly be dead by the next.
				DisableKeepAlives: true, DisableCompression: true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tmpl:   &template.Template{ExternalURL: o.ExternalURL},
		logger: o.Logger, userAgent: o.UserAgent, timeout: o.Timeout, maxAlerts: o.MaxAlerts,
	}, nil
}

// SendResolved returns true: resolves are delivered.
func (n *WebhookNotifier) SendResolved() bool { return true }

// Notify posts one message about the alerts and returns whether it may succeed
// if tried again, and why it failed: a *DeliveryError. Alerts beyond the bound of a
// message are counted in it and not shown.
func (n *WebhookNotifier) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	body, err := n.body(ctx, alerts)
	if err != nil {
		return false, n.failure(Internal, err.Error())
	}
	attempt, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	attempt = context.WithValue(attempt, attemptKey{}, attempt)
	req, err := http.NewRequestWithContext(attempt, http.MethodPost, n.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, n.failure(Internal, n.hide.cause(err))
	}
	// Without GetBody nothing below can send the message twice in secret.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", n.userAgent)
	req.Header.Set(HeaderDelivery, n.deliveryID(ctx))
	if !n.key.IsZero() {
		now := time.Now()
		req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		req.Header.Set(HeaderSignature, Sign(n.key, now, body))
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return true, n.unanswered(ctx, attempt, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return n.answered(resp)
}

// attemptKey is the context's key of the attempt itself.
type attemptKey struct{}

// attached returns a dial that ends with the attempt it is made for, and closes
// its connection with it. Package net/http detaches dialling from the request,
// so that another request may use the connection; ours are used once, and a
// receiver that swallows packets would gather goroutines here.
func attached(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		attempt, ok := ctx.Value(attemptKey{}).(context.Context)
		if !ok {
			return dial(ctx, network, address)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(attempt, cancel)() //nolint:contextcheck // The dial ends with whichever of the two contexts ends first.
		conn, err := dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(attempt, func() { _ = conn.Close() }) //nolint:contextcheck // The connection outlives the dial's context.
		}
		return conn, err
	}
}

// body returns the message as Alertmanager's own webhook writes it.
func (n *WebhookNotifier) body(ctx context.Context, alerts []*alert.Alert) ([]byte, error) {
	key, err := amnotify.ExtractGroupKey(ctx)
	if err != nil {
		return nil, err
	}
	shown := alerts[:min(len(alerts), n.maxAlerts)]
	var buf bytes.Buffer
	err = json.NewEncoder(&buf).Encode(&amwebhook.Message{
		Data:            amnotify.GetTemplateData(ctx, n.tmpl, shown, n.logger),
		Version:         "4",
		GroupKey:        key.String(),
		TruncatedAlerts: uint64(len(alerts) - len(shown)),
	})
	return buf.Bytes(), err
}

// unanswered returns why an attempt had no answer.
func (n *WebhookNotifier) unanswered(ctx, attempt context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return n.failure(Canceled, "interrupted")
	case attempt.Err() != nil:
		return n.failure(Timeout, "no answer within "+n.timeout.String())
	default:
		return n.failure(Network, n.hide.cause(err))
	}
}

// answered returns what follows from an answer. The body of a success is not
// even read: the head has said all, and a body may never end.
func (n *WebhookNotifier) answered(resp *http.Response) (bool, error) {
	code := resp.StatusCode
	if code >= 200 && code <= 299 {
		return false, nil
	}
	reason, again := classify(code)
	text := "status " + strconv.Itoa(code)
	if reason == Redirect {
		text += "; redirects are not followed, configure the address it leads to"
	}
	// What was read before an error is shown all the same.
	excerpt, _ := io.ReadAll(io.LimitReader(resp.Body, errorBytes+1))
	if said := n.hide.excerpt(excerpt[:min(len(excerpt), errorBytes)], len(excerpt) > errorBytes); said != "" {
		text += ": " + said
	}
	f := n.failure(reason, text)
	f.Status = code
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		f.RetryAfter = retryAfter(resp.Header, time.Now())
	}
	return again, f
}

// classify returns why a status is a failure and whether to try again.
func classify(code int) (reason Reason, again bool) {
	switch {
	case code == http.StatusTooManyRequests:
		return RateLimited, true
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return AuthError, false
	case code >= 300 && code <= 399:
		return Redirect, false
	case code >= 400 && code <= 499:
		return ClientError, false
	default:
		return ServerError, true
	}
}

// failure returns an error of this receiver.
func (n *WebhookNotifier) failure(reason Reason, text string) *DeliveryError {
	return &DeliveryError{Reason: reason, text: fmt.Sprintf("webhook %s: %s", n.name, text)}
}

// DeliveryError is why one attempt failed. Its text names the receiver and no part of
// its address.
type DeliveryError struct {
	Reason Reason
	// Status is the answer's; 0 is no answer.
	Status int
	// RetryAfter is how long the receiver asked to be left alone; 0 is not at
	// all.
	RetryAfter time.Duration
	text       string
}

// Error returns the text.
func (e *DeliveryError) Error() string { return e.text }

// As lets Alertmanager's own stages find the reason in the form that they
// count by.
func (e *DeliveryError) As(target any) bool {
	t, ok := target.(**amnotify.ErrorWithReason)
	if !ok {
		return false
	}
	var reason amnotify.Reason
	switch e.Reason {
	case Timeout:
		reason = amnotify.ContextDeadlineExceededReason
	case Canceled:
		reason = amnotify.ContextCanceledReason
	case RateLimited:
		reason = amnotify.RateLimitedReason
	case AuthError:
		reason = amnotify.AuthErrorReason
	case ServerError:
		reason = amnotify.ServerErrorReason
	case ClientError:
		reason = amnotify.ClientErrorReason
	default:
		reason = amnotify.DefaultReason
	}
	*t = amnotify.NewErrorWithReason(reason, errors.New(e.text))
	return true
}

// deliveryID returns the name of the notification that ctx speaks of.
func (n *WebhookNotifier) deliveryID(ctx context.Context) string {
	group, _ := amnotify.GroupKey(ctx)
	made, _ := amnotify.Now(ctx)
	flush, _ := amnotify.FlushID(ctx)
	return deliveryID(n.name, group, made, flush)
}

// deliveryID returns the name of a notification: a hash of its receiver, its
// group, when it was decided on and its number. All of them are the same at
// each attempt, while the alerts need not be: what is shown beside the news is
// as of the attempt.
func deliveryID(receiver, group string, made time.Time, flush uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", receiver, group, made.UnixNano(), flush))
	return hex.EncodeToString(sum[:16])
}
