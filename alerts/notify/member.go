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
	queue  []queued
	said   Reason
	ending bool
}

// queued is an alert that waits to be posted.
type queued struct {
	alert *alert.Alert
	since time.Time
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
func (m *member) post(alerts []*alert.Alert) {
	if len(alerts) == 0 {
		return
	}
	now := time.Now()
	m.mu.Lock()
	for _, a := range alerts {
		m.queue = append(m.queue, queued{a, now})
	}
	over := len(m.queue) - queueCapacity
	var letters []Letter
	if over > 0 {
		for _, q := range m.queue[:min(over, lettersMost)] {
			letters = append(letters, letter(m.receiver, DropOverflow, q.alert, q.alert.ResolvedAt(now), now))
		}
		m.queue = append([]queued(nil), m.queue[over:]...)
	}
	m.mu.Unlock()
	if over > 0 {
		m.opts.DeadLetters.Put(letters, over-len(letters))
		m.opts.Observer.Dropped(m.receiver, DropOverflow, over)
		m.opts.Logger.Warn("alerts dropped", "receiver", m.receiver, "reason", string(DropOverflow), "alerts", over)
	}
	m.nudge()
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
	return len(m.queue)
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
		n := min(len(m.queue), batchMost)
		batch, ending := m.queue[:n:n], m.ending
		m.queue = m.queue[n:]
		m.mu.Unlock()
		switch {
		case n > 0 && ctx.Err() == nil:
			m.send(ctx, batch)
		case ending || ctx.Err() != nil:
			return
		default:
			select {
			case <-m.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

// send posts one batch, and reports what came of it.
func (m *member) send(ctx context.Context, batch []queued) {
	start := time.Now()
	alerts := make([]*alert.Alert, len(batch))
	for i, q := range batch {
		alerts[i] = q.alert
	}
	err := m.attempt(ctx, alerts)
	a := Attempt{Receiver: m.receiver, Action: Sent, Took: time.Since(start), Waited: time.Since(batch[0].since), Alerts: len(batch), News: alerts}
	if f, failed := errors.AsType[*DeliveryError](err); failed {
		a.Action, a.Reason = Refused, f.Reason
		if f.Reason == Canceled {
			a.Action = Interrupted
		}
	}
	m.opts.Observer.Attempted(a)
	l := m.opts.Logger.With("receiver", m.receiver, "alerts", len(batch))
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
