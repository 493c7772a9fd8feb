package series

// The closed sets of label values. What other packages call by a type of their
// own stands here as text, since this package imports none of them; a test of
// the exporter compares the two.

func kinds() []string {
	return []string{"baseline", "bystander", "window", "coldstart", "episode", "manual", "drill"}
}

func outcomes() []string {
	return []string{
		"ok", "loading", "asleep", "paused", "overloaded", "server_error", "gateway_timeout", "timeout", "stalled",
		"stream_error", "truncated", "invalid_output", "wrong_answer", "gone", "dns", "connect", "tls", "reset", "auth",
		"billing", "rate_limited", "bad_request", "no_answer", "filtered", "cached", "not_sent", "unknown", "canceled",
		"internal",
	}
}

func faults() []string {
	return []string{"none", "target", "network", "account", "monitor", "unknown"}
}

func counts() []string { return []string{"good", "bad", "apart"} }

func drifts() []string {
	return []string{"shape", "answer", "model", "revision", "provider", "engine", "listing", Other}
}

func healthStates() []string { return []string{"healthy", "unhealthy", "unknown", Other} }

func goodput() []string { return []string{ResultMet, ResultMissed} }

func results() []string { return []string{ResultOK, ResultFailed} }

func phases() []string {
	return []string{"dns", "connect", "tls", "write", "wait", "read", "server", "queue"}
}

func directions() []string { return []string{DirectionIn, DirectionOut} }

func lanes() []string { return []string{"baseline", "window", "coldstart", Other} }

func slots() []string {
	return []string{
		SlotRun, SlotLate, SlotMissed, SlotHeld, SlotExcluded, SlotMaintenance, SlotWithheld, SlotPanicked, Other,
	}
}

func periods() []string { return []string{"day", "month"} }

func budgetUnits() []string { return []string{"requests", "tokens", "usd"} }

func actions() []string {
	return []string{"sent", "retry", "refused", "given_up", "interrupted", Other}
}

func failures() []string {
	return []string{
		"network", "timeout", "server_error", "rate_limited", "auth", "client_error", "redirect", "canceled", "internal",
		Other,
	}
}

func notificationDrops() []string {
	return []string{"overflow", "resolved_early", "muted", "refused", "removed", "shutdown", Other}
}

// silenceStates are the states of a silence that has not ended.
func silenceStates() []string { return []string{"active", "pending"} }

func recordDrops() []string { return []string{"queue_full", "stopped", "invalid", Other} }

func clockSteps() []string {
	return []string{"forward", "backward", "held", "admitted", "withdrawn", Other}
}

func refusals() []string {
	return []string{
		"out_of_order", "too_old", "out_of_bounds", "duplicate", "future", "exemplar", "invalid", Other,
	}
}

func reports() []string { return []string{ReportDelivered, ReportFailed, Other} }

func ignored() []string { return []string{"unknown_target", "duplicate", "invalid"} }
