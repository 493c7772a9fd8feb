package sim

import (
	"net/http"
	"time"
)

// opensEarly reports whether the backend sends the headers of a stream before
// it knows whether it can serve the request, as TGI and vLLM do.
func (x *exchange) opensEarly() bool {
	return x.spec.Backend == BackendTGI || x.spec.Backend == BackendVLLM || x.spec.Backend == BackendSGLang
}

// problemInStream answers a problem as an event inside a 200 stream where the
// backend does so: TGI validates and queues after it has opened the stream. It
// reports whether it did.
func (x *exchange) problemInStream(p problem) bool {
	if !x.rec.Stream || x.spec.Backend != BackendTGI || p.envelope != envErrorType {
		return false
	}
	x.rec.Did = p.did
	x.openStream(job{stream: true})
	form := "e"
	if x.api == apiChat || x.api == apiCompletions {
		form = "g"
	}
	x.sendErrorEvent(form, p.message, p.errorType, nil)
	return true
}

// openStream sends the headers of a stream.
func (x *exchange) openStream(j job) {
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	x.streamHeaders(h, j)
	x.rec.Stream = true
	x.pen.header(http.StatusOK)
	x.pen.silence = time.Duration(x.b.SSE.Comments)
	x.pen.flush()
}

// stream sends the events of j, the token i of which is ready at times[i].
func (x *exchange) stream(j job, times []time.Duration) {
	if !x.opensEarly() {
		x.openStream(j)
	}
	if x.fault.Kind == "empty_stream" {
		x.rec.Did = x.fault.Kind
		_ = x.idle(x.rec.Started.Add(times[0]))
		return
	}
	if x.oversizedStream(times[0]) {
		return
	}
	var shift time.Duration
	strikes := kindNamed(x.fault.Kind).Class == ClassStream || x.fault.Kind == "reset_mid_body" || x.fault.Kind == "truncated_body"
	at := min(x.fault.At, max(0, j.gen.tokens()-1))
	if at == 0 && kindNamed(x.fault.Kind).Class == ClassConnection {
		at = j.gen.tokens() / 2
	}
	for _, e := range x.events(j.gen) {
		due := x.rec.Started.Add(shift)
		if e.after >= 0 {
			due = due.Add(times[e.after])
		}
		if strikes && e.tokens > 0 && x.rec.TokensSent+e.tokens > at {
			ended, stalled := x.strike(due)
			if ended {
				return
			}
			strikes = false
			shift += stalled
			due = due.Add(stalled)
		}
		if x.idle(due) != nil {
			return
		}
		x.sendEvent(e)
	}
	if x.wantsDone(j) {
		x.pen.event([]byte("[DONE]"))
	}
	if x.fault.Kind == "close_after_response" {
		x.rec.Did = x.fault.Kind
		x.pen.hang(false)
	}
}

// wantsDone reports whether the stream of j ends with [DONE].
func (x *exchange) wantsDone(j job) bool {
	return !j.gen.native && !j.gen.responses && !x.b.SSE.NoDone && x.fault.Kind != "no_done"
}

// sendEvent writes e and logs its tokens.
func (x *exchange) sendEvent(e event) {
	now := time.Now()
	data := e.data()
	if e.tokens > 0 {
		if x.rec.TokensSent == 0 {
			x.rec.FirstToken = now
		}
		if e.answer && x.rec.FirstAnswer.IsZero() {
			x.rec.FirstAnswer = now
		}
		x.rec.LastToken = now
		x.rec.TokensSent += e.tokens
		if x.server.scenario.RecordTokens {
			for range e.tokens {
				x.rec.Tokens = append(x.rec.Tokens, now)
			}
		}
	}
	x.pen.named(e.name, data)
	x.rec.EventsSent++
}

// strike lets the stream's fault happen at its place, before the event that is
// due then. It reports whether the stream is over, and else for how long it
// stalled.
func (x *exchange) strike(due time.Time) (ended bool, stalled time.Duration) {
	f := x.fault
	x.rec.Did = f.Kind
	switch f.Kind {
	case "no_done", "no_finish", "json_for_stream":
		return false, 0
	case "stream_stall":
		return x.stall()
	}
	if x.idle(due) != nil {
		return true, 0
	}
	switch f.Kind {
	case "malformed_event":
		x.pen.event([]byte(`{"id":"","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" hal`))
		return false, 0
	case "stream_error":
		x.failStream(f)
	case "stream_cut", "truncated_body":
		x.pen.hang(false)
	case "stream_reset", "reset_mid_body":
		x.pen.hang(true)
	}
	return true, 0
}

// stall stays silent for the fault's delay, or for ever where it has none.
func (x *exchange) stall() (ended bool, stalled time.Duration) {
	x.pen.silence = 0
	if x.fault.Comments {
		x.pen.silence = time.Duration(x.b.SSE.Comments)
		fill(&x.pen.silence, 15*time.Second)
	}
	d := time.Duration(x.fault.Delay)
	if d == 0 {
		for x.idle(time.Now().Add(maxPause)) == nil {
			continue
		}
		return true, 0
	}
	if x.idle(time.Now().Add(d)) != nil {
		return true, d
	}
	x.pen.silence, x.pen.last = time.Duration(x.b.SSE.Comments), time.Now()
	return false, d
}

// failStream sends the error event that f asks for.
func (x *exchange) failStream(f Fault) {
	form, message, errorType := f.Form, f.Message, f.ErrorType
	if form == "" {
		form = map[string]string{BackendTGI: "g", BackendHF: "g"}[x.spec.Backend]
		fill(&form, "f")
		if x.api != apiChat && x.api != apiCompletions {
			form = "e"
		}
	}
	fill(&message, "Request failed during generation: Server error: CUDA error")
	fill(&errorType, map[string]string{"e": "generation"}[form], "InternalServerError")
	x.sendErrorEvent(form, message, errorType, f.Done)
}

// sendErrorEvent sends an error inside a stream; done says whether [DONE]
// follows, nil meaning that it does as the form has it.
func (x *exchange) sendErrorEvent(form, message, errorType string, done *bool) {
	p := problem{status: http.StatusInternalServerError, message: message, errorType: errorType}
	p.envelope = map[string]string{"e": envErrorType, "f": envOpenAI, "g": envTGIChat}[form]
	if form == "f" {
		p.code = "500"
	}
	x.pen.event(encode(p.tree()))
	x.rec.EventsSent++
	if (done == nil && form != "e") || (done != nil && *done) {
		x.pen.event([]byte("[DONE]"))
	}
}

// idle returns at t, having kept the stream alive with comments meanwhile, or
// earlier with an error where the client has left.
func (x *exchange) idle(t time.Time) error {
	for {
		wait := x.pen.keepAlive()
		next := time.Now().Add(wait)
		if wait <= 0 || !next.Before(t) {
			break
		}
		if err := sleepUntil(x.r.Context(), next); err != nil {
			return x.left(err)
		}
	}
	return x.left(sleepUntil(x.r.Context(), t))
}

// left logs that the client has left where err says so, and returns err.
func (x *exchange) left(err error) error {
	if err != nil && x.rec.Did == "ok" {
		x.rec.Did = "client_gone"
	}
	return err
}

// pen writes one answer to the client and flushes each part.
type pen struct {
	x *exchange
	// silence is after how long without a byte a comment comes; 0 is never.
	silence time.Duration
	last    time.Time
	open    bool
}

// newPen returns the pen of x.
func newPen(x *exchange) *pen { return &pen{x: x} }

// header sends the status and the headers.
func (p *pen) header(status int) {
	p.x.rec.Status, p.x.rec.HeadersSent = status, time.Now()
	p.last, p.open = time.Now(), true
	p.x.w.WriteHeader(status)
}

// flush sends what is buffered.
func (p *pen) flush() {
	// Where the client has left, its context says so.
	_ = http.NewResponseController(p.x.w).Flush()
}

// event sends one event in the form of the stream's lines.
func (p *pen) event(data []byte) { p.named("", data) }

// named sends one event under a name, empty being none.
func (p *pen) named(name string, data []byte) {
	space, end := " ", "\n"
	if p.x.b.SSE.NoSpace {
		space = ""
	}
	if p.x.b.SSE.CRLF {
		end = "\r\n"
	}
	line := ""
	if name != "" {
		line = "event:" + space + name + end
	}
	p.write(line + "data:" + space + string(data) + end + end)
}

// write sends text at once.
func (p *pen) write(text string) {
	if p.x.fault.Kind == "slow_body" {
		p.drip([]byte(text))
		return
	}
	p.last = time.Now()
	// Where the client has left, its context says so.
	_, _ = p.x.w.Write([]byte(text))
	p.flush()
}

// keepAlive sends a comment if the stream is open and has been silent for long
// enough, and returns how long it is until the next; 0 is never.
func (p *pen) keepAlive() time.Duration {
	if !p.open || p.silence <= 0 {
		return 0
	}
	wait := time.Until(p.last.Add(p.silence))
	if wait > 0 {
		return wait
	}
	p.write(":\n\n")
	return p.silence
}

// hang closes the connection, with a reset or in order, whatever is still to
// come.
func (p *pen) hang(reset bool) {
	if p.open {
		// A flush before the headers would send them.
		p.flush()
	}
	conn, _, err := http.NewResponseController(p.x.w).Hijack()
	if err != nil {
		// HTTP/2 and recorders have no connection to give; this aborts the
		// stream all the same.
		panic(http.ErrAbortHandler)
	}
	if c, ok := conn.(interface{ SetLinger(seconds int) error }); ok && reset {
		// Without it the close is in order, which is the most that is possible.
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
