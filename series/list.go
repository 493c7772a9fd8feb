package series

import "slices"

// The series of targets.
const (
	Probes           Series = "hfwatch_probes_total"
	Results          Series = "hfwatch_results_total"
	Response         Series = "hfwatch_response_seconds"
	FirstToken       Series = "hfwatch_first_token_seconds"
	FirstByte        Series = "hfwatch_first_byte_seconds"
	TPOT             Series = "hfwatch_tpot_seconds"
	Lag              Series = "hfwatch_lag_seconds"
	PhaseSeconds     Series = "hfwatch_phase_seconds_total"
	Tokens           Series = "hfwatch_tokens_total"
	TargetInfo       Series = "hfwatch_target_info"
	TargetInterval   Series = "hfwatch_target_interval_seconds"
	FirstSeen        Series = "hfwatch_target_first_seen_timestamp_seconds"
	LastResult       Series = "hfwatch_target_last_result_timestamp_seconds"
	LastSuccess      Series = "hfwatch_target_last_success_timestamp_seconds"
	BadOfLast5       Series = "hfwatch_target_bad_of_last_5"
	ConsecutiveBad   Series = "hfwatch_target_consecutive_bad"
	UncountedSlots   Series = "hfwatch_target_uncounted_slots"
	Suspended        Series = "hfwatch_target_suspended"
	AlertHits        Series = "hfwatch_alert_hits"
	Slots            Series = "hfwatch_slots_total"
	BudgetUsed       Series = "hfwatch_budget_used_ratio"
	DriftEvents      Series = "hfwatch_drift_events_total"
	HealthLies       Series = "hfwatch_target_health_lies"
	HealthChecks     Series = "hfwatch_health_checks_total"
	Account          Series = "hfwatch_account_suspended"
	RouterLive       Series = "hfwatch_router_live"
	RouterFirstToken Series = "hfwatch_router_first_token_seconds"
	RouterTokens     Series = "hfwatch_router_tokens_per_second"
	RouterContext    Series = "hfwatch_router_context_tokens"
	RouterPrice      Series = "hfwatch_router_usd_per_mtok"
)

// The series of hfwatch itself.
const (
	BuildInfo            Series = "hfwatch_build_info"
	ReloadSuccessful     Series = "hfwatch_config_last_reload_successful"
	ReloadSuccessTime    Series = "hfwatch_config_last_reload_success_timestamp_seconds"
	Notifications        Series = "hfwatch_notifications_total"
	NotificationsFailed  Series = "hfwatch_notifications_failed_total"
	NotificationsDropped Series = "hfwatch_notifications_dropped_total"
	NotificationSeconds  Series = "hfwatch_notifications_duration_seconds"
	NotificationDelay    Series = "hfwatch_notifications_delay_seconds"
	SchedulerLag         Series = "hfwatch_scheduler_lag_seconds"
	ClockSteps           Series = "hfwatch_clock_steps_total"
	MaintenanceActive    Series = "hfwatch_maintenance_active"
	VantageDown          Series = "hfwatch_vantage_down"
	InMaintenance        Series = "hfwatch_target_in_maintenance"
	ControlDials         Series = "hfwatch_control_dials_total"
	RecordsWritten       Series = "hfwatch_records_written_total"
	RecordsDropped       Series = "hfwatch_records_dropped_total"
	RecordsWriteFailures Series = "hfwatch_records_write_failures_total"
	RemoteSamples        Series = "hfwatch_remote_write_samples_total"
	RemoteDropped        Series = "hfwatch_remote_write_dropped_total"
	RemoteFailures       Series = "hfwatch_remote_write_failures_total"
	AlertStateFailures   Series = "hfwatch_alert_state_write_failures_total"
	DeadLetters          Series = "hfwatch_dead_letters_total"
	DeadLettersLost      Series = "hfwatch_dead_letters_lost_total"
	Silences             Series = "hfwatch_silences"
	AlertsSilenced       Series = "hfwatch_alerts_silenced"
	DrillBad             Series = "hfwatch_drill_bad_of_last_5"
	FirstAnswer          Series = "hfwatch_first_answer_seconds"
	Gap                  Series = "hfwatch_gap_seconds"
	QueueSeconds         Series = "hfwatch_queue_seconds"
	ServerSeconds        Series = "hfwatch_server_seconds"
	Goodput              Series = "hfwatch_goodput_results_total"
	ObjectiveRatio       Series = "hfwatch_target_objective_ratio"
	ResultsIgnored       Series = "hfwatch_results_ignored_total"
	EvaluationSeconds    Series = "hfwatch_evaluation_duration_seconds"
	EvaluationFailures   Series = "hfwatch_evaluation_failures_total"
	SamplesAppended      Series = "hfwatch_samples_appended_total"
	SamplesRefused       Series = "hfwatch_samples_refused_total"
	Reports              Series = "hfwatch_reports_total"
	RouterReads          Series = "hfwatch_router_list_reads_total"
	RouterReadTime       Series = "hfwatch_router_list_timestamp_seconds"
)

// All returns the whole list: the series of targets, of windows, then those of hfwatch
// itself.
func All() []Definition {
	return slices.Concat(distributions(), parts(), targets(), facts(), router(), coldStarts(), windows(), self(), pipeline(), telling(), evaluation())
}

// distributions returns the series that are made of the results of a target.
func distributions() []Definition {
	target, kind := Label{Name: Target}, Label{Kind, kinds()}
	return []Definition{
		{
			Series: Probes, Type: Counter,
			Labels: []Label{target, kind, {Outcome, outcomes()}, {Fault, faults()}},
			Help:   "Results of probes, which hfwatch sends on its own schedule, by outcome and by who is at fault.",
		},
		{
			Series: Results, Type: Counter, Labels: []Label{target, kind, {Counts, counts()}},
			Help: "Results by how they count: good and bad enter ratios, apart (account, monitor, unknown) is in neither.",
		},
		{
			Series: Response, Type: Histogram, Unit: "seconds", Layout: ClassicBaseline,
			Labels: []Label{target, kind, {Result, results()}},
			Help: "Time from being due to the last byte or token. Failed holds bad results at the larger of their " +
				"elapsed time and their deadline, so that no quantile over both improves as a model gets worse.",
		},
		{
			Series: FirstToken, Type: Histogram, Unit: "seconds", Layout: ClassicBaseline,
			Labels: []Label{target, kind, {Result, results()}},
			Help: "Time from being sent to the first generated token of a stream. Failed holds bad results, those " +
				"without a token at the larger of their elapsed time and their deadline.",
		},
	}
}

// parts returns the series of the parts of a result's time, and of what it
// took.
func parts() []Definition {
	target, kind := Label{Name: Target}, Label{Kind, kinds()}
	return []Definition{
		{
			Series: FirstByte, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{target, kind},
			Help: "Time from being sent to the first byte of the answer, of good results.",
		},
		{
			Series: TPOT, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{target, kind},
			Help: "Time per output token after the first, of good results.",
		},
		{
			Series: FirstAnswer, Type: Histogram, Unit: "seconds", Layout: Hidden, Labels: []Label{target, kind},
			Help: "Time from being sent to the first token of the answer itself, after any reasoning, of good results.",
		},
		{
			Series: Gap, Type: Histogram, Unit: "seconds", Layout: Hidden, Labels: []Label{target, kind},
			Help: "Longest gap between two chunks of a stream, of good results.",
		},
		{
			Series: QueueSeconds, Type: Histogram, Unit: "seconds", Layout: Hidden, Labels: []Label{target, kind},
			Help: "Time in the other side's queue by its own account, of results that tell.",
		},
		{
			Series: ServerSeconds, Type: Histogram, Unit: "seconds", Layout: Hidden, Labels: []Label{target, kind},
			Help: "Time of work by the other side's own account, of results that tell.",
		},
		{
			Series: Goodput, Type: Counter, Labels: []Label{target, kind, {Result, goodput()}},
			Help: "Results that count, by whether they were good and met every objective of the target; of targets that have objectives.",
		},
		{
			Series: Lag, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{target, kind},
			Help: "Time from being due to being sent, of every request that was sent: hfwatch's own delay.",
		},
		{
			Series: PhaseSeconds, Type: Counter, Unit: "seconds", Labels: []Label{target, kind, {Phase, phases()}},
			Help: "Time spent in each phase by good and bad results; server and queue are the other side's own account.",
		},
		{
			Series: Tokens, Type: Counter, Labels: []Label{target, kind, {Direction, directions()}},
			Help: "Tokens sent and received, of every result that tells.",
		},
	}
}

// targets returns the series of a target's facts and state.
func targets() []Definition {
	target := Label{Name: Target}
	return []Definition{
		{
			Series: TargetInfo, Type: Gauge,
			Labels: []Label{target, {Name: Model}, {Name: Task}, {Name: Provider}, {Name: URLHost}, {Name: Revision}},
			Help:   "1 for each configured target, with its facts and the labels that the configuration gives it.",
		},
		{
			Series: TargetInterval, Type: Gauge, Unit: "seconds", Labels: []Label{target},
			Help: "Time between two slots of the target's baseline.",
		},
		{
			Series: ObjectiveRatio, Type: Gauge, Unit: "ratio", Labels: []Label{target},
			Help: "Share of good results that the target's objectives ask for; absent without such an objective.",
		},
		{
			Series: FirstSeen, Type: Gauge, Unit: "seconds", Labels: []Label{target},
			Help: "When the target was first configured.",
		},
		{
			Series: LastResult, Type: Gauge, Unit: "seconds", Labels: []Label{target},
			Help: "When the last result of a baseline slot ended, whatever it was; absent before the first.",
		},
		{
			Series: LastSuccess, Type: Gauge, Unit: "seconds", Labels: []Label{target},
			Help: "When the last good result of a baseline slot ended; until the first, when the target was first configured.",
		},
		{
			Series: BadOfLast5, Type: Gauge, Labels: []Label{target},
			Help: "How many of the last five counted baseline results were bad; absent before the first.",
		},
		{
			Series: ConsecutiveBad, Type: Gauge, Labels: []Label{target},
			Help: "How many counted baseline results in a row, up to the last, were bad; absent before the first.",
		},
		{
			Series: UncountedSlots, Type: Gauge, Labels: []Label{target},
			Help: "How many baseline slots have passed since the last result that counts, whatever the cause.",
		},
		{
			Series: Suspended, Type: Gauge, Labels: []Label{target, {Name: Reason}},
			Help: "1 while probes of the target are suspended, and why; absent otherwise.",
		},
		{
			Series: AlertHits, Type: Gauge, Labels: []Label{{Name: AlertName}, target},
			Help: "How many of the target's last results meet the condition of the alert, for conditions of the form k of n.",
		},
		{
			Series: Slots, Type: Counter, Labels: []Label{target, {Lane, lanes()}, {Result, slots()}},
			Help: "Slots of the schedule, by what became of them.",
		},
		{
			Series: BudgetUsed, Type: Gauge, Unit: "ratio",
			Labels: []Label{target, {Period, periods()}, {Unit, budgetUnits()}},
			Help:   "Part of a budget that is spent, from 0 to 1; the global budget has no target.",
		},
	}
}

// facts returns the series of the account, and of what a target shows of itself
// beside its answers.
func facts() []Definition {
	target := Label{Name: Target}
	return []Definition{
		{
			Series: Account, Type: Gauge, Labels: []Label{{Name: Scope}, {Name: Reason}},
			Help: "1 while the account is refused or limited for a scope (token, bill_to, provider, host or target), and why; absent otherwise.",
		},
		{
			Series: DriftEvents, Type: Counter, Labels: []Label{target, {What, drifts()}},
			Help: "Changes of what good answers show of the target: shape, answer, model, revision, provider, engine; and of what the router's list says of it: listing.",
		},
		{
			Series: HealthLies, Type: Gauge, Labels: []Label{target},
			Help: "1 while the engine's health route says healthy and its probes fail, else 0; absent before it was asked.",
		},
		{
			Series: HealthChecks, Type: Counter, Labels: []Label{target, {Result, healthStates()}},
			Help: "Requests to the engine's health route, which only follow failed probes, by what it said.",
		},
	}
}

// router returns the series of what the router's list of models says of a
// target, which are its own figures and none of hfwatch's.
func router() []Definition {
	target := Label{Name: Target}
	return []Definition{
		{
			Series: RouterLive, Type: Gauge, Labels: []Label{target},
			Help: "1 while the router's list calls the target's provider live for its model, 0 while it does not or names neither.",
		},
		{
			Series: RouterFirstToken, Type: Gauge, Unit: "seconds", Labels: []Label{target},
			Help: "The router's own figure of the time to first token.",
		},
		{
			Series: RouterTokens, Type: Gauge, Labels: []Label{target},
			Help: "The router's own figure of output tokens a second.",
		},
		{
			Series: RouterContext, Type: Gauge, Unit: "tokens", Labels: []Label{target},
			Help: "Context that the provider offers of the model, by the router's list.",
		},
		{
			Series: RouterPrice, Type: Gauge, Labels: []Label{target, {Direction, directions()}},
			Help: "US dollars for a million tokens, by the router's list.",
		},
	}
}

// self returns the series of hfwatch itself.
func self() []Definition {
	receiver := Label{Name: Receiver}
	return []Definition{
		{
			Series: BuildInfo, Type: Gauge,
			Labels: []Label{{Name: Version}, {Name: Revision}, {Name: GoVersion}, {Name: GoOS}, {Name: GoArch}},
			Help:   "1, with the version of hfwatch and of the Go that built it.",
		},
		{
			Series: ReloadSuccessful, Type: Gauge,
			Help: "1 if the last attempt to load the configuration succeeded, else 0.",
		},
		{
			Series: ReloadSuccessTime, Type: Gauge, Unit: "seconds",
			Help: "When the configuration was last loaded with success.",
		},
		{
			Series: Notifications, Type: Counter, Labels: []Label{receiver, {Action, actions()}},
			Help: "Attempts to deliver a notification, by what follows from them.",
		},
		{
			Series: NotificationsFailed, Type: Counter, Labels: []Label{receiver, {Reason, failures()}},
			Help: "Attempts to deliver a notification that failed, by reason.",
		},
		{
			Series: NotificationsDropped, Type: Counter, Labels: []Label{receiver, {Reason, notificationDrops()}},
			Help: "Alerts of which a receiver will not be told, by reason.",
		},
		{
			Series: NotificationSeconds, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{receiver},
			Help: "Duration of attempts to deliver a notification.",
		},
		{
			Series: NotificationDelay, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{receiver},
			Help: "Time from an alert's change of state to its delivery.",
		},
		{
			Series: SchedulerLag, Type: Histogram, Unit: "seconds", Layout: Native,
			Help: "Time from when a slot should have started to when it did, over all targets.",
		},
		{
			Series: ClockSteps, Type: Counter, Labels: []Label{{Kind, clockSteps()}},
			Help: "Steps of the wall clock that were seen, by kind.",
		},
		{
			Series: MaintenanceActive, Type: Gauge, Labels: []Label{{Name: Maintenance}},
			Help: "1 while the maintenance time lasts, else 0.",
		},
		{
			Series: InMaintenance, Type: Gauge, Labels: []Label{{Name: Target}},
			Help: "1 while a maintenance time mutes the pages of the target, so that it counts towards no common cause; absent otherwise.",
		},
		{
			Series: VantageDown, Type: Gauge,
			Help: "1 while most targets of this location fail to connect and a control fails too, else 0.",
		},
		{
			Series: ControlDials, Type: Counter, Labels: []Label{{Result, results()}},
			Help: "Connections to the control, made to see whose fault a failed connection is.",
		},
	}
}

// pipeline returns the series of where results go: records and remote write.
func pipeline() []Definition {
	return []Definition{
		{
			Series: RecordsWritten, Type: Counter,
			Help: "Results and events that were written to the records.",
		},
		{
			Series: RecordsDropped, Type: Counter, Labels: []Label{{Reason, recordDrops()}},
			Help: "Results and events that could not be written to the records and were given up, by reason.",
		},
		{
			Series: RecordsWriteFailures, Type: Counter,
			Help: "Failed attempts to write to the records; what they held is tried again.",
		},
		{
			Series: RemoteSamples, Type: Counter,
			Help: "Samples that remote write receivers took.",
		},
		{
			Series: RemoteDropped, Type: Counter,
			Help: "Samples that a remote write receiver refused for good.",
		},
		{
			Series: RemoteFailures, Type: Counter,
			Help: "Failed attempts to send samples to a remote write receiver; they are repeated.",
		},
	}
}

// telling returns the series of alerts and of what holds them back.
func telling() []Definition {
	return []Definition{
		{
			Series: AlertStateFailures, Type: Counter,
			Help: "Failed attempts to write down what fires and what receivers were told; they are repeated.",
		},
		{
			Series: DeadLetters, Type: Counter,
			Help: "Alerts of which a receiver will not be told that were written to the dead-letter file.",
		},
		{
			Series: DeadLettersLost, Type: Counter,
			Help: "Alerts of which a receiver will not be told that could not be written to the dead-letter file.",
		},
		{
			Series: Silences, Type: Gauge, Labels: []Label{{State, silenceStates()}},
			Help: "Silences that hold pages back now (active) or will (pending).",
		},
		{
			Series: AlertsSilenced, Type: Gauge,
			Help: "Alerts that fire and are held back by a silence.",
		},
		{
			Series: DrillBad, Type: Gauge, Labels: []Label{{Name: Target}, {Name: DrillLabel}},
			Help: "Bad ones of the last five synthetic results of a fire drill; there only while one is under way.",
		},
	}
}

// evaluation returns the series of the embedded database, its rules and reports.
func evaluation() []Definition {
	return []Definition{
		{
			Series: ResultsIgnored, Type: Counter, Labels: []Label{{Reason, ignored()}},
			Help: "Results that no series counts: of a target that is not configured, seen before, or not valid.",
		},
		{
			Series: EvaluationSeconds, Type: Histogram, Unit: "seconds", Layout: Native,
			Help: "Duration of one evaluation: gathering, storing, and all rules.",
		},
		{
			Series: EvaluationFailures, Type: Counter, Labels: []Label{{Name: Rule}},
			Help: "Evaluations that failed, by rule; without a rule, nothing could be gathered or stored.",
		},
		{
			Series: SamplesAppended, Type: Counter,
			Help: "Samples that were stored in the embedded database.",
		},
		{
			Series: SamplesRefused, Type: Counter, Labels: []Label{{Reason, refusals()}},
			Help: "Samples that the embedded database refused, by reason.",
		},
		{
			Series: Reports, Type: Counter, Labels: []Label{{Result, reports()}},
			Help: "Scheduled reports, by whether they were made and delivered everywhere.",
		},
		{
			Series: RouterReads, Type: Counter, Labels: []Label{{Result, results()}},
			Help: "Requests for the router's list of models, by whether it could be read.",
		},
		{
			Series: RouterReadTime, Type: Gauge, Unit: "seconds",
			Help: "When the router's list of models was last read, before a restart too; absent where it never was.",
		},
	}
}
