package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/web"
)

// The period of the page of weeks where none is asked for, and its bounds. The
// database keeps sixty days by default.
const (
	weeksDefault = 8 * web.Week
	weeksLeast   = 24 * time.Hour
	weeksMost    = 366 * 24 * time.Hour
	weeksWithin  = 30 * time.Second
)

// serveWeeks shows all targets over weeks, from the hours that were recorded.
func (d *Daemon) serveWeeks(w http.ResponseWriter, r *http.Request) {
	since, err := weeksSince(r.URL.Query().Get("since"), weeksDefault)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	if d.evaluator.hourly == nil {
		say(w, http.StatusServiceUnavailable, "weeks are made of the recorded hours, and history is off; remove history: off")
		return
	}
	watched := d.now.Load()
	q := web.WeeksQuery{Version: d.opts.Version, Location: watched.cfg.Location, To: time.Now(), Since: since}
	for _, m := range watched.cfg.Models {
		q.Subjects = append(q.Subjects, web.Subject{Name: m.Target.Name, Model: m.Target.Model, Task: m.Target.Task.Name(), Provider: m.Target.Provider})
	}
	ctx, cancel := context.WithTimeout(r.Context(), weeksWithin)
	defer cancel()
	page, err := web.ReadWeeks(ctx, d.evaluator.db, q)
	if err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	servePage(w, func(out io.Writer) error { return web.WriteWeeks(out, page) })
}

// servePage answers with a page for people that fetches nothing.
func servePage(w http.ResponseWriter, write func(io.Writer) error) {
	var out bytes.Buffer
	if err := write(&out); err != nil {
		say(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(out.Bytes())
}

// weeksSince reads how far back a page looks; empty is the default. The error says
// what to write.
func weeksSince(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	since, err := alerts.ParseDuration(text)
	if err != nil || since < weeksLeast || since > weeksMost {
		return 0, fmt.Errorf("since is %q; write a time from 1d to 366d, such as 8w", text)
	}
	return since.Truncate(time.Hour), nil
}
