package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"
)

// Shot is one request that is due.
type Shot struct {
	Target *Target
	Kind   Kind
	Lane   Lane
	// Due is when the schedule wanted it. Its monotonic reading is used where it
	// has one.
	Due time.Time
	// Seq tells apart what is due at the same time.
	Seq                    uint64
	Window, Stage, Episode string
	// Timeout, where not 0, replaces the target's.
	Timeout time.Duration
	// Reuse lets the request go over a connection that an earlier one opened.
	Reuse bool
	// Header is added to the request's; nil is none.
	Header map[string]string
	// Memo is the target's, where many requests of it are made; nil is none.
	Memo *Memo
	// Input, where not nil, is asked in place of one drawn from the target's.
	Input json.RawMessage
}

// Call is a request that is ready to be sent.
type Call struct {
	Shot
	ID      string
	Ask     Ask
	Request Request
	// Limit is the timeout in force.
	Limit time.Duration
	// InputHash and ParamsHash are the Result's.
	InputHash, ParamsHash string
}

// Runner makes results of shots. It holds no state of its own.
type Runner struct {
	Exchanger Exchanger
	Location  string
	Version   string
}

// Prepare draws the shot's input and builds its request, the same for the same
// shot every time. An error is ours or the configuration's, never the target's.
func (r Runner) Prepare(s Shot) (Call, error) {
	t := s.Target
	call := Call{Shot: s, ID: ID(r.Location, t.Name, s.Lane, s.Due, s.Seq), Limit: t.Timeout}
	if s.Timeout > 0 {
		call.Limit = s.Timeout
	}
	seed, err := strconv.ParseUint(call.ID[:16], 16, 64)
	if err != nil {
		return call, fmt.Errorf("target %s: seed: %w", t.Name, err)
	}
	input := s.Input
	if input == nil {
		if input, err = t.Inputs.Draw(rand.New(rand.NewPCG(seed, 0))); err != nil {
			return call, fmt.Errorf("target %s: %w", t.Name, err)
		}
	}
	call.Ask = Ask{
		Route: t.Endpoint.Route, Model: t.Model, Provider: t.Provider, Input: input, Parameters: t.Parameters,
		Stream: t.Stream, Reasoning: t.Reasoning, Expect: &t.Expect, Path: t.Endpoint.Path(),
	}
	if call.Ask.Route == RouteProvider {
		call.Ask.Model = t.ProviderModel
	}
	if call.InputHash = s.Memo.input(input); call.InputHash == "" {
		call.InputHash = hash(input)
	}
	if call.ParamsHash = s.Memo.params(t); call.ParamsHash == "" {
		call.ParamsHash = paramsHash(t)
	}
	if t.Cache != CacheAllow {
		call.Ask.Nonce = call.ID[16:24]
	}
	call.Request, err = t.Task.Build(call.Ask)
	if err != nil {
		return call, fmt.Errorf("target %s: building the request: %w", t.Name, err)
	}
	return call, nil
}

// Run sends the call and returns its result, judged under the circumstances. A
// panic below it is one failed probe with the outcome Internal.
func (r Runner) Run(ctx context.Context, call Call, c Circumstances) (res Result) {
	return r.RunIn(ctx, call, func(*Result) Circumstances { return c })
}

// RunIn is Run where the circumstances depend on what the exchange came to, such
// as whether a control fails too. look may also correct the outcome by what other
// targets show; it sees what the exchange measured, the target's name, and no
// judgement.
func (r Runner) RunIn(ctx context.Context, call Call, look func(*Result) Circumstances) (res Result) {
	res = r.do(ctx, call)
	res.Target = call.Target.Name
	r.complete(&res, call, look(&res))
	return res
}

// Failed returns the result of a shot that could not be prepared or carried
// out because of err: outcome Internal.
func (r Runner) Failed(call Call, err error) Result {
	res := Result{Outcome: Internal, Error: err.Error()}
	r.complete(&res, call, Circumstances{})
	return res
}

// Unsent returns the result of a shot that was not sent, for what is known of
// the target already: a model that sleeps and may not be woken.
func (r Runner) Unsent(call Call, outcome Outcome, why string) Result {
	res := Result{Outcome: outcome, Error: why}
	r.complete(&res, call, Circumstances{})
	return res
}

// do guards the exchange against panics.
func (r Runner) do(ctx context.Context, call Call) (res Result) {
	defer func() {
		if p := recover(); p != nil {
			res = Result{Outcome: Internal, Error: fmt.Sprintf("panic: %v", p), Excerpt: firstLines(debug.Stack(), 2048)}
		}
	}()
	return r.Exchanger.Do(ctx, call)
}

// complete fills what the exchange does not know: identity, judgement, times
// from due, and cost.
func (r Runner) complete(res *Result, call Call, c Circumstances) {
	t := call.Target
	res.Schema, res.ID, res.Version = ResultSchema, call.ID, r.Version
	res.Window, res.Stage, res.Episode = call.Window, call.Stage, call.Episode
	res.Target, res.Model, res.Task = t.Name, t.Model, t.Task.Name()
	res.Kind, res.Lane, res.Location, res.Due = call.Kind, call.Lane, r.Location, call.Due
	res.InputSet, res.InputHash, res.ParamsHash = t.Inputs.Set, call.InputHash, call.ParamsHash
	if res.Provider == "" {
		res.Provider = t.Provider
	}
	c.Wake, c.ExpectPaused = t.Wake, t.ExpectPaused
	c.FirstByte = c.FirstByte || !res.FirstByte.IsZero()
	c.ControlFails = c.ControlFails || res.Phase == PhaseProxy
	c.Connecting = res.Phase == PhaseProxy || res.Phase == PhaseDNS || res.Phase == PhaseConnect || res.Phase == PhaseTLS
	res.Fault, res.Counts = Judge(res.Outcome, c)
	if !res.Sent.IsZero() {
		lag := max(0, res.Sent.Sub(call.Due))
		res.Lag = Measured(lag)
		if service, ok := res.Service.Get(); ok {
			res.Response = Measured(lag + service)
		}
	}
	res.Censor(call.Limit, call.Ask.Stream)
	if cost, ok := t.Price.Cost(res.TokensIn, res.TokensOut).Get(); ok && !res.TokensOut.IsZero() {
		res.CostUSD, res.PriceSource = Some(cost), t.Price.Source
	}
}

// hash returns 16 hexadecimal digits of a hash over parts, which are kept
// apart.
func hash(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		_ = json.NewEncoder(h).Encode(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// firstLines returns at most n bytes of text.
func firstLines(text []byte, n int) string {
	return string(text[:min(n, len(text))])
}
