package history_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/probe"
)

// childFile tells a child of TestKillLosesNothingAcknowledged which file it
// writes, and childFirst the number of its first result.
const (
	childFile  = "HFWATCH_TEST_RECORDS"
	childFirst = "HFWATCH_TEST_RECORDS_FIRST"
)

// told is an Observer that prints how many records are committed.
type told struct {
	counts
	sum int
}

// RecordsWritten prints the sum.
func (o *told) RecordsWritten(n int) {
	o.sum += n
	fmt.Println(o.sum)
}

// TestKillChild is no test: it writes until it is killed.
func TestKillChild(t *testing.T) {
	path := os.Getenv(childFile)
	if path == "" {
		t.Skip("only as a child of the test below")
	}
	first, err := strconv.Atoi(os.Getenv(childFirst))
	if err != nil {
		t.Fatal(err)
	}
	r, err := history.Open(t.Context(), history.Options{Path: path, Observer: &told{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := first; n < first+6000; n++ {
		// Bad ones are never sampled.
		r.Record(result(n, "a", probe.Bad))
		<-tick.C
	}
}

// TestKillLosesNothingAcknowledged kills a writer at any moment and starts the
// next on the same file: every result that was said to be committed is there,
// once, in its hour too, and the file opens within two seconds. HFWATCH_SOAK=1
// makes it 200 kills.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	kills := 10
	if os.Getenv("HFWATCH_SOAK") == "1" {
		kills = 200
	}
	path := filepath.Join(t.TempDir(), "records.db")
	first, acknowledged := 0, map[int]bool{}
	for i := range kills {
		n := writeAndKill(t, path, first)
		for k := range n {
			acknowledged[first+k] = true
		}
		first += 10_000
		began := time.Now()
		r := open(t, history.Options{Path: path})
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("kill %d: the file opened after %v", i, took)
		}
		if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, history.Options{Path: path})
	defer func() { _ = r.Close(context.WithoutCancel(t.Context())) }()
	there := map[string]int{}
	if err := r.EachResult(t.Context(), history.ResultQuery{}, func(text []byte) error {
		id, _, _ := strings.Cut(string(text[strings.Index(string(text), `"id":"`)+6:]), `"`)
		there[id]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range acknowledged {
		if got := there[result(n, "a", probe.Bad).ID]; got != 1 {
			t.Errorf("result %d is there %d times, want once", n, got)
		}
	}
	var inHours int64
	if err := r.EachHour(t.Context(), history.HourQuery{}, func(h history.Hour) error { inHours += h.Results; return nil }); err != nil {
		t.Fatal(err)
	}
	if inHours != int64(len(there)) {
		t.Errorf("the hours hold %d results, the records %d", inHours, len(there))
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged in any life")
	}
	t.Logf("%d kills: %d acknowledged, %d there", kills, len(acknowledged), len(there))
}

// writeAndKill lets a process write and kills it within two seconds; it returns
// how many results that said are committed.
func writeAndKill(t *testing.T, path string, first int) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), childFile+"="+path, fmt.Sprintf("%s=%d", childFirst, first))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	kill := time.AfterFunc(time.Duration(rand.Int64N(int64(2200*time.Millisecond))), func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	text, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	said := 0
	for line := range strings.Lines(string(text)) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && strings.HasSuffix(line, "\n") {
			said = n
		}
	}
	return said
}
