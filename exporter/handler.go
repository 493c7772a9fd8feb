package exporter

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hfwatch/hfwatch/series"
)

// scrapes is how many requests are served at once; others are told 503.
const scrapes = 8

// Handler serves /metrics: text, OpenMetrics, or protobuf with native
// histograms, as the request's Accept header says, compressed if it may be. What
// one collector cannot say does not take the rest with it: the scrape goes on
// without, and the failure is logged and counted. Requests at the same time
// share one gathering.
//
// Series of layout series.Hidden are in protobuf alone: of a native histogram
// text has a sum and a count, which are not worth a target's lines.
func (e *Exporter) Handler() http.Handler {
	whole, text := e.handler(e.public), e.handler(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := e.public.Gather()
		shown := make([]*dto.MetricFamily, 0, len(families))
		for _, f := range families {
			if d, ok := series.Series(f.GetName()).Definition(); !ok || d.Layout != series.Hidden {
				shown = append(shown, f)
			}
		}
		return shown, err
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...).FormatType() == expfmt.TypeProtoDelim {
			whole.ServeHTTP(w, r)
			return
		}
		text.ServeHTTP(w, r)
	})
}

// handler serves what a gatherer has.
func (e *Exporter) handler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
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
