package main

import (
	"bytes"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the measurement's child processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "server" || os.Args[1] == "loop") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestSums(t *testing.T) {
	t.Parallel()
	const text = `# HELP hfwatch_slots_total Slots.
hfwatch_slots_total{lane="baseline",location="here",result="run",target="a"} 3
hfwatch_slots_total{lane="baseline",location="here",result="missed",target="a"} 1
hfwatch_slots_total{lane="baseline",location="here",result="run",target="b"} 4
hfwatch_slots_totally{result="run"} 100
`
	got, err := sums(strings.NewReader(text), "hfwatch_slots_total", "result")
	if want := map[string]float64{"run": 7, "missed": 1}; err != nil || !maps.Equal(got, want) {
		t.Errorf("sums = %v, %v, want %v", got, err, want)
	}
	if _, err := sums(strings.NewReader(`a{b="c"} 1`), "a", "d"); err == nil {
		t.Error("a sample without the label is no error")
	}
	if _, err := sums(strings.NewReader(`a{b="c"} one`), "a", "b"); err == nil {
		t.Error("a sample without a number is no error")
	}
}

func TestLoop(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindCustom, kindChat} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			p := plan{targets: 3, kind: kind, every: time.Second, length: 300 * time.Millisecond, tokens: 3, rate: 1000}
			server := httptest.NewServer(answers(p))
			defer server.Close()
			var out bytes.Buffer
			if err := loop(t.Context(), p, server.URL, &out); err != nil {
				t.Fatal(err)
			}
			// The third begins after two thirds of a second, which is too late.
			if !strings.HasPrefix(out.String(), "1 requests") {
				t.Errorf("loop printed %q, want one request of the first target", out.String())
			}
		})
	}
}

// TestDaemon builds the daemon and watches it for a few seconds.
func TestDaemon(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the daemon")
	}
	t.Chdir("..")
	var out bytes.Buffer
	err := run(t.Context(), []string{
		"-targets", "3", "-for", "4s", "-settle", "0s", "-sample", "300ms", "-scrape", "1s", "-whole",
	}, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"resident: median", "less the loop's", "run ", "ok "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "missed") {
		t.Errorf("slots were missed:\n%s", out.String())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-targets", "0"},
		{"-targets", "1000000"},
		{"-kind", "oracle"},
		{"-every", "1ms"},
		{"-for", "1000h"},
		{"-tokens", "0"},
		{"-sample", "0s"},
		{"dance"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("run(%v): no error", args)
		}
	}
}
