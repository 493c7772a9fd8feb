package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/bench/internal/measure"
	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/web"
)

// query is one that is measured.
type query struct {
	name string
	// points is how many the answer must have, by the plan.
	points func(p plan) int
	run    func(ctx context.Context, db *prom.DB, from, to time.Time) (prom.Result, error)
}

// the queries of a page: one model in full, and all of them at a glance.
func asked() []query {
	hours := func(p plan) int { return p.days*24 - 1 }
	all := func(p plan) int { return p.models * hours(p) }
	raw := func(selector string) func(context.Context, *prom.DB, time.Time, time.Time) (prom.Result, error) {
		return func(ctx context.Context, db *prom.DB, from, to time.Time) (prom.Result, error) {
			return db.QueryRange(ctx, "histogram_quantile(0.95, rate("+selector+"[1h]))", from, to, time.Hour)
		}
	}
	return []query{
		{"one model's p95, raw histograms of 1 observation a step", hours, raw(`hfwatch_first_byte_seconds{target="model-000"}`)},
		{"one model's p95, raw histograms of 100 observations a step", hours, raw(`hfwatch_response_seconds{target="model-000",result="ok"}`)},
		{"one model's p95, recorded histograms", hours, func(ctx context.Context, db *prom.DB, from, to time.Time) (prom.Result, error) {
			return db.QuantileHourly(ctx, 0.95, alerts.HourlyResponse+`{target="model-000"}`, from, to)
		}},
		{"one model's p95, recorded quantile", hours, func(ctx context.Context, db *prom.DB, from, to time.Time) (prom.Result, error) {
			return db.QueryHourly(ctx, alerts.HourlyResponseP95+`{target="model-000"}`, from, to)
		}},
		{"all models' p95, recorded quantile: the overview", all, func(ctx context.Context, db *prom.DB, from, to time.Time) (prom.Result, error) {
			return db.QueryHourly(ctx, alerts.HourlyResponseP95, from, to)
		}},
	}
}

// pages measures the page of weeks: two overviews, and figures of two weeks.
func pages(ctx context.Context, p plan, repeats int, out io.Writer) error {
	s, err := p.open(out)
	if err != nil {
		return err
	}
	q := web.WeeksQuery{Location: "local", To: s.db.Newest(), Since: min(8*web.Week, time.Duration(p.days)*day)}
	for i := range p.models {
		q.Subjects = append(q.Subjects, web.Subject{Name: fmt.Sprintf("model-%03d", i)})
	}
	var took []float64
	for range repeats + 1 {
		start := time.Now()
		page, err := web.ReadWeeks(ctx, s.db, q)
		if err != nil {
			return err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1e3)
		for _, row := range page.Rows {
			if _, _, ok := row.Line.Range(); !ok {
				return fmt.Errorf("the page of weeks: %s has no hours", row.Name)
			}
		}
	}
	fmt.Fprintf(out, "the page of weeks, %d models: first %.0f ms, warm %.1f ms (median of %d)\n", p.models, took[0], measure.Median(took[1:]), repeats)
	return s.db.Close()
}

// queries measures each query cold, in a database just opened whose files are
// in nobody's memory if the system lets us drop them, and then warm.
func queries(ctx context.Context, p plan, repeats int, out io.Writer) error {
	for _, q := range asked() {
		dropped := exec.CommandContext(ctx, "sh", "-c", "sync; echo 1 > /proc/sys/vm/drop_caches").Run() == nil
		s, err := p.open(out)
		if err != nil {
			return err
		}
		to := s.db.Newest().Truncate(time.Hour)
		from := to.Add(-time.Duration(p.days)*day + 2*time.Hour)
		var took []float64
		points := 0
		for range repeats + 1 {
			start := time.Now()
			res, err := q.run(ctx, s.db, from, to)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took = append(took, float64(time.Since(start).Microseconds())/1e3)
			points = 0
			for _, series := range res.Series() {
				points += len(series.Points)
			}
		}
		if want := q.points(p); points != want {
			return fmt.Errorf("%s: %d points, want %d", q.name, points, want)
		}
		fmt.Fprintf(out, "%s: %d points, cold %.0f ms (files dropped from memory: %t), warm %.1f ms (median of %d)\n",
			q.name, points, took[0], dropped, measure.Median(took[1:]), repeats)
		if err := s.db.Close(); err != nil {
			return err
		}
	}
	return pages(ctx, p, repeats, out)
}
