package hf

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// maxErrorBody bounds what is read of an answer that is not 2xx.
	maxErrorBody = 64 << 10
	// defaultLimit bounds a call that has no limit of its own.
	defaultLimit = 30 * time.Second
	// streamFactor is how many times larger than a body a stream may be.
	streamFactor = 4
	// customTask posts its input as given and is judged by its status and what
	// it expects alone; that its answer speaks of an error is nothing to us.
	customTask = "custom"
)

// exchangeKey finds the exchange in a context.
type exchangeKey struct{}

// exchange is one request and what becomes of it.
type exchange struct {
	client  *Client
	call    *probe.Call
	sheet   *sheet
	carrier *carrier
	secrets secrets
	limit   time.Duration

	ctx    context.Context //nolint:containedctx // An exchange lives as long as its one call.
	cancel context.CancelCauseFunc
	sent   time.Time
	trace  trace
	last   time.Time
	res    probe.Result

	// endMu guards ended, why the exchange ended itself, and the connection that its
	// end acts on.
	endMu sync.Mutex
	ended error
	straight
}

// prepare builds the request; nothing is sent.
func (c *Client) prepare(call *probe.Call) (*exchange, error) {
	if call.Target == nil || call.Target.Task == nil {
		return nil, errors.New("the call has no target or no task")
	}
	s, err := c.sheet(call)
	if err != nil {
		return nil, err
	}
	x := &exchange{client: c, call: call, sheet: s, carrier: s.carrier, secrets: s.secrets, limit: call.Limit, ctx: nil}
	if x.limit <= 0 {
		x.limit = defaultLimit
	}
	return x, nil
}

// request returns the request as net/http takes it.
func (x *exchange) request() *http.Request {
	req := *x.sheet.request
	req.Header = x.sheet.headerOf(x.call)
	// No GetBody: without it net/http has no way to send the body again.
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(x.call.Request.Body)), int64(len(x.call.Request.Body))
	if req.ContentLength == 0 && !x.call.Target.Endpoint.HTTP2 {
		// Over HTTP/2 net/http sends a request again that has no body at all, where
		// the server refuses its stream.
		req.Body = http.NoBody
	}
	return &req
}

// run sends the request and fills in the result.
func (x *exchange) run(ctx context.Context) {
	x.sent = time.Now()
	x.res.Sent = x.sent
	if x.carrier.pool != nil {
		x.ctx, x.cancel = ctx, x.end
		defer x.release()
		resp, err := x.direct(ctx) //nolint:bodyclose // came closes it.
		x.came(resp, err)          //nolint:contextcheck // What follows an answer goes by x.ctx, which has its deadline.
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.cancel = cancel
	ctx, stop := context.WithDeadlineCause(ctx, x.sent.Add(x.limit), errLimit)
	defer stop()
	x.ctx = ctx
	ctx = httptrace.WithClientTrace(ctx, x.trace.hooks())
	ctx = withExchange(ctx, x)
	// RoundTrip, unlike a Client, follows no redirect and keeps no cookies.
	resp, err := x.carrier.transport.RoundTrip(x.request().WithContext(ctx)) //nolint:bodyclose // came closes it.
	x.came(resp, err)                                                        //nolint:contextcheck // As above.
}

// came takes what the request brought: an answer, or why there is none.
func (x *exchange) came(resp *http.Response, err error) {
	if err != nil {
		now := time.Now()
		if cut := x.trace.cutShort(err); cut != nil {
			err = cut
		}
		t := x.trace.seal()
		x.fail(throughProxy(noAnswer(err, x.cause(), &t), err, x.call.Target.Endpoint.Proxy, &t), now)
		if x.res.Outcome == probe.Reset {
			x.warn(idleHint(&t))
		}
		x.finish(&t)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	x.trace.headersDone()
	x.last = time.Now()
	x.answer(resp)
	t := x.trace.seal()
	x.finish(&t)
}

// withExchange returns a context in which a dial finds its exchange.
func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

// cause returns why the exchange's own context ended, nil where it did not. A
// dial keeps the same deadline by itself and may see it pass a little sooner.
func (x *exchange) cause() error {
	x.endMu.Lock()
	ended := x.ended
	x.endMu.Unlock()
	if ended != nil {
		return ended
	}
	if cause := context.Cause(x.ctx); cause != nil {
		return cause
	}
	if time.Since(x.sent) >= x.limit {
		return errLimit
	}
	return nil
}

// fail sets an outcome that is not good, and when it was known.
func (x *exchange) fail(f failure, at time.Time) {
	x.res.Outcome, x.res.Phase, x.res.Error = f.outcome, f.phase, f.reason
	x.res.Service = probe.Measured(at.Sub(x.sent))
}

// saw notes when the last byte came.
func (x *exchange) saw(last time.Time) {
	if !last.IsZero() {
		x.last = last
	}
}

// warn adds what was odd; an empty text is nothing.
func (x *exchange) warn(text string) {
	if text != "" {
		x.res.Warnings = append(x.res.Warnings, text)
	}
}

// excerpt keeps the beginning of an answer that was not good.
func (x *exchange) excerpt(body []byte) {
	x.res.Excerpt = x.secrets.redact(string(body[:min(len(body), maxErrorBody)]))
}

// finish fills in the times of the connection.
func (x *exchange) finish(t *times) {
	x.res.Phases = t.phases(x.last)
	if t.gotConn.IsZero() {
		return
	}
	x.res.RemoteAddr = t.remote
	x.res.Reused = probe.Some(t.reused)
	if !t.firstByte.IsZero() && (x.res.Status != 0 || !t.afterInterim) {
		x.res.FirstByte = probe.Measured(max(0, t.firstByte.Sub(x.sent)))
	}
}
