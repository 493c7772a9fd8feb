package prom

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
)

// groupName names the one group all rules are in.
const groupName = "hfwatch"

// Rule is one alerting rule, with Prometheus's meaning of every field.
type Rule struct {
	// Name becomes the label alertname.
	Name string
	// Expr is the PromQL condition; every series it returns is an alert.
	Expr string
	// For is how long it must hold before it fires.
	For time.Duration
	// KeepFiringFor is how long it fires on after it ceased to hold.
	KeepFiringFor time.Duration
	// Labels and Annotations are added to those of the series. Their values
	// are templates: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/.
	Labels, Annotations map[string]string
}

// RulesOptions are the surroundings of a set of rules.
type RulesOptions struct {
	// ExternalURL is where people reach hfwatch; GeneratorURL starts with it,
	// and templates can read it. May be empty.
	ExternalURL string
	// OutageTolerance is the longest outage after which `for` goes on where it
	// was; 0 means 1 h.
	OutageTolerance time.Duration
	// ForGracePeriod is the least time a pending alert waits after a restart,
	// if its For is at least as long; shorter ones begin anew. 0 means 10 min.
	ForGracePeriod time.Duration
	// Known reports whether the samples of now can show that an alert of before
	// the start has ended; nil is always. While it is false such an alert fires
	// on: what remembers the last results may not have seen any yet.
	Known func(Alert) bool
	// Logger receives a line when a rule begins to fail and when it recovers;
	// nil discards.
	Logger *slog.Logger
	// Registerer receives Prometheus's own metrics on rule evaluation; nil
	// means that they are not exported.
	Registerer prometheus.Registerer
}

// Rules evaluates alerting rules on a DB. It starts no goroutine: Eval is
// called at the instants to evaluate at.
type Rules struct {
	db     *DB
	opts   RulesOptions
	logger *slog.Logger
	last   atomic.Pointer[[]Alert] // what the last Eval returned

	mu      sync.Mutex // guards what follows, and serialises evaluations
	manager *rules.ManagerOptions
	group   *rules.Group
	rules   []*rules.AlertingRule
	links   []string // GeneratorURL by rule
	alerts  map[string]Alert
	// before are the alerts that fired before the start and have not ended.
	before  map[string]Alert
	failing map[string]bool // rule names whose last evaluation failed
}

// NewRules returns the rules, or one error that joins every mistake of every
// rule, each with the rule's number, from 1, and its name.
func NewRules(db *DB, list []Rule, opts RulesOptions) (*Rules, error) {
	external, err := url.Parse(opts.ExternalURL)
	if err != nil {
		return nil, fmt.Errorf("external URL: %w", err)
	}
	if opts.OutageTolerance <= 0 {
		opts.OutageTolerance = time.Hour
	}
	if opts.ForGracePeriod <= 0 {
		opts.ForGracePeriod = 10 * time.Minute
	}
	if opts.Known == nil {
		opts.Known = func(Alert) bool { return true }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Rules{
		db: db, opts: opts, logger: opts.Logger,
		alerts: map[string]Alert{}, before: map[string]Alert{}, failing: map[string]bool{},
	}
	r.manager = &rules.ManagerOptions{
		ExternalURL:     external,
		QueryFunc:       rules.EngineQueryFunc(db.engine, db.held),
		NotifyFunc:      discardAlerts,
		AppendableV2:    db.held,
		Queryable:       db.held,
		OutageTolerance: opts.OutageTolerance,
		ForGracePeriod:  opts.ForGracePeriod,
		// Prometheus warns at every failed evaluation; Eval reports those, and
		// logs the changes.
		Logger:  slog.New(demote{opts.Logger.Handler(), slog.LevelWarn}),
		Metrics: rules.NewGroupMetrics(opts.Registerer),
	}
	if err := r.Replace(list); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts other rules in place, or returns every mistake in them and
// leaves everything as it was. A rule whose name and labels are unchanged keeps
// its alerts, be its expression the same or not: the next Eval decides whether
// they go on. What fired under a rule that is gone is resolved by the next Eval.
func (r *Rules) Replace(list []Rule) error {
	if err := CheckRules(list); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	restored := r.restored()
	next := make([]*rules.AlertingRule, 0, len(list))
	generic := make([]rules.Rule, 0, len(list))
	links := make([]string, 0, len(list))
	for _, rule := range list {
		expr, err := parseRule(rule.Expr)
		if err != nil {
			return fmt.Errorf("rule %s: %w", rule.Name, err)
		}
		lbls := labels.FromMap(rule.Labels)
		a := rules.NewAlertingRule(rule.Name, expr, rule.For, rule.KeepFiringFor, lbls,
			labels.FromMap(rule.Annotations), labels.EmptyLabels(), r.opts.ExternalURL,
			restored[rule.Name+lbls.String()], r.manager.Logger)
		next, generic = append(next, a), append(generic, a)
		links = append(links, strings.TrimSuffix(r.opts.ExternalURL, "/")+strutil.TableLinkForExpression(expr.String()))
	}
	group := rules.NewGroup(rules.GroupOptions{Name: groupName, Rules: generic, Opts: r.manager})
	if r.group != nil {
		group.CopyState(r.group)
	}
	r.group, r.rules, r.links = group, next, links
	r.forgetFailing()
	return nil
}

// restored says of each rule, by name and labels, whether its `for` state was
// read back.
func (r *Rules) restored() map[string]bool {
	out := map[string]bool{}
	for _, a := range r.rules {
		out[a.Name()+a.Labels().String()] = a.Restored()
	}
	return out
}

// forgetFailing drops the failures of rules that are gone.
func (r *Rules) forgetFailing() {
	names := map[string]bool{}
	for _, a := range r.rules {
		names[a.Name()] = true
	}
	for name := range r.failing {
		if !names[name] {
			delete(r.failing, name)
		}
	}
}

// CheckRules returns every mistake of every rule, joined, or nil.
func CheckRules(list []Rule) error {
	var errs []error
	seen := map[string]int{}
	for i, rule := range list {
		for _, err := range checkRule(rule) {
			errs = append(errs, fmt.Errorf("rule %d (%s): %w", i+1, rule.Name, err))
		}
		id := rule.Name + labels.FromMap(rule.Labels).String() + rule.Expr
		if first, ok := seen[id]; ok {
			errs = append(errs, fmt.Errorf("rule %d (%s): same name, labels and expression as rule %d", i+1, rule.Name, first))
			continue
		}
		seen[id] = i + 1
	}
	return errors.Join(errs...)
}

// checkRule returns the mistakes of one rule: what Prometheus's own check of
// rule files finds, and what it leaves to be found at evaluation.
func checkRule(rule Rule) []error {
	var errs []error
	if rule.Name == "" {
		errs = append(errs, errors.New("name: missing"))
	}
	if _, err := parseRule(rule.Expr); err != nil {
		errs = append(errs, fmt.Errorf("expr: %w", err))
	}
	if rule.For < 0 {
		errs = append(errs, fmt.Errorf("for: %s is negative", rule.For))
	}
	if rule.KeepFiringFor < 0 {
		errs = append(errs, fmt.Errorf("keep_firing_for: %s is negative", rule.KeepFiringFor))
	}
	for _, name := range []string{labels.AlertName, "alertstate"} {
		if _, ok := rule.Labels[name]; ok {
			errs = append(errs, fmt.Errorf("label %q: is set by the rule engine", name))
		}
	}
	// The name and expression were judged above, with positions.
	f := rulefmt.Rule{Alert: "rule", Expr: "1", Labels: rule.Labels, Annotations: rule.Annotations}
	var more []error
	for _, err := range f.Validate(rulefmt.RuleNode{}, model.UTF8Validation, newParser()) {
		more = append(more, errors.Unwrap(&err))
	}
	// They come in the order of a map.
	slices.SortFunc(more, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return append(errs, more...)
}
