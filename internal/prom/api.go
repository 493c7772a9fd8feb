package prom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/annotations"
)

// APIOptions are the surroundings of the query API.
type APIOptions struct {
	// Rules are whose state is told; nil tells none.
	Rules *Rules
	// Metadata returns the families whose types and help are told; nil has none.
	Metadata func() ([]*dto.MetricFamily, error)
	// Version is hfwatch's own.
	Version string
	// Interval is the time between two evaluations.
	Interval func() time.Duration
}

// API answers Prometheus's HTTP query API for reading, below /api/v1/: what
// Grafana, promtool and people's PromQL ask. It decides for itself where
// Prometheus does, so that answers and errors are the same:
// https://prometheus.io/docs/prometheus/latest/querying/api/. The handlers of
// Prometheus itself are not used: they bring 14 MB, and write and admin
// endpoints that a monitor must not have.
type API struct {
	db   *DB
	opts APIOptions
	mux  *http.ServeMux
}

// NewAPI returns the handlers of a database.
func NewAPI(db *DB, opts APIOptions) *API {
	a := &API{db: db, opts: opts, mux: http.NewServeMux()}
	for path, f := range map[string]func(*http.Request) (reply, error){
		"query": a.query, "query_range": a.queryRange, "format_query": a.formatQuery, "labels": a.labelNames,
		"label/{name}/values": a.labelValues, "series": a.series, "metadata": a.metadata, "rules": a.rules, "alerts": a.alerts,
		"query_exemplars": a.exemplars, "status/buildinfo": a.buildInfo,
	} {
		a.mux.HandleFunc("GET /api/v1/"+path, a.serve(f))
		a.mux.HandleFunc("POST /api/v1/"+path, a.serve(f))
	}
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// maxForm bounds the body of a request.
const maxForm = 1 << 20

// reply is the data of an answer, with the engine's remarks on the query.
type reply struct {
	data  any
	notes annotations.Annotations
	query string
}

// envelope is the form of every answer.
type envelope struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

// badDataError is an error of the request.
type badDataError struct{ error }

// invalid returns the error of one parameter, in Prometheus's words.
func invalid(parameter string, err error) error {
	return badDataError{fmt.Errorf("invalid parameter %q: %w", parameter, err)}
}

// serve wraps a handler into the form of answers.
func (a *API) serve(f func(*http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		ctx, end, err := a.db.begin(r.Context())
		if err != nil {
			write(w, http.StatusServiceUnavailable, envelope{Status: "error", ErrorType: "unavailable", Error: err.Error()})
			return
		}
		defer end()
		ctx, cancel := context.WithTimeout(ctx, a.db.timeout)
		defer cancel()
		r = r.WithContext(ctx)
		if err := r.ParseForm(); err != nil {
			err = badDataError{fmt.Errorf("error parsing form values: %w", err)}
			refuse(w, err)
			return
		}
		got, err := f(r)
		if err != nil {
			refuse(w, err)
			return
		}
		if got.data == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		warnings, infos := got.notes.AsStrings(got.query, 10, 10)
		write(w, http.StatusOK, envelope{Status: "success", Data: got.data, Warnings: warnings, Infos: infos})
	}
}

// refuse answers with an error, in Prometheus's kinds and statuses.
func refuse(w http.ResponseWriter, err error) {
	const clientClosed = 499
	var bad badDataError
	var canceled promql.ErrQueryCanceled
	var timeout promql.ErrQueryTimeout
	var store promql.ErrStorage
	kind, status := "execution", http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &bad):
		kind, status = "bad_data", http.StatusBadRequest
	case errors.As(err, &canceled):
		kind, status = "canceled", clientClosed
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		kind, status = "timeout", http.StatusServiceUnavailable
	case errors.As(err, &store):
		kind, status = "internal", http.StatusInternalServerError
	case errors.Is(err, context.Canceled):
		kind, status = "canceled", clientClosed
	}
	write(w, status, envelope{Status: "error", ErrorType: kind, Error: err.Error()})
}

// write answers with an envelope.
func write(w http.ResponseWriter, status int, e envelope) {
	text, err := json.Marshal(e)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// query answers an instant query.
func (a *API) query(r *http.Request) (reply, error) {
	limit, err := limitOf(r)
	if err != nil {
		return reply{}, err
	}
	at, err := timeOf(r, "time", time.Now())
	if err != nil {
		return reply{}, err
	}
	expr := r.FormValue("query")
	return a.run(r, limit, func(ctx context.Context, opts promql.QueryOpts) (query, error) {
		return a.db.engine.NewInstantQuery(ctx, a.db.held, opts, expr, at)
	})
}

// queryRange answers a range query.
func (a *API) queryRange(r *http.Request) (reply, error) {
	limit, err := limitOf(r)
	if err != nil {
		return reply{}, err
	}
	start, err := parseTime(r.FormValue("start"))
	if err != nil {
		return reply{}, invalid("start", err)
	}
	end, err := parseTime(r.FormValue("end"))
	if err != nil {
		return reply{}, invalid("end", err)
	}
	if end.Before(start) {
		return reply{}, invalid("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(r.FormValue("step"))
	if err != nil {
		return reply{}, invalid("step", err)
	}
	if step <= 0 {
		return reply{}, invalid("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if end.Sub(start)/step > MaxPoints {
		return reply{}, badDataError{errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")}
	}
	expr := r.FormValue("query")
	return a.run(r, limit, func(ctx context.Context, opts promql.QueryOpts) (query, error) {
		return a.db.newRangeQuery(ctx, opts, expr, start, end, step)
	})
}

// run executes a query in its turn. It is not closed: closing hands the memory
// of the answer, which is not written yet, to the next one.
func (a *API) run(r *http.Request, limit int, prepare func(context.Context, promql.QueryOpts) (query, error)) (reply, error) {
	ctx := r.Context()
	if text := r.FormValue("timeout"); text != "" {
		timeout, err := parseDuration(text)
		if err == nil && timeout <= 0 {
			err = fmt.Errorf("timeout must be positive, got %s", timeout)
		}
		if err != nil {
			return reply{}, invalid("timeout", err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var lookback time.Duration
	if text := r.FormValue("lookback_delta"); text != "" {
		var err error
		if lookback, err = parseDuration(text); err != nil {
			return reply{}, badDataError{fmt.Errorf("error parsing lookback delta duration: %w", err)}
		}
	}
	select {
	case a.db.slots <- struct{}{}:
		defer func() { <-a.db.slots }()
	case <-ctx.Done():
		return reply{}, fmt.Errorf("waiting for its turn: %w", ctx.Err())
	}
	q, err := prepare(ctx, promql.NewPrometheusQueryOpts(false, lookback, nil))
	if err != nil {
		return reply{}, invalid("query", err)
	}
	res := q.Exec(ctx)
	if res.Err != nil {
		return reply{}, res.Err
	}
	out := reply{notes: res.Warnings, query: r.FormValue("query")}
	if truncate(res, limit) {
		out.notes = out.notes.Add(truncated())
	}
	out.data = Result{value: res.Value}
	return out, nil
}

// truncated returns Prometheus's own remark.
func truncated() error { return errors.New("results truncated due to limit") }

// truncate keeps the first series of a result; a limit of 0 is none.
func truncate(res *promql.Result, limit int) bool {
	if limit <= 0 {
		return false
	}
	switch v := res.Value.(type) {
	case promql.Matrix:
		if len(v) > limit {
			res.Value = v[:limit]
			return true
		}
	case promql.Vector:
		if len(v) > limit {
			res.Value = v[:limit]
			return true
		}
	}
	return false
}

// formatQuery returns an expression as Prometheus lays it out.
func (a *API) formatQuery(r *http.Request) (reply, error) {
	expr, err := newParser().ParseExpr(r.FormValue("query"))
	if err != nil {
		return reply{}, invalid("query", err)
	}
	return reply{data: expr.Pretty(0)}, nil
}

// limitOf returns how many items are wanted at most; 0 is all.
func limitOf(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err == nil && limit < 0 {
		err = errors.New("limit must be non-negative")
	}
	if err != nil {
		return 0, invalid("limit", err)
	}
	return limit, nil
}

// timeOf returns a parameter as a time, or what holds without it.
func timeOf(r *http.Request, name string, without time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return without, nil
	}
	at, err := parseTime(text)
	if err != nil {
		return time.Time{}, invalid(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return at, nil
}

// farthest bounds the times of requests in seconds, beyond which milliseconds
// would overflow.
const farthest = float64(math.MaxInt64 / 1_000_000)

// parseTime reads seconds since the epoch, or RFC 3339.
func parseTime(s string) (time.Time, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(v) <= farthest {
		seconds, fraction := math.Modf(v)
		fraction = math.Round(fraction*1000) / 1000
		return time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC(), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
}

// parseDuration reads seconds, or Prometheus's own form.
func parseDuration(s string) (time.Duration, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		ns := v * float64(time.Second)
		if math.IsNaN(ns) || ns >= math.MaxInt64 || ns < math.MinInt64 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", s)
		}
		return time.Duration(ns), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", s)
}
