package hf

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection that knows which request dialled it and can tell when
// it next read something.
type conn struct {
	net.Conn
	dialler *trace
	// remote is the other side's address as text.
	remote string

	armed atomic.Bool
	mu    sync.Mutex
	read  time.Time
	// cut is why the other side's bytes ended, nil while they have not.
	cut error
}

// Read notes the time of the first read after arm, and how the bytes end.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		c.mu.Lock()
		c.cut = err
		c.mu.Unlock()
	}
	if n > 0 && c.armed.Load() && c.armed.CompareAndSwap(true, false) {
		c.mu.Lock()
		c.read = time.Now()
		c.mu.Unlock()
	}
	return n, err
}

// ended returns why the other side's bytes ended, nil where they have not.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// arm asks for the time of the next read.
func (c *conn) arm() {
	c.mu.Lock()
	c.read = time.Time{}
	c.mu.Unlock()
	c.armed.Store(true)
}

// armedRead returns that time, and zero where there was no read since.
func (c *conn) armedRead() time.Time {
	c.armed.Store(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}
