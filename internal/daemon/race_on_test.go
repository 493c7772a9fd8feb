//go:build race

package daemon

// raceOn is whether the race detector runs: weeks of virtual time are days then.
const raceOn = true
