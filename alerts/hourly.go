package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/series"
)

// The metrics that are recorded once an hour for each target and location, of
// baseline results alone. The distributions and counts of hours can be added up
// to those of days and weeks. The quantiles cannot: they are for views of hours,
// and are not to be averaged.
const (
	// HourlyResponse, HourlyFirstToken and HourlyTPOT are the hour's
	// distributions of seconds, good and bad results in one.
	HourlyResponse   = "hfwatch:response_seconds:increase1h"
	HourlyFirstToken = "hfwatch:first_token_seconds:increase1h"
	HourlyTPOT       = "hfwatch:tpot_seconds:increase1h"
	// HourlyResults are the hour's results by counts.
	HourlyResults = "hfwatch:results:increase1h"
	// HourlyBadRatio is the share of bad results among good and bad ones.
	HourlyBadRatio = "hfwatch:results:bad_ratio1h"
	// The quantiles of the distributions, in seconds.
	HourlyResponseP50   = "hfwatch:response_seconds:p50_1h"
	HourlyResponseP95   = "hfwatch:response_seconds:p95_1h"
	HourlyResponseP99   = "hfwatch:response_seconds:p99_1h"
	HourlyFirstTokenP50 = "hfwatch:first_token_seconds:p50_1h"
	HourlyFirstTokenP95 = "hfwatch:first_token_seconds:p95_1h"
	HourlyTPOTP50       = "hfwatch:tpot_seconds:p50_1h"
)

// Hourly returns the recording rules of the hourly metrics, each after those
// that it reads, where samples are taken at that interval, in full seconds. An
// engine without native histograms has those of counts alone.
//
// A range begins one interval before its hour, and with it one sample: what is
// counted between two samples belongs to the later one. increase(x[1h]) begins
// at the first sample within the hour and so loses what came before it, which is
// every probe at a full hour. The increase per second times 3600 then is that of
// the hour alone.
func Hourly(h Histograms, every time.Duration) []prom.Recording {
	hour := func(by string, s series.Series) string {
		return fmt.Sprintf(`sum by (%s) (rate(%s{kind="baseline"}[%s])) * 3600`, by, s, model.Duration(time.Hour+every))
	}
	distribution := func(name string, s series.Series) prom.Recording {
		return prom.Recording{Name: name, Expr: hour("target, location", s)}
	}
	quantile := func(name string, q float64, of string) prom.Recording {
		return prom.Recording{Name: name, Expr: fmt.Sprintf(`histogram_quantile(%g, %s)`, q, of)}
	}
	counts := []prom.Recording{
		{Name: HourlyResults, Expr: hour("target, location, counts", series.Results)},
		{Name: HourlyBadRatio, Expr: fmt.Sprintf(`sum by (target, location) (%[1]s{counts="bad"}) / sum by (target, location) (%[1]s{counts=~"good|bad"})`, HourlyResults)},
	}
	if h == ClassicHistograms {
		return counts
	}
	return append(counts,
		distribution(HourlyResponse, series.Response),
		distribution(HourlyFirstToken, series.FirstToken),
		distribution(HourlyTPOT, series.TPOT),
		quantile(HourlyResponseP50, 0.5, HourlyResponse),
		quantile(HourlyResponseP95, 0.95, HourlyResponse),
		quantile(HourlyResponseP99, 0.99, HourlyResponse),
		quantile(HourlyFirstTokenP50, 0.5, HourlyFirstToken),
		quantile(HourlyFirstTokenP95, 0.95, HourlyFirstToken),
		quantile(HourlyTPOTP50, 0.5, HourlyTPOT),
	)
}
