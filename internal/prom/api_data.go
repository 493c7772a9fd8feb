package prom

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// selection is what labels, label values and series are asked of.
type selection struct {
	limit      int
	start, end int64
	matchers   [][]*labels.Matcher
}

// selection reads the parameters that those share.
func (a *API) selection(r *http.Request) (selection, error) {
	limit, err := limitOf(r)
	if err != nil {
		return selection{}, err
	}
	start, err := timeOf(r, "start", time.UnixMilli(-1<<52))
	if err != nil {
		return selection{}, err
	}
	end, err := timeOf(r, "end", time.UnixMilli(1<<52))
	if err != nil {
		return selection{}, err
	}
	sets, err := newParser().ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		return selection{}, badDataError{err}
	}
	for _, set := range sets {
		if !slices.ContainsFunc(set, func(m *labels.Matcher) bool { return m != nil && !m.Matches("") }) {
			return selection{}, badDataError{errors.New("match[] must contain at least one non-empty matcher")}
		}
	}
	return selection{limit, start.UnixMilli(), end.UnixMilli(), sets}, nil
}

// names collects what f returns for each set of matchers, sorted, each once,
// and as many as wanted.
func (a *API) names(r *http.Request, f func(storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, annotations.Annotations, error)) (reply, error) {
	s, err := a.selection(r)
	if err != nil {
		return reply{}, err
	}
	q, err := a.db.held.Querier(s.start, s.end)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = q.Close() }()
	if len(s.matchers) == 0 {
		s.matchers = [][]*labels.Matcher{nil}
	}
	out := reply{}
	names := []string{}
	for _, set := range s.matchers {
		more, notes, err := f(q, &storage.LabelHints{}, set)
		if err != nil {
			return reply{}, err
		}
		names = append(names, more...)
		out.notes.Merge(notes)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if s.limit > 0 && len(names) > s.limit {
		names = names[:s.limit]
		out.notes = out.notes.Add(truncated())
	}
	// Label values are the storage's memory, which does not outlive the querier.
	for i, name := range names {
		names[i] = strings.Clone(name)
	}
	out.data = names
	return out, nil
}

// labelNames answers which labels there are.
func (a *API) labelNames(r *http.Request) (reply, error) {
	return a.names(r, func(q storage.Querier, hints *storage.LabelHints, set []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(r.Context(), hints, set...)
	})
}

// labelValues answers which values a label has.
func (a *API) labelValues(r *http.Request) (reply, error) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return reply{}, badDataError{fmt.Errorf("invalid label name: %q", name)}
	}
	return a.names(r, func(q storage.Querier, hints *storage.LabelHints, set []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(r.Context(), name, hints, set...)
	})
}

// series answers which series there are.
func (a *API) series(r *http.Request) (reply, error) {
	if len(r.Form["match[]"]) == 0 {
		return reply{}, badDataError{errors.New("no match[] parameter provided")}
	}
	s, err := a.selection(r)
	if err != nil {
		return reply{}, invalidMatch(err)
	}
	q, err := a.db.held.Querier(s.start, s.end)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = q.Close() }()
	hints := &storage.SelectHints{Start: s.start, End: s.end, Func: "series"}
	var all storage.SeriesSet
	if len(s.matchers) == 1 {
		all = q.Select(r.Context(), false, hints, s.matchers[0]...)
	} else {
		// Only sorted sets can be merged.
		var sets []storage.SeriesSet
		for _, set := range s.matchers {
			sets = append(sets, q.Select(r.Context(), true, hints, set...))
		}
		all = storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	}
	found := []labels.Labels{}
	out := reply{}
	for all.Next() {
		if err := r.Context().Err(); err != nil {
			return reply{}, err
		}
		if s.limit > 0 && len(found) == s.limit {
			out.notes = out.notes.Add(truncated())
			break
		}
		found = append(found, all.At().Labels().Copy())
	}
	if err := all.Err(); err != nil {
		return reply{}, err
	}
	out.data = found
	return out, nil
}

// invalidMatch says of an error of a selector which parameter it is of, as
// Prometheus does for series alone.
func invalidMatch(err error) error {
	var bad badDataError
	if errors.As(err, &bad) && !strings.HasPrefix(err.Error(), "invalid parameter") {
		return invalid("match[]", bad.error)
	}
	return err
}

// exemplars answers which exemplars a query's series have.
func (a *API) exemplars(r *http.Request) (reply, error) {
	start, err := timeOf(r, "start", time.UnixMilli(-1<<52))
	if err != nil {
		return reply{}, err
	}
	end, err := timeOf(r, "end", time.UnixMilli(1<<52))
	if err != nil {
		return reply{}, err
	}
	if end.Before(start) {
		return reply{}, badDataError{errors.New("end timestamp must not be before start timestamp")}
	}
	expr, err := newParser().ParseExpr(r.FormValue("query"))
	if err != nil {
		return reply{}, badDataError{err}
	}
	selectors := parser.ExtractSelectors(expr)
	if len(selectors) == 0 {
		return reply{}, nil
	}
	q, err := a.db.store.ExemplarQuerier(r.Context())
	if err != nil {
		return reply{}, err
	}
	found, err := q.Select(start.UnixMilli(), end.UnixMilli(), selectors...)
	if err != nil {
		return reply{}, err
	}
	type one struct {
		Labels    labels.Labels `json:"labels"`
		Value     string        `json:"value"`
		Timestamp float64       `json:"timestamp"`
	}
	type ofSeries struct {
		Labels    labels.Labels `json:"seriesLabels"`
		Exemplars []one         `json:"exemplars"`
	}
	out := []ofSeries{}
	for _, f := range found {
		o := ofSeries{Labels: f.SeriesLabels}
		for _, e := range f.Exemplars {
			o.Exemplars = append(o.Exemplars, one{e.Labels, strconv.FormatFloat(e.Value, 'f', -1, 64), float64(e.Ts) / 1000})
		}
		out = append(out, o)
	}
	return reply{data: out}, nil
}

// family is what metadata says of one family.
type family struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	Help string `json:"help"`
}

// metadata answers the types and help of families.
func (a *API) metadata(r *http.Request) (reply, error) {
	limit := -1
	if text := r.FormValue("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil {
			return reply{}, badDataError{errors.New("limit must be a number")}
		}
	}
	out := map[string][]family{}
	if a.opts.Metadata == nil {
		return reply{data: out}, nil
	}
	families, err := a.opts.Metadata()
	if err != nil {
		return reply{}, err
	}
	only := r.FormValue("metric")
	for _, f := range families {
		if limit >= 0 && len(out) >= limit {
			break
		}
		if only == "" || only == f.GetName() {
			out[f.GetName()] = []family{{strings.ToLower(f.GetType().String()), f.GetUnit(), f.GetHelp()}}
		}
	}
	return reply{data: out}, nil
}

// apiAlert is an alert as Prometheus's API tells it.
type apiAlert struct {
	Labels          labels.Labels `json:"labels"`
	Annotations     labels.Labels `json:"annotations"`
	State           string        `json:"state"`
	ActiveAt        *time.Time    `json:"activeAt,omitempty"`
	KeepFiringSince *time.Time    `json:"keepFiringSince,omitempty"`
	Value           string        `json:"value"`
}

// apiRule is an alerting rule as Prometheus's API tells it.
type apiRule struct {
	State          string           `json:"state"`
	Name           string           `json:"name"`
	Query          string           `json:"query"`
	Duration       float64          `json:"duration"`
	KeepFiringFor  float64          `json:"keepFiringFor"`
	Labels         labels.Labels    `json:"labels"`
	Annotations    labels.Labels    `json:"annotations"`
	Alerts         []apiAlert       `json:"alerts"`
	Health         rules.RuleHealth `json:"health"`
	LastError      string           `json:"lastError,omitempty"`
	EvaluationTime float64          `json:"evaluationTime"`
	LastEvaluation time.Time        `json:"lastEvaluation"`
	Type           string           `json:"type"`
}

// apiGroup is a group of rules as Prometheus's API tells it.
type apiGroup struct {
	Name           string    `json:"name"`
	File           string    `json:"file"`
	Rules          []apiRule `json:"rules"`
	Interval       float64   `json:"interval"`
	Limit          int       `json:"limit"`
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation"`
}

// rules answers the rules with their alerts.
func (a *API) rules(r *http.Request) (reply, error) {
	kind := strings.ToLower(r.FormValue("type"))
	if kind != "" && kind != "alert" && kind != "record" {
		return reply{}, invalid("type", fmt.Errorf("not supported value %q", r.FormValue("type")))
	}
	groups := []apiGroup{}
	if a.opts.Rules != nil && kind != "record" {
		g := a.opts.Rules.tell()
		if a.opts.Interval != nil {
			g.Interval = a.opts.Interval().Seconds()
		}
		groups = append(groups, g)
	}
	return reply{data: map[string]any{"groups": groups}}, nil
}

// alerts answers the alerts that are pending or firing.
func (a *API) alerts(*http.Request) (reply, error) {
	found := []apiAlert{}
	if a.opts.Rules != nil {
		for _, rule := range a.opts.Rules.tell().Rules {
			found = append(found, rule.Alerts...)
		}
	}
	return reply{data: map[string]any{"alerts": found}}, nil
}

// tell returns the state of the rules in the API's form.
func (r *Rules) tell() apiGroup {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := apiGroup{
		Name: groupName, Rules: []apiRule{}, EvaluationTime: r.group.GetEvaluationTime().Seconds(), LastEvaluation: r.group.GetLastEvaluation(),
	}
	for _, rule := range r.rules {
		one := apiRule{
			State: rule.State().String(), Name: rule.Name(), Query: rule.Query().String(), Duration: rule.HoldDuration().Seconds(),
			KeepFiringFor: rule.KeepFiringFor().Seconds(), Labels: rule.Labels(), Annotations: rule.Annotations(), Alerts: []apiAlert{},
			Health: rule.Health(), EvaluationTime: rule.GetEvaluationDuration().Seconds(), LastEvaluation: rule.GetEvaluationTimestamp(),
			Type: "alerting",
		}
		if err := rule.LastError(); err != nil {
			one.LastError = err.Error()
		}
		for _, active := range rule.ActiveAlerts() {
			alert := apiAlert{
				Labels: active.Labels, Annotations: active.Annotations, State: active.State.String(), ActiveAt: &active.ActiveAt,
				Value: strconv.FormatFloat(active.Value, 'e', -1, 64),
			}
			if !active.KeepFiringSince.IsZero() {
				alert.KeepFiringSince = &active.KeepFiringSince
			}
			one.Alerts = append(one.Alerts, alert)
		}
		g.Rules = append(g.Rules, one)
	}
	return g
}

// engineVersion is the release of Prometheus whose API and PromQL these are,
// for clients that decide by it.
const engineVersion = "3.16.0"

// buildInfo answers whose API this is.
func (a *API) buildInfo(*http.Request) (reply, error) {
	return reply{data: map[string]string{
		"application": "hfwatch", "version": engineVersion, "revision": a.opts.Version, "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
	}}, nil
}
