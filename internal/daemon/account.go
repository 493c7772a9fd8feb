package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/exporter"
	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

// busyAgain is when a check is tried again whose target is being probed.
const busyAgain = 5 * time.Second

// assumedUSDPerMTok is what a target without a price is taken to cost where the
// cheapest of several is looked for, in US dollars a million tokens.
const assumedUSDPerMTok = 10

// scopesOf returns the scopes in which a model stands, from the widest to the
// narrowest. Their names say where in the configuration they stand, and hold no
// secret; first is the first model that has the same credentials of its own.
func scopesOf(cfg *config.Config, m config.Model, first string) []fault.Scope {
	t := m.Target
	e := &t.Endpoint
	host := fault.Scope{Kind: fault.ScopeHost, Name: e.URL.Host}
	hubToken := fault.Scope{Kind: fault.ScopeToken, Name: "hub.token"}
	switch {
	case e.AuthHeader != "":
		host.Name += " (auth of " + first + ")"
		return []fault.Scope{host}
	case e.NoAuth || e.HubToken.IsZero() || !probe.MayCarryHubToken(e.URL):
		return []fault.Scope{host}
	case e.Route == probe.RouteURL && e.URL.Host != cfg.Hub.URL.Host:
		// What an endpoint costs is on its owner's bill, by the hour: it answers on
		// when the credit of Inference Providers is spent.
		return []fault.Scope{hubToken, host}
	}
	payer := e.BillTo
	if payer == "" {
		payer = "the token's owner"
	}
	narrow := host
	if e.Route != probe.RouteURL {
		narrow = fault.Scope{Kind: fault.ScopeProvider, Name: t.Provider}
	}
	if e.BillTo != cfg.Hub.BillTo {
		narrow.Name += " (bill_to " + payer + ")"
	}
	return []fault.Scope{hubToken, {Kind: fault.ScopeBillTo, Name: payer}, narrow}
}

// members returns the models as the accounts know them.
func members(cfg *config.Config) []fault.Member {
	type credentials struct {
		host, header string
		value        probe.Secret
	}
	first := map[credentials]string{}
	var out []fault.Member
	for _, m := range cfg.Models {
		t := m.Target
		key := credentials{t.Endpoint.URL.Host, t.Endpoint.AuthHeader, t.Endpoint.AuthValue}
		if first[key] == "" {
			first[key] = t.Name
		}
		most := ceiling(t, m.TokensIn, m.TokensOut)
		if t.Price.Cost(probe.Some(m.TokensIn), probe.Some(m.TokensOut)).IsZero() {
			// What has no price is not free.
			most.MicroUSD = most.Tokens * assumedUSDPerMTok
		}
		out = append(out, fault.Member{
			Target: t.Name, Scopes: scopesOf(cfg, m, first[key]), Cost: most.MicroUSD<<20 + most.Tokens, Checkable: m.Baseline != nil,
		})
	}
	return out
}

// held reports whether the account holds a target's slots now.
func (d *Daemon) held(name string, now time.Time) bool {
	_, blocked := d.accounts.Blocked(name, now)
	return blocked
}

// heed gives a result to the accounts and tells of what it changed.
func (d *Daemon) heed(res probe.Result) {
	if res.Kind == probe.Drill {
		return
	}
	d.heeding.Lock()
	changes := d.accounts.Record(res, time.Now())
	d.heeding.Unlock()
	d.network.Record(res, time.Now())
	d.tell(changes)
}

// tell logs, publishes and records changes of accounts.
func (d *Daemon) tell(changes []fault.Change) {
	if len(changes) == 0 {
		return
	}
	for _, c := range changes {
		args := []any{"scope", c.Scope.String(), "reason", string(c.Reason), "first", c.First}
		switch {
		case c.Cleared && c.Phase == fault.Suspended:
			d.logger.Info("the account is accepted again; probing goes on", args...)
		case c.Cleared:
			d.logger.Info("the account's refusal was not confirmed", args...)
		case c.Phase == fault.Limited:
			d.logger.Warn("rate limited; probes are held", append(args, "until", c.Next, "err", c.Detail)...)
		case c.Phase == fault.Suspended:
			d.logger.Error("the account is refused; probes are suspended", append(args, "next_check", c.Next, "err", c.Detail)...)
		default:
			d.logger.Warn("the account was refused; one more request will confirm it", append(args, "err", c.Detail)...)
		}
	}
	d.event(history.KindAccount, d.accounts.States(time.Now()))
	d.publish()
	select {
	case d.checking <- struct{}{}:
	default:
	}
}

// publish shows which scopes and targets are blocked.
func (d *Daemon) publish() {
	now := time.Now()
	scopes := map[exporter.Account]float64{}
	for _, st := range d.accounts.States(now) {
		if st.Phase != fault.Suspected {
			scopes[exporter.Account{Scope: st.Scope.String(), Reason: string(st.Reason)}] = 1
		}
	}
	d.exporter.SetAccounts(scopes)
	for name := range d.now.Load().models {
		reason, _ := d.accounts.Blocked(name, now)
		d.exporter.Suspended(name, string(reason))
	}
	d.exporter.SetVantageDown(d.network.Down(now))
}

// recall gives the accounts back what the records know of them.
func (d *Daemon) recall(ctx context.Context, cfg *config.Config) {
	last, err := d.records.Events(ctx, history.EventQuery{Kinds: []history.EventKind{history.KindAccount}, Location: cfg.Location, Limit: 1})
	if err != nil || len(last) == 0 {
		return
	}
	var states []fault.State
	if err := json.Unmarshal(last[0].Data, &states); err != nil {
		d.logger.Error("what was known of the account cannot be read", "err", err)
		return
	}
	d.accounts.Restore(states)
	for _, st := range d.accounts.States(time.Now()) {
		d.logger.Warn("the account was blocked before the restart", "scope", st.Scope.String(), "reason", string(st.Reason), "next_check", st.Next)
	}
	d.publish()
}

// watchAccounts sends the checks that are due, until ctx ends.
func (d *Daemon) watchAccounts(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.checking:
		}
		now := time.Now()
		d.heeding.Lock()
		checks, changes := d.accounts.Due(now)
		d.heeding.Unlock()
		d.tell(changes)
		for _, c := range checks {
			d.check(ctx, c)
		}
		d.publish()
		// A day is a bound; what changes wakes the loop.
		wait := 24 * time.Hour
		if next := d.accounts.Next(time.Now()); !next.IsZero() {
			wait = max(0, time.Until(next))
		}
		timer.Reset(wait)
	}
}

// check sends one request to see whether a scope is still blocked: the
// ordinary probe of its cheapest target, in its lane and from its budget.
func (d *Daemon) check(ctx context.Context, c fault.Check) {
	m, ok := d.now.Load().models[c.Target]
	if !ok || m.Baseline == nil {
		return
	}
	var err error
	refused := d.scheduler.TryHeld(c.Target, probe.LaneBaseline, func() {
		shot := probe.Shot{
			Target: m.Target, Kind: probe.Baseline, Lane: probe.LaneBaseline, Due: time.Now(), Seq: checkSeq, Timeout: m.Baseline.Timeout,
			Reuse: m.Connection == "reuse",
		}
		_, err = d.shoot(ctx, shot, budget.Baseline)
	})
	if err = errors.Join(refused, err); err != nil {
		wait := fault.TryAgain
		if errors.Is(err, schedule.ErrBusy) {
			wait = busyAgain
		}
		d.accounts.Postpone(c, time.Now().Add(wait))
		d.logger.Debug("the account could not be checked", "scope", c.Scope.String(), "target", c.Target, "err", err)
	}
}

// checkSeq keeps a check apart from a slot that is due at the same instant.
const checkSeq = 1 << 32

// Resume checks at once whether what is suspended can go on, and lets go what
// is held for a rate. It returns how many scopes are checked.
func (d *Daemon) Resume() int {
	d.heeding.Lock()
	n := d.accounts.Recheck(time.Now())
	d.heeding.Unlock()
	select {
	case d.checking <- struct{}{}:
	default:
	}
	return n
}

// adoptAccounts puts the models of another configuration in place.
func (d *Daemon) adoptAccounts(w *watched) {
	d.accounts.SetMembers(members(w.cfg))
	known := maps.Clone(w.models)
	d.network.Keep(func(target string) bool { _, ok := known[target]; return ok })
}

// goAccounts begins to watch over the accounts, until the daemon stops.
func (d *Daemon) goAccounts(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.watchAccounts(ctx)
	}()
	d.undo.add("checks of accounts", func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}
