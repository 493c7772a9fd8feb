package load

// Verdict is what a window says as a whole.
type Verdict string

// The verdicts. Only Complete and ServerLimited say anything of the server's
// capacity.
const (
	// Complete is a window that was carried out and met no limit.
	Complete Verdict = "complete"
	// ServerLimited is one whose throughput flattened, or whose places were all
	// taken, while the client kept up.
	ServerLimited Verdict = "server_limited"
	// ClientLimited is one that the client could not carry out as planned.
	ClientLimited Verdict = "client_limited"
	// BudgetLimited is one that a budget ended.
	BudgetLimited Verdict = "budget_limited"
	// Aborted is one that a guard, a person or a restart ended.
	Aborted Verdict = "aborted"
)

// Verdicts returns the closed set.
func Verdicts() []Verdict {
	return []Verdict{Complete, ServerLimited, ClientLimited, BudgetLimited, Aborted}
}

// EndedBy is what ended a window.
type EndedBy string

// What ends a window.
const (
	// EndPlan is the plan's own end.
	EndPlan EndedBy = "plan"
	// EndAnswered is a capacity search whose question was answered.
	EndAnswered EndedBy = "answered"
	// EndErrors is the abort rule's share of bad results.
	EndErrors EndedBy = "error_ratio"
	// EndStatus is a status that the abort rule ends at.
	EndStatus EndedBy = "status"
	// EndBudget is a request that was not admitted.
	EndBudget EndedBy = "budget"
	// EndBrake is the brake: requests in flight and time to first token climbed
	// together.
	EndBrake EndedBy = "brake"
	// EndBystander is the harm that the window did to a neighbour.
	EndBystander EndedBy = "bystander"
	// EndInterrupted is the end of the context: a restart, a shutdown, a person.
	EndInterrupted EndedBy = "interrupted"
)

// Ends returns the closed set.
func Ends() []EndedBy {
	return []EndedBy{EndPlan, EndAnswered, EndErrors, EndStatus, EndBudget, EndBrake, EndBystander, EndInterrupted}
}

// Stop is a cause to cancel Run's context with, where the reason is to stand in
// the record; any other cause is EndInterrupted.
//
//nolint:errname // It is a cause, and named for what it does.
type Stop struct {
	By  EndedBy
	Why string
}

// Error returns the reason.
func (s *Stop) Error() string { return string(s.By) + ": " + s.Why }
