package series

// The series of load windows. Those of a window are of the last one that ended,
// those that begin with hfwatch_window_live of one under way.
const (
	Windows            Series = "hfwatch_windows_total"
	WindowsSkipped     Series = "hfwatch_windows_skipped_total"
	WindowEnd          Series = "hfwatch_window_end_timestamp_seconds"
	WindowDuration     Series = "hfwatch_window_duration_seconds"
	WindowResponse     Series = "hfwatch_window_response_quantile_seconds"
	WindowService      Series = "hfwatch_window_service_quantile_seconds"
	WindowFirstToken   Series = "hfwatch_window_first_token_quantile_seconds"
	WindowTPOT         Series = "hfwatch_window_tpot_quantile_seconds"
	WindowAskedRate    Series = "hfwatch_window_asked_rate"
	WindowAchievedRate Series = "hfwatch_window_achieved_rate"
	WindowThroughput   Series = "hfwatch_window_throughput_rate"
	WindowGoodput      Series = "hfwatch_window_goodput_ratio"
	WindowBad          Series = "hfwatch_window_bad_ratio"
	WindowRequests     Series = "hfwatch_window_requests"
	WindowTokens       Series = "hfwatch_window_tokens_per_second"
	WindowCapacity     Series = "hfwatch_window_capacity_rate"
	WindowWarmUp       Series = "hfwatch_window_warm_up_seconds"
	WindowScalingLag   Series = "hfwatch_window_scaling_lag_seconds"
	WindowCost         Series = "hfwatch_window_cost_usd"
	WindowLiveElapsed  Series = "hfwatch_window_live_elapsed_seconds"
	WindowLiveRate     Series = "hfwatch_window_live_rate"
	WindowLiveInFlight Series = "hfwatch_window_live_in_flight"
	WindowLiveQueued   Series = "hfwatch_window_live_queued"
	WindowLiveResponse Series = "hfwatch_window_live_response_quantile_seconds"
)

// The names of labels of windows.
const (
	Stage      = "stage"
	Verdict    = "verdict"
	Percentile = "percentile"
	Bound      = "bound"
	State      = "state"
)

// StageAll is the stage of a window as a whole.
const StageAll = "all"

// The reasons for which a window is skipped.
const (
	// SkipNotWarm is a target that is cold, or may be.
	SkipNotWarm = "not_warm"
	// SkipUnproven is one without enough recent baselines.
	SkipUnproven = "unproven"
	// SkipBaselines is one of whose last baselines one was not good.
	SkipBaselines = "baselines"
	// SkipAlert is one on which an alert fires.
	SkipAlert = "alert"
	// SkipBudget is a window that its budget does not pay.
	SkipBudget = "budget"
	// SkipExcluded is a window while another one runs on the same account.
	SkipExcluded = "excluded"
	// SkipHeld is a lane that something else holds.
	SkipHeld = "held"
	// SkipMaintenance is a maintenance time.
	SkipMaintenance = "maintenance"
	// SkipMissed is a slot that was found too late, or whose window before it had
	// not ended.
	SkipMissed = "missed"
	// SkipFailed is a window that could not be begun for a fault of its plan.
	SkipFailed = "failed"
)

// SkipReasons returns the closed set.
func SkipReasons() []string {
	return []string{
		SkipNotWarm, SkipUnproven, SkipBaselines, SkipAlert, SkipBudget, SkipExcluded, SkipHeld, SkipMaintenance,
		SkipMissed, SkipFailed,
	}
}

func verdicts() []string {
	return []string{"complete", "server_limited", "client_limited", "budget_limited", "aborted", Other}
}

func windowPercentiles() []string { return []string{"p50", "p90", "p95", "p99", "p999"} }

// windows returns the series of load windows.
func windows() []Definition {
	target, stage, percentile := Label{Name: Target}, Label{Name: Stage}, Label{Percentile, windowPercentiles()}
	gauge := func(s Series, unit, help string, labels ...Label) Definition {
		return Definition{Series: s, Type: Gauge, Unit: unit, Labels: append([]Label{target}, labels...), Help: help}
	}
	return []Definition{
		{Series: Windows, Type: Counter, Labels: []Label{target, {Verdict, verdicts()}}, Help: "Load windows that were begun and have ended, by verdict. The target is a mix's name for a mix, as in all series of windows."},
		{Series: WindowsSkipped, Type: Counter, Labels: []Label{target, {Reason, append(SkipReasons(), Other)}}, Help: "Load windows that were due and did not start, by reason."},
		gauge(WindowEnd, "seconds", "When the last window ended."),
		gauge(WindowDuration, "seconds", "How long the last window took, its drain included."),
		gauge(WindowResponse, "seconds", "Quantiles of the time from being due to the last byte or token, of the last window; absent where the requests are too few for an interval.", stage, percentile),
		gauge(WindowService, "seconds", "Quantiles of the time from being sent to the last byte or token, of the last window.", stage, percentile),
		gauge(WindowFirstToken, "seconds", "Quantiles of the time to the first token, of the last window.", stage, percentile),
		gauge(WindowTPOT, "seconds", "Quantiles of the time per output token after the first, of the last window.", stage, percentile),
		gauge(WindowAskedRate, "", "Requests due for each second of the last window's plan.", stage),
		gauge(WindowAchievedRate, "", "Requests sent for each second of the last window's plan.", stage),
		gauge(WindowThroughput, "", "Good answers for each second of the last window's plan.", stage),
		gauge(WindowGoodput, "ratio", "Part of the attempted requests of the last window that kept every objective.", stage),
		gauge(WindowBad, "ratio", "Part of the counted results of the last window that were bad.", stage),
		gauge(WindowRequests, "", "Requests of the last window: planned, sent, and not sent for want of room.", stage, Label{State, []string{"planned", "sent", "late", "not_sent"}}),
		gauge(WindowTokens, "", "Output tokens for each second of the last window, of all requests together.", stage),
		gauge(WindowCapacity, "", "Requests a second between which the last capacity search found the capacity.", Label{Bound, []string{"low", "high"}}),
		gauge(WindowWarmUp, "seconds", "How long the last window took to its steady state; absent where none was found."),
		gauge(WindowScalingLag, "seconds", "The longest time of the last window from a rise of its demand until the replicas that were then wanted were ready; absent where none was, and where the management API is not read."),
		gauge(WindowCost, "usd", "What the last window cost, as far as it is known."),
		gauge(WindowLiveElapsed, "seconds", "How long the window under way has run."),
		gauge(WindowLiveRate, "", "Requests done within the last second of the window under way."),
		gauge(WindowLiveInFlight, "", "Requests in flight of the window under way."),
		gauge(WindowLiveQueued, "", "Requests that wait for room, of the window under way."),
		gauge(WindowLiveResponse, "seconds", "Quantiles of the response time of what came due in the last ten seconds of the window under way, without interval.", Label{Percentile, []string{"p50", "p95", "p99"}}),
	}
}
