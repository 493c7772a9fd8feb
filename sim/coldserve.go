package sim

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// arrive takes a request to a model that sleeps, before its engine sees it:
// false says that p is the answer.
func (x *exchange) arrive() (p *problem, passes bool) {
	if x.spec.Cold == nil {
		return nil, true
	}
	m, s := x.model, x.server
	s.mu.Lock()
	now := time.Now()
	m.advanceCold(now)
	c := m.cold
	c.inFlight++
	c.last = now
	m.sinceWhen(now)
	x.rec.Cold = c.phase
	if c.phase == coldAsleep {
		m.wakeUp(now, "request", x.rec.Sequence)
		x.rec.Woke = true
	}
	s.mu.Unlock()
	ready := x.untilReady(x.held())
	if x.r.Context().Err() != nil {
		x.rec.Did = "client_gone"
		return nil, false
	}
	if !ready {
		return x.notReady(), false
	}
	x.slowed()
	return nil, true
}

// depart is when a request that arrived has ended.
func (x *exchange) depart() {
	if x.model == nil || x.spec.Cold == nil {
		return
	}
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	x.model.advanceCold(now)
	c := x.model.cold
	if c.inFlight > 0 {
		c.inFlight--
	}
	c.last = now
	x.model.sinceWhen(now)
}

// held returns until when the proxy holds the request.
func (x *exchange) held() time.Time {
	text := x.r.Header.Get("X-Scale-Up-Timeout")
	n, err := strconv.Atoi(text)
	if text == "" || err != nil || n < 0 || x.r.Method == http.MethodGet {
		return time.Time{}
	}
	return x.rec.Received.Add(min(time.Duration(min(n, 86_400))*time.Second, x.spec.Cold.MaxHold.or(time.Hour)))
}

// untilReady waits until the model is ready, at most until the time given, and
// reports whether it is.
func (x *exchange) untilReady(limit time.Time) bool {
	for {
		x.server.mu.Lock()
		now := time.Now()
		x.model.advanceCold(now)
		phase, next := x.model.cold.phase, x.model.cold.until
		x.server.mu.Unlock()
		if phase == coldReady {
			return true
		}
		if phase == coldPaused || !now.Before(limit) {
			return false
		}
		if next.IsZero() || next.After(limit) {
			next = limit
		}
		// A pause by the management API is seen within a second.
		if second := now.Add(time.Second); phase == coldInitializing && next.After(second) && x.spec.Cold.NeverReady {
			next = second
		}
		if sleepUntil(x.r.Context(), next) != nil {
			return false
		}
	}
}

// notReady is what a request is answered by a model that is not there.
func (x *exchange) notReady() *problem {
	s := x.server
	s.mu.Lock()
	phase, ready := x.model.cold.phase, x.model.readyAt()
	s.mu.Unlock()
	kind := "waking"
	switch {
	case phase == coldPaused:
		kind = "paused"
	case phase == coldUnhealthy && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead):
		kind = "unhealthy"
	case phase == coldUnhealthy && x.spec.Cold.Early500:
		return &problem{did: "cold " + phase, status: 500, envelope: envString, message: "Internal Server Error"}
	case x.spec.Cold.Estimate != "" && x.spec.Cold.Estimate != "none":
		kind = "loading"
	}
	known, _ := presetNamed(kind)
	p := known.on(x.spec.Backend)
	p.did = "cold " + phase
	if kind == "loading" {
		p.estimate = x.estimate(ready)
	}
	return &p
}

// estimate returns what is said of the time still needed, in seconds.
func (x *exchange) estimate(ready time.Time) float64 {
	left := max(0, time.Until(ready)).Seconds()
	switch x.spec.Cold.Estimate {
	case "constant":
		return x.spec.Cold.EstimateOf.or(20 * time.Second).Seconds()
	case "half":
		return left / 2
	default:
		return left
	}
}

// readyAt returns when the model will be ready. The caller holds s.mu.
func (m *model) readyAt() time.Time {
	spec, c := m.Cold, m.cold
	if spec.NeverReady {
		return time.Now().Add(time.Hour)
	}
	at := c.until
	switch c.phase {
	case coldWaking:
		at = at.Add(time.Duration(spec.Pending + spec.Initializing + spec.Unhealthy))
	case coldPending:
		at = at.Add(time.Duration(spec.Initializing + spec.Unhealthy))
	case coldInitializing:
		at = at.Add(time.Duration(spec.Unhealthy))
	}
	return at
}

// slowed makes the request as slow as one so soon after waking is.
func (x *exchange) slowed() {
	spec := x.spec.Cold
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead {
		return
	}
	s := x.server
	s.mu.Lock()
	n := x.model.cold.served
	if n < math.MaxInt32 {
		x.model.cold.served++
	}
	s.mu.Unlock()
	factor := spec.factor(n)
	l := &x.b.Latency
	l.Prefill = Duration(scale(time.Duration(l.Prefill), factor))
	l.PerToken = Duration(scale(time.Duration(l.PerToken), factor))
	if n < spec.SlowRequests {
		l.Prefill += spec.SlowBy
	}
	x.rec.Slowed = factor
}
