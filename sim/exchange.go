package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// maxBody is the most that is read of any request, in bytes.
const maxBody = 64 << 20

// exchange is one request on its way through the server.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	rec    TruthRecord
	epoch  int
	// body is the request's, cut at maxBody.
	body []byte
	// arrived is when the whole request was there.
	arrived time.Time
	// path is the request's below its endpoint, host or prefix.
	path string

	// Set once a model is found: it, its settings as they were then, the
	// random numbers of this request, the fault that strikes it.
	model *model
	spec  Model
	b     Behaviour
	rng   *rand.Rand
	fault Fault
	// rate is what the answer says of the limits that the request counts
	// against.
	rate []rateSaid
	// atRouter says that the request came through the router.
	atRouter bool
	api      api
	task     string
	// tokensIn and tokensOut are those of what was computed, finished why it
	// ended.
	tokensIn, tokensOut int
	finished            string

	pen *pen
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_sim" || strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.admin.ServeHTTP(w, r)
		return
	}
	x := s.open(w, r)
	defer s.close(x)
	defer x.depart()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		x.rec.Did = "client_gone"
		return
	}
	x.arrived = time.Now()
	x.body = body
	sum := sha256.Sum256(body)
	x.rec.BodyBytes, x.rec.BodySHA256 = len(body), hex.EncodeToString(sum[:])
	// The request's own context is x's.
	if p := x.dispatch(); p != nil { //nolint:contextcheck // See above.
		x.refuse(*p) //nolint:contextcheck // See above.
	}
}

// open starts the record of a request.
func (s *Server) open(w http.ResponseWriter, r *http.Request) *exchange {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	s.sequence++
	x := &exchange{server: s, w: w, r: r, epoch: s.epoch, path: r.URL.Path, rec: newRecord(r, s.sequence, now)}
	x.pen = newPen(x)
	return x
}

// close ends the record and keeps it.
func (s *Server) close(x *exchange) {
	x.rec.Done = time.Now()
	s.mu.Lock()
	if x.epoch == s.epoch {
		s.truth.add(x.rec)
		if x.model != nil && x.task != "" {
			x.model.tally.count(x)
		}
	}
	s.mu.Unlock()
	s.logger.Debug("request", "sequence", x.rec.Sequence, "model", x.rec.Model, "route", x.rec.Route,
		"did", x.rec.Did, "status", x.rec.Status, "seconds", x.rec.Done.Sub(x.rec.Received).Seconds())
}

// meet sets the model that the request is for, as it is now, and draws whether
// its fault strikes.
func (x *exchange) meet(m *model, a api, task string) {
	s := x.server
	s.mu.Lock()
	m.requests++
	n := m.requests
	x.spec = m.clone()
	seed := s.scenario.Seed
	s.mu.Unlock()
	x.model, x.api, x.task = m, a, task
	x.b = x.spec.effective()
	x.rng = stream(seed, m.Name, n)
	x.rec.Model, x.rec.Task, x.rec.Route, x.rec.Provider = m.Name, task, x.spec.Backend+" "+string(a), x.spec.provider()
	x.rec.InFlight = m.gate.load()
	// The draw is made whether or not there is a fault, so that one does not
	// shift the draws after it.
	if u := x.rng.Float64(); x.b.Fault.Kind != "" && (x.b.Fault.Ratio == 0 || u < x.b.Fault.Ratio) {
		x.fault = x.b.Fault
	}
}

// run carries the request through fault, check, cache, queue and computation.
// It returns the problem that the answer is, or nil where it was answered.
func (x *exchange) run() *problem {
	if p := x.modelLimit(); p != nil {
		return p
	}
	switch kindNamed(x.fault.Kind).Class {
	case ClassStatus:
		return x.statusFault(x.fault)
	case ClassConnection:
		if x.breakEarly() {
			return nil
		}
	}
	if x.api == apiAsync {
		return x.submit()
	}
	j, p := x.parse()
	if p != nil {
		if x.problemInStream(*p) {
			return nil
		}
		return p
	}
	x.rec.Stream = j.stream
	switch x.fault.Kind {
	case "json_for_stream":
		if j.stream {
			x.rec.Did, j.stream = x.fault.Kind, false
		}
	case "gzip", "gzip_bomb", "slow_headers":
		// These are of an answer in one piece.
		j.stream = false
	}
	if hit, ok := x.replayed(j); ok {
		x.sendReplay(hit)
		return nil
	}
	return x.compute(j)
}

// statusFault returns the problem that f is, after its delay.
func (x *exchange) statusFault(f Fault) *problem {
	if sleepUntil(x.r.Context(), x.arrived.Add(time.Duration(f.Delay))) != nil {
		x.rec.Did = "client_gone"
		return nil
	}
	p := bare(x.spec.Backend, f.Status)
	if known, ok := presetNamed(f.Kind); ok {
		p = known.on(x.spec.Backend)
	}
	p = p.with(f)
	return &p
}

// compute queues the request, computes its answer and sends it.
func (x *exchange) compute(j job) *problem {
	limit := 0
	if x.b.Overflow == "queue" {
		limit = x.b.QueueLimit
	}
	place := x.model.gate.enter(limit)
	if place == nil {
		known, _ := presetNamed("overloaded")
		p := known.on(x.spec.Backend)
		p.did = "queue_full"
		if j.stream && x.problemInStream(p) {
			return nil
		}
		return &p
	}
	defer x.model.gate.leave(place)
	if j.stream && x.opensEarly() {
		x.openStream(j)
	}
	if err := place.wait(x.r.Context(), x.whileQueued); err != nil {
		x.rec.Did = "client_gone"
		return nil
	}
	x.rec.Started = time.Now()
	x.rec.QueueSeconds = x.rec.Started.Sub(x.arrived).Seconds()
	x.tokensIn, x.tokensOut, x.finished = j.tokensIn, j.tokens(), "stop"
	if j.gen != nil {
		x.finished = j.gen.finish
	}
	times := x.b.Latency.schedule(x.rng, max(1, j.tokens()), j.tokensIn, place.running)
	if j.stream {
		x.stream(j, times)
		return nil
	}
	if err := sleepUntil(x.r.Context(), x.rec.Started.Add(times[len(times)-1])); err != nil {
		x.rec.Did = "client_gone"
		return nil
	}
	x.sendAnswer(j, times[len(times)-1])
	return nil
}

// whileQueued is called before each wait in the queue: it applies what the
// timeline has due, keeps an open stream alive and returns how long the wait
// may last.
func (x *exchange) whileQueued() time.Duration {
	next := x.server.untilNextStep()
	if alive := x.pen.keepAlive(); alive > 0 && (next == 0 || alive < next) {
		next = alive
	}
	return next
}

// refuse answers with p.
func (x *exchange) refuse(p problem) {
	x.rec.Did = p.did
	contentType, body := p.body()
	h := x.w.Header()
	x.commonHeaders(h, p.status)
	if contentType != "" {
		h.Set("Content-Type", contentType)
	} else {
		// A nil value keeps net/http from guessing one.
		h["Content-Type"] = nil
	}
	if p.envelope == envHeaders {
		h.Set("X-Error-Code", p.errorType)
		h.Set("X-Error-Message", p.message)
	}
	for name, value := range p.headers {
		h.Set(name, value)
	}
	x.writeWhole(p.status, body)
}
