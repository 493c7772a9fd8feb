package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
)

// member posts to one Alertmanager from a queue of its own, so that one that
// hangs delays neither the others nor an evaluation. What could not be posted is
// not tried again: the next posts say the same.
type member struct {
	receiver string
	url      string
	header   http.Header
	client   *http.Client
	hide     *redactor
	opts     Options
	cut      context.CancelFunc
	wake     chan struct{}
	done     chan struct{}

	mu     sync.Mutex
	queue  postQueue
	said   Reason
	ending bool
}

// startMember returns a running member, to be ended by end.
func startMember(ctx context.Context, receiver string, base *url.URL, am Alertmanager, o Options) *member {
	u := base.JoinPath("api", "v2", "alerts")
	ctx, cut := context.WithCancel(ctx)
	m := &member{
		receiver: receiver, url: u.String(), header: http.Header{}, hide: newRedactor(u, am.AuthValue), opts: o, cut: cut,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		client: &http.Client{
			Transport: &http.Transport{
				DialContext: attached(o.Dial), Proxy: o.Proxy, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	m.header.Set("Content-Type", "application/json")
	m.header.Set("User-Agent", o.UserAgent)
	if am.AuthHeader != "" {
		m.header.Set(am.AuthHeader, am.AuthValue.Reveal())
	}
	go m.run(ctx)
	return m
}

// post queues alerts. Beyond the capacity the oldest give way.
func (m *member) post(alerts []posted) {
	if len(alerts) == 0 {
		return
	}
	m.mu.Lock()
	dropped := m.queue.put(alerts, time.Now())
	m.mu.Unlock()
	m.drop(dropped, DropOverflow)
	m.nudge()
}

// drop counts alerts that this member will not be posted, and says which.
func (m *member) drop(dropped []*queued, reason DropReason) {
	if len(dropped) == 0 {
		return
	}
	now := time.Now()
	var letters []Letter
	for _, q := range dropped[:min(len(dropped), lettersMost)] {
		letters = append(letters, letter(m.receiver, reason, q.alert, q.resolved, now))
	}
	m.opts.DeadLetters.Put(letters, len(dropped)-len(letters))
	m.opts.Observer.Dropped(m.receiver, reason, len(dropped))
	m.opts.Logger.Warn("alerts dropped", "receiver", m.receiver, "reason", string(reason), "alerts", len(dropped))
}

// nudge makes the member look at its queue.
func (m *member) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// waiting returns how many alerts wait.
func (m *member) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue.waiting)
}

// end posts what is queued, once, and then ends.
func (m *member) end() {
	m.mu.Lock()
	m.ending = true
	m.mu.Unlock()
	m.nudge()
}

// over reports whether the member has ended.
func (m *member) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// run posts batches until the end.
func (m *member) run(ctx context.Context) {
	defer close(m.done)
	defer m.cut()
	for {
		m.mu.Lock()
		if ctx.Err() != nil {
			left := m.queue.waiting
			m.queue = postQueue{}
			m.mu.Unlock()
			m.drop(left, DropShutdown)
			return
		}
		batch, ending := m.queue.take(), m.ending
		m.mu.Unlock()
		switch {
		case len(batch) > 0:
			m.send(ctx, batch)
		case ending:
			return
		default:
			select {
			case <-m.wake:
			case <-ctx.Done():
			}
		}
	}
}

// lasting returns what of a batch is still worth posting: a firing alert whose
// end has passed, since no evaluation has confirmed it, would read as resolved.
func lasting(batch []*queued, now time.Time) (alerts []*alert.Alert, since time.Time) {
	for _, q := range batch {
		if !q.resolved && !q.alert.EndsAt.After(now) {
			continue
		}
		if since.IsZero() || q.since.Before(since) {
			since = q.since
		}
		alerts = append(alerts, q.alert)
	}
	return alerts, since
}

// send posts one batch, and reports what came of it.
func (m *member) send(ctx context.Context, batch []*queued) {
	start := time.Now()
	// By the time of day, which goes on while a machine sleeps.
	alerts, since := lasting(batch, start.Round(0))
	if len(alerts) == 0 {
		return
	}
	err := m.attempt(ctx, alerts)
	a := Attempt{Receiver: m.receiver, Action: Sent, Took: time.Since(start), Waited: time.Since(since), Alerts: len(alerts), News: alerts}
	if f, failed := errors.AsType[*DeliveryError](err); failed {
		a.Action, a.Reason = f.Reason.follows(), f.Reason
	}
	m.opts.Observer.Attempted(a)
	l := m.opts.Logger.With("receiver", m.receiver, "alerts", len(alerts))
	switch {
	case err != nil && m.said != a.Reason:
		l.Error("alerts could not be posted; they are posted again", "err", err)
	case err == nil && m.said != "":
		l.Info("alerts are posted again")
	default:
		l.Debug("alerts posted", "err", err)
	}
	m.said = a.Reason
}

// follows returns what becomes of a post that failed: the next says the same,
// which helps unless the Alertmanager does not want it.
func (r Reason) follows() Action {
	switch r {
	case Canceled:
		return Interrupted
	case Network, Timeout, ServerError, RateLimited:
		return Retry
	case AuthError, ClientError, Redirect, Internal:
		return Refused
	default:
		return Refused
	}
}

// attempt posts once. Its error is a *DeliveryError.
func (m *member) attempt(ctx context.Context, alerts []*alert.Alert) error {
	body, err := json.Marshal(postables(alerts))
	if err != nil {
		return m.failure(Internal, err.Error())
	}
	attempt, cancel := context.WithTimeout(ctx, m.opts.Timeout)
	defer cancel()
	attempt = context.WithValue(attempt, attemptKey{}, attempt)
	req, err := http.NewRequestWithContext(attempt, http.MethodPost, m.url, bytes.NewReader(body))
	if err != nil {
		return m.failure(Internal, m.hide.cause(err))
	}
	req.GetBody = nil
	req.Header = m.header.Clone()
	resp, err := m.client.Do(req)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return m.failure(Canceled, "interrupted")
	case attempt.Err() != nil:
		return m.failure(Timeout, "no answer within "+m.opts.Timeout.String())
	default:
		return m.failure(Network, m.hide.cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return nil
	}
	reason, _ := classify(resp.StatusCode)
	excerpt, _ := io.ReadAll(io.LimitReader(resp.Body, errorBytes+1))
	said := m.hide.excerpt(excerpt[:min(len(excerpt), errorBytes)], len(excerpt) > errorBytes)
	return m.failure(reason, "status "+strconv.Itoa(resp.StatusCode)+": "+said)
}

// failure returns an error of this member.
func (m *member) failure(reason Reason, text string) *DeliveryError {
	return &DeliveryError{Reason: reason, text: "alertmanager of " + m.receiver + ": " + text}
}
