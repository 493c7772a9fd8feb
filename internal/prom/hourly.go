package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/rules"
)

// hourlyName names the group of recording rules.
const hourlyName = "hfwatch-hourly"

// catchUp is how far back hours are recorded that were not when they ended. The
// storage refuses what is older than OutOfOrderWindow.
const catchUp = OutOfOrderWindow - time.Hour

// Recording is one recording rule, evaluated once an hour.
type Recording struct {
	// Name is the metric recorded, with colons by Prometheus's convention
	// (https://prometheus.io/docs/practices/rules/#naming).
	Name string
	// Expr is the PromQL expression whose series are recorded.
	Expr string
}

// Hourly evaluates recording rules at the full hours. It starts no goroutine:
// Eval is called whenever time has passed. It is safe for concurrent use.
type Hourly struct {
	db *DB

	mu      sync.Mutex // guards what follows, and serialises evaluations
	manager *rules.ManagerOptions
	group   *rules.Group
	rules   []*rules.RecordingRule
	next    time.Time // the hour to record next; zero before the first Eval
}

// NewHourly returns the rules, or one error that joins every mistake of every
// rule. The logger receives what the rule engine warns of; nil discards.
func NewHourly(db *DB, list []Recording, logger *slog.Logger) (*Hourly, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	h := &Hourly{db: db, manager: &rules.ManagerOptions{
		ExternalURL: &url.URL{}, QueryFunc: rules.EngineQueryFunc(db.engine, db.held), NotifyFunc: discardAlerts,
		AppendableV2: db.held, Queryable: db.held, Logger: slog.New(demote{logger.Handler(), slog.LevelWarn}),
		Metrics: rules.NewGroupMetrics(prometheus.NewRegistry()),
	}}
	if err := h.Replace(list); err != nil {
		return nil, err
	}
	return h, nil
}

// Replace sets other rules for the hours that are not recorded yet. The error
// joins every mistake of every rule; the rules then stay as they were.
func (h *Hourly) Replace(list []Recording) error {
	if err := CheckRecordings(list); err != nil {
		return err
	}
	var generic []rules.Rule
	var recording []*rules.RecordingRule
	for _, r := range list {
		expr, err := parse(r.Expr)
		if err != nil {
			return fmt.Errorf("recording %s: %w", r.Name, err)
		}
		rule := rules.NewRecordingRule(r.Name, expr, labels.EmptyLabels())
		recording, generic = append(recording, rule), append(generic, rule)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules = recording
	h.group = rules.NewGroup(rules.GroupOptions{Name: hourlyName, Interval: time.Hour, Rules: generic, Opts: h.manager})
	return nil
}

// CheckRecordings returns every mistake of every rule, joined, or nil.
func CheckRecordings(list []Recording) error {
	var errs []error
	seen := map[string]bool{}
	for i, r := range list {
		f := rulefmt.Rule{Record: r.Name, Expr: r.Expr}
		for _, err := range f.Validate(rulefmt.RuleNode{}, model.UTF8Validation, newParser()) {
			errs = append(errs, fmt.Errorf("recording %d (%s): %w", i+1, r.Name, errors.Unwrap(&err)))
		}
		if seen[r.Name] {
			errs = append(errs, fmt.Errorf("recording %d (%s): the name is taken", i+1, r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(errs...)
}

// Eval records every full hour up to at that has ended since the last Eval,
// each at its end, so that a point of 14:00 is about the hour from 13:00. The
// first Eval begins with the hour in which the database's newest sample of
// before the start lies, at most 23 hours back: an hour that ended while
// nothing ran is recorded with what there is of it. Recording an hour again
// changes nothing.
//
// It returns how many hours it recorded. An EvalError says which rules failed;
// theirs are not tried again. With any other error the hours that were not
// recorded are made up for by the next Eval.
func (h *Hourly) Eval(ctx context.Context, at time.Time) (int, error) {
	ctx, end, err := h.db.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	h.mu.Lock()
	defer h.mu.Unlock()

	last := at.Truncate(time.Hour)
	if h.next.IsZero() {
		h.next = last
		if found := h.db.found; !found.IsZero() && found.Before(last) {
			h.next = found.Truncate(time.Hour).Add(time.Hour)
		}
	}
	if earliest := at.Add(-catchUp).Truncate(time.Hour); h.next.Before(earliest) {
		h.next = earliest
	}
	var failed EvalError
	n := 0
	for ; !h.next.After(last); h.next = h.next.Add(time.Hour) {
		h.group.Eval(ctx, h.next)
		if ctx.Err() != nil {
			return n, fmt.Errorf("recording hours: %w", context.Cause(ctx))
		}
		n++
		for _, rule := range h.rules {
			if err := rule.LastError(); err != nil {
				failed = append(failed, &RuleError{rule.Name(), err})
			}
		}
	}
	if len(failed) > 0 {
		return n, failed
	}
	return n, nil
}

// QueryHourly returns what an hourly Recording says of every full hour from
// start to end, both included: exactly one point for each hour that was
// recorded. It is the one way to read them, since a plain query sees a series
// for five minutes after each point alone, and nothing at all between.
//
// The selector is the name of a Recording, with matchers or without. Points are
// at the end of the hour that they are about.
func (db *DB) QueryHourly(ctx context.Context, selector string, start, end time.Time) (Result, error) {
	return db.queryHours(ctx, hourlyExpr(selector), start, end)
}

// QuantileHourly is QueryHourly of the quantile q, from 0 to 1, of the
// distributions that a Recording of histograms holds.
func (db *DB) QuantileHourly(ctx context.Context, q float64, selector string, start, end time.Time) (Result, error) {
	return db.queryHours(ctx, fmt.Sprintf("histogram_quantile(%g, %s)", q, hourlyExpr(selector)), start, end)
}

// SumHours returns the sum of what a Recording says of each of the hours that
// ended in the span before at: of counts, or of distributions, which add up to
// the span's own. It does not suit recorded quantiles, which add up to nothing.
//
// The span is in full hours, and so is at. Without a recorded hour a series is
// absent.
func (db *DB) SumHours(ctx context.Context, selector string, span time.Duration, at time.Time) (Result, error) {
	sum, err := sumExpr(selector, span)
	if err != nil {
		return Result{}, err
	}
	return db.Query(ctx, sum, at.Truncate(time.Hour))
}

// QuantileHours is SumHours of distributions, and of the sum the quantile q from
// 0 to 1: the quantile of the span, and no mean of those of its hours.
func (db *DB) QuantileHours(ctx context.Context, q float64, selector string, span time.Duration, at time.Time) (Result, error) {
	sum, err := sumExpr(selector, span)
	if err != nil {
		return Result{}, err
	}
	return db.Query(ctx, fmt.Sprintf("histogram_quantile(%g, %s)", q, sum), at.Truncate(time.Hour))
}

// sumExpr returns the expression that adds up recorded hours. A range leaves its
// own beginning out, so that one of seven hours holds seven full hours.
func sumExpr(selector string, span time.Duration) (string, error) {
	if span < time.Hour || span%time.Hour != 0 || span/time.Hour >= MaxPoints {
		return "", fmt.Errorf("query: a span of %s; give full hours, from 1 to %d", span, MaxPoints-1)
	}
	return fmt.Sprintf("sum_over_time(%s[%dh:1h])", hourlyExpr(selector), span/time.Hour), nil
}

// queryHours evaluates expr at every full hour from start to end.
func (db *DB) queryHours(ctx context.Context, expr string, start, end time.Time) (Result, error) {
	first, last := start.Truncate(time.Hour), end.Truncate(time.Hour)
	if first.Before(start) {
		first = first.Add(time.Hour)
	}
	if last.Before(first) {
		return Result{}, errors.New("query: no full hour lies between start and end")
	}
	return db.QueryRange(ctx, expr, first, last, time.Hour)
}

// hourlyExpr returns the expression that reads recorded series.
func hourlyExpr(selector string) string {
	return "last_over_time(" + strings.TrimSpace(selector) + "[1h])"
}
