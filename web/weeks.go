// Package web holds the pages for people that are made of what is kept: each is
// read into plain values by one function and written by another.
//
// It asks for what it shows through interfaces, decides nothing about a target,
// and fetches nothing when a page is looked at: a page holds its own charts.
package web

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/prom"
)

// Week is the span that the page of weeks gives figures for, and for the one
// before it.
const Week = 7 * 24 * time.Hour

// Hours is what the hourly recording rules have put down: prom.DB.
type Hours interface {
	// QueryHourly returns one point for each recorded hour.
	QueryHourly(ctx context.Context, selector string, start, end time.Time) (prom.Result, error)
	// SumHours adds up the hours of a span before at.
	SumHours(ctx context.Context, selector string, span time.Duration, at time.Time) (prom.Result, error)
	// QuantileHours returns the quantile of the hours of a span before at.
	QuantileHours(ctx context.Context, q float64, selector string, span time.Duration, at time.Time) (prom.Result, error)
}

// Subject is a target that a page shows.
type Subject struct{ Name, Model, Task, Provider string }

// WeeksQuery is what a page of weeks is asked for.
type WeeksQuery struct {
	Version, Location string
	// To is the end, and Since how far back the page looks.
	To       time.Time
	Since    time.Duration
	Subjects []Subject
}

// Weeks is the view over all targets and weeks.
type Weeks struct {
	Version, Location string
	From, To          time.Time
	Rows              []WeeksRow
}

// WeeksRow is one target's.
type WeeksRow struct {
	Subject
	// Line is the hours' 95th percentiles of response time in seconds and their
	// shares of bad results.
	Line Line
	// This and Before are the last seven days and the seven before.
	This, Before Figures
}

// Figures are what the baseline results of a span came to.
type Figures struct {
	// P50 and P95 are quantiles of the response time in seconds, of the span's
	// whole distribution; NaN is none.
	P50, P95 float64
	// Good and Bad count results. The engine extrapolates to an hour's edges, so
	// that they have fractions.
	Good, Bad float64
}

// none are the figures of a span in which nothing was recorded.
func none() Figures { return Figures{P50: math.NaN(), P95: math.NaN()} }

// Results counts good and bad ones.
func (f Figures) Results() float64 { return f.Good + f.Bad }

// BadShare returns the share of bad ones among good and bad ones; NaN without
// any.
func (f Figures) BadShare() float64 { return f.Bad / f.Results() }

// ReadWeeks reads the page of weeks: hours from From to To, which is the last
// full hour.
func ReadWeeks(ctx context.Context, from Hours, q WeeksQuery) (Weeks, error) {
	end := q.To.Truncate(time.Hour)
	w := Weeks{Version: q.Version, Location: q.Location, From: end.Add(-q.Since), To: end}
	at := map[string]int{}
	for _, s := range q.Subjects {
		at[s.Name] = len(w.Rows)
		w.Rows = append(w.Rows, WeeksRow{Subject: s, Line: newLine(w.From, w.To), This: none(), Before: none()})
	}
	row := func(s prom.Series) *WeeksRow {
		if i, ok := at[s.Labels["target"]]; ok {
			return &w.Rows[i]
		}
		return nil
	}
	here := func(metric string) string { return fmt.Sprintf("%s{location=%q}", metric, q.Location) }
	for _, line := range []struct {
		metric string
		add    func(*Line, prom.Point)
	}{
		{alerts.HourlyResponseP95, func(l *Line, p prom.Point) { l.value(p.At, p.Value) }},
		{alerts.HourlyBadRatio, func(l *Line, p prom.Point) { l.bad(p.At, p.Value) }},
	} {
		res, err := from.QueryHourly(ctx, here(line.metric), w.From, w.To)
		if err != nil {
			return Weeks{}, fmt.Errorf("weeks: %w", err)
		}
		for _, s := range res.Series() {
			if r := row(s); r != nil {
				for _, p := range s.Points {
					line.add(&r.Line, p)
				}
			}
		}
	}
	for _, span := range []struct {
		to time.Time
		of func(*WeeksRow) *Figures
	}{
		{end, func(r *WeeksRow) *Figures { return &r.This }},
		{end.Add(-Week), func(r *WeeksRow) *Figures { return &r.Before }},
	} {
		figures := func(s prom.Series) *Figures {
			if r := row(s); r != nil {
				return span.of(r)
			}
			return nil
		}
		if err := readFigures(ctx, from, here, span.to, figures); err != nil {
			return Weeks{}, fmt.Errorf("weeks: %w", err)
		}
	}
	return w, nil
}

// readFigures reads the figures of the week that ends at to.
func readFigures(ctx context.Context, from Hours, here func(string) string, to time.Time, of func(prom.Series) *Figures) error {
	each := func(res prom.Result, err error, set func(*Figures, prom.Series, float64)) error {
		if err != nil {
			return err
		}
		for _, s := range res.Series() {
			if f := of(s); f != nil && len(s.Points) == 1 {
				set(f, s, s.Points[0].Value)
			}
		}
		return nil
	}
	res, err := from.QuantileHours(ctx, 0.5, here(alerts.HourlyResponse), Week, to)
	if err := each(res, err, func(f *Figures, _ prom.Series, v float64) { f.P50 = v }); err != nil {
		return err
	}
	res, err = from.QuantileHours(ctx, 0.95, here(alerts.HourlyResponse), Week, to)
	if err := each(res, err, func(f *Figures, _ prom.Series, v float64) { f.P95 = v }); err != nil {
		return err
	}
	res, err = from.SumHours(ctx, here(alerts.HourlyResults), Week, to)
	return each(res, err, func(f *Figures, s prom.Series, v float64) {
		switch s.Labels["counts"] {
		case "good":
			f.Good += v
		case "bad":
			f.Bad += v
		}
	})
}
