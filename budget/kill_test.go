package budget

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// childDir names the folder in a child's environment.
const childDir = "HFWATCH_TEST_BUDGET_DIR"

// TestKillLosesNoBudgetSpent kills a process that spends as fast as it can, at
// any moment, also while it compacts, and compares what it said it had spent
// with what its journal says. HFWATCH_SOAK=1 makes it 200 kills.
func TestKillLosesNoBudgetSpent(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childDir); dir != "" {
		spendUntilKilled(t, dir)
		return
	}
	kills := 20
	if os.Getenv("HFWATCH_SOAK") == "1" {
		kills = 200
	}
	dir := t.TempDir()
	// Least is what was acknowledged, most is what may have been asked for.
	var least, most Amount
	acknowledged := 0
	for kill := range kills {
		l, m, n := spendAndKill(t, dir, 1+rand.IntN(2000))
		least, most = least.plus(l), most.plus(m)
		acknowledged += n
		ledger, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		got := spentAt(ledger, "", noon).day
		if least.exceeds(got) || got.exceeds(most) {
			t.Errorf("after kill %d: the journal says %+v, want from %+v to %+v", kill, got, least, most)
		}
		if ledger.Corrupt() != 0 {
			t.Errorf("after kill %d: %d corrupt lines, want none", kill, ledger.Corrupt())
		}
		// What may have been spent but was not is known from here on.
		least, most = got, got
		shut(t, ledger)
	}
	t.Logf("%d kills, %d reservations acknowledged, %+v spent", kills, acknowledged, least)
}

// spendAndKill runs a child until it has said so many lines, and kills it. It
// returns the least that it has spent, the most, and its reservations.
func spendAndKill(t *testing.T, dir string, lines int) (least, most Amount, reserved int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillLosesNoBudgetSpent$")
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	leases := map[string]Amount{}
	said := bufio.NewScanner(out)
	for n := 0; said.Scan(); n++ {
		// What the pipe still holds after the kill was acknowledged as well.
		if n == lines && !killed {
			killed = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		var id string
		var a Amount
		switch word, rest, _ := strings.Cut(said.Text(), " "); word {
		case "reserved":
			if _, err := fmt.Sscanf(rest, "%s %d %d.", &id, &a.Requests, &a.Tokens); err == nil {
				leases[id] = a
				most = most.plus(childOver.times(int(a.Requests)))
				reserved++
			}
		case "settled":
			// The second number ends with a mark, so that a line which the kill
			// cut off is not read as a smaller number.
			if _, err := fmt.Sscanf(rest, "%s %d %d.", &id, &a.Requests, &a.Tokens); err == nil {
				leases[id] = a
			}
		}
	}
	err = child.Wait()
	status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself after %d reservations: %v", reserved, err)
	}
	for _, a := range leases {
		least = least.plus(a)
	}
	// The last reservation may have been written and not said, and the line
	// before it cut off.
	most = most.plus(childOver.times(2 * childBlock))
	return least, most, reserved
}

// What a child reserves for each request, and what some of them take.
var (
	childCeiling = Amount{Requests: 1, Tokens: 10}
	childUnder   = Amount{Requests: 1, Tokens: 3}
	childOver    = Amount{Requests: 1, Tokens: 25}
)

const childBlock = 4

// spendUntilKilled reserves in a loop and says what it has.
func spendUntilKilled(t *testing.T, dir string) {
	l, err := Open(t.Context(), Options{Dir: dir, MaxBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]Limits{}
	for i := range 8 {
		limits[fmt.Sprintf("t%d", i)] = Limits{RequestsPerMonth: plenty}
	}
	l.SetLimits(Limits{RequestsPerMonth: plenty}, limits)
	say := func(word string, id string, a Amount) {
		if _, err := fmt.Fprintf(os.Stdout, "%s %s %d %d.\n", word, id, a.Requests, a.Tokens); err != nil {
			os.Exit(1)
		}
	}
	for i := 0; ; i++ {
		n := 1
		if i%4 == 3 {
			n = childBlock
		}
		lease, n, err := l.ReserveBlock(noon, fmt.Sprintf("t%d", i%8), Baseline, childCeiling, n)
		if errors.Is(err, ErrUnknown) {
			// It spends faster than so small a journal is compacted.
			runtime.Gosched()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		say("reserved", lease.ID, childCeiling.times(n))
		// What lowers a lease is said before it is done, since the syncing
		// goroutine may write it before a word of it is out; what raises one is
		// said after.
		switch i % 4 {
		case 0:
			say("settled", lease.ID, childUnder)
			l.Settle(lease, childUnder)
		case 1:
			l.Settle(lease, childOver)
			say("settled", lease.ID, childOver)
		case 3:
			say("settled", lease.ID, childUnder.plus(childCeiling.times(n-1)))
			l.SettlePart(lease, childUnder)
			l.SettlePart(lease, childOver)
			left := childUnder.plus(childOver).plus(childCeiling.times(n - 2))
			say("settled", lease.ID, left)
		}
	}
}
