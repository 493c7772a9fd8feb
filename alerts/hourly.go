package alerts

import (
	"fmt"

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
// that it reads. An engine without native histograms has those of counts alone.
func Hourly(h Histograms) []prom.Recording {
	distribution := func(name string, s series.Series) prom.Recording {
		return prom.Recording{Name: name, Expr: fmt.Sprintf(`sum by (target, location) (increase(%s{kind="baseline"}[1h]))`, s)}
	}
	quantile := func(name string, q float64, of string) prom.Recording {
		return prom.Recording{Name: name, Expr: fmt.Sprintf(`histogram_quantile(%g, %s)`, q, of)}
	}
	counts := []prom.Recording{
		{Name: HourlyResults, Expr: fmt.Sprintf(`sum by (target, location, counts) (increase(%s{kind="baseline"}[1h]))`, series.Results)},
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
