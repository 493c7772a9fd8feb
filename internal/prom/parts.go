package prom

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// The bounds of a range query's parts: evaluating one has a cost of its own, and
// each takes a processor and its share of the samples that may be in memory.
const (
	mostParts     = 4
	stepsEachPart = 100
)

// query is what Exec runs, once.
type query interface {
	Exec(ctx context.Context) *promql.Result
}

// rangeQuery is a range query that is evaluated in parts at once, since the
// engine evaluates its steps one after the other by one processor, and weeks of
// native histograms take it most of a second. PromQL evaluates each step by
// itself, so that the parts' points are those of the whole.
type rangeQuery struct {
	whole promql.Query
	parts []promql.Query
}

// newRangeQuery prepares expr from start to end.
func (db *DB) newRangeQuery(ctx context.Context, opts promql.QueryOpts, expr string, start, end time.Time, step time.Duration) (query, error) {
	whole, err := db.engine.NewRangeQuery(ctx, db.held, opts, expr, start, end, step)
	if err != nil {
		return nil, err
	}
	q := rangeQuery{whole: whole}
	steps := int(end.Sub(start)/step) + 1
	n := min(runtime.GOMAXPROCS(0), mostParts, steps/stepsEachPart)
	if n < 2 || readsBounds(expr) {
		return whole, nil
	}
	for i := range n {
		first, next := steps*i/n, steps*(i+1)/n
		part, err := db.parts.NewRangeQuery(ctx, db.held, opts, expr, start.Add(time.Duration(first)*step), start.Add(time.Duration(next-1)*step), step)
		if err != nil {
			return nil, err
		}
		q.parts = append(q.parts, part)
	}
	return q, nil
}

// readsBounds reports whether an expression reads the bounds of its query, by
// @ start() or @ end(), which a part has others of.
func readsBounds(expr string) bool {
	e, err := parse(expr)
	if err != nil {
		return true
	}
	reads := false
	parser.Inspect(e, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			reads = reads || n.StartOrEnd != 0
		case *parser.SubqueryExpr:
			reads = reads || n.StartOrEnd != 0
		}
		return nil
	})
	return reads
}

// Exec evaluates the parts at once and joins them. Where one fails, the whole is
// evaluated after all: what is wrong is said as Prometheus says it, and a query
// that fits the engine's bound on samples as a whole is answered.
func (q rangeQuery) Exec(ctx context.Context) *promql.Result {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]*promql.Result, len(q.parts))
	var all sync.WaitGroup
	for i, part := range q.parts {
		all.Go(func() {
			if results[i] = part.Exec(within); results[i].Err != nil {
				cancel()
			}
		})
	}
	all.Wait()
	joined := &promql.Result{}
	points := map[string]*promql.Series{}
	for _, res := range results {
		matrix, isMatrix := res.Value.(promql.Matrix)
		if res.Err != nil || !isMatrix {
			return q.whole.Exec(ctx)
		}
		joined.Warnings.Merge(res.Warnings)
		for _, s := range matrix {
			key := string(s.Metric.Bytes(nil))
			if points[key] == nil {
				points[key] = &promql.Series{Metric: s.Metric}
			}
			points[key].Floats = append(points[key].Floats, s.Floats...)
			points[key].Histograms = append(points[key].Histograms, s.Histograms...)
		}
	}
	matrix := make(promql.Matrix, 0, len(points))
	for _, s := range points {
		matrix = append(matrix, *s)
	}
	// As the engine sorts them.
	slices.SortFunc(matrix, func(a, b promql.Series) int { return labels.Compare(a.Metric, b.Metric) })
	joined.Value = matrix
	return joined
}
