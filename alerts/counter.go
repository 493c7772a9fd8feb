package alerts

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// HitsSeries is the gauge that a Counter publishes.
const HitsSeries = string(series.AlertHits)

// Counter counts, for every rule of the form "k of n" and every target that it
// matches, how many of the target's last n results meet the rule's condition.
// It is a probe.Sink and a prometheus.Collector, and safe for concurrent use.
type Counter struct {
	desc *prometheus.Desc

	mu    sync.Mutex
	rules []countedRule
	rings map[ringKey]*ring
}

// countedRule is what the counter needs of a rule.
type countedRule struct {
	name  string
	match probe.Match
	when  When
}

// ringKey names the last results of one target as one rule sees them.
type ringKey struct{ rule, target, location string }

// ring holds whether each of the last n results was a hit.
type ring struct {
	hits []bool
	next int
	seen int // up to n
}

// NewCounter returns a counter without rules.
func NewCounter() *Counter {
	return &Counter{
		desc: prometheus.NewDesc(HitsSeries,
			"How many of the target's last results meet the condition of the alert, for conditions of the form k of n.",
			[]string{"alertname", "target", "location"}, nil),
		rings: map[ringKey]*ring{},
	}
}

// SetRules replaces the rules. A rule that is unchanged keeps its counts; the
// counts of targets that are not among the given ones go away.
func (c *Counter) SetRules(rules []Rule, targets []probe.Identity) {
	counted := make([]countedRule, 0, len(rules))
	for _, r := range rules {
		if r.Expr == "" && r.When.Form == FormLast {
			counted = append(counted, countedRule{name: r.Name, match: r.targets(), when: r.When})
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.rings {
		i := slices.IndexFunc(counted, func(r countedRule) bool { return r.name == key.rule })
		same := i >= 0 && slices.ContainsFunc(c.rules, func(r countedRule) bool {
			return r.name == key.rule && r.when.Text == counted[i].when.Text
		})
		alive := slices.ContainsFunc(targets, func(id probe.Identity) bool {
			return id.Name == key.target && id.Location == key.location && i >= 0 && counted[i].match.Selects(id)
		})
		if !same || !alive {
			delete(c.rings, key)
		}
	}
	c.rules = counted
}

// Record counts one result. Results of other kinds than baseline count for
// nothing.
func (c *Counter) Record(r probe.Result) { c.RecordOf(r, nil) }

// RecordOf counts one result of a target that bears the labels.
func (c *Counter) RecordOf(r probe.Result, labels map[string]string) {
	if r.Kind != probe.Baseline {
		return
	}
	id := probe.Identity{Name: r.Target, Task: r.Task, Model: r.Model, Location: r.Location, Labels: labels}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rule := range c.rules {
		if !rule.match.Selects(id) {
			continue
		}
		hit, counts := rule.when.Hit(r)
		if !counts {
			continue
		}
		c.add(rule, id, hit)
	}
}

// Episode counts one cold start or warm-up of a target, by how long it took.
// Those of before a start are counted as they came.
func (c *Counter) Episode(id probe.Identity, s Signal, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rule := range c.rules {
		if rule.when.Signal == s && rule.match.Selects(id) {
			c.add(rule, id, compare(took.Seconds(), rule.when.Op, rule.when.Threshold))
		}
	}
}

// add counts one hit or miss of a rule.
func (c *Counter) add(rule countedRule, id probe.Identity, hit bool) {
	key := ringKey{rule.name, id.Name, id.Location}
	if c.rings[key] == nil {
		c.rings[key] = &ring{hits: make([]bool, rule.when.N)}
	}
	c.rings[key].add(hit)
}

// Seen returns how many of a target's last n results, or cold starts or warm-ups,
// a rule has counted: n where all that it looks back on is known.
func (c *Counter) Seen(rule, target, location string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rings[ringKey{rule, target, location}]; r != nil {
		return r.seen
	}
	return 0
}

// Hit reports whether r meets a condition of the form "k of n", and whether r
// is one of the n at all: for an outcome or a fault every result is, for a duration only
// one that counts as good or bad and has that duration.
func (w When) Hit(r probe.Result) (hit, counts bool) {
	switch w.Signal {
	case OutcomeSignal:
		return slices.Contains(w.Outcomes, r.Outcome), true
	case FaultSignal:
		return slices.Contains(w.Faults, r.Fault), true
	default:
	}
	value, ok := measurement(w.Signal, r).Get()
	if !r.Enters() || !ok {
		return false, false
	}
	return compare(value.Seconds(), w.Op, w.Threshold), true
}

// measurement returns what a result says of a signal.
func measurement(s Signal, r probe.Result) probe.Seconds {
	switch s {
	case Response:
		return r.Response
	case Service:
		return r.Service
	case FirstByte:
		return r.FirstByte
	case FirstToken:
		return r.FirstToken
	case FirstAnswer:
		return r.FirstAnswer
	case TPOT:
		return r.TPOT
	case Gap:
		return r.GapMax
	case Queue:
		return r.Queue
	case Server:
		return r.Server
	case Lag:
		return r.Lag
	default:
		return probe.Seconds{}
	}
}

// compare returns whether value op threshold holds.
func compare(value float64, op string, threshold float64) bool {
	switch op {
	case ">":
		return value > threshold
	case ">=":
		return value >= threshold
	case "<":
		return value < threshold
	case "<=":
		return value <= threshold
	default:
		return false
	}
}

// add puts in the newest result and forgets the oldest.
func (r *ring) add(hit bool) {
	r.hits[r.next] = hit
	r.seen = min(r.seen+1, len(r.hits))
	r.next++
	if r.next == len(r.hits) {
		r.next = 0
	}
}

// count returns how many of the results are hits.
func (r *ring) count() int {
	n := 0
	for _, hit := range r.hits {
		if hit {
			n++
		}
	}
	return n
}

// Describe sends the gauge's description.
func (c *Counter) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect sends one gauge for each rule and target that has had a result.
func (c *Counter) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, r := range c.rings {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(r.count()), key.rule, key.target, key.location)
	}
}
