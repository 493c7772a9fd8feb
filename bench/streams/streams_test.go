package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the comparison's child processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "server" || os.Args[1] == "client") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestReaders(t *testing.T) {
	t.Parallel()
	p := plan{streams: 3, tokens: 20, rate: 500, first: 10 * time.Millisecond}
	for _, reader := range []string{readerHFWatch, readerNaive} {
		t.Run(reader, func(t *testing.T) {
			t.Parallel()
			s := &source{plan: p, truths: make([]truth, p.streams)}
			server := httptest.NewServer(s.routes())
			defer server.Close()
			var out bytes.Buffer
			c := clientFlags{url: server.URL, reader: reader, stamps: true}
			if err := c.run(t.Context(), p, &out); err != nil {
				t.Fatal(err)
			}
			var found findings
			if err := json.Unmarshal(out.Bytes(), &found); err != nil {
				t.Fatal(err)
			}
			if want := p.streams * p.tokens; found.Lags != want {
				t.Errorf("%d lags, want %d: every token has a stamp", found.Lags, want)
			}
			if found.LagP50 <= 0 || found.LagP99 < found.LagP50 {
				t.Errorf("lag p50 %v, p99 %v µs", found.LagP50, found.LagP99)
			}
			truths, err := fetchTruth(t.Context(), server.URL)
			if err != nil {
				t.Fatal(err)
			}
			f, err := join(found, truths, p)
			if err != nil {
				t.Fatal(err)
			}
			if f.firstErrorP50 < f.receiveP50 {
				t.Errorf("first token error %v ms is less than %v ms, its part after the stamp", f.firstErrorP50, f.receiveP50)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	p := plan{streams: 1, tokens: 100}
	found := findings{CPU: 0.002, Streams: []seen{{Sent: 1_000_000, First: 9_000_000}}}
	f, err := join(found, []truth{{Arrived: 2_000_000, First: 8_500_000}}, p)
	if err != nil {
		t.Fatal(err)
	}
	if f.firstErrorP50 != 1.5 || f.receiveP50 != 0.5 || f.cpu != 0.02 {
		t.Errorf("join = %+v, want an error of 1.5 ms, 0.5 ms of it after the stamp, and 0.02 s", f)
	}
	if _, err := join(found, []truth{{First: 10_000_000}}, p); err == nil {
		t.Error("a token received before it was sent is no error")
	}
	if _, err := join(found, nil, p); err == nil {
		t.Error("a stream that nobody served is no error")
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), []string{"-streams", "2", "-tokens", "5", "-rate", "500", "-repeats", "1", "-spread", "0s", "-pin=false"}, &out, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 1 | hfwatch |", "| 1 | naive |", "median hfwatch", "CPU ratio"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-streams", "100000"},
		{"-tokens", "1"},
		{"-rate", "0"},
		{"-repeats", "0"},
		{"dance"},
		{"client", "-reader", "psychic", "-url", "http://127.0.0.1:1"},
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
			t.Errorf("run(%v): no error", args)
		}
	}
}
