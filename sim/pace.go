package sim

import (
	"bytes"
	"context"
	"time"
)

// pace is how far a slow answer has come.
type pace struct {
	//nolint:containedctx // Of the request that is answered: it ends where the client leaves.
	ctx context.Context
	// body is set once the header has passed; tail is what came of its end.
	body bool
	tail []byte
}

// writeSlowly sends p piece by piece, a pause before each: the lines of a header
// or the bytes of a body.
func (c *wire) writeSlowly(p []byte) (int, error) {
	c.mu.Lock()
	slow := c.slow
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.slow = slow
		c.mu.Unlock()
	}()
	pause := time.Duration(c.t.Delay)
	fill(&pause, time.Second)
	sent := 0
	for sent < len(p) {
		piece, slowly := c.piece(p[sent:], &slow)
		if slowly {
			c.strike()
			if slow.ctx != nil && sleepUntil(slow.ctx, time.Now().Add(pause)) != nil {
				return sent, slow.ctx.Err()
			}
		}
		n, err := c.Conn.Write(piece)
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// piece returns what of p goes out at once, and whether a pause comes first.
func (c *wire) piece(p []byte, slow *pace) (piece []byte, slowly bool) {
	if slow.body {
		if c.t.Fault == faultSlowBody {
			return p[:1], true
		}
		return p, false
	}
	end := bytes.IndexByte(p, '\n') + 1
	if end == 0 {
		end = len(p)
	}
	piece = p[:end]
	slow.tail = append(slow.tail, piece...)
	slow.body = bytes.HasSuffix(slow.tail, []byte("\r\n\r\n"))
	// The status line comes at once.
	first := bytes.HasPrefix(slow.tail, []byte("HTTP/")) && bytes.Count(slow.tail, []byte("\n")) <= 1
	return piece, c.t.Fault == faultSlowHeaders && !first
}
