package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// answer reads and judges an answer whose header is complete.
func (x *exchange) answer(resp *http.Response) {
	x.res.Status = resp.StatusCode
	x.res.Protocol = resp.Proto
	streamed := eventStream(resp.Header)
	evidence(&x.res, resp.Header, streamed)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// What follows is of another protocol and no body; net/http hands out the
		// connection in its place, whose reads no deadline of ours would end.
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	body, warning := decoded(resp)
	x.warn(warning)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		x.refusal(resp, body)
	case streamed:
		x.stream(resp, body)
	default:
		x.whole(resp, body)
	}
}

// refusal judges an answer that is not 2xx. Its status counts even where its
// body does not come. What it says is returned.
func (x *exchange) refusal(resp *http.Response, from io.Reader) envelope {
	body, last, err := readBody(from, resp.ContentLength, min(maxErrorBody, x.client.maxBody))
	now := time.Now()
	x.saw(last)
	if err != nil && !errors.Is(err, errTooLarge) {
		if cause := x.cause(); cause != nil && !errors.Is(cause, errLimit) {
			x.fail(failure{probe.Canceled, probe.PhaseBody, "canceled while the answer was coming"}, now)
			return envelope{}
		}
		x.warn("the body of the error did not come whole: " + plain(err))
	} else if !last.IsZero() {
		now = last
	}
	body = []byte(x.secrets.redact(string(body)))
	e := readEnvelope(resp.Header, body)
	if proxy := x.call.Target.Endpoint.Proxy; proxy != nil && resp.StatusCode == http.StatusProxyAuthRequired {
		x.fail(failure{probe.Connect, probe.PhaseProxy, "the proxy " + proxy.Host + ": it wants credentials"}, now)
		x.excerpt(body)
		return e
	}
	outcome := classify(resp.StatusCode, resp.Header, e, x.call.Target.Endpoint.Route)
	x.fail(failure{outcome, "", x.reason(resp, e)}, now)
	x.excerpt(body)
	x.res.Estimate = estimate(e)
	if x.res.Engine == "" {
		x.res.Engine = engineOfBody(resp.Header, resp.StatusCode, x.call.Target.Endpoint.Route, body)
	}
	return e
}

// reason returns the sentence for an answer that is not 2xx.
func (x *exchange) reason(resp *http.Response, e envelope) string {
	text := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		if to, err := resp.Location(); err == nil {
			return text + ": not followed to " + to.Scheme + "://" + to.Host
		}
		return text
	}
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// whole reads and judges a 2xx answer that is no stream.
func (x *exchange) whole(resp *http.Response, from io.Reader) {
	body, last, err := readBody(from, resp.ContentLength, x.client.maxBody)
	now := time.Now()
	x.saw(last)
	if err != nil {
		if f := brokenBody(err, x.cause(), closeDelimited(resp)); f != nil {
			x.fail(*f, now)
			x.excerpt(body)
			return
		}
		x.warn("the other side closed the connection without the alert that TLS asks for")
	}
	a, there := x.follow(probe.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body})
	if !there {
		return
	}
	body = a.Body
	x.res.Service = probe.Measured(x.last.Sub(x.sent))
	if x.res.Engine == "" {
		x.res.Engine = engineOfBody(resp.Header, resp.StatusCode, x.call.Target.Endpoint.Route, bothEnds(body))
	}
	if x.call.Target.Task.Name() != customTask && mayBeError(body) {
		text := []byte(x.secrets.redact(string(body)))
		if e := readEnvelope(resp.Header, text); e.inError {
			x.fail(failure{classify(resp.StatusCode, resp.Header, e, x.call.Target.Endpoint.Route), "", x.reason(resp, e)}, x.last)
			x.excerpt(text)
			x.res.Estimate = estimate(e)
			return
		}
	}
	x.check(a)
	if x.res.Outcome != probe.OK {
		x.excerpt(body)
	}
}

// bothEnds returns the beginning and the end of a body, between which an engine
// does not show itself.
func bothEnds(body []byte) []byte {
	const most = 4 * maxHead
	if len(body) <= 2*most {
		return body
	}
	return bytes.Join([][]byte{body[:most], body[len(body)-most:]}, []byte("\n"))
}

// mayBeError reports that a body may be an object with an error in it, cheaply
// for those that are not.
func mayBeError(body []byte) bool {
	head := bytes.TrimLeft(body[:min(len(body), 64)], " \t\r\n")
	if len(body) > maxErrorBody || len(head) == 0 || head[0] != '{' || !bytes.Contains(body, []byte(`"error"`)) {
		return false
	}
	var object struct {
		Error  json.RawMessage `json:"error"`
		Object json.RawMessage `json:"object"`
	}
	return json.Unmarshal(body, &object) == nil && (len(object.Error) > 0 || string(object.Object) == `"error"`)
}

// check lets the task judge a whole answer.
func (x *exchange) check(a probe.Answer) {
	v := x.call.Target.Task.Check(x.call.Ask, a)
	x.res.Outcome, x.res.Error = v.Outcome, v.Reason
	if v.Outcome == "" {
		x.res.Outcome, x.res.Error = probe.Internal, "the task gave no verdict"
	}
	x.res.Shape, x.res.FinishReason, x.res.ServedModel = v.Shape, v.Finish, v.Model
	x.res.TokensIn, x.res.TokensOut, x.res.TokensSource = v.TokensIn, v.TokensOut, v.TokensSource
	if x.res.TokensOut.IsZero() && !a.Streamed {
		if in, out := headerTokens(a.Header); !in.IsZero() || !out.IsZero() {
			x.res.TokensIn, x.res.TokensOut, x.res.TokensSource = in, out, probe.TokensHeader
		}
	}
	for _, warning := range v.Warnings {
		x.warn(warning)
	}
	if x.res.Outcome != probe.OK || !x.res.Cached || x.call.Target.Cache == probe.CacheAllow {
		return
	}
	if x.call.Target.Task.Name() == customTask {
		// Its input goes out as given, without a nonce that a cache would have to
		// spite.
		x.warn("the answer is a replay: its times are those of a cache")
		return
	}
	x.res.Outcome, x.res.Error = probe.Cached, "the answer is a replay, though every request was unlike the last"
}

// eventStream reports that the header announces server-sent events.
func eventStream(h http.Header) bool {
	kind, _, _ := strings.Cut(field(h, "Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// closeDelimited reports that only the connection's end marks the body's.
func closeDelimited(resp *http.Response) bool {
	return resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
}
