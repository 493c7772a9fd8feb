package prom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// MaxPoints bounds the steps of one QueryRange, as Prometheus's own API does.
const MaxPoints = 11_000

// Result is the answer to a query. It owns its memory.
type Result struct {
	// Warnings are the engine's remarks on the query, such as a rate over
	// what does not look like a counter.
	Warnings []string
	value    parser.Value
}

// Series is one series of a Result.
type Series struct {
	// Labels holds the metric name, if there is one, under __name__. Not nil.
	Labels map[string]string
	// Points are in order of time: one for an instant query.
	Points []Point
}

// Point is one value of a series.
type Point struct {
	At    time.Time
	Value float64
	// Histogram is set instead of Value for a native histogram.
	Histogram *Histogram
}

// Histogram is a native histogram's count, sum and buckets.
type Histogram struct {
	Count, Sum float64
	// Buckets are those that are not empty, in ascending order.
	Buckets []Bucket
}

// Bucket counts the observations between Lower and Upper.
type Bucket struct{ Lower, Upper, Count float64 }

// Type returns vector, matrix, scalar or string.
func (r Result) Type() string {
	if r.value == nil {
		return string(parser.ValueTypeNone)
	}
	return string(r.value.Type())
}

// Series returns the series of a vector, a matrix, or of a scalar, which is one
// series without labels; nil for a string.
func (r Result) Series() []Series {
	switch v := r.value.(type) {
	case promql.Vector:
		out := make([]Series, 0, len(v))
		for _, s := range v {
			out = append(out, Series{Labels: s.Metric.Map(), Points: []Point{pointOf(s.T, s.F, s.H)}})
		}
		return out
	case promql.Matrix:
		out := make([]Series, 0, len(v))
		for _, s := range v {
			out = append(out, Series{Labels: s.Metric.Map(), Points: pointsOf(s)})
		}
		return out
	case promql.Scalar:
		return []Series{{Labels: map[string]string{}, Points: []Point{pointOf(v.T, v.V, nil)}}}
	default:
		return nil
	}
}

// MarshalJSON returns the data member of an answer of Prometheus's query API:
// https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats.
func (r Result) MarshalJSON() ([]byte, error) {
	if r.value == nil {
		return nil, errors.New("no query result")
	}
	return json.Marshal(struct {
		Type   parser.ValueType `json:"resultType"`
		Result valueJSON        `json:"result"`
	}{r.value.Type(), valueJSON{r.value}})
}

// pointsOf merges the two kinds of points of a series by time.
func pointsOf(s promql.Series) []Point {
	out := make([]Point, 0, len(s.Floats)+len(s.Histograms))
	hs := s.Histograms
	for _, f := range s.Floats {
		for len(hs) > 0 && hs[0].T < f.T {
			out, hs = append(out, pointOf(hs[0].T, 0, hs[0].H)), hs[1:]
		}
		out = append(out, pointOf(f.T, f.F, nil))
	}
	for _, h := range hs {
		out = append(out, pointOf(h.T, 0, h.H))
	}
	return out
}

func pointOf(t int64, v float64, h *histogram.FloatHistogram) Point {
	p := Point{At: time.UnixMilli(t).UTC(), Value: v}
	if h == nil {
		return p
	}
	p.Value, p.Histogram = 0, &Histogram{Count: h.Count, Sum: h.Sum}
	for it := h.AllBucketIterator(); it.Next(); {
		if b := it.At(); b.Count != 0 {
			p.Histogram.Buckets = append(p.Histogram.Buckets, Bucket{b.Lower, b.Upper, b.Count})
		}
	}
	return p
}

// Query evaluates expr at one instant. It waits while Options.MaxQueries run,
// and fails beyond Options.MaxSamples and Options.QueryTimeout, waiting
// included. An error in the expression itself is an *ExprError.
func (db *DB) Query(ctx context.Context, expr string, at time.Time) (Result, error) {
	return db.query(ctx, expr, func(ctx context.Context) (query, error) {
		return db.engine.NewInstantQuery(ctx, db.held, nil, expr, at)
	})
}

// QueryRange evaluates expr at start and every step after it up to end, under
// the same limits as Query and that of MaxPoints steps.
func (db *DB) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	switch {
	case step < time.Millisecond:
		return Result{}, fmt.Errorf("query: a step of %s is below one millisecond", step)
	case end.Before(start):
		return Result{}, errors.New("query: the end lies before the start")
	case end.Sub(start)/step >= MaxPoints:
		return Result{}, fmt.Errorf("query: more than %d points; use a step of at least %s", MaxPoints, (end.Sub(start)/(MaxPoints-1) + time.Second).Truncate(time.Second))
	}
	return db.query(ctx, expr, func(ctx context.Context) (query, error) {
		return db.newRangeQuery(ctx, nil, expr, start, end, step)
	})
}

// query parses, waits for a turn, and runs what prepare returns. The engine's
// Query is not closed: closing hands the result's memory to the next one.
func (db *DB) query(ctx context.Context, expr string, prepare func(context.Context) (query, error)) (Result, error) {
	if _, err := parse(expr); err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	ctx, end, err := db.begin(ctx)
	if err != nil {
		return Result{}, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	select {
	case db.slots <- struct{}{}:
		defer func() { <-db.slots }()
	case <-ctx.Done():
		return Result{}, fmt.Errorf("query: waiting for its turn: %w", context.Cause(ctx))
	}
	q, err := prepare(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	res := q.Exec(ctx)
	if res.Err != nil {
		if errors.Is(context.Cause(ctx), ErrClosed) {
			return Result{}, fmt.Errorf("query: %w", ErrClosed)
		}
		return Result{}, fmt.Errorf("query: %w", res.Err)
	}
	out := Result{value: res.Value}
	for _, w := range res.Warnings.AsErrors() {
		out.Warnings = append(out.Warnings, w.Error())
	}
	return out, nil
}
