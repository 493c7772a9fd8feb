package hf

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var (
	errTooLarge = errors.New("larger than its bound")
	errEncoding = errors.New("not valid gzip")
	errPacked   = errors.New("the compressed body ended early")
)

// smallBuffer is the first size of a body's buffer where its length is not
// known.
const smallBuffer = 4 << 10

// readBody reads r to its end, at most limit bytes, and returns what was read
// and when the last byte came, the zero time where none did. An error is
// errTooLarge or that of r.
func readBody(r io.Reader, length int64, limit int) (body []byte, last time.Time, err error) {
	size := int64(smallBuffer)
	if length >= 0 {
		// One more byte lets the end be seen without growing.
		size = min(length+1, 1<<20)
	}
	body = make([]byte, 0, min(int(size), limit+1))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		if n > 0 {
			last = time.Now()
			body = body[:len(body)+n]
		}
		switch {
		case len(body) > limit:
			return body[:limit], last, fmt.Errorf("the answer is %w of %d bytes", errTooLarge, limit)
		case errors.Is(err, io.EOF):
			return body, last, nil
		case err != nil:
			return body, last, err
		}
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(2*cap(body)+smallBuffer, limit+1))
			copy(grown, body)
			body = grown
		}
	}
}

// decoded returns the body without its Content-Encoding. We ask for none; what
// comes all the same as gzip is decoded, and what only claims to be, as an
// answer replayed by a proxy may, is left as it is. The warning says what was
// odd.
func decoded(resp *http.Response) (body io.Reader, warning string) {
	encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity":
		return resp.Body, ""
	case "gzip", "x-gzip":
		return &gunzip{from: bufio.NewReaderSize(resp.Body, smallBuffer)}, "the answer was compressed unasked: " + encoding
	}
	return resp.Body, "the answer claims an encoding that was not asked for: " + clean(encoding, 20)
}

// gunzip decodes what begins as gzip does and passes on everything else.
type gunzip struct {
	from   *bufio.Reader
	reader io.Reader
	// unzip is nil where reader passes on.
	unzip *gzip.Reader
}

// Read waits for the first bytes before it decides.
func (g *gunzip) Read(p []byte) (int, error) {
	if g.reader == nil {
		if err := g.begin(); err != nil {
			return 0, err
		}
	}
	n, err := g.reader.Read(p)
	switch {
	case g.unzip == nil:
		return n, err
	case errors.Is(err, io.EOF):
		return n, g.next()
	}
	return n, wrongEncoding(err)
}

// begin decides what the body is.
func (g *gunzip) begin() error {
	magic, err := g.from.Peek(2)
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if err != nil && !errors.Is(err, io.EOF) && len(magic) == 0 {
			return err
		}
		g.reader = g.from
		return nil
	}
	// compress/gzip takes a header that is wrong and short for one that was cut,
	// and lets the reserved flags pass, which RFC 1952, section 2.3.1.2, forbids.
	head, _ := g.from.Peek(4)
	if len(head) > 2 && head[2] != 8 || len(head) > 3 && head[3]&0xe0 != 0 {
		return wrongEncoding(gzip.ErrHeader)
	}
	unzip, err := gzip.NewReader(g.from)
	if err != nil {
		return wrongEncoding(err)
	}
	unzip.Multistream(false)
	g.reader, g.unzip = unzip, unzip
	return nil
}

// next begins the member behind one that is complete. Where none follows it
// returns the body's own end, which is no fault of the compression.
func (g *gunzip) next() error {
	if _, err := g.from.Peek(1); err != nil {
		return err
	}
	if err := g.unzip.Reset(g.from); err != nil {
		return wrongEncoding(err)
	}
	g.unzip.Multistream(false)
	return nil
}

// wrongEncoding marks the errors of compress/gzip. One that ended early is cut,
// whatever marks the end of the body that holds it.
func wrongEncoding(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fmt.Errorf("the body is %w: %w", errEncoding, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errPacked
	}
	return err
}
