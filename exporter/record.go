package exporter

import (
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// The reasons for which a result is ignored.
const (
	ignoredUnknown   = "unknown_target"
	ignoredDuplicate = "duplicate"
	ignoredInvalid   = "invalid"
)

// kindSeries is the series of one kind of result of one target. What is nil
// begins with its first value.
type kindSeries struct {
	name       string
	probes     map[verdict]*child
	results    map[probe.Counts]*child
	response   passFail
	firstToken passFail
	firstByte  *child
	tpot       *child
	// answer, gap, queue and server are of good results that tell.
	answer, gap, queue, server *child
	// met and missed are of targets with objectives.
	met, missed *child
	lag         *child
	phases      [8]*child
	in, out     *child
}

// verdict is what a probe is counted by.
type verdict struct {
	outcome probe.Outcome
	fault   probe.Fault
}

// passFail is a histogram for good results and one for bad ones.
type passFail struct{ ok, failed *child }

// initial returns the verdicts that a baseline starts with, so that the first
// of them is an increase.
func initial() []verdict {
	return []verdict{
		{probe.OK, probe.FaultNone},
		{probe.ServerError, probe.FaultTarget},
		{probe.Timeout, probe.FaultTarget},
		{probe.Overloaded, probe.FaultTarget},
		{probe.Connect, probe.FaultTarget},
	}
}

// kind returns the series of a kind of result, made if need be.
func (t *target) kind(kind probe.Kind, now time.Time) *kindSeries {
	if k := t.kinds[kind]; k != nil {
		return k
	}
	k := &kindSeries{name: string(kind), probes: map[verdict]*child{}, results: map[probe.Counts]*child{}}
	for _, c := range probe.AllCounts() {
		k.results[c] = t.add(series.Results, now, k.name, string(c))
	}
	if kind == probe.Baseline {
		for _, v := range initial() {
			k.probes[v] = t.add(series.Probes, now, k.name, string(v.outcome), string(v.fault))
		}
		k.response = t.passFail(series.Response, now, k.name)
		if t.facts.Stream {
			k.firstToken = t.passFail(series.FirstToken, now, k.name)
		}
		k.hide(t.facts.Timeout)
	}
	t.kinds[kind] = k
	return k
}

// passFail makes the two histograms of a series.
func (t *target) passFail(s series.Series, now time.Time, kind string) passFail {
	return passFail{t.add(s, now, kind, series.ResultOK), t.add(s, now, kind, series.ResultFailed)}
}

// hide leaves out the classic buckets that no failed result can be in. A sum
// over results is the same without them, since what is left out is zero.
func (k *kindSeries) hide(timeout time.Duration) {
	for _, c := range []*child{k.response.failed, k.firstToken.failed} {
		if c != nil {
			c.hist.hidden = below(c.hist.bounds, timeout)
		}
	}
}

// Record takes one result into the series of its target. A result that was
// taken before, of a target that is not configured, or of an unknown kind
// counts as ignored and nowhere else.
func (e *Exporter) Record(r probe.Result) {
	t := e.fleet.Load().targets[r.Target]
	if t == nil || r.Location != "" && r.Location != e.location {
		e.self.ignored.inc(ignoredUnknown)
		return
	}
	if reason := t.record(&r, time.Now()); reason != "" {
		e.self.ignored.inc(reason)
	}
}

// record returns why the result was ignored; empty if it was not.
func (t *target) record(r *probe.Result, now time.Time) (ignored string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[r.Kind] == nil && !slices.Contains(probe.Kinds(), r.Kind) {
		return ignoredInvalid
	}
	if t.again(r.ID) {
		return ignoredDuplicate
	}
	k := t.kind(r.Kind, now)
	t.count(k, r, now)
	t.measure(k, r, now)
	if r.Kind == probe.Baseline || r.Kind == probe.Bystander {
		t.see(r, now, t.blocked() && (r.Outcome == probe.Auth || r.Outcome == probe.Billing))
	}
	if r.Revision != "" && r.Kind != probe.Drill && clean(r.Revision) != t.revision {
		t.revision = clean(r.Revision)
		t.publishInfo()
	}
	return ""
}

// again reports whether the result is among the last ones of the target, and
// remembers it. A result without an ID is always new.
func (t *target) again(id string) bool {
	if id == "" {
		return false
	}
	// FNV-1a, 64 bits: the IDs are hashes already.
	hash := uint64(14695981039346656037)
	for i := range len(id) {
		hash = (hash ^ uint64(id[i])) * 1099511628211
	}
	if slices.Contains(t.recent[:], hash) {
		return true
	}
	t.recent[t.next] = hash
	t.next = (t.next + 1) % len(t.recent)
	return false
}

// count moves the counters of a result. What is outside a closed set counts as
// unknown.
func (t *target) count(k *kindSeries, r *probe.Result, now time.Time) {
	v := verdict{r.Outcome, r.Fault}
	c := k.probes[v]
	if c == nil {
		if !slices.Contains(probe.Outcomes(), v.outcome) {
			v.outcome = probe.Unknown
		}
		if !slices.Contains(probe.Faults(), v.fault) {
			v.fault = probe.FaultUnknown
		}
		if c = k.probes[v]; c == nil {
			c = t.add(series.Probes, now, k.name, string(v.outcome), string(v.fault))
			k.probes[v] = c
		}
	}
	c.value++
	if c = k.results[r.Counts]; c == nil {
		c = k.results[probe.Apart]
	}
	c.value++
	if n, ok := r.TokensIn.Get(); ok && n > 0 {
		t.at(&k.in, series.Tokens, now, k.name, series.DirectionIn).value += float64(n)
	}
	if n, ok := r.TokensOut.Get(); ok && n > 0 {
		t.at(&k.out, series.Tokens, now, k.name, series.DirectionOut).value += float64(n)
	}
}

// at returns the child in c, made if need be.
func (t *target) at(c **child, s series.Series, now time.Time, kind, value string) *child {
	if *c == nil {
		*c = t.add(s, now, kind, value)
	}
	return *c
}

// measure takes the times of a result into the distributions. Only results that
// count are in those of the target; how late hfwatch sent is its own affair and
// in the lag whatever came of it.
func (t *target) measure(k *kindSeries, r *probe.Result, now time.Time) {
	t.observe(&k.lag, series.Lag, k.name, r.Lag, now)
	if !r.Enters() {
		return
	}
	t.either(&k.response, series.Response, k.name, r.Counts, r.Response, now)
	t.either(&k.firstToken, series.FirstToken, k.name, r.Counts, r.FirstToken, now)
	if r.Counts == probe.Good {
		t.observe(&k.firstByte, series.FirstByte, k.name, r.FirstByte, now)
		t.observe(&k.tpot, series.TPOT, k.name, r.TPOT, now)
		t.observe(&k.answer, series.FirstAnswer, k.name, r.FirstAnswer, now)
		t.observe(&k.gap, series.Gap, k.name, r.GapMax, now)
		t.observe(&k.queue, series.QueueSeconds, k.name, r.Queue, now)
		t.observe(&k.server, series.ServerSeconds, k.name, r.Server, now)
	}
	if o := t.facts.Objectives; o != (Objectives{}) {
		met, missed := t.at(&k.met, series.Goodput, now, k.name, series.ResultMet), t.at(&k.missed, series.Goodput, now, k.name, series.ResultMissed)
		if o.met(r) {
			met.value++
		} else {
			missed.value++
		}
	}
	for i, d := range [...]probe.Seconds{
		r.Phases.DNS, r.Phases.Connect, r.Phases.TLS, r.Phases.Write, r.Phases.Wait, r.Phases.Read, r.Server, r.Queue,
	} {
		if spent, ok := d.Get(); ok && spent >= 0 {
			t.at(&k.phases[i], series.PhaseSeconds, now, k.name, phaseName(i)).value += spent.Seconds()
		}
	}
}

// phaseName returns the name of a phase in the order of kindSeries.phases.
func phaseName(i int) string {
	return [...]string{"dns", "connect", "tls", "write", "wait", "read", "server", "queue"}[i]
}

// either observes in the histogram of good results or that of bad ones.
func (t *target) either(p *passFail, s series.Series, kind string, counts probe.Counts, d probe.Seconds, now time.Time) {
	v, ok := d.Get()
	if !ok {
		return
	}
	c, result := &p.ok, series.ResultOK
	if counts == probe.Bad {
		c, result = &p.failed, series.ResultFailed
	}
	t.at(c, s, now, kind, result).hist.observe(v.Seconds(), now)
}

// observe observes what was measured.
func (t *target) observe(c **child, s series.Series, kind string, d probe.Seconds, now time.Time) {
	v, ok := d.Get()
	if !ok {
		return
	}
	if *c == nil {
		*c = t.add(s, now, kind)
	}
	(*c).hist.observe(v.Seconds(), now)
}

// met reports whether a result was good and no objective was exceeded. What was
// not measured of a good result exceeds nothing.
func (o Objectives) met(r *probe.Result) bool {
	within := func(d probe.Seconds, most time.Duration) bool {
		v, ok := d.Get()
		return most <= 0 || !ok || v <= most
	}
	return r.Counts == probe.Good && within(r.Response, o.Response) && within(r.FirstToken, o.FirstToken) && within(r.TPOT, o.TPOT)
}
