package hf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of what follows a request whose result a provider works on meanwhile.
const (
	// maxPolls bounds how often the result is asked for. The wait doubles after
	// every pollsAtPace of them, so that they last for minutes and stay few.
	maxPolls    = 200
	pollsAtPace = 60
	// minPause is the shortest wait between two of them.
	minPause = 250 * time.Millisecond
)

// pollPause returns how long to wait before the n-th question, from 0, for a
// result of which the provider's clients ask at a pace.
func pollPause(pace time.Duration, n int) time.Duration {
	return max(pace, minPause) << min(n/pollsAtPace, 3)
}

// follow asks for the result of an answer that only says where it is, or will be,
// until it is there, the deadline passes or a bound is reached. It returns the
// answer that is the result, and false where there is none: then the failure is
// noted. Nothing of it repeats the request: the questions are GETs, counted in
// the result.
func (x *exchange) follow(a probe.Answer) (probe.Answer, bool) {
	f, may := x.call.Target.Task.(probe.Follower)
	if !may || x.call.Target.Endpoint.Route != probe.RouteProvider {
		return a, true
	}
	// What is measured of the connection is the request's alone, and the next
	// request may have it while this one's result is waited for.
	x.trace.seal()
	x.release()
	whole := x.ctx
	ctx, stop := context.WithDeadlineCause(whole, x.sent.Add(x.limit), errLimit)
	defer func() {
		x.ctx = whole
		stop()
	}()
	x.ctx = ctx
	for polls := 0; ; {
		next := f.Follow(x.call.Ask, a)
		switch {
		case next.Failed:
			x.fail(x.gaveUp(next), x.last)
			x.excerpt(a.Body)
			return a, false
		case next.Link != "":
			return x.fetch(next.Link)
		case next.Path == "":
			return a, true
		case polls == maxPolls:
			x.fail(failure{probe.Timeout, probe.PhaseTotal, fmt.Sprintf("no result after %d questions for it%s", polls, stateOf(next))}, time.Now())
			return a, false
		}
		if next.Wait > 0 && !x.pause(pollPause(next.Wait, polls)) {
			x.fail(x.late(next, polls), time.Now())
			return a, false
		}
		polls++
		x.res.Polls = probe.Some(polls)
		var ok bool
		if a, ok = x.poll(next); !ok {
			return a, false
		}
	}
}

// stateOf returns what the provider says of how far it is, for a sentence.
func stateOf(next probe.Next) string {
	if next.State == "" {
		return ""
	}
	return ": it says " + clean(next.State, 40)
}

// late judges an exchange that ended while a provider was at work.
func (x *exchange) late(next probe.Next, polls int) failure {
	if cause := x.cause(); cause != nil && !errors.Is(cause, errLimit) {
		return failure{probe.Canceled, probe.PhaseTotal, "canceled while the provider was at work"}
	}
	return failure{
		probe.Timeout, probe.PhaseTotal,
		fmt.Sprintf("the deadline passed while the provider was at work, after %d questions for the result%s", polls, stateOf(next)),
	}
}

// pause waits, and reports whether the exchange still goes on. A question that
// would come at the deadline or behind it is not asked.
func (x *exchange) pause(d time.Duration) bool {
	if deadline, has := x.ctx.Deadline(); has && !time.Now().Add(d).Before(deadline) {
		<-x.ctx.Done()
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return x.ctx.Err() == nil
	case <-x.ctx.Done():
		return false
	}
}

// gaveUp judges a provider's own word that it failed, by what it says.
func (x *exchange) gaveUp(next probe.Next) failure {
	said := x.secrets.redact(next.Reason)
	body, err := json.Marshal(map[string]string{"error": said})
	if err != nil {
		body = nil
	}
	e := readEnvelope(nil, body)
	outcome := inBody(e)
	switch {
	case moderated(e):
		outcome = probe.Filtered
	case outcome == probe.InvalidOutput:
		outcome = probe.ServerError
	}
	reason := "the provider gave up" + stateOf(next)
	if e.message != "" {
		reason += ": " + e.message
	}
	return failure{outcome, "", reason}
}

// poll asks once for the result, at the host and provider of the request and with
// its credentials.
func (x *exchange) poll(next probe.Next) (probe.Answer, bool) {
	e := &x.call.Target.Endpoint
	u, err := address(e, x.call.Ask.Model, x.call.Ask.Provider, next.Path)
	if err != nil {
		x.fail(failure{probe.InvalidOutput, probe.PhaseBody, err.Error()}, time.Now())
		return probe.Answer{}, false
	}
	u.RawQuery, u.User = next.Query, nil
	// That net/http may send a GET again whose kept connection was closed
	// meanwhile does no harm: the question asks for nothing to be done.
	c, err := x.client.carriers.transporting(e, x.call.Reuse)
	if err != nil {
		x.fail(failure{probe.Internal, "", err.Error()}, x.last)
		return probe.Answer{}, false
	}
	h := x.sheet.headerOf(x.call)
	for _, of := range []string{"Content-Type", "Prefer"} {
		h.Del(of)
	}
	h.Set("Accept", "application/json")
	return x.get(c, u, h, x.sheet.request.Host, "asking for the result: ")
}

// fetch gets the file that is the result. It stands on whatever host the provider
// has for its files, which gets none of our headers and no credentials.
func (x *exchange) fetch(link string) (probe.Answer, bool) {
	own := x.call.Target.Endpoint.URL
	u, err := url.Parse(link)
	if err != nil || !mayFetch(u, own) {
		// What is signed stands in the query.
		shown, _, _ := strings.Cut(link, "?")
		x.fail(failure{probe.InvalidOutput, probe.PhaseBody, "the answer's link is not one that is fetched: " + clean(shown, 80)}, x.last)
		return probe.Answer{}, false
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	e := &probe.Endpoint{URL: u, Proxy: x.call.Target.Endpoint.Proxy, TLS: probe.TLSOptions{CA: x.call.Target.Endpoint.TLS.CA}}
	c, err := x.client.carriers.transporting(e, false)
	if err != nil {
		x.fail(failure{probe.Internal, "", err.Error()}, x.last)
		return probe.Answer{}, false
	}
	h := http.Header{"User-Agent": {x.client.userAgent}, "Accept-Encoding": {"identity"}, "Accept": {"*/*"}}
	a, ok := x.get(c, u, h, "", "fetching the file: ")
	if !ok && x.res.Status >= 400 && x.res.Status < 500 && x.res.Outcome != probe.Canceled && x.res.Phase != probe.PhaseProxy {
		// Whoever keeps the files was told nothing of our account, of the model or
		// of the request: what it refuses is a link that leads to no answer.
		x.res.Outcome = probe.InvalidOutput
	}
	return a, ok
}

// mayFetch reports whether a link of an answer may be followed: over https to a
// name, or to the very host that was asked. An address of this machine's own
// network is none that a provider keeps files at.
func mayFetch(u, own *url.URL) bool {
	if u.Host != "" && u.Host == own.Host && u.Scheme == own.Scheme {
		return true
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") ||
		strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal") {
		return false
	}
	return u.Scheme == "https"
}

// get asks once by GET, as a part of the exchange: within its deadline, and
// without redirects. What is not 2xx, and what does not come whole, is the
// exchange's failure; about says what it was for.
func (x *exchange) get(c *carrier, u *url.URL, h http.Header, host, about string) (probe.Answer, bool) {
	part := &exchange{client: x.client, call: x.call, carrier: c, secrets: x.secrets, limit: x.limit, ctx: x.ctx, sent: x.sent}
	ctx := httptrace.WithClientTrace(x.ctx, part.trace.hooks())
	req := http.Request{Method: http.MethodGet, URL: u, Host: host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	resp, err := c.transport.RoundTrip(req.WithContext(withExchange(ctx, part)))
	if err != nil {
		t := part.trace.seal()
		f := throughProxy(noAnswer(err, x.cause(), &t), err, x.call.Target.Endpoint.Proxy, &t)
		f.reason = about + f.reason
		x.fail(f, time.Now())
		return probe.Answer{}, false
	}
	defer func() { _ = resp.Body.Close() }()
	x.last, x.res.Status = time.Now(), resp.StatusCode
	body, warning := decoded(resp)
	x.warn(warning)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		e := x.refusal(resp, body)
		if x.res.Outcome == probe.BadRequest && moderated(e) {
			// The request was taken, and only its result is kept back.
			x.res.Outcome = probe.Filtered
		}
		x.res.Error = about + x.res.Error
		return probe.Answer{}, false
	}
	data, last, err := readBody(body, resp.ContentLength, x.client.maxBody)
	now := time.Now()
	x.saw(last)
	if err != nil {
		if f := brokenBody(err, x.cause(), closeDelimited(resp)); f != nil {
			f.reason = about + f.reason
			x.fail(*f, now)
			x.excerpt(data)
			return probe.Answer{}, false
		}
	}
	return probe.Answer{Status: resp.StatusCode, Header: resp.Header, Body: data}, true
}
