package daemon

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/doctor"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// Doctor gathers what package doctor judges: it asks, dials and looks, each
// thing once and for a bounded time.
type Doctor struct {
	Version string
	// Logger must not be nil.
	Logger *slog.Logger
	// Dial makes connections; nil is the network's own.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are the certificates to trust; nil is the system's.
	Roots *x509.CertPool
	// Environ is the process's environment, of which the names of proxies count.
	Environ []string
	// Offline asks nobody; Unpaid asks all but what could cost money.
	Offline, Unpaid bool
	// Tell takes the findings, one after the other, and Announce says before it is
	// done what will be spent.
	Tell     func(doctor.Finding)
	Announce func(string)
}

// visit is one examination of one configuration.
type visit struct {
	Doctor
	cfg *config.Config
	// hub asks Hugging Face, through the proxy of the targets behind the router;
	// plain asks servers of one's own.
	hub, plain *hub.Client
	clocks     []doctor.Reading
	token      doctor.TokenFacts
	// unreached are the hosts that no connection could be made to.
	unreached map[string]bool
	// deaf is set where a daemon holds the data directory and does not answer.
	deaf bool
	// missing are the targets whose model is not to be had.
	missing map[string]bool
	mu      sync.Mutex
}

// Examine looks at all that a configuration needs. The error is of ctx alone:
// whatever is wrong is a finding.
func (d Doctor) Examine(ctx context.Context, cfg *config.Config) error {
	v := &visit{Doctor: d, cfg: cfg, unreached: map[string]bool{}, missing: map[string]bool{}}
	v.token = tokenFacts(cfg)
	o := hub.Options{
		Version: d.Version, API: cfg.Hub.APIURL, Router: cfg.Hub.URL, Endpoints: cfg.Hub.EndpointsURL, Dial: d.Dial, Roots: d.Roots,
	}
	v.plain = hub.New(o)
	defer v.plain.Close()
	o.Token, o.Proxy = cfg.Hub.Token, proxyOf(cfg)
	v.hub = hub.New(o)
	defer v.hub.Close()
	v.tell(doctor.Data(place(cfg.Data)))
	held := v.daemon(ctx)
	v.tell(doctor.Environment(d.Environ, proxied(cfg))...)
	if d.Offline {
		var untried []doctor.Contact
		for _, r := range v.addresses() {
			untried = append(untried, r.untried())
		}
		v.tell(doctor.Proxies(untried)...)
		v.tell(doctor.Token(v.token)...)
		return ctx.Err()
	}
	v.contacts(ctx)
	v.whose(ctx)
	slices.SortStableFunc(v.clocks, func(a, b doctor.Reading) int { return strings.Compare(a.Host, b.Host) })
	v.tell(doctor.Clock(v.clocks))
	v.models(ctx)
	v.endpoints(ctx)
	v.requests(ctx, held)
	return ctx.Err()
}

// tell hands on findings.
func (v *visit) tell(found ...doctor.Finding) {
	for _, f := range found {
		v.Tell(f)
	}
}

// tokenFacts returns what the configuration says of the hub's token.
func tokenFacts(cfg *config.Config) doctor.TokenFacts {
	t := doctor.TokenFacts{Set: !cfg.Hub.Token.IsZero(), Prefixed: strings.HasPrefix(cfg.Hub.Token.Reveal(), "hf_")}
	for _, m := range cfg.Models {
		e := &m.Target.Endpoint
		routed := e.Route != probe.RouteURL
		switch {
		case e.NoAuth || e.AuthHeader != "":
		case !probe.MayCarryHubToken(e.URL):
			if routed {
				t.Nowhere = append(t.Nowhere, m.Target.Name)
			}
		default:
			t.Users = append(t.Users, m.Target.Name)
			if routed {
				t.Routed = append(t.Routed, m.Target.Name)
			}
		}
	}
	return t
}

// whose asks the Hub whose the token is, and reads its clock.
func (v *visit) whose(ctx context.Context) {
	t := &v.token
	if api := v.cfg.Hub.APIURL; v.needsHub() && !v.unreached[hostPort(api)] {
		reply, err := v.hub.Do(ctx, hub.Request{Base: api, Path: "/api/whoami-v2"})
		v.read(api.Host, reply)
		if t.Set && probe.MayCarryHubToken(api) {
			t.Asked, t.Err = true, err
			if err == nil {
				t.Identity, t.Err = hub.ParseIdentity(reply.Body)
			}
		}
	}
	v.tell(doctor.Token(*t)...)
	for _, org := range v.payers() {
		v.tell(doctor.BillTo(org.name, org.targets, t.Identity))
	}
}

// needsHub reports whether anything of the configuration has to do with the
// Hub: whoever watches servers of their own alone has no business there.
func (v *visit) needsHub() bool {
	return len(v.token.Users)+len(v.token.Nowhere) > 0 || slices.ContainsFunc(v.cfg.Models, func(m config.Model) bool {
		return m.Target.Endpoint.Route != probe.RouteURL || m.Managed != nil
	})
}

// payer is an organisation that pays, and for which targets.
type payer struct {
	name    string
	targets []string
}

// payers returns who pays for the targets that send the hub's token.
func (v *visit) payers() []payer {
	var all []payer
	for _, m := range v.cfg.Models {
		org := m.Target.Endpoint.BillTo
		if org == "" || !slices.Contains(v.token.Users, m.Target.Name) {
			continue
		}
		i := slices.IndexFunc(all, func(p payer) bool { return p.name == org })
		if i < 0 {
			i, all = len(all), append(all, payer{name: org})
		}
		all[i].targets = append(all[i].targets, m.Target.Name)
	}
	return all
}

// read notes the clock that an answer shows.
func (v *visit) read(host string, r hub.Reply) {
	date, err := parseDate(r.Header.Get("Date"))
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.clocks = append(v.clocks, doctor.Reading{Host: host, Date: date, Sent: r.Sent, Got: r.Sent.Add(r.Took)})
}

// models asks the router and the Hub what they have of each model behind the
// router: the router's list once, and the Hub of each model that it is asked of.
func (v *visit) models(ctx context.Context) {
	var list []hub.Listed
	var listErr error
	listed := false
	for _, m := range v.cfg.Models {
		t := m.Target
		w := doctor.Wanted{Target: t.Name, Model: t.Model, Task: t.Task.Name(), Provider: t.Provider, ProviderModel: t.ProviderModel}
		switch {
		case ctx.Err() != nil:
		case m.Vacant != nil:
			v.model(doctor.Vacant(t.Name, m.Vacant.Why, m.Vacant.Outcome == probe.Gone))
		case t.Endpoint.Route == probe.RouteURL:
		case t.Endpoint.Route == probe.RouteRouter && task.Chats(w.Task):
			if !listed {
				list, listErr = v.hub.Models(ctx)
				listed = true
			}
			v.model(doctor.Routed(w, list, listErr))
		default:
			info, err := v.hub.Model(ctx, w.Model)
			v.model(doctor.OnHub(w, info, err))
		}
	}
}

// model tells of a model, and notes where it is not to be had.
func (v *visit) model(f doctor.Finding) {
	v.missing[f.About] = f.Grade == doctor.Problem || v.missing[f.About]
	v.tell(f)
}

// endpoints asks the management API for the state of each dedicated endpoint.
func (v *visit) endpoints(ctx context.Context) {
	for _, m := range v.cfg.Models {
		if m.Managed == nil || ctx.Err() != nil {
			continue
		}
		e, err := v.hub.Endpoint(ctx, m.Managed.Namespace, m.Managed.Name, m.Managed.Token)
		v.tell(doctor.Endpoint(doctor.Managed{
			Target: m.Target.Name, Namespace: m.Managed.Namespace, Name: m.Managed.Name, Host: m.Target.Endpoint.URL.Host, Idle: m.Managed.Idle,
			Wake: m.Target.Wake, ExpectPaused: m.Target.ExpectPaused,
		}, e, err)...)
	}
}

// smallest is the smallest request of one scope.
type smallest struct {
	scope string
	model config.Model
	// why it is not sent; empty where it is.
	why string
}

// requests sends the smallest request of each scope, and judges the answers.
// Those of scopes in held were asked already.
func (v *visit) requests(ctx context.Context, held []fault.Scope) {
	all := v.asks(held)
	var models []config.Model
	scope := map[string]string{}
	for _, a := range all {
		switch {
		case a.why != "":
			v.tell(doctor.NotAsked(a.scope, a.why))
		case v.Unpaid:
			v.tell(doctor.NotAsked(a.scope, "nothing that could cost money was to be asked"))
		default:
			models = append(models, a.model)
			scope[a.model.Target.Name] = a.scope
		}
	}
	if len(models) == 0 || ctx.Err() != nil {
		return
	}
	v.Announce(v.spending(models))
	once := Once{Version: v.Version, Logger: v.Logger, Parallel: 4, Least: true, Dial: v.Dial}
	err := once.Probe(ctx, v.cfg, models, func(o Outcome) {
		if o.Err != nil {
			v.tell(doctor.NotAsked(scope[o.Target], "by way of "+o.Target+": "+o.Err.Error()))
			return
		}
		v.tell(doctor.Asked(scope[o.Target], o.Result))
	})
	if err != nil {
		v.tell(doctor.Finding{Check: "account", About: "requests", Grade: doctor.Problem, Says: "none was sent: " + err.Error(), Do: "put right what it says, and ask again"})
	}
}

// asks returns the smallest request of each scope: that of its cheapest target.
func (v *visit) asks(held []fault.Scope) []smallest {
	models := map[string]config.Model{}
	for _, m := range v.cfg.Models {
		models[m.Target.Name] = m
	}
	var all []smallest
	cost := map[string]int64{}
	for _, m := range members(v.cfg) {
		narrow := m.Scopes[len(m.Scopes)-1].String()
		if slices.ContainsFunc(m.Scopes, func(s fault.Scope) bool { return slices.Contains(held, s) }) {
			continue
		}
		one := smallest{scope: narrow, model: models[m.Target]}
		if one.why = v.why(m, &one.model.Target.Endpoint); one.model.Vacant != nil {
			one.why = "no provider of " + m.Target + " is known"
		}
		if v.deaf {
			one.why = "the hfwatch that holds " + v.cfg.Data.Dir + " does not answer"
		}
		i := slices.IndexFunc(all, func(a smallest) bool { return a.scope == narrow })
		switch {
		case i < 0:
			all = append(all, one)
		case one.why == "" && (all[i].why != "" || m.Cost < cost[narrow]):
			all[i] = one
		default:
			continue
		}
		cost[narrow] = m.Cost
	}
	return all
}

// why returns why a target is not asked; empty where it can be.
func (v *visit) why(m fault.Member, e *probe.Endpoint) string {
	switch {
	case !m.Checkable:
		return m.Target + " has no baseline, and a request might wake it"
	case v.unreached[hostPort(e.URL)]:
		return "its host cannot be reached"
	case slices.Contains(v.token.Users, m.Target) && (v.token.Refused() || !v.token.Set):
		return "without a token that the Hub takes it would be refused"
	case v.missing[m.Target]:
		return "the model of " + m.Target + " is not to be had"
	}
	return ""
}

// spending says what the smallest requests of models cost at most.
func (v *visit) spending(models []config.Model) string {
	runner := probe.Runner{Location: v.cfg.Location, Version: v.Version}
	tokens, usd, unpriced := int64(0), 0.0, 0
	for _, m := range models {
		t := least(m.Target)
		call, err := runner.Prepare(probe.Shot{Target: t, Kind: probe.Manual, Lane: probe.LaneBaseline, Due: time.Now()})
		if err != nil {
			continue
		}
		in, out := call.Request.TokensIn, call.Request.TokensOut
		tokens += int64(in + out)
		if cost, ok := t.Price.Cost(probe.Some(in), probe.Some(out)).Get(); ok {
			usd += cost
		} else {
			unpriced++
		}
	}
	return doctor.Spending(len(models), tokens, usd, unpriced)
}

// least returns a target whose probe is the smallest request of it: its
// shortest input, one token, and nothing expected of the answer.
func least(t *probe.Target) *probe.Target {
	small := *t
	small.Stream, small.Expect = false, probe.Expect{}
	small.Parameters = task.Least(t.Task.Name(), t.Parameters)
	if in := t.Inputs.Values; len(in) > 0 {
		short := in[0]
		for _, one := range in {
			if len(one) < len(short) {
				short = one
			}
		}
		small.Inputs = probe.Inputs{Values: in[:0:0]}
		small.Inputs.Values = append(small.Inputs.Values, short)
	}
	return &small
}
