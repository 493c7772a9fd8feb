package hf

import (
	"bufio"
	"bytes"
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
	errEncoding = errors.New("not what its Content-Encoding says")
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
}

// Read waits for the first bytes before it decides.
func (g *gunzip) Read(p []byte) (int, error) {
	if g.reader == nil {
		magic, err := g.from.Peek(2)
		if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			if err != nil && !errors.Is(err, io.EOF) && len(magic) == 0 {
				return 0, err
			}
			g.reader = g.from
			return g.reader.Read(p)
		}
		reader, err := gzip.NewReader(g.from)
		if err != nil {
			return 0, wrongEncoding(err)
		}
		g.reader = reader
	}
	n, err := g.reader.Read(p)
	return n, wrongEncoding(err)
}

// wrongEncoding marks the errors of compress/gzip.
func wrongEncoding(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		err != nil && strings.HasPrefix(err.Error(), "flate: corrupt") {
		return fmt.Errorf("the body is %w: %w", errEncoding, err)
	}
	return err
}
