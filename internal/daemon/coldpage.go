package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hfwatch/hfwatch/web"
)

// coldStartsDefault is how far back the page of cold starts looks where nothing
// else is asked for.
const coldStartsDefault = 4 * web.Week

// serveColdStarts shows the cold starts of all targets, or all that is kept of one.
func (d *Daemon) serveColdStarts(w http.ResponseWriter, r *http.Request) {
	since, err := weeksSince(r.URL.Query().Get("since"), coldStartsDefault)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	if d.records == nil {
		say(w, http.StatusServiceUnavailable, "cold starts are read from the records, and history is off; remove history: off")
		return
	}
	watched, target := d.now.Load(), r.URL.Query().Get("target")
	q := web.ColdStartsQuery{Version: d.opts.Version, Location: watched.cfg.Location, To: time.Now(), Since: since, Whole: target != ""}
	for _, m := range watched.cfg.Models {
		if target != "" && m.Target.Name != target {
			continue
		}
		v := d.tracker.View(m.Target.Name)
		q.Sleepers = append(q.Sleepers, web.Sleeper{
			Subject: web.Subject{Name: m.Target.Name, Model: m.Target.Model, Task: m.Target.Task.Name(), Provider: m.Target.Provider},
			Policy:  string(m.Target.Wake), State: string(v.State), Since: v.Since, Seconds: v.Seconds, Open: v.Episode,
		})
	}
	if len(q.Sleepers) == 0 && target != "" {
		say(w, http.StatusNotFound, fmt.Sprintf("no target is called %q; the front page lists them", target))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), weeksWithin)
	defer cancel()
	page, err := web.ReadColdStarts(ctx, d.records, q)
	if err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	servePage(w, func(out io.Writer) error { return web.WriteColdStarts(out, page) })
}
