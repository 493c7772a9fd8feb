package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/bench/internal/measure"
	"github.com/hfwatch/hfwatch/internal/prom"
)

const day = 24 * time.Hour

// store is a database with its hourly rules.
type store struct {
	db     *prom.DB
	hourly *prom.Hourly
	out    io.Writer
	// rows counts accepted and refused samples.
	samples, refused int
	recording        time.Duration
}

// open opens the plan's database.
func (p plan) open(out io.Writer) (*store, error) {
	db, err := prom.Open(prom.Options{Dir: p.dir})
	if err != nil {
		return nil, err
	}
	hourly, err := prom.NewHourly(db, alerts.Hourly(alerts.NativeHistograms, p.every), nil)
	if err != nil {
		return nil, err
	}
	return &store{db: db, hourly: hourly, out: out}, nil
}

// hour appends one hour of samples from begin on, and records it.
func (s *store) hour(ctx context.Context, f *fleet, begin time.Time, every time.Duration, step int) error {
	for t := time.Duration(0); t < time.Hour; t += every {
		got, err := s.db.Append(ctx, begin.Add(t), f.step(step))
		if err != nil {
			return err
		}
		step++
		s.samples += got.Samples
		for _, n := range got.Refused {
			s.refused += n
		}
	}
	start := time.Now()
	if _, err := s.hourly.Eval(ctx, begin.Add(time.Hour)); err != nil {
		return err
	}
	s.recording += time.Since(start)
	return nil
}

// ingest stores the plan's days.
func ingest(ctx context.Context, p plan, out io.Writer) error {
	// The last hour ends now, so that the retention keeps all.
	end := time.Now().UTC().Truncate(time.Hour)
	begin := end.Add(-time.Duration(p.days) * day)
	s, err := p.open(out)
	if err != nil {
		return err
	}
	f := newFleet(p.models, p.seed, begin)
	perHour := int(time.Hour / p.every)
	start := time.Now()
	var compacting time.Duration
	for i := range p.days * 24 {
		if err := s.hour(ctx, f, begin.Add(time.Duration(i)*time.Hour), p.every, i*perHour); err != nil {
			return err
		}
		if i%2 == 1 {
			at := time.Now()
			if err := s.db.Compact(ctx); err != nil {
				return err
			}
			compacting += time.Since(at)
		}
		if i%24 == 23 {
			fmt.Fprintf(out, "day %d of %d: %d samples, %s, disk %s\n", i/24+1, p.days, s.samples, time.Since(start).Round(time.Second), sizes(p.dir))
		}
	}
	if err := s.db.Close(); err != nil {
		return err
	}
	cpu, err := measure.Self()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d models x %d series x %d days at %s: %d samples, %d refused\n", p.models, seriesOfModel, p.days, p.every, s.samples, s.refused)
	fmt.Fprintf(out, "took %s (%s of processor; recording %s, compacting %s)\n", time.Since(start).Round(time.Second), cpu.Round(time.Second), s.recording.Round(time.Second), compacting.Round(time.Second))
	fmt.Fprintf(out, "disk: %s; %.2f bytes a sample\n", sizes(p.dir), float64(diskOf(p.dir, nil))/float64(s.samples))
	return nil
}

// stepsOfDay is the period of the fleet's daily rhythm, in steps of 30 s.
const stepsOfDay = 2880

// sizes says what a directory holds, the log apart.
func sizes(dir string) string {
	log := diskOf(dir, func(path string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.Dir(rel) != "." && !isBlock(rel)
	})
	all := diskOf(dir, nil)
	return fmt.Sprintf("%.1f MB in all, of which %.1f MB log and memory's chunks", float64(all)/1e6, float64(log)/1e6)
}

// isBlock says whether a path is that of a block's file: blocks are named by a
// ULID, 26 characters long.
func isBlock(rel string) bool {
	return len(rel) > 26 && rel[26] == filepath.Separator
}

// diskOf returns the bytes of the files that match; all if match is nil. What
// vanishes meanwhile is not counted.
func diskOf(dir string, match func(path string) bool) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || match != nil && !match(path) {
			return nil
		}
		if info, err := os.Lstat(path); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
