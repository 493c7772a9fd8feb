package load

import (
	"context"
	"time"
)

// preciseRate is the rate from which waits end precisely, where asked for.
const preciseRate = 50

// pacer waits for due times. It belongs to one goroutine.
type pacer interface {
	// wait returns at t, or early with false once quit is closed.
	wait(t time.Time) bool
	// wake ends a wait under way; it may be called from another goroutine.
	wake()
	close()
}

// timerPacer waits with a timer, to the millisecond.
type timerPacer struct {
	quit  <-chan struct{}
	timer *time.Timer
}

func newTimerPacer(quit <-chan struct{}) *timerPacer {
	p := &timerPacer{quit: quit, timer: time.NewTimer(time.Hour)}
	p.timer.Stop()
	return p
}

func (p *timerPacer) wait(t time.Time) bool {
	select {
	case <-p.quit:
		return false
	default:
	}
	d := time.Until(t)
	if d <= 0 {
		return true
	}
	p.timer.Reset(d)
	select {
	case <-p.timer.C:
		return true
	case <-p.quit:
		p.timer.Stop()
		return false
	}
}

func (*timerPacer) wake() {}

func (p *timerPacer) close() { p.timer.Stop() }

// pause waits for d or until ctx or quit ends, and reports that it waited whole.
func pause(ctx context.Context, quit <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-quit:
	}
	return false
}
