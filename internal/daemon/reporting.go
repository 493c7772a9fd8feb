package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/report"
)

// DefaultReport is the period of a report that names none: this week, and three
// to compare it with.
const DefaultReport = 28 * 24 * time.Hour

// mostReport bounds the period of a report, and reportWithin the time to make
// one.
const (
	mostReport   = 366 * 24 * time.Hour
	reportWithin = 2 * time.Minute
)

// errNoHistory is a report of what is not kept.
var errNoHistory = errors.New("a report is made of records, and history is off; remove history: off")

// Report makes the report of the targets in force, over the time before now.
func (d *Daemon) Report(ctx context.Context, since time.Duration, now time.Time) (report.Report, error) {
	if d.records == nil {
		return report.Report{}, errNoHistory
	}
	return makeReport(ctx, d.records, d.now.Load().cfg, d.opts.Version, since, now)
}

// makeReport reads the records and makes the report of a configuration's
// targets.
func makeReport(ctx context.Context, from report.Source, cfg *config.Config, version string, since time.Duration, now time.Time) (report.Report, error) {
	q := report.Query{Location: cfg.Location, Version: version, To: now, Since: since}
	for _, m := range cfg.Models {
		q.Targets = append(q.Targets, report.Subject{Name: m.Target.Name, Model: m.Target.Model, Task: m.Target.Task.Name(), Provider: m.Target.Provider})
	}
	data, err := report.Read(ctx, from, q)
	if err != nil {
		return report.Report{}, err
	}
	return report.Build(data), nil
}

// ReportSince reads the period of a report, such as 4w; empty is the default.
// The error says what to write.
func ReportSince(text string) (time.Duration, error) {
	if text == "" {
		return DefaultReport, nil
	}
	since, err := alerts.ParseDuration(text)
	if err != nil || since < time.Hour || since > mostReport {
		return 0, fmt.Errorf("since is %q; write a time from 1h to 366d, such as 4w", text)
	}
	return since, nil
}

// serveReport answers with a report: a page, or what ?format= names.
func (d *Daemon) serveReport(w http.ResponseWriter, r *http.Request) {
	since, err := ReportSince(r.URL.Query().Get("since"))
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	format := report.Format(r.URL.Query().Get("format"))
	if format == "" {
		format = report.HTML
	}
	ctx, cancel := context.WithTimeout(r.Context(), reportWithin)
	defer cancel()
	made, err := d.Report(ctx, since, time.Now())
	if err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	var out bytes.Buffer
	if err := report.Write(&out, made, format); err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Content-Type", contentType(format))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(out.Bytes())
}

// reporting starts the loop of scheduled reports.
func (d *Daemon) reporting(ctx context.Context) {
	if d.records == nil {
		return
	}
	r := &reporter{
		reports: func() []config.ScheduledReport { return d.now.Load().cfg.Reports },
		make: func(ctx context.Context, since time.Duration, now time.Time) (report.Report, error) {
			ctx, cancel := context.WithTimeout(ctx, reportWithin)
			defer cancel()
			return d.Report(ctx, since, now)
		},
		done: func(name string, err error) {
			d.exporter.ReportMade(err == nil)
			e := struct {
				Name  string `json:"name"`
				OK    bool   `json:"ok"`
				Error string `json:"error,omitempty"`
			}{Name: name, OK: err == nil}
			if err != nil {
				e.Error = err.Error()
			}
			d.event(history.KindReport, e)
		},
		dial: d.opts.Dial, version: d.opts.Version, logger: d.logger,
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	d.undo.add("reports", func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// ReportOf makes the report of a configuration's targets once: through the
// daemon that holds the data directory, or of the records there.
func ReportOf(ctx context.Context, cfg *config.Config, version string, since time.Duration, logger *slog.Logger) (report.Report, error) {
	if !cfg.History {
		return report.Report{}, errNoHistory
	}
	path := filepath.Join(cfg.Data.Dir, recordsName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return report.Report{}, fmt.Errorf("%s does not exist: no hfwatch has run with this data.dir; start one, or name its directory with --storage.path", path)
	}
	// Whoever has the ledger has the directory.
	ledger, err := budget.Open(ctx, budget.Options{Dir: cfg.Data.Dir, Logger: logger})
	if errors.Is(err, budget.ErrLocked) {
		return askReport(ctx, cfg.Data.Dir, since)
	}
	if err != nil {
		return report.Report{}, err
	}
	records, err := history.Open(ctx, history.Options{Path: path, Logger: logger})
	if err != nil {
		return report.Report{}, errors.Join(err, ledger.Close())
	}
	list, err := readListing(cfg.Data.Dir)
	if err != nil {
		logger.Warn("what was kept of the router's list cannot be read", "err", err)
	}
	made, err := makeReport(ctx, records, cfg.Expand(routing{listing: list}), version, since, time.Now())
	return made, errors.Join(err, records.Close(ctx), ledger.Close())
}

// askReport asks the daemon that holds dir for its report.
func askReport(ctx context.Context, dir string, since time.Duration) (report.Report, error) {
	var made report.Report
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hfwatch/report?format=json&since="+url.QueryEscape(since.String()), nil)
	if err != nil {
		return made, err
	}
	resp, err := controlClient(dir).Do(req)
	if err != nil {
		return made, fmt.Errorf("another hfwatch holds %s and does not answer: %w", dir, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 256<<20))
	if err != nil {
		return made, fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
	}
	if resp.StatusCode != http.StatusOK {
		return made, fmt.Errorf("the hfwatch that holds %s refuses: %s", dir, bytes.TrimSpace(body))
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return made, fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
	}
	return made, nil
}
