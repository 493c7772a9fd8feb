// Package coldstart follows a model from asleep to warm: which state it is in
// by all evidence, when a cold start began and how long each part of it took,
// and how its latency settles afterwards.
//
// # What it is made of
//
// Evidence is one thing that was seen: an answer, a reading of the management
// API, of a health route or of the Hub. Next is the transition of a State under
// the Sign of an evidence; the table stands over State. A Machine is one
// target's state with the Episode that is open, and a function of evidence and
// time alone. A Tracker holds a Machine for each target. An Experiment says what
// a scheduled cold start does next. May says what a policy allows. A Timeline is
// replicas and states beside a load window.
//
// # What it refuses
//
// It does not wait, send, or read a clock: times come with the evidence. It
// believes no estimate of a loading model, and only records it. It invents no
// cold start from latency alone: a slow answer makes a warm model degraded, and
// opens an episode only where the model may have slept before it.
//
// A Tracker may be used from several goroutines; everything else is plain.
package coldstart
