package fakenet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// defaultBuffer is what a direction holds before a write blocks.
const defaultBuffer = 64 << 10

// pipe is one direction of a connection.
type pipe struct {
	link Link

	mu sync.Mutex
	// parts are the pieces on their way or arrived, oldest first.
	parts []part
	size  int
	// free is when the link has sent all that it was given.
	free time.Time
	// end is what the reader gets after the parts, from endAt on.
	end   error
	endAt time.Time
	// readErr and writeErr are what the two sides get at once.
	readErr, writeErr error
	changed           chan struct{}
}

// part is data that arrives at one instant.
type part struct {
	data []byte
	at   time.Time
}

// newPipe returns an open pipe.
func newPipe(link Link) *pipe {
	if link.Buffer <= 0 {
		link.Buffer = defaultBuffer
	}
	return &pipe{link: link, changed: make(chan struct{})}
}

// wake tells everybody who waits that something changed. The caller holds
// p.mu.
func (p *pipe) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// arrival books size bytes onto the link and returns when they arrive. The
// caller holds p.mu.
func (p *pipe) arrival(size int) time.Time {
	now := time.Now()
	if p.link.BytesPerSecond > 0 {
		if p.free.Before(now) {
			p.free = now
		}
		p.free = p.free.Add(time.Duration(size) * time.Second / time.Duration(p.link.BytesPerSecond))
		now = p.free
	}
	return now.Add(p.link.Delay)
}

// write hands data to the link, a bufferful at a time.
func (p *pipe) write(data []byte, by *deadline) (int, error) {
	written := 0
	for {
		at, moved := by.get()
		p.mu.Lock()
		if err := p.writable(at); err != nil {
			p.mu.Unlock()
			return written, err
		}
		if room := p.link.Buffer - p.size; room > 0 && len(data) > written {
			piece := data[written:min(written+room, len(data))]
			p.parts = append(p.parts, part{data: append([]byte(nil), piece...), at: p.arrival(len(piece))})
			p.size += len(piece)
			written += len(piece)
			p.wake()
		}
		changed := p.changed
		p.mu.Unlock()
		if written == len(data) {
			return written, nil
		}
		pause(at, changed, moved)
	}
}

// writable returns why nothing can be written, or nil. The caller holds p.mu.
func (p *pipe) writable(by time.Time) error {
	switch {
	case p.writeErr != nil:
		return p.writeErr
	case p.end != nil:
		return net.ErrClosed
	case passed(by):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// read returns what has arrived, waiting for at least one byte.
func (p *pipe) read(into []byte, by *deadline) (int, error) {
	for {
		at, moved := by.get()
		p.mu.Lock()
		n, next, err := p.take(into, at)
		changed := p.changed
		p.mu.Unlock()
		if n > 0 || err != nil || len(into) == 0 {
			return n, err
		}
		if !next.IsZero() && (at.IsZero() || next.Before(at)) {
			at = next
		}
		pause(at, changed, moved)
	}
}

// take moves arrived data into the reader's buffer, and returns its length or,
// where there is none, when there will be some or why there never will. The
// caller holds p.mu.
func (p *pipe) take(into []byte, by time.Time) (n int, next time.Time, err error) {
	if p.readErr != nil {
		return 0, next, p.readErr
	}
	if passed(by) {
		return 0, next, os.ErrDeadlineExceeded
	}
	for len(p.parts) > 0 && n < len(into) {
		first := &p.parts[0]
		if time.Until(first.at) > 0 {
			next = first.at
			break
		}
		moved := copy(into[n:], first.data)
		n += moved
		if first.data = first.data[moved:]; len(first.data) == 0 {
			p.parts[0] = part{}
			p.parts = p.parts[1:]
		}
	}
	if n > 0 {
		p.size -= n
		p.wake()
		return n, next, nil
	}
	if len(p.parts) == 0 && p.end != nil {
		if time.Until(p.endAt) <= 0 {
			return 0, next, p.end
		}
		next = p.endAt
	}
	return 0, next, nil
}

// readable reports that data or the end has arrived.
func (p *pipe) readable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.readErr != nil:
		return true
	case len(p.parts) > 0:
		return time.Until(p.parts[0].at) <= 0
	default:
		return p.end != nil && time.Until(p.endAt) <= 0
	}
}

// finish puts end behind the data; the first end stays, but for a reset.
func (p *pipe) finish(end error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil || end != io.EOF { //nolint:errorlint // Our own value, never wrapped.
		p.end, p.endAt = end, p.arrival(0)
		p.wake()
	}
}

// abandon fails the reader with readErr and the writer with writeErr.
func (p *pipe) abandon(readErr, writeErr error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readErr == nil {
		p.readErr = readErr
	}
	if p.writeErr == nil {
		p.writeErr = writeErr
	}
	p.parts, p.size = nil, 0
	p.wake()
}

// abandonWriter fails further writes of the side that has closed.
func (p *pipe) abandonWriter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writeErr == nil {
		p.writeErr = net.ErrClosed
	}
	p.wake()
}

// passed reports that the deadline is set and over.
func passed(by time.Time) bool { return !by.IsZero() && time.Until(by) <= 0 }

// pause returns when the time has come or either channel is closed; the zero
// time never comes.
func pause(until time.Time, changed, moved <-chan struct{}) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-moved:
	case <-due:
	}
}
