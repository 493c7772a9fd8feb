package hf_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe/hf"
)

// event is one decoded event.
type event struct{ Name, Data string }

// decode returns the events of what r gives, with bounds of 100 bytes a line
// and 200 an event.
func decode(r io.Reader) (events []event, stray string, err error) {
	d := hf.NewDecoder(100, 200)
	for {
		_, err := d.Fill(r)
		for {
			data, ok := d.Next()
			if !ok {
				break
			}
			events = append(events, event{d.Name(), string(data)})
		}
		switch {
		case d.Err() != nil:
			return events, string(d.Stray()), d.Err()
		case errors.Is(err, io.EOF):
			if data, ok := d.Finish(); ok {
				events = append(events, event{d.Name(), string(data)})
			}
			return events, string(d.Stray()), d.Err()
		case err != nil:
			return events, string(d.Stray()), err
		}
	}
}

func TestDecoder(t *testing.T) {
	long := strings.Repeat("x", 90)
	rows := []struct {
		why, in string
		want    []event
		stray   string
	}{
		{"one event a line with a space", "data: a\n\ndata: b\n\n", []event{{"", "a"}, {"", "b"}}, ""},
		{"old TGI writes no space", "data:{\"a\":1}\n\n", []event{{"", `{"a":1}`}}, ""},
		{"only one space belongs to the field", "data:  a\n\n", []event{{"", " a"}}, ""},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []event{{"", "a"}, {"", "b"}}, ""},
		{"CR alone", "data: a\r\rdata: b\r\r", []event{{"", "a"}, {"", "b"}}, ""},
		{"all ends of lines mixed", "data: a\r\n\ndata: b\r\r\ndata: c\n\r", []event{{"", "a"}, {"", "b"}, {"", "c"}}, ""},
		{"a byte order mark is skipped", "\xef\xbb\xbfdata: a\n\n", []event{{"", "a"}}, ""},
		{"only at the beginning", "data: a\n\n\xef\xbb\xbfdata: b\n\n", []event{{"", "a"}}, "\xef\xbb\xbfdata: b"},
		{"lines of data are joined", "data: a\ndata\ndata: b\n\n", []event{{"", "a\n\nb"}}, ""},
		{"a comment between them is none", "data: a\n: keep-alive\ndata: b\n\n", []event{{"", "a\nb"}}, ""},
		{"names, ids and delays", "event: error\nid: 1\nretry: 5\ndata: a\n\ndata: b\n\n", []event{{"error", "a"}, {"", "b"}}, ""},
		{"a name behind the data", "data: a\nevent: error\n\n", []event{{"error", "a"}}, ""},
		{"comments alone are no events", ": a\n\n:\n\n\n\n", nil, ""},
		{"no data is no event", "data:\n\ndata\n\nevent: x\n\ndata: a\n\n", []event{{"", "a"}}, ""},
		{"what is no field is kept apart", "{\"error\": \"x\"}\n\n", nil, `{"error": "x"}`},
		{"a trailer that is no JSON", "data: a\n\nHTTP 500\n\n", []event{{"", "a"}}, "HTTP 500"},
		{"the end cuts the blank line off", "data: a\n\ndata: [DONE]\n", []event{{"", "a"}, {"", "[DONE]"}}, ""},
		{"the end cuts the line off", "data: a\n\ndata: [DO", []event{{"", "a"}, {"", "[DO"}}, ""},
		{"the end cuts a CRLF", "data: a\r\n\r", []event{{"", "a"}}, ""},
		{"nothing", "", nil, ""},
		{"part of a byte order mark", "\xef\xbb", nil, "\xef\xbb"},
		{
			"more than the buffer holds", strings.Repeat("data: "+long+"\n\n", 200),
			slicesRepeat(event{"", long}, 200), "",
		},
	}
	for _, row := range rows {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(row.in), "byte by byte": iotest.OneByteReader(strings.NewReader(row.in)),
			"halves": iotest.HalfReader(strings.NewReader(row.in)), "with its end": iotest.DataErrReader(strings.NewReader(row.in)),
		} {
			got, stray, err := decode(r)
			if err != nil {
				t.Errorf("%s, %s: %v", row.why, name, err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" || stray != row.stray {
				t.Errorf("%s, %s: stray %q, want %q; events (-want +got):\n%s", row.why, name, stray, row.stray, diff)
			}
		}
	}
}

func slicesRepeat(e event, n int) []event {
	all := make([]event, n)
	for i := range all {
		all[i] = e
	}
	return all
}

func TestDecoderRefusesWhatIsTooLong(t *testing.T) {
	line := strings.Repeat("x", 101)
	rows := []struct{ why, in string }{
		{"a line that ends", "data: a\n\ndata: " + line + "\n\n"},
		{"a line that never ends", "data: a\n\n" + strings.Repeat(line, 10_000)},
		{"a comment that never ends", "data: a\n\n:" + strings.Repeat(line, 10_000)},
		{"many lines of one event", "data: a\n\n" + strings.Repeat("data: 0123456789\n", 100)},
	}
	for _, row := range rows {
		got, _, err := decode(strings.NewReader(row.in))
		if err == nil || !strings.Contains(err.Error(), "longer than its bound") {
			t.Errorf("%s: error %v, want one that names the bound", row.why, err)
		}
		if diff := cmp.Diff([]event{{"", "a"}}, got); diff != "" {
			t.Errorf("%s: events before it (-want +got):\n%s", row.why, diff)
		}
	}
}

func TestDecoderAllocatesNothingForEachEvent(t *testing.T) {
	text := []byte(strings.Repeat(`data: {"id":"","choices":[{"index":0,"delta":{"content":" word"}}]}`+"\n\n", 1000))
	d := hf.NewDecoder(0, 0)
	r := bytes.NewReader(text)
	allocs := testing.AllocsPerRun(20, func() {
		r.Reset(text)
		for {
			_, err := d.Fill(r)
			for {
				if _, ok := d.Next(); !ok {
					break
				}
			}
			if err != nil {
				return
			}
		}
	})
	if allocs > 0 {
		t.Errorf("1000 events allocate %v times, want 0", allocs)
	}
}

// FuzzSSE asserts that the cuts between reads never change the events, and
// that the bounds hold.
func FuzzSSE(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "data:a\r\n\r\ndata: b\r\rdata\r\n: c\nid: 1\n\n", "\xef\xbb\xbfevent: error\ndata: {}\n\n",
		"data: a\ndata: b\n\n{\"error\":1}\ndata: [DONE]", "data: " + strings.Repeat("y", 120) + "\n\n",
	} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		whole, stray, err := decode(bytes.NewReader(in))
		for _, e := range whole {
			if len(e.Data) == 0 || len(e.Data) > 200 {
				t.Errorf("an event of %d bytes", len(e.Data))
			}
		}
		got, gotStray, gotErr := decode(&stepReader{in, int(step%16) + 1})
		if diff := cmp.Diff(whole, got); diff != "" || stray != gotStray || (err == nil) != (gotErr == nil) {
			t.Errorf("in steps of %d: stray %q and %v, want %q and %v; events (-whole +steps):\n%s",
				step%16+1, gotStray, gotErr, stray, err, diff)
		}
	})
}

// stepReader gives at most step bytes at a time.
type stepReader struct {
	rest []byte
	step int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.step)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
