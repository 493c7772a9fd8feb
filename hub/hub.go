// Package hub asks Hugging Face's own services what they know: the router which
// models and providers it has, the Hub what a model is and whose token this is,
// and the management API what state an endpoint is in.
//
// Its one job is a question and its answer as typed values. It refuses to ask
// twice (there are no retries and no redirects; a connection serves one
// request), to read more of an answer than its bound, to send the token where
// design forbids it, and to decide anything. Answers are read strictly where
// something depends on them and tolerantly elsewhere: unknown fields, missing
// ones and both of the Hub's forms of a list are read, and what is not of the
// form at all is an error that names what was asked.
//
// A Client may be used from any number of goroutines.
package hub

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// The bounds of one question.
const (
	// DefaultTimeout bounds it from the dial to the last byte.
	DefaultTimeout = 15 * time.Second
	// DefaultMaxBody bounds an answer. The router's list of all models was about
	// half a megabyte in 2026.
	DefaultMaxBody = 8 << 20
	maxHeader      = 256 << 10
	// maxReason bounds what of an answer an error repeats.
	maxReason = 300
)

// Options are what a Client is made with. The zero value asks the public
// services without a token.
type Options struct {
	// Version is hfwatch's own, for the User-Agent; empty is "dev".
	Version string
	// Token is the hub's token; zero is none. It goes only where
	// probe.MayCarryHubToken allows.
	Token probe.Secret
	// API, Router and Endpoints are the base addresses of the Hub, the router
	// and the management API; nil is the public one.
	API, Router, Endpoints *url.URL
	// Timeout bounds each question; 0 is DefaultTimeout.
	Timeout time.Duration
	// MaxBody bounds an answer's bytes; 0 is DefaultMaxBody.
	MaxBody int64
	// Dial makes connections; nil is the network's own.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy is the proxy to go through; nil is none.
	Proxy *url.URL
	// Roots are the certificates to trust; nil is the system's.
	Roots *x509.CertPool
}

// Client asks.
type Client struct {
	api, router, endpoints *url.URL

	agent   string
	token   probe.Secret
	timeout time.Duration
	maxBody int64
	http    *http.Client
}

// New returns a client.
func New(o Options) *Client {
	t := &http.Transport{
		DialContext: o.Dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}, Protocols: new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	c := &Client{
		api: base(o.API, "huggingface.co"), router: base(o.Router, "router.huggingface.co"),
		endpoints: base(o.Endpoints, "api.endpoints.huggingface.cloud"),
		agent:     "hfwatch/" + o.Version, token: o.Token, timeout: o.Timeout, maxBody: o.MaxBody,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	if o.Version == "" {
		c.agent += "dev"
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.maxBody <= 0 {
		c.maxBody = DefaultMaxBody
	}
	return c
}

// base returns a base address, or https and the host given where there is none.
func base(u *url.URL, host string) *url.URL {
	if u == nil {
		return &url.URL{Scheme: "https", Host: host}
	}
	return u
}

// Request is one question.
type Request struct {
	// Method is GET where empty.
	Method string
	// Base is the service, Path what is appended to it, unescaped, and Query the
	// rest of the address.
	Base  *url.URL
	Path  string
	Query url.Values
	// Body is sent as JSON; nil is none.
	Body []byte
	// Token is sent in place of the client's; zero is the client's.
	Token probe.Secret
	// Header is added; nil is none.
	Header map[string]string
}

// Reply is a 2xx answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Sent and Took are when the question was sent and how long its answer took.
	Sent time.Time
	Took time.Duration
	// TLS is the connection's state; nil over http.
	TLS *tls.ConnectionState
}

// StatusError is an answer that is not 2xx.
type StatusError struct {
	// What is what was asked: method, host and path.
	What   string
	Status int
	// Reason is what the answer says, bounded, on one line and without tokens.
	Reason string
	// HTML is true where it is a page for people, from an edge that knows nothing
	// of the account.
	HTML   bool
	Header http.Header
}

// Error says what was asked and what the answer was.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: status %d", e.What, e.Status)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Do asks once. The error is a *StatusError where the answer is not 2xx, else
// it names what was asked and why no answer came.
func (c *Client) Do(ctx context.Context, q Request) (Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no whole answer within %s", c.timeout))
	defer cancel()
	u := *q.Base
	u.Path = strings.TrimRight(u.Path, "/") + q.Path
	u.RawPath, u.RawQuery = "", q.Query.Encode()
	method := q.Method
	if method == "" {
		method = http.MethodGet
	}
	what := method + " " + u.Host + u.Path
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(q.Body))
	if err != nil {
		return Reply{}, fmt.Errorf("%s: not an address that can be asked", what)
	}
	token := c.head(req, q)
	reply := Reply{Sent: time.Now()}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply, fmt.Errorf("%s: %w", what, because(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	reply.Status, reply.Header, reply.TLS = resp.StatusCode, resp.Header, resp.TLS
	reply.Body, err = io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	reply.Took = time.Since(reply.Sent)
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	switch {
	case !ok:
		return reply, refusal(what, resp, reply.Body, token)
	case err != nil:
		return reply, fmt.Errorf("%s: reading the answer: %w", what, because(ctx, err))
	case int64(len(reply.Body)) > c.maxBody:
		return reply, fmt.Errorf("%s: the answer is larger than %d bytes", what, c.maxBody)
	}
	return reply, nil
}

// head sets the request's header and returns the token that it carries, zero
// where it carries none.
func (c *Client) head(req *http.Request, q Request) probe.Secret {
	if q.Body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	// A body that can be rewound is one that net/http may send twice.
	req.GetBody = nil
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	for name, value := range q.Header {
		req.Header.Set(name, value)
	}
	token := c.token
	if !q.Token.IsZero() {
		token = q.Token
	}
	if token.IsZero() || !probe.MayCarryHubToken(req.URL) {
		return probe.Secret{}
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	return token
}

// because returns why an exchange failed, without the address that a *url.Error
// repeats.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return cause
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// refusal returns what an answer that is not 2xx says.
func refusal(what string, resp *http.Response, body []byte, token probe.Secret) *StatusError {
	e := &StatusError{What: what, Status: resp.StatusCode, Header: resp.Header}
	text := strings.TrimSpace(string(body[:min(len(body), 4<<10)]))
	switch {
	case strings.HasPrefix(text, "<") || strings.Contains(resp.Header.Get("Content-Type"), "text/html"):
		e.HTML, text = true, "a page in HTML"
	default:
		text = said(body, text)
	}
	if text == "" {
		text = resp.Header.Get("X-Error-Message")
	}
	if !token.IsZero() {
		text = strings.ReplaceAll(text, token.Reveal(), probe.Redacted)
	}
	e.Reason = probe.Clean(probe.RedactTokens(text), maxReason)
	return e
}

// Close closes what waits. Questions in flight are answered undisturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }
