package hf

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// stream reads and judges a 2xx event stream.
func (x *exchange) stream(resp *http.Response, body io.Reader) {
	task := x.call.Target.Task
	s := &stream{
		task: task, sent: x.sent, dec: NewDecoder(x.client.maxLine, 0),
		maxBytes: int64(x.client.maxBody) * streamFactor, limit: x.client.maxEvents,
		keep:    x.call.Kind != probe.WindowKind || !x.call.Ask.Expect.IsZero() || x.call.Request.KeepText,
		allGaps: x.call.Kind == probe.WindowKind,
	}
	s.progress.KeepText = !x.call.Ask.Expect.IsZero() || x.call.Request.KeepText
	watch := &stallWatch{limit: x.call.Target.Stall, s: s, cancel: x.cancel}
	s.began = watch.start
	s.read(body)
	watch.stop()
	now := time.Now()
	x.saw(s.lastByte)
	cause := x.cause()
	s.times(&x.res)
	if x.res.Engine == "" {
		x.res.Engine = engineOfBody(resp.Header, resp.StatusCode, x.call.Target.Endpoint.Route, s.head)
	}
	if s.end == endFailed || s.end == endEOF && s.progress.Events == 0 && mayBeError(s.dec.Stray()) {
		x.streamFailed(s, now)
		return
	}
	free := task.Name() == customTask
	j := judgeStream(s.end, s.progress, brokenStream(s, cause, resp, free), free)
	x.warn(j.warning)
	if !j.check {
		if s.progress.Malformed > 0 {
			x.warn(fmt.Sprintf("%d of %d events could not be read", s.progress.Malformed, s.progress.Events))
		}
		x.fail(j.failure, now)
		x.streamTokens(s, resp.Header)
		x.excerpt(s.excerpt())
		return
	}
	x.drain(body)
	x.res.Service = probe.Measured(x.last.Sub(x.sent))
	if s.chunks > 0 {
		x.res.Service = probe.Measured(s.lastToken)
	}
	events, cut := s.events()
	x.check(probe.Answer{
		Status: resp.StatusCode, Header: resp.Header, Streamed: true, Events: events, EventsCut: cut, Progress: s.progress,
	})
	x.streamTokens(s, resp.Header)
	if x.res.Outcome != probe.OK {
		x.excerpt(s.excerpt())
	}
}

// brokenStream judges the error that a stream broke off with; nil where it
// ended as it should. A body that ends while we end the exchange, with its
// answer not whole, is ours and not the other side's: a server that sees us go
// may well close the body in good order.
func brokenStream(s *stream, cause error, resp *http.Response, free bool) *failure {
	whole := free || s.progress.Ended || s.progress.Finish != ""
	if s.end == endBroken || s.end == endEOF && cause != nil && !whole {
		return brokenBody(s.err, cause, closeDelimited(resp))
	}
	return nil
}

// streamFailed judges an error inside a stream: an event, or a line that is no
// event at all.
func (x *exchange) streamFailed(s *stream, now time.Time) {
	data := s.failed
	if data == nil {
		data = s.dec.Stray()
	}
	data = []byte(x.secrets.redact(string(data)))
	outcome, e := inStream(data)
	x.fail(failure{outcome, probe.PhaseBody, "an error within the stream: " + e.message}, now)
	x.excerpt(data)
	x.res.Estimate = estimate(e)
	x.streamTokens(s, nil)
}

// excerpt returns the beginning of what a stream held, one event a line.
func (s *stream) excerpt() []byte {
	var text []byte
	for _, data := range s.kept {
		text = append(append(text, data...), '\n')
		if len(text) > maxExcerptSource {
			return text
		}
	}
	switch {
	case len(text) > 0:
		return text
	case len(s.head) > 0:
		return s.head
	}
	return s.dec.Stray()
}

// streamTokens fills in the counts that the check left open, and what follows
// from them.
func (x *exchange) streamTokens(s *stream, h http.Header) {
	if x.res.TokensOut.IsZero() && !s.progress.TokensOut.IsZero() {
		x.res.TokensIn, x.res.TokensOut, x.res.TokensSource = s.progress.TokensIn, s.progress.TokensOut, probe.TokensUsage
	}
	if x.res.TokensOut.IsZero() {
		if in, out := headerTokens(h); !out.IsZero() {
			x.res.TokensIn, x.res.TokensOut, x.res.TokensSource = in, out, probe.TokensHeader
		}
	}
	if x.res.TokensOut.IsZero() && s.chunks > 0 {
		x.res.TokensOut, x.res.TokensSource = probe.Some(s.chunks), probe.TokensChunks
	}
	if x.res.FinishReason == "" {
		x.res.FinishReason = s.progress.Finish
	}
	if x.res.ServedModel == "" {
		x.res.ServedModel = s.progress.Model
	}
	x.res.TPOT = s.perToken(x.res.TokensOut)
}

// drain reads what little may follow a stream's end.
func (x *exchange) drain(body io.Reader) {
	timer := time.AfterFunc(drainTime, func() { x.cancel(errDrained) })
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, body, drainBytes)
}
