package series

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
