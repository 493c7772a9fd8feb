package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/bench/internal/measure"
)

// pace adds hours to a database that holds the plan's days, slowly, and says
// what memory that took. The collector's and the scavenger's own times are real
// while an hour takes a few seconds, so that an hour in an hour takes less.
func pace(ctx context.Context, p plan, hours int, out io.Writer) error {
	s, err := p.open(out)
	if err != nil {
		return err
	}
	begin := time.Now().Truncate(time.Hour).Add(-time.Duration(hours) * time.Hour)
	if newest := s.db.Newest(); !newest.IsZero() {
		begin = newest.Truncate(time.Hour).Add(time.Hour)
	}
	if ahead := time.Until(begin.Add(time.Duration(hours) * time.Hour)); ahead > 0 {
		return fmt.Errorf("-hours: the last would lie %s in the future; ingest with fewer -days first, or wait", ahead.Round(time.Minute))
	}
	f := newFleet(p.models, p.seed+1, begin)
	var anonymous []float64
	perHour := int(time.Hour / p.every)
	tick := time.NewTicker(p.pace / time.Duration(perHour))
	defer tick.Stop()
	every := max(1, hours*perHour/20)
	for i := range hours * perHour {
		if i%every == every-1 && i > 0 {
			fmt.Fprintf(out, "hour %d of %d: median %.0f MB, peak %.0f MB\n", i/perHour+1, hours, measure.Median(anonymous), slices.Max(anonymous))
		}
		at := begin.Add(time.Duration(i) * p.every)
		if _, err := s.db.Append(ctx, at, f.step(i)); err != nil {
			return err
		}
		if _, err := s.hourly.Eval(ctx, at); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		self, err := measure.Of(os.Getpid())
		if err != nil {
			return err
		}
		anonymous = append(anonymous, float64(self.Anonymous)/1e6)
	}
	fmt.Fprintf(out, "%d hours at %s an hour: anonymous memory median %.0f MB, 95 %% %.0f MB, peak %.0f MB\n", hours, p.pace,
		measure.Median(anonymous), measure.Quantile(anonymous, 0.95), slices.Max(anonymous))
	return s.db.Close()
}
