package alerts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/internal/prom"
	"github.com/hfwatch/hfwatch/series"
)

// RunbookBase is where the pages of the shipped alerts are.
const RunbookBase = "https://github.com/hfwatch/hfwatch/blob/main/docs/alerts/"

// WatchdogName is the alert that always fires.
const WatchdogName = "Watchdog"

// DrillName is the alert of a fire drill.
const DrillName = "Drill"

// Shipped returns the alerts that are on without configuration.
func Shipped() []Rule {
	drill := target(DrillName, Critical, string(series.DrillBad)+" >= 3",
		"DRILL, no outage: a fire drill of {{ $labels.target }}",
		"Somebody runs hfwatch drill to see whether pages arrive. Synthetic results were made to fail; nothing is wrong with {{ $labels.target }}.")
	return append(slices.Concat(ofTargets(), ofCauses(), ofAccount(), ofHfwatch()), drill, watchdog())
}

// ofTargets returns the shipped rules about the results of one target.
func ofTargets() []Rule {
	return []Rule{
		target("TargetFailing", Critical, "hfwatch_target_bad_of_last_5 >= 3",
			"{{ $labels.target }} is failing",
			"{{ $value }} of the last 5 counted results of {{ $labels.target }} were bad."),
		target("TargetBlind", Critical,
			// A blocked account pages once, as AccountBlocked, and not for each target.
			"hfwatch_target_uncounted_slots >= 3\nunless on (target, location) "+`hfwatch_target_suspended{reason=~"auth|billing"}`,
			"Nothing is known of {{ $labels.target }}",
			"{{ $value }} slots of {{ $labels.target }} have passed without a result that counts, whatever the cause."),
		target("NeverSucceeded", Warning,
			"hfwatch_target_last_success_timestamp_seconds <= on (target, location) hfwatch_target_first_seen_timestamp_seconds\n"+
				`and on (target, location) sum by (target, location) (hfwatch_results_total{kind="baseline"}) >= 5`,
			"{{ $labels.target }} has never answered well",
			"{{ $labels.target }} has had at least five results and none of them was good since it was first configured."),
		loadingTooLong(),
	}
}

// ofCauses returns the shipped rules about what several targets share.
func ofCauses() []Rule {
	return []Rule{
		cause(vantageDownName, vantageDown(),
			"Most targets cannot be reached from {{ $labels.location }}",
			"More than half of the {{ $value }} targets probed from {{ $labels.location }} cannot be connected to, and a control cannot either. This is the network here, and not the models."),
		cause(providerFailing, shared("location, provider, url_host", `provider!=""`),
			"{{ $labels.provider }} is failing",
			"{{ $value | humanizePercentage }} of the targets that {{ $labels.provider }} serves at {{ $labels.url_host }} are failing."),
		cause(hostFailing, shared("location, url_host", ""),
			"{{ $labels.url_host }} is failing",
			"{{ $value | humanizePercentage }} of the targets at {{ $labels.url_host }} are failing."),
	}
}

// ofAccount returns the shipped rules about what the account may do and spend.
func ofAccount() []Rule {
	return []Rule{
		global("AccountBlocked", Critical, `hfwatch_account_suspended{reason=~"auth|billing"} == 1`,
			"The account is blocked ({{ $labels.reason }}): {{ $labels.scope }}",
			"Two requests were refused for {{ $labels.reason }} of {{ $labels.scope }}, and probes that need it are suspended. "+
				"This is the account, not the models. One request every 15 minutes finds out when it is over."),
		last("RateLimited", Warning, "outcome(rate_limited) in 3 of 5",
			"{{ $labels.target }} is rate limited",
			"{{ $value }} of the last 5 results of {{ $labels.target }} were refused for a rate or quota of the account."),
		global("BudgetNear", Warning, "hfwatch_budget_used_ratio >= 0.8 < 1",
			"The budget{{ with $labels.target }} of {{ . }}{{ end }} is nearly spent",
			"{{ $value | humanizePercentage }} of the {{ $labels.unit }} of this {{ $labels.period }} are spent."),
		global("BudgetSpent", Critical,
			// A rest that is too small for one more probe is as good as spent.
			"hfwatch_budget_used_ratio >= 1\nor on (target, location) "+
				`sum by (target, location) (increase(hfwatch_slots_total{lane="baseline",result="withheld"}[10m])) > 0`,
			"The budget{{ with $labels.target }} of {{ . }}{{ end }} is spent",
			"{{ with $labels.unit }}The {{ . }} of this {{ $labels.period }} are spent; probes that would exceed them are withheld."+
				"{{ else }}Probes were withheld: too little is left of a budget, or its journal cannot be written. The log says which.{{ end }}"),
	}
}

// ofHfwatch returns the shipped rules about hfwatch's own work.
func ofHfwatch() []Rule {
	return []Rule{
		target("SlotsMissed", Warning,
			`sum by (target, location) (increase(hfwatch_slots_total{lane="baseline",result="missed"}[1h])) >= 2.5`,
			"Slots of {{ $labels.target }} are being missed",
			"{{ $value | humanize }} slots of {{ $labels.target }} passed in the last hour without a probe being started."),
		global("NotifyFailing", Warning,
			// One attempt that is made good by the next is no failure.
			"sum by (receiver, location) (increase(hfwatch_notifications_failed_total[10m])) >= 2.5\n"+
				`or sum by (receiver, location) (increase(hfwatch_notifications_total{action=~"refused|given_up"}[10m])) > 0`,
			"Notifications to {{ $labels.receiver }} fail",
			"{{ $value | humanize }} attempts to notify {{ $labels.receiver }} failed in the last ten minutes; the log says how."),
		global("ReloadFailed", Warning, "hfwatch_config_last_reload_successful == 0",
			"The configuration could not be reloaded",
			"The last reload of the configuration failed. The one before it is still in force."),
		global("HistoryFailing", Warning,
			"increase(hfwatch_records_dropped_total[10m]) > 0\nor increase(hfwatch_alert_state_write_failures_total[10m]) > 0",
			"Results are not being recorded",
			"{{ $value | humanize }} results could not be written to the records in the last ten minutes. Probing and paging go on."),
	}
}

// loadingTooLong returns the alert on models that do not come up, whoever found
// it: baselines in a row, or a cold start that takes longer than give_up, an
// experiment's or one that lasts between two baselines.
func loadingTooLong() Rule {
	r := last("LoadingTooLong", Warning, "outcome(loading) in 3 of 3",
		"{{ $labels.target }} does not come up",
		"{{ $labels.target }} is still loading: its last three results found it so, or its cold start takes longer than give_up.")
	r.or = string(series.ColdOverdue) + " == 1"
	return r
}

// watchdog returns the alert that always fires.
func watchdog() Rule {
	return global(WatchdogName, Info, "vector(1)",
		"hfwatch is evaluating alerts",
		"This alert always fires, so that its absence can be noticed.")
}

// Beat returns Watchdog as it fires where no rules are evaluated. Unlike the
// rule's it bears the location, so that a central Prometheus which evaluates the
// rule cannot speak for an hfwatch that is gone.
func Beat(location string, since time.Time) prom.Alert {
	r := watchdog()
	labels, annotations := r.labels(), r.annotations()
	labels["alertname"], labels["location"] = WatchdogName, location
	annotations["summary"] = "hfwatch is running"
	return prom.Alert{
		Rule: WatchdogName, State: prom.StateFiring, Labels: labels, Annotations: annotations, ActiveAt: since, FiredAt: since, Value: 1,
	}
}

// sharedLeast is how many targets must share a cause before it can be told from
// their own.
const sharedLeast = 3

// counted leaves out of an expression by target those that a maintenance time
// mutes: that they fail is planned, and no sign of a common cause.
func counted(expr string) string {
	return fmt.Sprintf("(%s unless on (target, location) %s)", expr, series.InMaintenance)
}

// vantageDown returns the number of a location's targets that were probed lately,
// of at least three, while hfwatch puts down the last results of most to the
// network: they failed to connect, and so did a control.
func vantageDown() string {
	probed := counted(`sum by (target, location) (increase(hfwatch_results_total{kind="baseline"}[15m])) > 0`)
	return fmt.Sprintf("count by (location) %s >= %d\nand on (location) %s == 1", probed, sharedLeast, series.VantageDown)
}

// shared returns the part of the targets that share the labels which are
// failing, where at least three share them and half of those do. Two bad results
// in a row are a failure here, so that the common cause is there before the
// third pages one by one.
func shared(labels, selector string) string {
	if selector != "" {
		selector = "{" + selector + "}"
	}
	all := fmt.Sprintf("("+counted("hfwatch_target_consecutive_bad")+" * 0 + on (target, location) group_left (provider, url_host) hfwatch_target_info%s)", selector)
	bad := fmt.Sprintf("("+counted("(hfwatch_target_consecutive_bad >= 2 or hfwatch_target_bad_of_last_5 >= 3)")+" * 0 + on (target, location) group_left (provider, url_host) hfwatch_target_info%s)", selector)
	return fmt.Sprintf("count by (%s) %s\n/ count by (%s) %s >= 0.5\nand on (%s) count by (%s) %s >= %d", labels, bad, labels, all, labels, labels, all, sharedLeast)
}

// target returns a shipped rule about one target.
func target(name string, s Severity, expr, summary, description string) Rule {
	return Rule{Name: name, Severity: s, shipped: true, Expr: expr, Annotations: texts(summary, description)}
}

// global returns a shipped rule about hfwatch itself or the account.
func global(name string, s Severity, expr, summary, description string) Rule {
	r := target(name, s, expr, summary, description)
	r.Global = true
	return r
}

// causeKeep is how long a common cause goes on holding its members' pages back
// after it has ended: they recover slot by slot, and the last ones are no news.
const causeKeep = 10 * time.Minute

// cause returns a shipped rule about what several targets share.
func cause(name, expr, summary, description string) Rule {
	r := global(name, Critical, expr, summary, description)
	r.KeepFiringFor = causeKeep
	return r
}

// last returns a shipped rule on the last results of a target.
func last(name string, s Severity, when, summary, description string) Rule {
	w, err := ParseWhen(when)
	if err != nil {
		panic("alerts: shipped rule " + name + ": " + err.Error())
	}
	return Rule{Name: name, Severity: s, shipped: true, When: w, Annotations: texts(summary, description)}
}

// texts returns the two annotations that people read.
func texts(summary, description string) map[string]string {
	return map[string]string{"summary": summary, "description": description}
}

// Names returns the names of rules, sorted.
func Names(rules []Rule) []string {
	names := map[string]struct{}{}
	for _, r := range rules {
		names[r.Name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names))
}
