package hf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The bounds of a Decoder where none are given.
const (
	defaultMaxLine  = 1 << 20
	defaultMaxEvent = 4 << 20
	firstBuffer     = 8 << 10
	maxStray        = 2 << 10
)

// errTooLong is a line or an event beyond its bound.
var errTooLong = errors.New("longer than its bound")

// Decoder splits a stream of server-sent events as the WHATWG HTML standard
// does (section 9.2.6): lines end with LF, CRLF or CR, a byte order mark is
// skipped, the space behind a field's colon is optional, data of several lines
// is joined by LF, comments and unknown fields are ignored. It is incremental:
// where the stream is cut into reads never changes its events. In a stream of
// one data line an event it allocates nothing and copies nothing.
//
// Two deviations serve a monitor: an event without any data is not an event,
// and one that the end of the stream cut off before its blank line is still
// given by Finish. The zero Decoder is not ready; use NewDecoder. A Decoder
// serves one goroutine.
type Decoder struct {
	maxLine, maxEvent int

	buf []byte
	// buf[start:end] is not yet consumed; buf[start:scanned] is known to hold
	// no end of a line, apart from a data line that waits for its event's end.
	start, scanned, end int

	// The first data line of an event stays where it is in buf, from dataFrom to
	// dataTo, while inPlace is true. Once another line of any kind has come before
	// the event's end, joined holds the data instead.
	hasData, inPlace bool
	dataFrom, dataTo int
	joined           []byte
	name, given      []byte
	bomDone, sawCR   bool
	skipLF           bool
	stray            []byte
	err              error
}

// NewDecoder returns a decoder that refuses longer lines and events; 0 is
// 1 MiB a line and 4 MiB an event.
func NewDecoder(maxLine, maxEvent int) *Decoder {
	if maxLine <= 0 {
		maxLine = defaultMaxLine
	}
	if maxEvent <= 0 {
		maxEvent = defaultMaxEvent
	}
	return &Decoder{maxLine: maxLine, maxEvent: maxEvent, buf: make([]byte, firstBuffer)}
}

// Fill reads once from r and returns what that read returned. Call it when
// Next has no more events; what Next gave before is overwritten.
func (d *Decoder) Fill(r io.Reader) (int, error) {
	if d.end == len(d.buf) {
		if err := d.makeRoom(); err != nil {
			return 0, err
		}
	}
	n, err := r.Read(d.buf[d.end:])
	if n > 0 && !d.sawCR {
		d.sawCR = bytes.IndexByte(d.buf[d.end:d.end+n], '\r') >= 0
	}
	d.end += n
	return n, err
}

// makeRoom moves what is not consumed to the front, and doubles the buffer
// where that is not enough.
func (d *Decoder) makeRoom() error {
	from := d.start
	if d.inPlace {
		from = d.dataFrom
	}
	if from == 0 {
		if len(d.buf) > 2*d.maxLine {
			return d.fail("line")
		}
		d.buf = append(d.buf, make([]byte, len(d.buf))...)
		return nil
	}
	copy(d.buf, d.buf[from:d.end])
	d.start -= from
	d.scanned -= from
	d.end -= from
	d.dataFrom -= from
	d.dataTo -= from
	return nil
}

// Next returns the data of the next complete event, and whether there is one.
// The data is valid until the next call of Next, Fill or Finish.
func (d *Decoder) Next() ([]byte, bool) {
	if d.end == d.start && !d.inPlace {
		d.start, d.scanned, d.end = 0, 0, 0
		return nil, false
	}
	if !d.bomDone && !d.skipBOM() {
		return nil, false
	}
	for d.err == nil {
		from, to, ok := d.line()
		if !ok {
			return nil, false
		}
		if to > from {
			d.field(from, to)
			continue
		}
		if data, ok := d.dispatch(); ok {
			return data, true
		}
	}
	return nil, false
}

// skipBOM consumes a byte order mark at the beginning and reports that it is
// decided whether there was one.
func (d *Decoder) skipBOM() bool {
	const mark = "\xef\xbb\xbf"
	head := d.buf[d.start:d.end]
	if len(head) < len(mark) && string(head) == mark[:len(head)] {
		return false
	}
	if bytes.HasPrefix(head, []byte(mark)) {
		d.start += len(mark)
		d.scanned = d.start
	}
	d.bomDone = true
	return true
}

// line consumes the next complete line and returns where its text stands.
func (d *Decoder) line() (from, to int, ok bool) {
	if d.skipLF && d.start < d.end {
		if d.buf[d.start] == '\n' {
			d.start++
		}
		d.skipLF = false
		d.scanned = max(d.scanned, d.start)
	}
	from = d.start
	at := bytes.IndexByte(d.buf[d.scanned:d.end], '\n')
	if at >= 0 {
		at += d.scanned
	}
	if d.sawCR {
		limit := at
		if limit < 0 {
			limit = d.end
		}
		if cr := bytes.IndexByte(d.buf[d.scanned:limit], '\r'); cr >= 0 {
			at = d.scanned + cr
			d.skipLF = true
		}
	}
	if at < 0 {
		d.scanned = d.end
		if d.end-from > d.maxLine {
			_ = d.fail("line")
		}
		return 0, 0, false
	}
	if at-from > d.maxLine {
		_ = d.fail("line")
		return 0, 0, false
	}
	d.start, d.scanned = at+1, at+1
	return from, at, true
}

// field takes one line that is not blank.
func (d *Decoder) field(from, to int) {
	line := d.buf[from:to]
	name, value := line, to
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], from+colon+1
		if value < to && d.buf[value] == ' ' {
			value++
		}
	}
	switch string(name) {
	case "data":
		d.data(value, to)
		return
	case "event":
		d.name = append(d.name[:0], d.buf[value:to]...)
	case "", "id", "retry":
	default:
		if room := maxStray - len(d.stray); room > 0 {
			d.stray = append(d.stray, line[:min(room, len(line))]...)
		}
	}
	d.moveOut()
}

// data takes the value of a data line.
func (d *Decoder) data(from, to int) {
	if !d.hasData {
		d.hasData, d.inPlace = true, true
		d.dataFrom, d.dataTo = from, to
		return
	}
	d.moveOut()
	if len(d.joined)+1+to-from > d.maxEvent {
		_ = d.fail("event")
		return
	}
	d.joined = append(d.joined, '\n')
	d.joined = append(d.joined, d.buf[from:to]...)
}

// moveOut copies a data line that waits in the buffer, so that the buffer may
// move on.
func (d *Decoder) moveOut() {
	if d.inPlace {
		d.joined = append(d.joined[:0], d.buf[d.dataFrom:d.dataTo]...)
		d.inPlace = false
	}
}

// dispatch ends the event and returns its data, if it has any.
func (d *Decoder) dispatch() ([]byte, bool) {
	data := d.joined
	if d.inPlace {
		data = d.buf[d.dataFrom:d.dataTo]
	}
	had := d.hasData && len(data) > 0
	d.hasData, d.inPlace = false, false
	d.joined = d.joined[:0]
	d.given = append(d.given[:0], d.name...)
	d.name = d.name[:0]
	return data, had
}

// Finish returns the data of an event that the end of the stream cut off. Call
// it once, after a stream that ended without an error.
func (d *Decoder) Finish() ([]byte, bool) {
	if d.err != nil {
		return nil, false
	}
	if d.skipLF && d.start < d.end && d.buf[d.start] == '\n' {
		d.start++
	}
	if d.end > d.start {
		d.field(d.start, d.end)
		d.start, d.scanned = d.end, d.end
	}
	if d.err != nil {
		return nil, false
	}
	return d.dispatch()
}

// Name returns the event field of the event that was given last; empty where
// it had none.
func (d *Decoder) Name() string { return string(d.given) }

// Stray returns the beginning of lines that are no field of the format, such
// as an error that a server wrote into a stream as plain JSON.
func (d *Decoder) Stray() []byte { return d.stray }

// Err returns the bound that the stream broke, or nil. Nothing is decoded
// after it.
func (d *Decoder) Err() error { return d.err }

// fail remembers which bound was broken.
func (d *Decoder) fail(what string) error {
	bound := d.maxLine
	if what == "event" {
		bound = d.maxEvent
	}
	d.err = fmt.Errorf("a stream's %s is %w of %d bytes", what, errTooLong, bound)
	return d.err
}
