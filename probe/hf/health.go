package hf

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// healthRoute is where every engine that serves itself says how it is: TGI, TEI,
// the toolkit, vLLM, SGLang and llama.cpp all have it. hf-inference and the
// providers behind the router have none.
const healthRoute = "/health"

// HealthState is what a health route says.
type HealthState string

// The states. HealthUnknown is an answer that says nothing of health, such as a
// 404 of an engine without the route.
const (
	Healthy       HealthState = "healthy"
	Unhealthy     HealthState = "unhealthy"
	HealthUnknown HealthState = "unknown"
)

// HealthStates returns the closed set.
func HealthStates() []HealthState { return []HealthState{Healthy, Unhealthy, HealthUnknown} }

// Health is the answer of a health route.
type Health struct {
	State HealthState
	// Path is where it was asked; empty where nothing was sent.
	Path string
	// Status is the HTTP status; 0 where none came.
	Status int
	// Error is one bounded sentence without secrets where it is not healthy.
	Error string
}

// Health asks the health route of the engine behind a target once, over a
// connection of its own, with the target's headers and credentials, for at most
// limit. It is no probe: it runs no model. A target at the router has no such
// route, and nothing is sent. id names the request as a probe's ID does.
func (c *Client) Health(ctx context.Context, t *probe.Target, id string, limit time.Duration) Health {
	e := &t.Endpoint
	u := healthURL(e)
	if u == nil {
		return Health{State: HealthUnknown, Error: "the route has no health of its own"}
	}
	secrets := secretsOf(e)
	failed := func(state HealthState, status int, err error) Health {
		return Health{State: state, Path: u.Path, Status: status, Error: clean(secrets.redact(err.Error()), maxReason)}
	}
	call := &probe.Call{Shot: probe.Shot{Target: t}, ID: id}
	h, err := header(call, u, c.userAgent)
	if err != nil {
		return failed(HealthUnknown, 0, err)
	}
	h.Del("X-Use-Cache")
	carrier, err := c.carriers.get(e, false)
	if err != nil {
		return failed(HealthUnknown, 0, err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if !carrier.acquire(ctx, limit) {
		return failed(HealthUnknown, 0, fmt.Errorf("no HTTP/2 stream was free"))
	}
	defer carrier.release()
	req := &http.Request{Method: http.MethodGet, URL: u, Host: h.Get("Host"), Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if e.HTTP2 {
		// A request without any body would be sent again where its stream is refused.
		req.Body = io.NopCloser(strings.NewReader(""))
	}
	h.Del("Host")
	// A dial looks for the exchange that it is for.
	ctx = context.WithValue(ctx, exchangeKey{}, &exchange{client: c, call: call, carrier: carrier, limit: limit, ctx: ctx, sent: time.Now()})
	resp, err := carrier.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no answer within %s", limit)
		}
		return failed(Unhealthy, 0, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHead))
	if err != nil {
		return failed(Unhealthy, resp.StatusCode, err)
	}
	return healthOf(resp, u.Path, body, secrets)
}

// healthOf judges an answer.
func healthOf(resp *http.Response, path string, body []byte, secrets secrets) Health {
	out := Health{State: Healthy, Path: path, Status: resp.StatusCode}
	e := readEnvelope(resp.Header, []byte(secrets.redact(string(body))))
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		out.State = Unhealthy
	case resp.StatusCode < 200 || resp.StatusCode > 299 || e.html:
		// A page for people, or an answer of somebody else's.
		out.State = HealthUnknown
	default:
		return out
	}
	out.Error = clean(strings.TrimSuffix(fmt.Sprintf("%d %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), e.message), ": "), maxReason)
	return out
}

// healthURL returns where the engine behind an address of one's own says how it
// is. Nil is nowhere.
func healthURL(e *probe.Endpoint) *url.URL {
	u := EngineURL(e)
	if u != nil {
		u.Path += healthRoute
	}
	return u
}

// EngineURL returns the address of the engine behind an address of one's own,
// without a slash at its end: its inference route, which is of a closed set, is
// taken off. Nil is none: an address of the router.
func EngineURL(e *probe.Endpoint) *url.URL {
	if e.Route != probe.RouteURL || e.URL == nil || strings.EqualFold(e.URL.Hostname(), "router.huggingface.co") {
		return nil
	}
	u := *e.URL
	u.RawQuery, u.Fragment, u.RawFragment, u.RawPath, u.User = "", "", "", "", nil
	base := strings.TrimRight(u.Path, "/")
	for _, route := range []string{
		"/v1/chat/completions", "/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/rerank",
		"/v1/audio/transcriptions", "/v1/audio/speech", "/v1/images/generations", "/v1", "/embeddings", "/generate_stream",
		"/generate", "/embed_all", "/embed_sparse", "/embed", "/predict", "/rerank", "/similarity", "/invocations",
	} {
		if rest, ok := strings.CutSuffix(base, route); ok {
			base = rest
			break
		}
	}
	u.Path = base
	return &u
}
