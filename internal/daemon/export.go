package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// ExportQuery says what is exported, and how.
type ExportQuery struct {
	Format history.Format
	Target string
	Kinds  []probe.Kind
	// Events are the kinds of event that are exported in place of results; as JSON
	// lines alone.
	Events []history.EventKind
	// From and To bound when results were due or events were; zero is from the beginning, and to
	// the end.
	From, To time.Time
}

// results returns the query of the records.
func (q ExportQuery) results() history.ResultQuery {
	return history.ResultQuery{Target: q.Target, Kinds: q.Kinds, From: q.From, To: q.To}
}

// events returns the query of the records for events.
func (q ExportQuery) events() history.EventQuery {
	return history.EventQuery{Target: q.Target, Kinds: q.Events, From: q.From, To: q.To}
}

// write writes what the query asks for.
func (q ExportQuery) write(ctx context.Context, w io.Writer, records *history.Records) error {
	if len(q.Events) > 0 {
		return records.ExportEvents(ctx, w, q.events())
	}
	return records.Export(ctx, w, q.Format, q.results())
}

// Check returns what is wrong with the query, or nil.
func (q ExportQuery) Check() error {
	if !slices.Contains(history.Formats(), q.Format) {
		return fmt.Errorf("format: %q is none of %v", q.Format, history.Formats())
	}
	for _, k := range q.Kinds {
		if !slices.Contains(probe.Kinds(), k) {
			return fmt.Errorf("kind: %q is none of %v", k, probe.Kinds())
		}
	}
	for _, k := range q.Events {
		if !slices.Contains(history.EventKinds(), k) {
			return fmt.Errorf("events: %q is none of %v", k, history.EventKinds())
		}
	}
	switch {
	case len(q.Events) == 0:
	case len(q.Kinds) > 0:
		return errors.New("events: kind is of results; ask for events or for results")
	case q.Format != history.FormatJSONL:
		return fmt.Errorf("format: events have no columns for %s; leave the format away, or ask for jsonl", q.Format)
	}
	return nil
}

// values returns the query as that of an address.
func (q ExportQuery) values() url.Values {
	v := url.Values{"format": {string(q.Format)}}
	if q.Target != "" {
		v.Set("target", q.Target)
	}
	for _, k := range q.Kinds {
		v.Add("kind", string(k))
	}
	for _, k := range q.Events {
		v.Add("events", string(k))
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return v
}

// queryOf reads values back.
func queryOf(v url.Values) (ExportQuery, error) {
	q := ExportQuery{Format: history.Format(v.Get("format")), Target: v.Get("target")}
	if q.Format == "" {
		q.Format = history.FormatJSONL
	}
	for _, k := range v["kind"] {
		q.Kinds = append(q.Kinds, probe.Kind(k))
	}
	for _, k := range v["events"] {
		q.Events = append(q.Events, history.EventKind(k))
	}
	for name, to := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if text := v.Get(name); text != "" {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return q, fmt.Errorf("%s: %q is no time; write one as 2026-11-25T00:00:00Z", name, text)
			}
			*to = at
		}
	}
	return q, q.Check()
}

// serveExport writes results or events as they are read.
func (d *Daemon) serveExport(w http.ResponseWriter, r *http.Request) {
	q, err := queryOf(r.URL.Query())
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	if d.records == nil {
		say(w, http.StatusNotFound, errNoHistory.Error())
		return
	}
	w.Header().Set("Content-Type", map[history.Format]string{
		history.FormatCSV: "text/csv; charset=utf-8", history.FormatJSONL: "application/jsonl; charset=utf-8",
		history.FormatParquet: "application/vnd.apache.parquet",
	}[q.Format])
	w.Header().Set("Content-Disposition", `attachment; filename="hfwatch.`+string(q.Format)+`"`)
	if err := q.write(r.Context(), w, d.records); err != nil {
		d.logger.Error("export was cut short", "err", err)
		// So that whoever reads it sees that it is not whole.
		panic(http.ErrAbortHandler)
	}
}

// Export writes the results or events of data.dir, through the daemon that holds it where
// one does.
func Export(ctx context.Context, w io.Writer, cfg *config.Config, q ExportQuery, logger *slog.Logger) error {
	if err := q.Check(); err != nil {
		return err
	}
	if !cfg.History {
		return errNoHistory
	}
	path := filepath.Join(cfg.Data.Dir, recordsName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s does not exist: no hfwatch has run with this data.dir; start one, or name its directory with --storage.path", path)
	}
	// Whoever has the ledger has the directory.
	ledger, err := budget.Open(ctx, budget.Options{Dir: cfg.Data.Dir, Logger: logger})
	if errors.Is(err, budget.ErrLocked) {
		return askExport(ctx, w, cfg.Data.Dir, q)
	}
	if err != nil {
		return err
	}
	records, err := history.Open(ctx, history.Options{Path: path, Logger: logger})
	if err != nil {
		return errors.Join(err, ledger.Close())
	}
	return errors.Join(q.write(ctx, w, records), records.Close(ctx), ledger.Close())
}

// askExport copies what the daemon that holds dir writes.
func askExport(ctx context.Context, w io.Writer, dir string, q ExportQuery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hfwatch/export?"+q.values().Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := controlClient(dir).Do(req)
	if err != nil {
		return fmt.Errorf("another hfwatch holds %s and does not answer: %w", dir, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.Join(fmt.Errorf("the hfwatch that holds %s refuses: %s", dir, text), err)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
	}
	return nil
}
