package exporter

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapes is how many requests are served at once; others are told 503.
const scrapes = 8

// Handler serves /metrics: text, OpenMetrics, or protobuf with native
// histograms, as the request's Accept header says, compressed if it may be. What
// one collector cannot say does not take the rest with it: the scrape goes on
// without, and the failure is logged and counted. Requests at the same time
// share one gathering.
func (e *Exporter) Handler() http.Handler {
	return promhttp.HandlerFor(e.public, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{e.logger},
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            e.public,
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
		MaxRequestsInFlight: scrapes,
		CoalesceGather:      true,
		EnableOpenMetrics:   true,
	})
}

// scrapeLog logs what goes wrong in a scrape.
type scrapeLog struct{ logger *slog.Logger }

// Println logs one failure.
func (l scrapeLog) Println(v ...any) {
	l.logger.Error("a scrape of /metrics failed", "err", fmt.Sprint(v...))
}
