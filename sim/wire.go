package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// breakEarly lets a connection's fault happen before anything is computed. It
// reports whether it did.
func (x *exchange) breakEarly() bool {
	switch x.fault.Kind {
	case "reset_before_headers", "close_before_headers":
		x.rec.Did = x.fault.Kind
		if sleepUntil(x.r.Context(), x.arrived.Add(time.Duration(x.fault.Delay))) == nil {
			x.pen.hang(x.fault.Kind == "reset_before_headers")
		}
	case "never_answer":
		x.rec.Did = x.fault.Kind
		<-x.r.Context().Done()
	case "stale_connection":
		s := x.server
		s.mu.Lock()
		known := s.seen.add(x.r.RemoteAddr)
		s.mu.Unlock()
		if !known {
			return false
		}
		x.rec.Did = x.fault.Kind
		x.pen.hang(true)
	default:
		return false
	}
	return true
}

// writeBroken sends an answer in one piece as the connection's fault has it. It
// reports whether it did; a fault that leaves the answer alone does not.
func (x *exchange) writeBroken(status int, body []byte) bool {
	h := x.w.Header()
	switch x.fault.Kind {
	case "reset_mid_body", "truncated_body":
		h.Set("Content-Length", fmt.Sprint(len(body)))
		x.pen.header(status)
		x.pen.write(string(body[:len(body)/2]))
		x.rec.Did = x.fault.Kind
		x.pen.hang(x.fault.Kind == "reset_mid_body")
		return true
	case "close_after_response":
		h.Set("Content-Length", fmt.Sprint(len(body)))
		x.pen.header(status)
		x.pen.write(string(body))
		x.rec.Did = x.fault.Kind
		x.pen.hang(false)
		return true
	case "slow_body":
		h.Set("Content-Length", fmt.Sprint(len(body)))
		x.pen.header(status)
		x.pen.drip(body)
	case "slow_headers":
		x.slowHeaders(status, body)
	case "gzip":
		body = zipped(body)
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", fmt.Sprint(len(body)))
		x.pen.header(status)
		x.pen.write(string(body))
	case "endless_body", "long_line", "gzip_bomb":
		x.oversized(status)
	default:
		return false
	}
	x.rec.Did = x.fault.Kind
	return true
}

// zipped returns body compressed.
func zipped(body []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	// A buffer takes whatever is written.
	_, _ = z.Write(body)
	_ = z.Close()
	return buf.Bytes()
}

// drip writes data one byte at a time, the fault's delay before each; without
// one it is a second.
func (p *pen) drip(data []byte) {
	p.flush()
	p.x.rec.Did = p.x.fault.Kind
	pause := time.Duration(p.x.fault.Delay)
	fill(&pause, time.Second)
	for i := range data {
		if sleepUntil(p.x.r.Context(), time.Now().Add(pause)) != nil {
			return
		}
		p.last = time.Now()
		if _, err := p.x.w.Write(data[i : i+1]); err != nil {
			return
		}
		p.flush()
	}
}

// slowHeaders writes the status line, then one header line each delay (a
// second without one), then the body. It takes the connection over, since
// net/http sends all headers in one piece.
func (x *exchange) slowHeaders(status int, body []byte) {
	h := x.w.Header().Clone()
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x.rec.Status, x.rec.HeadersSent = status, time.Now()
	pause := time.Duration(x.fault.Delay)
	fill(&pause, time.Second)
	if h["Content-Type"] == nil {
		delete(h, "Content-Type")
	}
	lines := []string{fmt.Sprintf("HTTP/1.1 %d %s\r\n", status, http.StatusText(status))}
	for _, name := range sortedKeys(h) {
		lines = append(lines, name+": "+strings.Join(h[name], ", ")+"\r\n")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n", len(body)))
	// A taken connection tells of the client's leaving by a failing read.
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = io.Copy(io.Discard, conn)
	}()
	defer func() { _ = conn.Close(); <-left }()
	for i, line := range lines {
		if i > 0 && !pauseUnless(left, x, pause) {
			return
		}
		if _, err := io.WriteString(conn, line); err != nil {
			return
		}
	}
	_, _ = conn.Write(body)
}

// pauseUnless waits for d and reports whether neither left nor the server's end
// came first.
func pauseUnless(left <-chan struct{}, x *exchange, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-left:
		return false
	case <-x.r.Context().Done():
		return false
	}
}

// size returns the fault's bytes, or what they are without.
func (f Fault) size() int64 {
	size := f.Bytes
	fill(&size, map[string]int64{"long_line": 100_000_000}[f.Kind], 1<<30)
	return size
}

// oversized sends an answer that is too big: JSON without end, JSON in one
// line, or gzip that unpacks to far more than it is.
func (x *exchange) oversized(status int) {
	h := x.w.Header()
	size := x.fault.size()
	if x.fault.Kind == "gzip_bomb" {
		h.Set("Content-Encoding", "gzip")
		x.pen.header(status)
		z := gzip.NewWriter(x.w)
		_ = pour(z, strings.Repeat(" ", 64<<10), size)
		_ = z.Close()
		return
	}
	x.pen.header(status)
	w := bufio.NewWriterSize(x.w, 64<<10)
	defer func() { _ = w.Flush() }()
	if x.fault.Kind == "long_line" {
		_, _ = w.WriteString(`[{"generated_text":"`)
		if pour(w, strings.Repeat("word ", 1000), size) == nil {
			_, _ = w.WriteString(`"}]`)
		}
		return
	}
	_, _ = w.WriteString("[\n")
	_ = pour(w, strings.Repeat("{\"label\":\"POSITIVE\",\"score\":0.5},\n", 100), size)
}

// pour writes text again and again until size bytes are written or the client
// is gone.
func pour(w io.Writer, text string, size int64) error {
	for size > 0 {
		n := min(size, int64(len(text)))
		if _, err := io.WriteString(w, text[:n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// oversizedStream sends a stream that is too big, after its first token's time,
// and reports whether the fault asks for one.
func (x *exchange) oversizedStream(after time.Duration) bool {
	if x.fault.Kind != "endless_body" && x.fault.Kind != "long_line" {
		return false
	}
	x.rec.Did = x.fault.Kind
	if x.idle(x.rec.Started.Add(after)) != nil {
		return true
	}
	size := x.fault.size()
	w := bufio.NewWriterSize(x.w, 64<<10)
	defer func() { _ = w.Flush() }()
	head := `data: {"id":"","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"`
	tail := `"},"finish_reason":null}]}` + "\n\n"
	if x.fault.Kind == "long_line" {
		_, _ = w.WriteString(head)
		if pour(w, strings.Repeat("word ", 1000), size) == nil {
			_, _ = w.WriteString(tail)
		}
		return true
	}
	_ = pour(w, head+" word"+tail, size)
	return true
}
