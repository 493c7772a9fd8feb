package sim

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Cold makes a model sleep, that of a dedicated endpoint or, as serverless ones
// did, one behind the router: it falls asleep when nobody asks it, wakes at a
// request, and answers slowly at first. The delays are those of the documentation
// (Inference Endpoints, guides/autoscaling) unless given.
type Cold struct {
	// Namespace is the endpoint's at the management API; "sim" by default. Its
	// name there is the model's.
	Namespace string `json:"namespace,omitempty"`
	// Begin is the phase at the start: asleep (the default), ready or paused.
	Begin string `json:"begin,omitempty"`
	// Idle is how long after the last request it falls asleep; 0 is an hour.
	Idle Duration `json:"idle,omitempty"`
	// Waking is from the request that wakes it until the management API says
	// pending, Pending until it says initializing, Initializing until running,
	// Unhealthy from there until it answers.
	Waking       Duration `json:"waking,omitempty"`
	Pending      Duration `json:"pending,omitempty"`
	Initializing Duration `json:"initializing,omitempty"`
	Unhealthy    Duration `json:"unhealthy,omitempty"`
	// NeverReady keeps it initializing.
	NeverReady bool `json:"never_ready,omitempty"`
	// Early500 makes requests fail with 500 while it runs unhealthy, as custom
	// containers without a health route do, where others answer 503.
	Early500 bool `json:"early_500,omitempty"`
	// Estimate is what a refusal says of the time still needed: none (the
	// default), honest, constant (EstimateOf, for ever) or half (of the truth).
	Estimate   string   `json:"estimate,omitempty"`
	EstimateOf Duration `json:"estimate_of,omitempty"`
	// MaxHold bounds X-Scale-Up-Timeout; 0 is an hour.
	MaxHold Duration `json:"max_hold,omitempty"`

	// SlowRequests is how many requests after waking take SlowBy longer.
	SlowRequests int      `json:"slow_requests,omitempty"`
	SlowBy       Duration `json:"slow_by,omitempty"`
	// After those, latency is multiplied by Factor for Step requests, or by
	// 1 + (Factor - 1)·e^(-n/Decay) at the nth.
	Factor float64 `json:"factor,omitempty"`
	Step   int     `json:"step,omitempty"`
	Decay  float64 `json:"decay,omitempty"`

	// MaxReplicas is how many there may be; 1 by default. More than PerReplica
	// requests for each (1.5 by default) for 20 s start another, looked at every
	// minute; fewer for 300 s stop one, looked at every two minutes.
	MaxReplicas int     `json:"max_replicas,omitempty"`
	PerReplica  float64 `json:"per_replica,omitempty"`
}

// The phases of a model that sleeps.
const (
	coldAsleep       = "asleep"
	coldWaking       = "waking"
	coldPending      = "pending"
	coldInitializing = "initializing"
	coldUnhealthy    = "unhealthy"
	coldReady        = "ready"
	coldPaused       = "paused"
)

// ColdChange is one change of phase or of replicas: the ground truth of cold
// starts.
type ColdChange struct {
	At    time.Time `json:"at"`
	Model string    `json:"model"`
	Phase string    `json:"phase"`
	// Ready and Target are replicas.
	Ready  int `json:"ready"`
	Target int `json:"target"`
	// Cause is request, management, time or load.
	Cause string `json:"cause"`
	// Sequence is that of the request that woke it, and UserAgent its sender.
	Sequence uint64 `json:"sequence,omitempty"`
}

// maxColdChanges bounds the log of one model.
const maxColdChanges = 20_000

// coldState is the running machine of one model. The mutex of the Server guards
// it. Nothing runs: what is due by a time is applied when somebody looks.
type coldState struct {
	phase string
	// since is when the phase began, until when it ends by itself; zero is never.
	since, until time.Time
	last         time.Time // when the last request began or ended
	inFlight     int
	served       int
	ready        int
	target       int
	// starting are when further replicas will be ready.
	starting []time.Time
	// over and under are how long load has asked for more, or for fewer, replicas.
	over, under spell
	looked      time.Time
	changes     []ColdChange
}

// newCold returns the machine of a model as the scenario begins.
func newCold(m Model, now time.Time) *coldState {
	c := &coldState{phase: coldAsleep, since: now, last: now, looked: now}
	if m.Cold == nil {
		return c
	}
	switch m.Cold.Begin {
	case coldReady:
		c.phase, c.ready, c.target = coldReady, 1, 1
		c.served = math.MaxInt32
	case coldPaused:
		c.phase = coldPaused
	}
	c.note(m.Name, now, "time", 0)
	return c
}

// note logs how it stands.
func (c *coldState) note(model string, at time.Time, cause string, sequence uint64) {
	if len(c.changes) < maxColdChanges {
		c.changes = append(c.changes, ColdChange{
			At: at, Model: model, Phase: c.phase, Ready: c.ready, Target: c.target, Cause: cause, Sequence: sequence,
		})
	}
}

// or returns d, or the other where d is 0.
func (d Duration) or(other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}

// advanceCold applies what is due by now. The caller holds s.mu.
func (m *model) advanceCold(now time.Time) {
	if m.Cold == nil {
		return
	}
	c := m.cold
	for {
		switch {
		case !c.until.IsZero() && !c.until.After(now):
			m.enterNext(c.until)
		case c.phase == coldReady && c.inFlight == 0 && !c.last.Add(m.Cold.Idle.or(time.Hour)).After(now):
			at := c.last.Add(m.Cold.Idle.or(time.Hour))
			m.scale(at)
			c.ready, c.target, c.starting = 0, 0, nil
			m.enter(coldAsleep, at, 0, "time", 0)
		default:
			m.scale(now)
			return
		}
	}
}

// enter begins a phase that lasts so long; 0 is until something happens.
func (m *model) enter(phase string, at time.Time, lasts time.Duration, cause string, sequence uint64) {
	c := m.cold
	c.phase, c.since, c.until = phase, at, time.Time{}
	if lasts > 0 {
		c.until = at.Add(lasts)
	}
	switch phase {
	case coldAsleep, coldPaused:
		c.ready, c.target, c.starting = 0, 0, nil
	case coldWaking, coldPending, coldInitializing:
		c.ready, c.target = 0, 1
		if phase == coldWaking {
			c.target = 0
		}
	case coldUnhealthy:
		c.ready, c.target = 1, 1
	case coldReady:
		c.ready, c.target, c.served = 1, 1, 0
		c.last, c.looked, c.over, c.under = at, at, spell{}, spell{}
		m.gate.resize(m.effective().Permits)
	}
	c.note(m.Name, at, cause, sequence)
}

// enterNext goes to the phase after the one that has ended, over those that take
// no time.
func (m *model) enterNext(at time.Time) {
	spec := m.Cold
	switch m.cold.phase {
	case coldWaking:
		m.enter(coldPending, at, time.Duration(spec.Pending), "time", 0)
	case coldPending:
		lasts := time.Duration(spec.Initializing)
		if spec.NeverReady {
			lasts = 0
		}
		m.enter(coldInitializing, at, lasts, "time", 0)
		if spec.NeverReady {
			return
		}
	case coldInitializing:
		m.enter(coldUnhealthy, at, time.Duration(spec.Unhealthy), "time", 0)
	case coldUnhealthy:
		m.enter(coldReady, at, 0, "time", 0)
		return
	default:
		return
	}
	if m.cold.until.IsZero() {
		m.enterNext(at)
	}
}

// wakeUp begins to wake a model that is asleep.
func (m *model) wakeUp(at time.Time, cause string, sequence uint64) {
	m.enter(coldWaking, at, time.Duration(m.Cold.Waking), cause, sequence)
	if m.cold.until.IsZero() {
		m.enterNext(at)
	}
}

// The documented numbers of the autoscaler.
const (
	scaleUpEvery   = time.Minute
	scaleDownEvery = 2 * time.Minute
	scaleWindow    = 20 * time.Second
	scaleCalm      = 300 * time.Second
)

// scale lets replicas follow the load up to now.
func (m *model) scale(now time.Time) {
	c, spec := m.cold, m.Cold
	if c.phase != coldReady || spec.MaxReplicas <= 1 {
		return
	}
	for tick := c.looked.Add(scaleUpEvery); ; tick = tick.Add(scaleUpEvery) {
		m.started(min2(tick, now))
		if tick.After(now) {
			return
		}
		c.looked = tick
		switch {
		case c.over.lasted(tick) >= scaleWindow && c.target < spec.MaxReplicas:
			c.target++
			c.starting = append(c.starting, tick.Add(time.Duration(spec.Pending+spec.Initializing+spec.Unhealthy)))
			c.note(m.Name, tick, "load", 0)
			m.sinceWhen(tick)
		case c.under.lasted(tick) >= scaleCalm && c.target > 1 && len(c.starting) == 0 &&
			tick.Sub(c.since)%scaleDownEvery == 0:
			c.target--
			c.ready--
			m.gate.resize(m.effective().Permits * c.ready)
			c.note(m.Name, tick, "load", 0)
			m.sinceWhen(tick)
		}
	}
}

// min2 returns the earlier of two times.
func min2(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// started makes replicas ready that are by now.
func (m *model) started(now time.Time) {
	c := m.cold
	for len(c.starting) > 0 && !c.starting[0].After(now) {
		at := c.starting[0]
		c.starting = c.starting[1:]
		c.ready++
		m.gate.resize(m.effective().Permits * c.ready)
		c.note(m.Name, at, "load", 0)
	}
}

// sinceWhen notes whether load asks for more replicas or for fewer, after it
// changed.
func (m *model) sinceWhen(now time.Time) {
	c := m.cold
	per := m.Cold.PerReplica
	if per == 0 {
		per = 1.5
	}
	c.over.mark(now, float64(c.inFlight) > per*float64(max(1, c.target)))
	c.under.mark(now, float64(c.inFlight) <= per*float64(max(1, c.target-1)))
}

// spell is a time in which something holds. Gaps of less than a second, as those
// between an answer and the client's next request, do not end it.
type spell struct {
	since, until time.Time
	on           bool
}

// mark notes whether it holds from now on.
func (s *spell) mark(now time.Time, is bool) {
	switch {
	case is && !s.on && (s.since.IsZero() || now.Sub(s.until) >= time.Second):
		s.since = now
	case !is && s.on:
		s.until = now
	}
	s.on = is
}

// lasted returns how long it has held by a time; 0 where it does not.
func (s *spell) lasted(at time.Time) time.Duration {
	if !s.on && (s.since.IsZero() || at.Sub(s.until) >= time.Second) {
		return 0
	}
	return at.Sub(s.since)
}

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

// factor returns by how much the nth request after waking, from 0, is slower.
func (c *Cold) factor(n int) float64 {
	n -= c.SlowRequests
	switch {
	case c.Factor <= 0 || n < 0:
		return 1
	case c.Step > 0:
		if n < c.Step {
			return c.Factor
		}
		return 1
	case c.Decay > 0:
		return 1 + (c.Factor-1)*math.Exp(-float64(n)/c.Decay)
	default:
		return 1
	}
}

// clone returns a copy that shares nothing.
func (c *Cold) clone() *Cold {
	if c == nil {
		return nil
	}
	one := *c
	return &one
}

// validate checks the machine.
func (c *Cold) validate() error {
	if c == nil {
		return nil
	}
	if math.IsNaN(c.Factor) || math.IsNaN(c.Decay) || math.IsNaN(c.PerReplica) {
		return fmt.Errorf("cold: a value is no number")
	}
	return first(
		oneOf("cold.begin", c.Begin, coldAsleep, coldReady, coldPaused),
		oneOf("cold.estimate", c.Estimate, "none", "honest", "constant", "half"),
		within("cold.slow_requests", c.SlowRequests, 0, 10_000),
		within("cold.step", c.Step, 0, 10_000),
		within("cold.factor", c.Factor, 0.0, 1000.0),
		within("cold.decay", c.Decay, 0.0, 10_000.0),
		within("cold.max_replicas", c.MaxReplicas, 0, 1000),
		within("cold.per_replica", c.PerReplica, 0.0, 1e6),
	)
}

// ColdTruth returns the ground truth of cold starts: every change of phase and
// of replicas of the model that the scenario calls name, or of all where it is
// empty, up to now.
func (s *Server) ColdTruth(name string) []ColdChange {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.advance(now)
	var out []ColdChange
	for _, m := range s.models {
		if m.Cold != nil && (name == "" || m.Name == name) {
			m.advanceCold(now)
			out = append(out, m.cold.changes...)
		}
	}
	slices.SortStableFunc(out, func(a, b ColdChange) int { return a.At.Compare(b.At) })
	return out
}
