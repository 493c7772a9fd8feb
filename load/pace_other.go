//go:build !linux

package load

// newPrecisePacer returns a pacer that waits with a timer: only Linux has
// another.
func newPrecisePacer(quit <-chan struct{}) pacer { return newTimerPacer(quit) }
