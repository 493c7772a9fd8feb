package daemon

import (
	"sync"
	"time"
)

// trusted is the time of day as far as it is believed: that of the last samples
// and what has elapsed since. Nothing is deleted for its age by a wall clock that
// may be ninety days ahead. The zero value knows no time.
type trusted struct {
	mu sync.Mutex
	// at is the believed time when the clock read read, with a monotonic reading.
	at, read time.Time
}

// set makes at the believed time now.
func (c *trusted) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.read = at, time.Now()
}

// now returns the believed time, the zero time before any was set.
func (c *trusted) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return c.at
	}
	return c.at.Add(time.Since(c.read))
}
