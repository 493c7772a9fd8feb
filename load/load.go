// Package load carries out load windows. A window is drawn before anything is
// sent: Draw makes a Plan of a Spec and a seed, the same for ever. Run carries
// out a Share of a plan and returns the Window, the one record of what came of
// it; windows of shares that cover a plan Merge into the window of the whole,
// without loss. Find climbs a closed ladder until the capacity under an
// objective is known.
//
//	Spec, seed ─Draw→ Plan ─Share→ Run: pacer → queue → workers → recorder
//	                                                            → Window
//
// The engine holds a bounded number of requests in flight. What finds no room
// waits, is sent late and is counted late; what still waits when the plan has
// ended is sent for a drain, and is then not_sent, censored at its wait. Every
// response time counts from when the request was due. The engine stops itself
// by an Abort rule, a brake, a budget or the end of its context, and says which.
// Its verdict says whether the client was the limit before it says anything of
// the server.
//
// It refuses to know the network (it measures through probe.Runner like every
// other caller), schedules, targets' states, budgets and storage: whether a
// window may start is decided above it, and each request is admitted through
// Admission. It keeps no result but a bounded sample of failures. It starts no
// goroutine that outlives Run.
package load
