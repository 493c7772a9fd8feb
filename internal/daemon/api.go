package daemon

import (
	"net/http"

	"github.com/hfwatch/hfwatch/internal/prom"
)

// api returns Prometheus's query API over the series.
func (d *Daemon) api() http.Handler {
	e := d.evaluator
	if e.db == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			say(w, http.StatusNotFound, "404: no series are kept, since history and alerting are off.")
		})
	}
	return prom.NewAPI(e.db, prom.APIOptions{Rules: e.rules, Metadata: e.gatherer.Gather, Version: d.opts.Version, Interval: e.interval})
}
