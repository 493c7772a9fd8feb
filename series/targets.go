package series

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
