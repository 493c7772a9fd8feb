package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/series"
)

const (
	// relativeSpan is the time that is compared with the same time of the weeks
	// before, and relativeWeeks is how many of these.
	relativeSpan  = 6 * time.Hour
	relativeWeeks = 4
	week          = 7 * 24 * time.Hour
	// RelativeReach is how far back a comparison with past weeks looks.
	RelativeReach = relativeWeeks*week + relativeSpan
)

// Histograms says in which form a rule reads distributions.
type Histograms string

// The forms.
const (
	NativeHistograms  Histograms = "native"
	ClassicHistograms Histograms = "classic"
)

// distribution is the histogram of a signal.
type distribution struct {
	series series.Series
	// selector is what the signal adds to the series' selector.
	selector string
}

// histogram returns the distribution of a signal; that of one without quantiles
// is empty.
func histogram(s Signal) distribution {
	baseline := `kind="baseline"`
	return map[Signal]distribution{
		Response:    {series.Response, baseline},
		Service:     {series.Response, baseline + `,result="ok"`},
		FirstToken:  {series.FirstToken, baseline},
		FirstByte:   {series.FirstByte, baseline},
		FirstAnswer: {series.FirstAnswer, baseline},
		TPOT:        {series.TPOT, baseline},
		Gap:         {series.Gap, baseline},
		Queue:       {series.QueueSeconds, baseline},
		Server:      {series.ServerSeconds, baseline},
		Lag:         {series.Lag, baseline},
		// Of a cold start's parts the one that a user waits for.
		ColdStart: {series.ColdStartSeconds, `phase="first_answer"`},
		WarmUp:    {series.WarmUpSeconds, ""},
	}[s]
}

// Unsaid returns why the rule cannot be said with histograms of a form, or empty
// where it can.
func (r Rule) Unsaid(h Histograms) string {
	if h != ClassicHistograms || r.Expr != "" {
		return ""
	}
	w := r.When
	switch {
	case w.Form == FormRatio && w.Signal == TokensPerSecond, w.Form != FormQuantile && w.Form != FormRelative:
		return ""
	}
	d := histogram(w.Signal)
	def, _ := d.series.Definition()
	if def.Layout != series.ClassicBaseline {
		return string(w.Signal) + " has no classic buckets; write it of response or first_token, or take native histograms"
	}
	return ""
}

// by are the labels that identify a target.
const by = "by (target, location)"

// reading writes the PromQL of a distribution over a time.
type reading struct {
	d distribution
	h Histograms
}

// increase returns the increase of a series of the histogram over a time that
// ended so long ago.
func (r reading) increase(suffix string, span, ago time.Duration) string {
	offset := ""
	if ago > 0 {
		offset = " offset " + promDuration(ago)
	}
	return fmt.Sprintf("increase(%s%s{%s}[%s]%s)", r.d.series, suffix, r.d.selector, promDuration(span), offset)
}

// over returns a sum of increases by target, and by bucket where the form has
// them, of each time in ago.
func (r reading) over(suffix, group string, span time.Duration, ago ...time.Duration) string {
	if len(ago) == 1 {
		return fmt.Sprintf("sum %s (%s)", group, r.increase(suffix, span, ago[0]))
	}
	// Vectors of the same labels are told apart by a label of their own.
	var parts []string
	for i, a := range ago {
		parts = append(parts, fmt.Sprintf(`label_replace(%s, "week", "%d", "", "")`, r.increase(suffix, span, a), i+1))
	}
	return fmt.Sprintf("sum %s (%s)", group, strings.Join(parts, "\n  or "))
}

// quantile returns the quantile by target.
func (r reading) quantile(q float64, span time.Duration, ago ...time.Duration) string {
	if r.h == ClassicHistograms {
		return fmt.Sprintf("histogram_quantile(%g, %s)", q, r.over("_bucket", "by (target, location, le)", span, ago...))
	}
	return fmt.Sprintf("histogram_quantile(%g, %s)", q, r.over("", by, span, ago...))
}

// count returns how many values the quantile is of.
func (r reading) count(span time.Duration, ago ...time.Duration) string {
	if r.h == ClassicHistograms {
		return r.over("_count", by, span, ago...)
	}
	return fmt.Sprintf("histogram_count(%s)", r.over("", by, span, ago...))
}

// expression returns the PromQL of the condition for the rule of that name.
func (w When) expression(name string, h Histograms) string {
	d := histogram(w.Signal)
	r := reading{d, h}
	switch w.Form {
	case FormLast:
		return fmt.Sprintf("%s{alertname=%q} >= %d", HitsSeries, name, w.K)
	case FormQuantile:
		return fmt.Sprintf("%s %s %g\nand on (target, location) %s >= %g",
			r.quantile(w.Quantile, w.Over[0], 0), w.Op, w.Threshold, r.count(w.Over[0], 0), float64(ResultsForQuantile(w.Quantile))-rounding)
	case FormRelative:
		var weeks []time.Duration
		for i := range relativeWeeks {
			weeks = append(weeks, time.Duration(i+1)*week)
		}
		least := float64(ResultsForQuantile(w.Quantile)) - rounding
		return fmt.Sprintf("%s\n%s on (target, location) %g * %s\nand on (target, location) %s >= %g\nand on (target, location) %s >= %g",
			r.quantile(w.Quantile, relativeSpan, 0), w.Op, w.Threshold, r.quantile(w.Quantile, relativeSpan, weeks...),
			r.count(relativeSpan, 0), least, r.count(relativeSpan, weeks...), least)
	case FormBurn:
		return w.burn()
	case FormLevel:
		return w.level()
	case FormAbsent:
		return w.absent()
	case FormRatio:
		return w.ratio(h)
	default:
		return "vector(0) > 1"
	}
}

// rounding is taken off a least number of results, since increase()
// extrapolates and can give a little less than the whole number that it was.
const rounding = 0.5

// results returns the increase of counted results over a time, by target.
func results(counts string, span time.Duration) string {
	return fmt.Sprintf(`sum %s (increase(%s{kind="baseline",counts%s}[%s]))`, by, series.Results, counts, promDuration(span))
}

// The selectors of counted results.
const (
	countsBad = `="bad"`
	countsAll = `=~"good|bad"`
)

// level returns the PromQL of a value that needs no time. Of a capacity, which
// is known between two bounds, the condition must hold of both.
func (w When) level() string {
	value := string(series.BudgetUsed)
	switch w.Signal {
	case Capacity:
		bound := "low"
		if strings.HasPrefix(w.Op, "<") {
			bound = "high"
		}
		value = fmt.Sprintf(`max %s (%s{bound=%q})`, by, series.WindowCapacity, bound)
	case Throughput:
		value = fmt.Sprintf(`max %s (%s{stage="all"})`, by, series.WindowThroughput)
	case Stale:
		span := w.Reach()
		return fmt.Sprintf("time() - max %s (%s) %s %g\nand on (target, location) %s", by, series.LastSuccess, w.Op, w.Threshold, watched(span))
	default:
	}
	return fmt.Sprintf("%s %s %g", value, w.Op, w.Threshold)
}

// absent returns the PromQL of targets of which no baseline result came. Its
// value is their number, 0.
func (w When) absent() string {
	span := w.Over[0]
	return fmt.Sprintf("0 * %s\nunless on (target, location) sum %s (increase(%s{kind=\"baseline\"}[%s])) > 0",
		watched(span), by, series.Probes, promDuration(span))
}

// watchedPoints is at how many points of a time it is looked whether a target was
// watched.
const watchedPoints = 30

// watched returns the PromQL of the targets whose baselines were due all the
// time: whose series were there, so that neither a stop of hfwatch nor a target
// that is new is taken for silence, and which neither their account nor a
// maintenance time held back.
func watched(span time.Duration) string {
	step := max((span / watchedPoints).Truncate(time.Second), time.Second)
	return fmt.Sprintf("(count_over_time(%s[%s:%s]) >= %d\n  unless on (target, location) max_over_time(%s[%[2]s])\n  unless on (target, location) max_over_time(%[6]s{reason=~\"auth|billing\"}[%[2]s]))",
		series.TargetInterval, promDuration(span), promDuration(step), int(span/step)-1, series.InMaintenance, series.Suspended)
}

// share returns the PromQL of the share of results with some outcomes or faults
// among all, and of the number of all. That none had them is 0.
func (w When) share() (value, all string) {
	count := func(selector string) string {
		return fmt.Sprintf(`sum %s (increase(%s{kind="baseline"%s}[%s]))`, by, series.Probes, selector, promDuration(w.Over[0]))
	}
	selector := "outcome=~" + alternatives(w.Outcomes)
	if w.Signal == FaultSignal {
		selector = "fault=~" + alternatives(w.Faults)
	}
	all = count("")
	return fmt.Sprintf("(%s or on (target, location) 0 * %s)\n/ %s", count(","+selector), all, all), all
}

// alternatives returns the quoted pattern of names.
func alternatives[T ~string](names []T) string {
	var out []string
	for _, name := range names {
		out = append(out, string(name))
	}
	return fmt.Sprintf("%q", strings.Join(out, "|"))
}

// ratio returns the PromQL of a ratio or a rate. The bad are in the numerator in
// both directions, so that a target without one good result has a ratio too.
func (w When) ratio(h Histograms) string {
	span := w.Over[0]
	all := results(countsAll, span)
	var value string
	switch w.Signal {
	case Availability:
		value = "1 - " + results(countsBad, span) + "\n/ " + all
	case Goodput:
		count := func(selector string) string {
			return fmt.Sprintf(`sum %s (increase(%s{kind="baseline"%s}[%s]))`, by, series.Goodput, selector, promDuration(span))
		}
		value = "1 - " + count(`,result="missed"`) + "\n/ " + count("")
	case TokensPerSecond:
		seconds := fmt.Sprintf(`histogram_sum(sum %s (increase(%s{kind="baseline",result="ok"}[%s])))`, by, series.Response, promDuration(span))
		if h == ClassicHistograms {
			seconds = fmt.Sprintf(`sum %s (increase(%s_sum{kind="baseline",result="ok"}[%s]))`, by, series.Response, promDuration(span))
		}
		value = fmt.Sprintf(`sum %s (increase(%s{kind="baseline",direction="out"}[%s]))`, by, series.Tokens, promDuration(span)) + "\n/ " + seconds
	case OutcomeSignal, FaultSignal:
		value, all = w.share()
	case Drift:
		// A change is a whole one, however increase() extrapolates.
		return fmt.Sprintf(`round(sum %s (increase(%s[%s]))) %s %g`, by, series.DriftEvents, promDuration(span), w.Op, w.Threshold)
	case Rate:
		// A time of which part went by before the first result is no low rate.
		return fmt.Sprintf("%s / %g %s %g\nand on (target, location) %s", all, span.Seconds(), w.Op, w.Threshold, watched(span))
	default:
		value = results(countsBad, span) + "\n/ " + all
	}
	return fmt.Sprintf("%s %s %g\nand on (target, location) %s >= %g", value, w.Op, w.Threshold, all, MinResults-rounding)
}

// burnLeast is how many bad results a burn rate needs over its longer time: at
// low rates one alone would burn a month's budget.
const burnLeast = 2

// burn returns the PromQL of a burn rate on the target's own objective, over
// both times. (Beyer et al., The Site Reliability Workbook, 5.)
func (w When) burn() string {
	one := func(span time.Duration) string {
		all := results(countsAll, span)
		return fmt.Sprintf("%s\n/ %s\n/ on (target, location) (1 - %s) %s %g", results(countsBad, span), all, series.ObjectiveRatio, w.Op, w.Threshold)
	}
	long, short := max(w.Over[0], w.Over[1]), min(w.Over[0], w.Over[1])
	return fmt.Sprintf("%s\nand on (target, location) %s\nand on (target, location) %s >= %g",
		one(long), one(short), results(countsBad, long), burnLeast-rounding)
}
