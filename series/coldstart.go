package series

// The series of cold starts.
const (
	ModelState       Series = "hfwatch_model_state"
	StateSeconds     Series = "hfwatch_model_state_seconds_total"
	ColdStarts       Series = "hfwatch_cold_starts_total"
	ColdStartSeconds Series = "hfwatch_cold_start_seconds"
	ColdOverdue      Series = "hfwatch_cold_start_overdue"
	EstimateStuck    Series = "hfwatch_cold_start_estimate_stuck_total"
	WarmUpSeconds    Series = "hfwatch_warm_up_seconds"
	WarmUpRequests   Series = "hfwatch_warm_up_requests"
	WakeUps          Series = "hfwatch_wake_ups_total"
)

// coldStarts returns the series of cold starts. Those of state are there for
// targets that have a wake policy, and for others from their first cold start
// on.
func coldStarts() []Definition {
	target := Label{Name: Target}
	return []Definition{
		{
			Series: ModelState, Type: Gauge, Labels: []Label{target, {State, modelStates()}},
			Help: "1 for the state that the model is in, else 0.",
		},
		{
			Series: StateSeconds, Type: Counter, Unit: "seconds", Labels: []Label{target, {State, modelStates()}},
			Help: "How long the model has been in each state, since hfwatch was started.",
		},
		{
			Series: ColdStarts, Type: Counter, Labels: []Label{target, {Cause, causes()}},
			Help: "Cold starts that were seen, by whether an experiment brought them about.",
		},
		{
			Series: ColdStartSeconds, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{target, {Phase, coldPhases()}},
			Help: "Time from the beginning of a cold start to its first sign of life, to running, to healthy and to the first valid answer.",
		},
		{
			Series: ColdOverdue, Type: Gauge, Labels: []Label{target},
			Help: "1 while a cold start takes longer than give_up, else 0.",
		},
		{
			Series: EstimateStuck, Type: Counter, Labels: []Label{target},
			Help: "Cold starts in which the model's own estimate of the time it needs did not shrink.",
		},
		{
			Series: WarmUpSeconds, Type: Histogram, Unit: "seconds", Layout: Native, Labels: []Label{target},
			Help: "Time from the first warm request to the steady state, of warm-ups whose end was found; a lower bound where they fade out.",
		},
		{
			Series: WarmUpRequests, Type: Histogram, Unit: "requests", Layout: Native, Labels: []Label{target},
			Help: "Requests between the cold ones and the steady state, of warm-ups whose end was found.",
		},
		{
			Series: WakeUps, Type: Counter, Labels: []Label{target, {Kind, kinds()}},
			Help: "Times that a request of hfwatch's woke the model, by the kind of the request.",
		},
	}
}

func modelStates() []string {
	return []string{"unknown", "asleep", "loading", "warming", "warm", "degraded"}
}

func causes() []string { return []string{"experiment", "natural"} }

func coldPhases() []string { return []string{"first_sign", "running", "healthy", "first_answer"} }
