package notify

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/probe"
)

// The times and bounds of posting to Alertmanagers, which are Prometheus's own:
// rules.Manager's resend delay, the validity of four of the longer of interval
// and delay, resolvedRetention of rules/alerting.go, and capacity and batch of
// notifier.Manager.
const (
	resendDelay    = time.Minute
	validity       = 4
	resolvedRepeat = 15 * time.Minute
	queueCapacity  = 10_000
	batchMost      = 256
)

// postedPrefix stands before the keys of what a cluster was sent, by receiver.
const postedPrefix = "posted/"

// cluster posts alerts to every member of a cluster of Alertmanagers, whether
// they fire or have resolved, again and again: a member that misses a post gets
// the next, and one that hears nothing any more resolves. Unlike a mailbox it
// retries nothing. The Sender's lock guards match and to.
type cluster struct {
	name  string
	opts  Options
	match probe.Match
	to    Receiver
	base  context.Context //nolint:containedctx // Members are started at reloads too, and live as long as the Sender.

	mu      sync.Mutex
	posted  map[model.Fingerprint]*posting
	last    time.Time
	members []*member
	// ended are the members that were told to end.
	ended []*member
}

// posting is one alert as it is posted.
type posting struct {
	alert    *alert.Alert
	resolved bool
	// sent is when it was last posted; zero is never since the start.
	sent time.Time
	// begun is whether the cluster has been sent it, be it before the start.
	begun bool
}

// newCluster returns a running cluster, to be ended by retire. What it had
// begun to post before the start it knows from the store.
func newCluster(ctx context.Context, r Receiver, o Options) *cluster {
	c := &cluster{name: r.Name, opts: o, base: ctx, match: r.Match, to: r, posted: map[model.Fingerprint]*posting{}}
	for text := range o.Store.All(postedPrefix + quoted(r.Name)) {
		if fp, err := model.FingerprintFromString(text); err == nil {
			c.posted[fp] = &posting{begun: true}
		}
	}
	c.start(r)
	return c
}

// start starts the members of a receiver.
func (c *cluster) start(r Receiver) {
	for _, u := range r.Alertmanager.URLs {
		c.members = append(c.members, startMember(c.base, c.name, u, *r.Alertmanager, c.opts))
	}
}

// replace puts other settings in place. Members that are new are sent
// everything at once.
func (c *cluster) replace(r Receiver) {
	changed := c.to.address() != r.address() || c.to.credentials() != r.credentials()
	c.match, c.to = r.Match, r
	if !changed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.members
	c.members = nil
	c.start(r)
	var again []posted
	for fp, p := range c.posted {
		if p.alert != nil && p.begun {
			again = append(again, posted{p.alert, fp, p.resolved})
		}
	}
	for _, m := range c.members {
		m.post(again)
	}
	c.end(old)
}

// end tells members to end once they have posted what they have.
func (c *cluster) end(members []*member) {
	for _, m := range members {
		m.end()
	}
	c.ended = append(slices.DeleteFunc(c.ended, (*member).over), members...)
}

// wait returns once the members of a retired cluster have ended. The end of ctx
// cuts them off.
func (c *cluster) wait(ctx context.Context) {
	c.mu.Lock()
	members := slices.Clone(c.ended)
	c.mu.Unlock()
	for _, m := range members {
		select {
		case <-m.done:
		case <-ctx.Done():
			m.cut()
			<-m.done
		}
	}
}

// reconcile forgets what was posted before the start and is not any more.
func (c *cluster) reconcile() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for fp, p := range c.posted {
		if p.alert == nil {
			c.forget(fp)
		}
	}
}

// retire ends the posting. What was posted expires by itself.
func (c *cluster) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(c.members)
	c.members = nil
}

// accept takes what one evaluation at the time says, and posts what is due: what
// is new at once, and all the rest every resendDelay. A muted alert that was
// never posted is not; one that was goes on being, since silence would read as a
// resolve.
func (c *cluster) accept(facts []fact, at time.Time, wanted func(fact) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := c.validUntil(at)
	var due []posted
	for _, f := range facts {
		p := c.posted[f.fp]
		switch {
		case p == nil && f.resolved, (p == nil || !p.begun) && (f.Muted || !wanted(f)):
			continue
		case p == nil:
			p = &posting{}
			c.posted[f.fp] = p
		}
		if f.resolved && at.Sub(f.Alert.EndsAt) > resolvedRepeat {
			c.forget(f.fp)
			continue
		}
		changed := p.alert == nil || p.resolved != f.resolved
		p.alert, p.resolved = stamped(f, until), f.resolved
		if !changed && !overdue(p.sent, at) {
			continue
		}
		c.begin(f.fp, p)
		p.sent = at
		due = append(due, posted{p.alert, f.fp, f.resolved})
	}
	c.sweep(facts, at)
	for _, m := range c.members {
		m.post(due)
	}
}

// overdue reports whether what was sent then is to be sent again at the time: by
// the clock that never steps, or by the time of day, which alone goes on while a
// machine sleeps.
func overdue(sent, at time.Time) bool {
	return max(at.Sub(sent), at.Round(0).Sub(sent.Round(0))) > resendDelay
}

// validUntil returns until when an alert that is posted now is to fire without
// being posted again.
func (c *cluster) validUntil(at time.Time) time.Time {
	interval := resendDelay
	if !c.last.IsZero() {
		interval = max(interval, at.Sub(c.last))
	}
	c.last = at
	return at.Add(validity * interval)
}

// stamped returns the alert as it is posted.
func stamped(f fact, until time.Time) *alert.Alert {
	a := *f.Alert
	if !f.resolved {
		a.EndsAt = until.Round(0)
	}
	return &a
}

// begin notes in the store that the cluster is sent the alert.
func (c *cluster) begin(fp model.Fingerprint, p *posting) {
	if !p.begun {
		p.begun = true
		_ = c.opts.Store.Put(postedPrefix+quoted(c.name)+fp.String(), json.RawMessage("true"))
	}
}

// forget ends the posting of an alert.
func (c *cluster) forget(fp model.Fingerprint) {
	delete(c.posted, fp)
	_ = c.opts.Store.Put(postedPrefix+quoted(c.name)+fp.String(), nil)
}

// sweep forgets the alerts that nobody speaks of any more. Of a firing one the
// members expire what they know.
func (c *cluster) sweep(facts []fact, at time.Time) {
	if len(c.posted) <= len(facts) {
		return
	}
	spoken := map[model.Fingerprint]bool{}
	for _, f := range facts {
		spoken[f.fp] = true
	}
	for fp, p := range c.posted {
		if !spoken[fp] && p.alert != nil && at.Sub(p.sent) > resolvedRepeat {
			c.forget(fp)
		}
	}
}

// status returns how much the cluster holds.
func (c *cluster) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Receiver: c.name}
	for _, m := range c.members {
		s.Queued += m.waiting()
	}
	for _, p := range c.posted {
		if p.alert != nil && p.begun && !p.resolved {
			s.Told++
		}
	}
	return s
}

// postable is an alert as Alertmanager's API of version 2 takes it.
type postable struct {
	Labels       model.LabelSet `json:"labels"`
	Annotations  model.LabelSet `json:"annotations"`
	StartsAt     time.Time      `json:"startsAt,omitzero"`
	EndsAt       time.Time      `json:"endsAt,omitzero"`
	GeneratorURL string         `json:"generatorURL,omitempty"`
}

// postables returns alerts in the form of the API, in order of their labels.
func postables(alerts []*alert.Alert) []postable {
	out := make([]postable, 0, len(alerts))
	for _, a := range alerts {
		out = append(out, postable{
			Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, EndsAt: a.EndsAt, GeneratorURL: link(a.GeneratorURL),
		})
	}
	// Of two words on one alert the later one counts.
	slices.SortStableFunc(out, func(x, y postable) int { return strings.Compare(x.Labels.String(), y.Labels.String()) })
	return out
}

// link returns a link if it is one: Alertmanager refuses a whole batch for one
// that is none.
func link(text string) string {
	if strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") {
		return text
	}
	return ""
}
