package hf_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// chunk is one event of an OpenAI stream as vLLM writes it.
const chunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1742565776,"model":"org/name",` +
	`"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

// scanTask finds text by one search, as a task does once the answer began.
type scanTask struct{ fakeTask }

func (s *scanTask) Event(data []byte, _ probe.Progress) probe.Event {
	if string(data) == "[DONE]" {
		return probe.Event{End: true}
	}
	found := bytes.Contains(data, []byte(`"content":"`))
	return probe.Event{Token: found, Answer: found}
}

// BenchmarkDecode compares the decoder with a reader that only scans for the
// ends of lines.
func BenchmarkDecode(b *testing.B) {
	text := []byte(strings.Repeat(chunk, 1000))
	b.Run("decoder", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		d := hf.NewDecoder(0, 0)
		r := bytes.NewReader(nil)
		for b.Loop() {
			r.Reset(text)
			for {
				_, err := d.Fill(r)
				for {
					if _, ok := d.Next(); !ok {
						break
					}
				}
				if err != nil {
					break
				}
			}
		}
	})
	b.Run("scan only", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		r := bytes.NewReader(nil)
		for b.Loop() {
			r.Reset(text)
			lines := bufio.NewReaderSize(r, 8<<10)
			for {
				if _, err := lines.ReadSlice('\n'); err != nil {
					break
				}
			}
		}
	})
}

// BenchmarkStream compares a whole exchange of a stream over loopback with an
// http.Client whose reader only scans for the ends of lines and looks at the
// clock at each. The server flushes every event.
func BenchmarkStream(b *testing.B) {
	const tokens = 1000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for range tokens {
			_, _ = io.WriteString(w, chunk)
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("exchange", func(b *testing.B) {
		client := hf.New(hf.Options{})
		defer client.Close()
		target := &probe.Target{
			Task: &scanTask{}, Endpoint: probe.Endpoint{Route: probe.RouteURL, URL: u}, Stall: 20 * time.Second,
		}
		call := probe.Call{
			Shot: probe.Shot{Target: target, Kind: probe.WindowKind, Reuse: true}, Limit: time.Minute,
			Ask: probe.Ask{Stream: true, Expect: &target.Expect}, Request: probe.Request{Body: []byte(`{}`)},
		}
		b.ReportAllocs()
		for b.Loop() {
			if got := client.Do(b.Context(), call); got.Outcome != probe.OK || got.Chunks != probe.Some(tokens) {
				b.Fatalf("outcome %s (%s), %v chunks", got.Outcome, got.Error, got.Chunks)
			}
		}
	})
	b.Run("scan only", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n, err := scanOnly(b, server.URL)
			if err != nil || n != tokens+1 {
				b.Fatalf("%d lines of data, %v", n, err)
			}
		}
	})
}

// scanOnly counts the lines of data that address sends.
func scanOnly(b *testing.B, address string) (n int, err error) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(`{}`))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var last time.Time
	lines := bufio.NewReaderSize(resp.Body, 8<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.HasPrefix(line, []byte("data:")) {
			last = time.Now()
			n++
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, fmt.Errorf("after %v: %w", last, err)
		}
	}
	return n, nil
}
