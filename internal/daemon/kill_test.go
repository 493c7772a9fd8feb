package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/budget"
	"github.com/hfwatch/hfwatch/config"
)

// What a child process of TestKillLosesNoBudgetSpent is told in its environment.
const (
	childDir = "HFWATCH_TEST_DAEMON_DIR"
	childURL = "HFWATCH_TEST_DAEMON_URL"
	// childWhole makes it a child of TestKillLosesNothing.
	childWhole = "HFWATCH_TEST_DAEMON_WHOLE"
)

// killBudget is the requests that the children may send, all together: fewer
// than they would, so that the limit is reached.
const killBudget = 60

// killTargets is how many targets a child probes each second.
const killTargets = 25

// TestKillLosesNoBudgetSpent kills a daemon at any moment and starts it again:
// all of its lives together never send more than the budget, and the ledger
// never says less than the server saw. HFWATCH_SOAK=1 makes it 100 kills.
func TestKillLosesNoBudgetSpent(t *testing.T) {
	kills, budgetLimit := 10, killBudget
	if os.Getenv("HFWATCH_SOAK") == "1" {
		kills, budgetLimit = 100, 10*killBudget
	}
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	used := func() int64 {
		ledger, err := budget.Open(t.Context(), budget.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		ledger.SetLimits(budget.Limits{RequestsPerMonth: 1 << 40}, nil)
		var n int64
		for _, u := range ledger.Usage(time.Now()) {
			n = int64(u.Used)
		}
		if n := ledger.Corrupt(); n > 0 {
			t.Errorf("%d lines of the journal are corrupt", n)
		}
		if err := ledger.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range kills {
		runAndKill(t, dir, server.URL, budgetLimit)
		// The server is asked after the journal: what reaches it late was written
		// down before it was sent.
		spent := used()
		seen := served.Load()
		if seen > spent {
			t.Fatalf("kill %d: the server saw %d requests, the ledger says %d", i, seen, spent)
		}
		if seen > int64(budgetLimit) || spent > int64(budgetLimit) {
			t.Fatalf("kill %d: the server saw %d requests, the ledger says %d, of %d allowed", i, seen, spent, budgetLimit)
		}
	}
	server.Close()
	t.Logf("%d kills: %d requests seen, %d spent", kills, served.Load(), used())
	if served.Load() < killTargets {
		t.Errorf("the server saw %d requests, want at least one slot of every target", served.Load())
	}
	if seen, spent := served.Load(), used(); seen > spent {
		t.Errorf("at the end the server saw %d requests, the ledger says %d", seen, spent)
	}
}

// runAndKill starts a daemon in a process of its own and kills it at a random
// moment after it has begun to watch.
func runAndKill(t *testing.T, dir, url string, limit int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, fmt.Sprintf("%s_LIMIT=%d", childDir, limit))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len(watching))); err != nil {
		t.Errorf("the daemon did not start: %v", err)
	}
	// Anywhere in one round of slots and what follows it.
	select {
	case <-time.After(time.Duration(rand.Int64N(int64(1200 * time.Millisecond)))):
	case <-t.Context().Done():
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:forcetypeassert // It is one on every Unix.
		t.Errorf("the daemon ended with %v, want to be killed", err)
	}
}

// watching is what a child says when it has begun.
const watching = "watching\n"

// child is the daemon that is killed. It returns an exit code where it cannot
// run; else it goes on until it is killed, or half a minute.
func child() int {
	dir := os.Getenv(childDir)
	var limit int64
	if _, err := fmt.Sscan(os.Getenv(childDir+"_LIMIT"), &limit); err != nil {
		return 2
	}
	text := "alerting: off\nhistory: off\nmodels:\n"
	if os.Getenv(childWhole) != "" {
		text = wholeHead(os.Getenv(childURL))
	}
	for i := range killTargets {
		one := model(fmt.Sprintf("t%d", i), fmt.Sprintf("%s/t%d", os.Getenv(childURL), i), "@every 1s")
		text += strings.Replace(one, "timeout: 5s", "timeout: 1s", 1)
	}
	path := filepath.Join(dir, configFile)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return 2
	}
	load := func() (*config.Config, error) {
		cfg, err := config.Load(config.Options{
			File: path, Task: Task, Available: Features(), Flags: []config.Override{{Flag: "--storage.path", Path: "data.dir", Value: dir}},
		})
		if err == nil {
			cfg.Budget = budget.Limits{RequestsPerMonth: limit}
		}
		return cfg, err
	}
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	d, err := New(ctx, Options{Load: load, Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := d.Start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, _ = io.WriteString(os.Stdout, watching)
	if os.Getenv(childWhole) != "" {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return 2
		}
		fmt.Println(time.Duration(used.Utime.Nano() + used.Stime.Nano()))
		tellCommitted(ctx, d)
	}
	<-ctx.Done()
	return 3
}
