package sim

import (
	"encoding/binary"
	"io"
	"net/http"
	"sync"
)

// What HTTP/2 calls the frames and errors that are needed here (RFC 9113,
// sections 6 and 7).
const (
	frameHead    = 9
	frameData    = 0
	frameHeaders = 1
	frameReset   = 3
	frameGoAway  = 7
	// endStream is the flag of the last frame of a request or an answer.
	endStream = 1

	noError       = 0
	internalError = 2
	refusedStream = 7
)

// prefaceLength is that of the client's preface of a connection, which comes
// before its first frame (RFC 9113, section 3.4).
const prefaceLength = 24

// frames watches the frames of a connection and adds its own: net/http has no
// way to send them.
type frames struct {
	c *wire

	// in follows what comes; asked are the streams whose requests came and were not
	// begun.
	inMu  sync.Mutex
	skip  int
	in    frameReader
	asked []uint32

	// out follows what goes out. A frame is sent once it is whole, so that one
	// added never falls into another.
	outMu  sync.Mutex
	out    []byte
	opened chan struct{}
	// data counts the DATA frames of answers whose header is out; dropped are
	// streams of which nothing goes out any more.
	data    map[uint32]int
	dropped map[uint32]bool
	going   bool
	// running counts the requests that were begun and not answered whole.
	running int
}

// newFrames returns those of c.
func newFrames(c *wire) *frames {
	return &frames{c: c, skip: prefaceLength, opened: make(chan struct{}), data: map[uint32]int{}, dropped: map[uint32]bool{}}
}

// frameReader finds the frames in a sequence of bytes.
type frameReader struct {
	head []byte
	left int
}

// read takes p in and calls f for each frame that begins.
func (r *frameReader) read(p []byte, f func(kind byte, stream uint32)) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := min(frameHead-len(r.head), len(p))
		r.head = append(r.head, p[:n]...)
		p = p[n:]
		if len(r.head) == frameHead {
			length, kind, stream := frameOf(r.head)
			r.left, r.head = length, r.head[:0]
			f(kind, stream)
		}
	}
}

// frameOf returns what the head of a frame says.
func frameOf(head []byte) (length int, kind byte, stream uint32) {
	return int(head[0])<<16 | int(head[1])<<8 | int(head[2]), head[3], binary.BigEndian.Uint32(head[5:]) & 0x7fffffff
}

// heard follows what the client sent.
func (f *frames) heard(p []byte) {
	f.inMu.Lock()
	defer f.inMu.Unlock()
	n := min(f.skip, len(p))
	f.skip -= n
	f.in.read(p[n:], func(kind byte, stream uint32) {
		if kind == frameHeaders {
			f.asked = append(f.asked, stream)
		}
	})
}

// next returns the stream of a request that came and was not begun. Where more
// than one came at once it is any of them, each once.
func (f *frames) next() uint32 {
	f.inMu.Lock()
	defer f.inMu.Unlock()
	if len(f.asked) == 0 {
		return 0
	}
	stream := f.asked[0]
	f.asked = f.asked[1:]
	return stream
}

// begin lets a fault strike that comes instead of an answer.
func (f *frames) begin(r *http.Request) {
	stream := f.next()
	f.c.wait(false)
	f.outMu.Lock()
	f.running++
	f.outMu.Unlock()
	switch f.c.t.Fault {
	case faultGoAwayUnproc, faultRefusedStream, faultResetStream:
	default:
		return
	}
	f.c.strike()
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
	// A client takes nothing before the server's settings.
	<-f.opened
	f.outMu.Lock()
	switch f.c.t.Fault {
	case faultGoAwayUnproc:
		f.goAway(0, noError)
	case faultRefusedStream:
		f.reset(stream, refusedStream)
	case faultResetStream:
		f.reset(stream, internalError)
	}
	f.outMu.Unlock()
	if f.c.t.Fault == faultGoAwayUnproc {
		_ = f.c.Close()
	}
	panic(http.ErrAbortHandler)
}

// write sends what net/http sends, frame by frame.
func (f *frames) write(p []byte) (int, error) {
	f.outMu.Lock()
	defer f.outMu.Unlock()
	f.out = append(f.out, p...)
	for len(f.out) >= frameHead {
		length, kind, stream := frameOf(f.out)
		if len(f.out) < frameHead+length {
			break
		}
		frame := f.out[:frameHead+length]
		if !f.dropped[stream] {
			if _, err := f.c.Conn.Write(frame); err != nil {
				return 0, err
			}
			f.sent(kind, stream)
			if frame[4]&endStream != 0 && (kind == frameHeaders || kind == frameData) {
				f.running--
				f.c.wait(f.running == 0)
			}
		}
		f.out = f.out[frameHead+length:]
	}
	return len(p), nil
}

// sent lets a fault strike that comes within an answer. The caller holds outMu.
func (f *frames) sent(kind byte, stream uint32) {
	select {
	case <-f.opened:
	default:
		close(f.opened)
	}
	switch kind {
	case frameHeaders:
		f.data[stream] = 0
	case frameData:
		f.data[stream]++
	default:
		return
	}
	due := f.data[stream] == f.c.t.At
	switch {
	case f.c.t.Fault == faultGoAway && !f.going:
		f.c.strike()
		f.goAway(stream, noError)
	case f.c.t.Fault == faultGoAwayMidBody && due:
		f.c.strike()
		f.goAway(stream, internalError)
		_ = f.c.Close()
	case f.c.t.Fault == faultResetStreamMid && due:
		f.c.strike()
		f.reset(stream, internalError)
	}
}

// goAway sends GOAWAY: streams up to last may have been processed. The caller
// holds outMu.
func (f *frames) goAway(last, code uint32) {
	f.going = true
	frame := []byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, last)
	// Where the client has left there is nobody to tell.
	_, _ = f.c.Conn.Write(binary.BigEndian.AppendUint32(frame, code))
}

// reset sends RST_STREAM, and nothing more of the stream. The caller holds
// outMu.
func (f *frames) reset(stream, code uint32) {
	f.dropped[stream] = true
	frame := binary.BigEndian.AppendUint32([]byte{0, 0, 4, frameReset, 0}, stream)
	// Where the client has left there is nobody to tell.
	_, _ = f.c.Conn.Write(binary.BigEndian.AppendUint32(frame, code))
}
