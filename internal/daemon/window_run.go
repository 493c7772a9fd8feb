package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// What begins a window.
const (
	triggerSchedule = "schedule"
	triggerManual   = "manual"
)

// carrier carries out windows: the one way from a plan to a record, in the
// daemon and on the command line.
type carrier struct {
	runner probe.Runner
	// ledger is nil where nothing is booked.
	ledger *budget.Ledger
	class  budget.Class
	// trigger says what begins it.
	trigger string
	// began is given the record of a window that begins, before its first request;
	// nil is nobody.
	began func(load.Window)
	// observe and progress are as in load.Options.
	observe  func(probe.Result)
	progress func(load.Snapshot)
	// precise is as in load.Options.
	precise bool
	// look reads the management API beside a window; nil is nobody.
	look looker
}

// carry carries out a window. An error says why it could not begin.
func (c carrier) carry(ctx context.Context, p planned, id string) (load.Window, error) {
	admission := newAdmission(c.ledger, c.class, p.models)
	defer admission.close()
	o := load.Options{
		Runner: c.runner, Targets: p.targets(), MaxInFlight: p.MaxInFlight, Timeout: p.Timeout, Abort: p.abort(),
		Objectives: p.objectives(), Admission: admission, Observe: c.observe, Progress: c.progress, Precise: c.precise,
	}
	head := load.Window{
		Schema: load.WindowSchema, ID: id, Trigger: c.trigger, Location: c.runner.Location, Version: c.runner.Version, Started: time.Now(),
		Plan: load.PlanHead{Schema: load.PlanSchema, Seed: p.seed(id), Process: p.Arrival.Process},
	}
	if p.mix {
		o.Mix, head.Mix = p.name, p.name
	} else {
		head.Target = p.name
	}
	if p.Find != "" {
		search, err := p.search(id)
		if err != nil {
			return load.Window{}, err
		}
		c.begin(head)
		beside := followReplicas(ctx, c.look, p.distinct())
		w, err := load.Find(ctx, search, o)
		w.Scaling = beside.end(w)
		return c.complete(w, head, p), err
	}
	spec, err := p.spec(id)
	if err != nil {
		return load.Window{}, err
	}
	plan, err := load.Draw(spec, p.seed(id))
	if err != nil {
		return load.Window{}, err
	}
	head.Plan.Process, head.Plan.Stages, head.Plan.Arrivals = plan.Process, plan.Stages, len(plan.Arrivals)
	c.begin(head)
	beside := followReplicas(ctx, c.look, p.distinct())
	w, err := load.Run(ctx, plan, load.Whole(), o)
	w.Scaling = beside.end(w)
	return c.complete(w, head, p), err
}

// begin tells that a window begins.
func (c carrier) begin(head load.Window) {
	if c.began != nil {
		c.began(head)
	}
}

// complete fills in what the engine does not know.
func (c carrier) complete(w, head load.Window, p planned) load.Window {
	w.Trigger, w.Location, w.Version = head.Trigger, head.Location, head.Version
	w.Target, w.Mix, w.Asked = head.Target, head.Mix, p.asked()
	return w
}

// blockSize is how many requests are reserved at once: it bounds what counts as
// spent after a crash, and spares the journal a line for each request.
const blockSize = 16

// admission reserves a window's requests in blocks.
type admission struct {
	ledger *budget.Ledger
	class  budget.Class
	most   map[string]budget.Amount

	mu     sync.Mutex
	blocks map[string]*block
}

// block is a lease and how many requests of it were not handed out yet.
type block struct {
	lease budget.Lease
	left  int
}

// newAdmission returns the admission of a window to the given models.
func newAdmission(l *budget.Ledger, class budget.Class, models []config.Model) *admission {
	a := &admission{ledger: l, class: class, most: map[string]budget.Amount{}, blocks: map[string]*block{}}
	for _, m := range models {
		a.most[m.Target.Name] = ceiling(m.Target, m.TokensIn, m.TokensOut)
	}
	return a
}

// Admit takes one request off the target's block, or reserves another one.
func (a *admission) Admit(call *probe.Call) (func(probe.Result), error) {
	if a.ledger == nil {
		return nil, nil
	}
	name := call.Target.Name
	most := a.most[name]
	own := ceiling(call.Target, call.Request.TokensIn, call.Request.TokensOut)
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.blocks[name]
	if b == nil || b.left == 0 {
		lease, n, err := a.ledger.ReserveBlock(time.Now(), name, a.class, greater(most, own), blockSize)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b = &block{lease, n}
		a.blocks[name] = b
	}
	b.left--
	lease := b.lease
	return func(res probe.Result) {
		if res.Sent.IsZero() && res.Outcome != probe.Internal {
			a.ledger.SettlePart(lease, budget.Amount{})
			return
		}
		a.ledger.SettlePart(lease, spent(res, own))
	}, nil
}

// close gives back what was reserved and not handed out.
func (a *admission) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.blocks {
		if b.left > 0 {
			// Nothing is in flight any more, so that what is open was never sent.
			a.ledger.Release(b.lease)
		}
	}
}

// greater returns the greater of each.
func greater(a, b budget.Amount) budget.Amount {
	return budget.Amount{Requests: max(a.Requests, b.Requests), Tokens: max(a.Tokens, b.Tokens), MicroUSD: max(a.MicroUSD, b.MicroUSD)}
}

// affordable returns why a window does not fit the budgets of its targets, by
// target; none where it does. A window whose requests nothing bounds must fit as
// many as may be in flight: the budget itself ends it.
func affordable(l *budget.Ledger, class budget.Class, p planned, now time.Time) map[string]string {
	out := map[string]string{}
	total, bounded := p.Requests()
	if !bounded || total < 1 {
		total = float64(p.MaxInFlight)
	}
	weight := 0.0
	for _, s := range p.steps {
		weight += s.Weight
	}
	var leases []budget.Lease
	for i, m := range p.models {
		n := total
		if weight > 0 {
			n = total * p.steps[i].Weight / weight
		}
		want := max(1, int(n))
		const most = 65536
		each := ceiling(m.Target, m.TokensIn, m.TokensOut)
		for asked := 0; asked < want; asked += most {
			block := min(want-asked, most)
			lease, got, err := l.ReserveBlock(now, m.Target.Name, class, each, block)
			if err != nil {
				out[m.Target.Name] = err.Error()
				break
			}
			leases = append(leases, lease)
			if got < block {
				out[m.Target.Name] = fmt.Sprintf("the window asks for up to %d requests, and its budget has room for %d beside what is kept for baselines", want, asked+got)
				break
			}
		}
	}
	for _, lease := range leases {
		l.Release(lease)
	}
	return out
}
