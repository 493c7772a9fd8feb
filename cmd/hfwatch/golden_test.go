package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
)

var update = flag.Bool("update", false, "write golden files")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update writes it anew:\n%s", name, diff)
	}
}

// TestCheckGolden is what a person sees of the root's config.yaml, without the
// dates, and with what goes to standard error below.
func TestCheckGolden(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	p := process{args: []string{"check", "../../config.yaml"}, stdout: &out, stderr: &errs}
	if code := p.run(t.Context()); code != exitOK {
		t.Fatalf("hfwatch check = %d:\n%s", code, &errs)
	}
	dates := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
	if n := len(dates.FindAllString(out.String(), -1)); n != 12 {
		t.Errorf("%d dates, want three of each of four schedules", n)
	}
	got := dates.ReplaceAllString(out.String(), "YYYY-MM-DD hh:mm:ss")
	golden(t, "check.golden", got+"-- stderr --\n"+strings.ReplaceAll(errs.String(), "../../", ""))
}

// ms returns a measured number of milliseconds.
func ms(n float64) probe.Seconds {
	return probe.Measured(time.Duration(n * float64(time.Millisecond)))
}

// TestTableGolden is what a person sees of results, of every kind there is.
func TestTableGolden(t *testing.T) {
	t.Parallel()
	result := func(target string, outcome probe.Outcome, fault probe.Fault, status int, service float64) probe.Result {
		return probe.Result{Target: target, Outcome: outcome, Fault: fault, Status: status, Service: ms(service), Response: ms(30000)}
	}
	good := result("sentiment", probe.OK, probe.FaultNone, 200, 104.26)
	good.FirstByte, good.Shape = ms(0.9516), "list<list<label>>"
	good.Phases = probe.Phases{DNS: ms(1.25), Connect: ms(12.5), TLS: ms(25), Write: ms(0.05), Wait: ms(65), Read: ms(0.46)}
	stream := result("assistant", probe.OK, probe.FaultNone, 200, 12345.6)
	stream.FirstByte, stream.FirstToken, stream.TPOT = ms(100), ms(350.04), ms(21.7)
	stream.TokensIn, stream.TokensOut, stream.Shape = probe.Some(13), probe.Some(512), "stream<openai>"
	stream.Warnings = []string{"the stream had no [DONE]"}
	stalled := result("assistant-without-a-first-token", probe.Stalled, probe.FaultTarget, 200, 21000)
	stalled.FirstToken, stalled.Censored, stalled.Error, stalled.TokensOut = ms(90000), true, "no progress for 20s", probe.Some(0)
	odd := result("summarizer", probe.InvalidOutput, probe.FaultTarget, 200, 80)
	odd.Error, odd.Excerpt, odd.Warnings = "the body is HTML", "<html><body>Welcome</body></html>", []string{"the answer was compressed unasked: gzip"}
	slow := result("writer", probe.Timeout, probe.FaultTarget, 0, 30000)
	slow.Phase, slow.Error = "first_byte", "the deadline passed before the answer began"
	poor := result("translator", probe.Billing, probe.FaultAccount, 402, 61)
	poor.Error, poor.Excerpt, poor.RequestID = "402 Payment Required: You have depleted your monthly included credits.", `{"error":"You have depleted"}`, "Root=1-6b0504e6"
	silent := result("silent", probe.Internal, probe.FaultMonitor, 0, 0)
	silent.Service = probe.Seconds{}
	for _, c := range []struct {
		name    string
		results []probe.Result
	}{
		{"table.golden", []probe.Result{good, stream, stalled, odd, slow, poor, silent}},
		{"table-single.golden", []probe.Result{good}},
	} {
		var out strings.Builder
		if err := printResults(&out, c.results); err != nil {
			t.Fatal(err)
		}
		golden(t, c.name, out.String())
	}
}

// TestVerdict: what results come to as an exit code.
func TestVerdict(t *testing.T) {
	t.Parallel()
	result := func(counts probe.Counts, fault probe.Fault) probe.Result {
		return probe.Result{Counts: counts, Fault: fault}
	}
	good, bad := result(probe.Good, probe.FaultNone), result(probe.Bad, probe.FaultTarget)
	asleep, account := result(probe.Apart, probe.FaultNone), result(probe.Apart, probe.FaultAccount)
	unknown := result(probe.Apart, probe.FaultUnknown)
	for _, c := range []struct {
		why      string
		results  []probe.Result
		withheld bool
		want     int
	}{
		{"all are good", []probe.Result{good, good}, false, exitOK},
		{"one sleeps, as its policy lets it", []probe.Result{good, asleep}, false, exitOK},
		{"one is bad", []probe.Result{good, bad, good}, false, exitFailed},
		{"bad outweighs unknown", []probe.Result{unknown, bad}, false, exitFailed},
		{"bad outweighs withheld", []probe.Result{bad}, true, exitFailed},
		{"the account is at fault", []probe.Result{good, account}, false, exitUnknown},
		{"nobody knows", []probe.Result{unknown}, false, exitUnknown},
		{"the budget withheld one", []probe.Result{good}, true, exitUnknown},
		{"the budget withheld all", nil, true, exitUnknown},
	} {
		got := exitOK
		if err := verdict(c.results, c.withheld); err != nil {
			got = err.(exit).code //nolint:errorlint // verdict returns nothing else.
		}
		if got != c.want {
			t.Errorf("%s: verdict() = %d, want %d", c.why, got, c.want)
		}
	}
}
