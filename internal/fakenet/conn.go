package fakenet

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connection. It is a net.Conn.
type Conn struct {
	in, out        *pipe
	local, remote  net.Addr
	linger         atomic.Bool
	closeOnce      sync.Once
	readBy, sendBy deadline
}

// pair returns both ends of a new connection over link.
func pair(source, target *net.TCPAddr, link Link) (client, server *Conn) {
	up, down := newPipe(link), newPipe(link)
	client = &Conn{in: down, out: up, local: source, remote: target}
	server = &Conn{in: up, out: down, local: target, remote: source}
	for _, c := range []*Conn{client, server} {
		c.linger.Store(true)
		c.readBy.changed, c.sendBy.changed = make(chan struct{}), make(chan struct{})
	}
	return client, server
}

// Read reads what has arrived, or waits for it. After the peer's half-close it
// returns io.EOF, after a reset ECONNRESET, in both cases once all that was
// sent before is read.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p, &c.readBy)
	if err != nil && err != io.EOF { //nolint:errorlint // read returns io.EOF itself.
		err = opError("read", c.local, c.remote, err)
	}
	return n, err
}

// Readable reports that a Read would not wait: something has arrived, or the end.
// It is what polling a socket tells.
func (c *Conn) Readable() bool {
	return c.in.readable()
}

// Write hands all of p to the link, or waits for room. After the peer has
// closed it returns EPIPE, after a reset ECONNRESET.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p, &c.sendBy)
	if err != nil {
		err = opError("write", c.local, c.remote, err)
	}
	return n, err
}

// Close closes both directions: the peer reads to the end of what was sent,
// and what it still writes is lost.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() {
		if !c.linger.Load() {
			c.Reset()
			return
		}
		// Our own reader goes first: once the peer sees the end it may answer, and
		// nothing is read from a connection that is closed.
		c.in.abandon(net.ErrClosed, syscall.EPIPE)
		c.out.finish(io.EOF)
		c.out.abandonWriter()
	})
	return nil
}

// CloseWrite is the half-close: the peer reads io.EOF after what was sent, and
// reading here goes on.
func (c *Conn) CloseWrite() error {
	c.out.finish(io.EOF)
	return nil
}

// Reset cuts the connection as a TCP RST does: the peer reads what has been
// sent and then ECONNRESET, and its writes fail.
func (c *Conn) Reset() {
	c.in.abandon(net.ErrClosed, os.NewSyscallError("write", syscall.ECONNRESET))
	c.out.finish(os.NewSyscallError("read", syscall.ECONNRESET))
	c.out.abandonWriter()
}

// SetLinger makes Close reset the connection where seconds is 0, as that of a
// net.TCPConn does.
func (c *Conn) SetLinger(seconds int) error {
	c.linger.Store(seconds != 0)
	return nil
}

// LocalAddr returns this end's address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the peer's address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; the zero time is none.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.sendBy.set(t)
	return nil
}

// SetReadDeadline sets the deadline of reads, also of one that is blocked.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readBy.set(t)
	return nil
}

// SetWriteDeadline sets the deadline of writes, also of one that is blocked.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.sendBy.set(t)
	return nil
}

// deadline is a time that can change while somebody waits for it.
type deadline struct {
	mu      sync.Mutex
	at      time.Time
	changed chan struct{}
}

// set changes the time and wakes those who wait.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	close(d.changed)
	d.changed = make(chan struct{})
}

// get returns the time and a channel that is closed when it changes.
func (d *deadline) get() (time.Time, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at, d.changed
}
