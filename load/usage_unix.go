//go:build unix

package load

import (
	"runtime"
	"syscall"
	"time"
)

// usage is a reading of the processor time that this process used.
type usage struct {
	at    time.Time
	cpu   time.Duration
	known bool
}

// usageNow takes a reading.
func usageNow() usage {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return usage{at: time.Now()}
	}
	return usage{at: time.Now(), cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano()), known: true}
}

// ratio returns the share of the processors allowed that was used since u.
func (u usage) ratio(now usage) (float64, bool) {
	wall := now.at.Sub(u.at)
	if !u.known || !now.known || wall <= 0 {
		return 0, false
	}
	return (now.cpu - u.cpu).Seconds() / wall.Seconds() / float64(runtime.GOMAXPROCS(0)), true
}
