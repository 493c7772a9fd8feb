package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

const (
	// schema is the form of the file that this code writes.
	schema = 1
	// maxLine bounds a line, newline included.
	maxLine = 256 << 10
)

// errNewer is a file that a later hfwatch wrote.
var errNewer = errors.New("it was written by a newer hfwatch")

// line is one line of the file: its form, or the state of a key. A key without
// a value is deleted.
type line struct {
	Schema int             `json:"schema,omitzero"`
	Key    string          `json:"key,omitzero"`
	Value  json.RawMessage `json:"value,omitzero"`
}

// appendLine appends a line: the checksum (CRC-32 of IEEE 802.3) of its JSON in
// eight hexadecimal digits, a space, the JSON, a newline.
func appendLine(buf []byte, l line) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return buf, err
	}
	if len(text)+10 > maxLine {
		return buf, fmt.Errorf("%s: a value of %d bytes is too long", l.Key, len(text))
	}
	buf = fmt.Appendf(buf, "%08x ", crc32.ChecksumIEEE(text))
	return append(append(buf, text...), '\n'), nil
}

// parseLine reads a line without its newline. It returns false if the line is
// not what appendLine wrote.
func parseLine(text []byte) (line, bool) {
	if len(text) < 10 || text[8] != ' ' {
		return line{}, false
	}
	sum, err := strconv.ParseUint(string(text[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(text[9:]) {
		return line{}, false
	}
	var l line
	if json.Unmarshal(text[9:], &l) != nil {
		return line{}, false
	}
	return l, l.Schema > 0 || l.Key != ""
}

// read returns the values of a file, and how many of its lines are damaged. A
// last line without its end was torn by a kill and is not damage.
func read(ctx context.Context, in io.Reader) (values map[string]json.RawMessage, damaged int, err error) {
	values = map[string]json.RawMessage{}
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		text, whole, err := nextLine(lines)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return values, damaged, err
		}
		l, ok := parseLine(text)
		switch {
		case !ok || !whole:
			damaged++
		case l.Schema > schema:
			return nil, 0, fmt.Errorf("%w (form %d, this one knows %d)", errNewer, l.Schema, schema)
		case l.Key == "":
		case l.Value == nil:
			delete(values, l.Key)
		default:
			values[l.Key] = bytes.Clone(l.Value)
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
	}
}

// nextLine returns the next line without its newline, and false if it was too
// long, in which case all of it is skipped.
func nextLine(in *bufio.Reader) ([]byte, bool, error) {
	text, err := in.ReadSlice('\n')
	whole := true
	for errors.Is(err, bufio.ErrBufferFull) {
		whole = false
		text, err = in.ReadSlice('\n')
	}
	return bytes.TrimSuffix(text, []byte("\n")), whole, err
}
