// Package load holds the vocabulary of load windows: the Plan, drawn before
// anything is sent, and the Share of a plan that one worker carries out. Both
// are frozen: they survive JSON and a network, so that a plan can be split over
// several workers and their results merged without loss.
//
// It refuses to send: the engine that carries out a plan measures through
// probe.Exchanger like every other caller.
package load
