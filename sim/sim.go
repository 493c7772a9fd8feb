// Package sim simulates Hugging Face inference: the router with hf-inference
// and its providers, and the engines TGI, TEI, the inference toolkit, vLLM, SGLang and llama.cpp
// behind dedicated endpoints. It answers in the shapes that each of them
// really sends, streams as each really streams, queues under load, fails in
// every way that a scenario asks for, and keeps a log of what it truly did,
// against which a monitor can be judged.
//
// It refuses to listen anywhere but on loopback, to keep a token or a request
// body, and to share code with the monitor that it judges: it uses the
// standard library alone.
//
// A Server is safe for concurrent use. It starts no goroutine that outlives its
// request or Serve, and waits with timers of package time only, so in a
// testing/synctest bubble its times are exact. The timeline needs no
// goroutine either: due steps are applied whenever a request arrives or a
// queued one waits.
package sim

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options are what a Server needs besides its scenario. The zero value works.
type Options struct {
	// Logger gets one line a request at debug level, and one for each step of
	// the timeline; nil logs nothing.
	Logger *slog.Logger
	// TruthSize is how many finished requests the ground-truth log keeps; 0 is
	// 4096.
	TruthSize int
}

// Server is a running simulation of one scenario.
type Server struct {
	logger *slog.Logger
	admin  http.Handler

	mu       sync.Mutex
	scenario Scenario
	start    time.Time
	nextStep int
	account  Account
	models   []*model
	sequence uint64
	// epoch counts restarts, so that a request from before one is not logged
	// after it.
	epoch  int
	truth  ring
	seen   *recent
	meters meters
	// draws counts the router's draws among providers with weights.
	draws uint64
	// tasks is what asynchronous providers have taken on, the latest last.
	tasks []asyncTask
	// fronts are the scenario's listeners, and authority signs what they show; nil
	// where there are none.
	fronts    []*front
	authority *authority
}

// model is a scenario's model and its running state. Its Behaviour, requests
// and tally are guarded by the mutex of the Server; what else it has of Model never
// changes, gate and cache have mutexes of their own.
type model struct {
	Model
	gate     *gate
	requests uint64
	cache    *replays
	cold     *coldState
	tally    *tally
}

// New returns a server of scenario, whose timeline starts now. The error names
// the path of the first thing that is wrong.
func New(scenario Scenario, options Options) (*Server, error) {
	if err := scenario.Validate(); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.TruthSize <= 0 {
		options.TruthSize = 4096
	}
	s := &Server{
		logger: options.Logger, scenario: scenario.clone(),
		truth: ring{limit: options.TruthSize}, seen: newRecent(4096),
	}
	s.admin = s.adminMux()
	for _, l := range s.scenario.Listeners {
		s.fronts = append(s.fronts, &front{server: s, spec: l, changed: make(chan struct{}), configs: map[string]*tls.Config{}})
	}
	if len(s.fronts) > 0 {
		var err error
		if s.authority, err = newAuthority("hfwatch sim"); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restart()
	return s, nil
}

// restart puts everything back to the scenario as given. The caller holds
// s.mu.
func (s *Server) restart() {
	for _, m := range s.models {
		m.gate.retire()
	}
	fresh := s.scenario.clone()
	s.models = nil
	for _, spec := range fresh.Models {
		b := spec.effective()
		s.models = append(s.models, &model{
			Model: spec, gate: newGate(b.Permits), cache: newReplays(1024), cold: newCold(spec, time.Now()), tally: newTally(),
		})
	}
	for i, f := range s.fronts {
		f.become(fresh.Listeners[i].Transport)
		f.state = ListenerState{}
	}
	s.account = fresh.Account
	s.start, s.nextStep, s.sequence = time.Now(), 0, 0
	s.epoch++
	s.meters, s.draws, s.tasks = meters{}, 0, nil
	s.truth.clear()
	s.seen.clear()
}

// Reset puts the server back to its scenario as it was given: the timeline
// starts anew, patches, caches and the ground-truth log are forgotten.
// Requests in flight go on under the behaviour they began with.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restart()
}

// Handler returns the whole simulation: router, endpoints and admin routes.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Scenario returns the scenario as it stands now, patches and the timeline so
// far included.
func (s *Server) Scenario() Scenario {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	now := s.scenario.clone()
	now.Account = s.account.clone()
	for i, m := range s.models {
		now.Models[i] = m.clone()
	}
	for i, f := range s.fronts {
		now.Listeners[i].Transport = f.now
	}
	return now
}

// Patch changes the behaviour of the model that the scenario calls name. set
// is a JSON object of Behaviour's keys: what it names is replaced, a nested
// object is merged key by key, save "fault", which is replaced as a whole (null
// clears it). The model is unchanged where Patch returns an error.
func (s *Server) Patch(name string, set []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	return s.patch(name, set)
}

// patch is Patch for callers that hold s.mu.
func (s *Server) patch(name string, set []byte) error {
	m := s.byName(name)
	if m == nil {
		return fmt.Errorf("model %q: the scenario has none of that name", name)
	}
	changed := m.clone()
	if err := changed.merge(set); err != nil {
		return fmt.Errorf("model %q: %w", name, err)
	}
	if err := changed.validate(); err != nil {
		return fmt.Errorf("model %q: %w", name, err)
	}
	m.Behaviour = changed.Behaviour
	m.gate.resize(changed.effective().Permits)
	return nil
}

// SetFault replaces the fault of the model that the scenario calls name; the
// zero Fault clears it.
func (s *Server) SetFault(name string, fault Fault) error {
	text, err := json.Marshal(map[string]Fault{"fault": fault})
	if err != nil {
		return fmt.Errorf("model %q: fault: %w", name, err)
	}
	return s.Patch(name, text)
}

// SetAccount replaces what is wrong with the account behind the router.
func (s *Server) SetAccount(account Account) error {
	if err := account.validate("account"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(time.Now())
	s.account = account.clone()
	return nil
}

// byName returns the model that the scenario calls name, or nil. The caller
// holds s.mu.
func (s *Server) byName(name string) *model {
	i := slices.IndexFunc(s.models, func(m *model) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return s.models[i]
}

// advance applies the steps of the timeline that are due at now and returns
// how long it is until the next one, or 0 if none is left. The caller holds
// s.mu.
func (s *Server) advance(now time.Time) time.Duration {
	for s.nextStep < len(s.scenario.Timeline) {
		step := s.scenario.Timeline[s.nextStep]
		if wait := s.start.Add(time.Duration(step.At)).Sub(now); wait > 0 {
			return wait
		}
		s.nextStep++
		if step.Account != nil {
			s.account = step.Account.clone()
		}
		if step.Listener != "" {
			if err := s.patchListener(step.Listener, step.Set); err != nil {
				s.logger.Warn("timeline step cannot be applied", "listener", step.Listener, "err", err)
				continue
			}
		}
		if step.Model != "" {
			if err := s.patch(step.Model, step.Set); err != nil {
				// Each step was tried against the scenario, but a patch made
				// meanwhile can contradict it.
				s.logger.Warn("timeline step cannot be applied", "model", step.Model, "err", err)
				continue
			}
		}
		s.logger.Info("timeline step", "at", time.Duration(step.At).String(), "model", step.Model, "listener", step.Listener, "account", step.Account != nil)
	}
	return 0
}

// untilNextStep applies due steps and returns how long it is until the next
// one, or 0 if none is left.
func (s *Server) untilNextStep() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advance(time.Now())
}
