package budget

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the instant of most tests: within a day and a month.
var noon = time.Date(2026, 11, 12, 12, 0, 0, 0, time.UTC)

// one is a request of 100 tokens and a cent.
var one = Amount{Requests: 1, Tokens: 100, MicroUSD: 10_000}

// open opens a ledger that the test closes.
func open(t *testing.T, o Options) *Ledger {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, l) })
	return l
}

func shut(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
}

// reserve expects to be admitted.
func reserve(t *testing.T, l *Ledger, now time.Time, target string, class Class, a Amount) Lease {
	t.Helper()
	lease, err := l.Reserve(now, target, class, a)
	if err != nil {
		t.Fatalf("Reserve(%s, %s, %s, %+v) = %v, want a lease", now, target, class, a, err)
	}
	return lease
}

// spentAt reads the books without limits.
func spentAt(l *Ledger, target string, now time.Time) spending {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.books.account(target).at(now)
}

func wantSpent(t *testing.T, l *Ledger, target string, now time.Time, want spending) {
	t.Helper()
	if diff := cmp.Diff(want, spentAt(l, target, now), cmp.AllowUnexported(spending{})); diff != "" {
		t.Errorf("spent by %q at %s (-want +got):\n%s", target, now.Format(time.RFC3339), diff)
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	use := func(n int64) spending {
		return spending{day: Amount{Requests: n, Tokens: 10 * n, MicroUSD: n}, month: Amount{Requests: 3 * n, Tokens: 30 * n, MicroUSD: 3 * n}}
	}
	ask := Amount{Requests: 2, Tokens: 20, MicroUSD: 2}
	for _, tc := range []struct {
		name   string
		usage  spending
		limits Limits
		need   spending
		class  Class
		ask    Amount
		want   *Withheld
	}{
		{"nothing is limited", use(1 << 40), Limits{}, use(9), Manual, ask, nil},
		{"the last request of a day fits", use(8), Limits{RequestsPerDay: 10}, spending{}, Baseline, ask, nil},
		{"one request over the day does not", use(9), Limits{RequestsPerDay: 10}, spending{}, Baseline, ask, &Withheld{Period: "day", Unit: "requests", Limit: 10, Used: 9, Asked: 2}},
		{"a month of requests is spent", use(3), Limits{RequestsPerMonth: 10}, spending{}, Baseline, ask, &Withheld{Period: "month", Unit: "requests", Limit: 10, Used: 9, Asked: 2}},
		{"a day of tokens is spent", use(3), Limits{TokensPerDay: 49}, spending{}, Baseline, ask, &Withheld{Period: "day", Unit: "tokens", Limit: 49, Used: 30, Asked: 20}},
		{"a month of tokens is spent", use(3), Limits{TokensPerMonth: 109}, spending{}, Baseline, ask, &Withheld{Period: "month", Unit: "tokens", Limit: 109, Used: 90, Asked: 20}},
		{"a day of money is spent", use(3), Limits{USDPerDay: 0.000004}, spending{}, Baseline, ask, &Withheld{Period: "day", Unit: "usd", Limit: 0.000004, Used: 0.000003, Asked: 0.000002}},
		{"a month of money is spent", use(3), Limits{USDPerMonth: 0.00001}, spending{}, Baseline, ask, &Withheld{Period: "month", Unit: "usd", Limit: 0.00001, Used: 0.000009, Asked: 0.000002}},
		{"the month is named before the day", use(9), Limits{RequestsPerDay: 10, RequestsPerMonth: 10}, spending{}, Baseline, ask, &Withheld{Period: "month", Unit: "requests", Limit: 10, Used: 27, Asked: 2}},
		{"a free request passes a spent limit of money", use(9), Limits{USDPerDay: 0.000001}, spending{}, Baseline, Amount{Requests: 1}, nil},
		{"a baseline does not keep for baselines", use(3), Limits{RequestsPerDay: 5}, use(5), Baseline, ask, nil},
		{"a window leaves what baselines need", use(3), Limits{RequestsPerDay: 10}, use(6), Window, ask, &Withheld{Period: "day", Unit: "requests", Limit: 10, Used: 3, Kept: 6, Asked: 2}},
		{"a window takes what baselines leave", use(3), Limits{RequestsPerDay: 10}, use(5), Window, ask, nil},
		{"sums cannot overflow", spending{day: Amount{Requests: maxSum}}, Limits{RequestsPerDay: maxSum}, spending{day: Amount{Requests: maxSum}}, Manual, Amount{Requests: 1}, &Withheld{Period: "day", Unit: "requests", Limit: maxSum, Used: maxSum, Kept: maxSum, Asked: 1}},
		{"a limit below a millionth of a dollar is a limit", use(1), Limits{USDPerDay: 1e-9}, spending{}, Baseline, ask, &Withheld{Period: "day", Unit: "usd", Limit: 1e-6, Used: 1e-6, Asked: 2e-6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := admit(tc.usage, tc.limits, tc.need, tc.class, tc.ask)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("admit (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithheldMessage(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	l.SetLimits(Limits{USDPerMonth: 50}, map[string]Limits{"assistant": {RequestsPerDay: 10}})
	l.SetNeed(func(string, time.Time, time.Time) Amount { return Amount{Requests: 10} })
	_, err := l.Reserve(noon, "assistant", Window, one)
	want := `the budget of "assistant" allows 10 requests a day: 0 used, 10 kept for baselines, 1 asked for; the next day begins at 2026-11-13T00:00:00Z`
	if err == nil || err.Error() != want {
		t.Errorf("Reserve = %v, want %s", err, want)
	}
	reserve(t, l, noon, "other", Baseline, Amount{Requests: 1, MicroUSD: 49_995_000})
	_, err = l.Reserve(noon, "other", Baseline, one)
	want = `the global budget allows 50 usd a month: 49.995 used, 0.01 asked for; the next month begins at 2026-12-01T00:00:00Z`
	if err == nil || err.Error() != want {
		t.Errorf("Reserve = %v, want %s", err, want)
	}
	if w := new(Withheld); !errors.As(err, &w) || w.Target != "" || w.Unit != "usd" || w.Period != "month" {
		t.Errorf("errors.As = %+v, want the global month's dollars", w)
	}
}

// TestSpendingOrder has room for five requests a day of which baselines still
// need three.
func TestSpendingOrder(t *testing.T) {
	t.Parallel()
	left := int64(3)
	need := func(target string, now, end time.Time) Amount {
		if target != "" && target != "a" {
			t.Errorf("need asked for %q", target)
		}
		if !now.Equal(noon) || end.Before(noon) {
			t.Errorf("need asked from %s to %s", now, end)
		}
		return Amount{Requests: left}
	}
	for _, limited := range []string{"the global budget", "the target's own"} {
		for _, class := range []Class{ColdStart, Window, Manual} {
			left = 3
			l := open(t, Options{})
			if limited == "the global budget" {
				l.SetLimits(Limits{RequestsPerDay: 5}, nil)
			} else {
				l.SetLimits(Limits{}, map[string]Limits{"a": {RequestsPerDay: 5}})
			}
			l.SetNeed(need)
			for range 2 {
				reserve(t, l, noon, "a", class, one)
			}
			if _, err := l.Reserve(noon, "a", class, one); !errors.As(err, new(*Withheld)) {
				t.Errorf("%s: a third %s: %v, want it withheld for the baselines", limited, class, err)
			}
			for range 3 {
				left--
				reserve(t, l, noon, "a", Baseline, one)
			}
			if _, err := l.Reserve(noon, "a", Baseline, one); !errors.As(err, new(*Withheld)) {
				t.Errorf("%s: a sixth request: %v, want it withheld", limited, err)
			}
		}
	}
}

func TestPeriodsRollOver(t *testing.T) {
	t.Parallel()
	lastOfMonth := time.Date(2026, 11, 30, 23, 59, 59, 999_999_999, time.UTC)
	for _, tc := range []struct {
		name       string
		limits     Limits
		full, free time.Time
	}{
		{"a day ends at midnight UTC", Limits{RequestsPerDay: 1}, time.Date(2026, 11, 12, 23, 59, 59, 999_999_999, time.UTC), time.Date(2026, 11, 13, 0, 0, 0, 0, time.UTC)},
		{"whatever the zone of the clock", Limits{RequestsPerDay: 1}, time.Date(2026, 11, 13, 0, 59, 0, 0, time.FixedZone("", 3600)), time.Date(2026, 11, 13, 1, 0, 0, 0, time.FixedZone("", 3600))},
		{"a month ends with its last day", Limits{RequestsPerMonth: 1}, lastOfMonth, lastOfMonth.Add(1)},
		{"a year too", Limits{RequestsPerMonth: 1}, time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"February of a leap year has 29 days", Limits{RequestsPerMonth: 1}, time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := open(t, Options{})
			l.SetLimits(Limits{}, map[string]Limits{"a": tc.limits})
			reserve(t, l, monthly.end(tc.full).Add(-12*time.Hour).Add(-20*24*time.Hour), "b", Baseline, one)
			reserve(t, l, tc.full, "a", Baseline, one)
			if _, err := l.Reserve(tc.full, "a", Baseline, one); !errors.As(err, new(*Withheld)) {
				t.Errorf("a second request at %s: %v, want it withheld", tc.full, err)
			} else if w := new(Withheld); errors.As(err, &w) && !w.Until.Equal(tc.free) {
				t.Errorf("withheld until %s, want %s", w.Until, tc.free)
			}
			reserve(t, l, tc.free, "a", Baseline, one)
		})
	}
}

func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, Options{Dir: dir})
	limits := map[string]Limits{"a": {RequestsPerDay: 3}}
	l.SetLimits(Limits{}, limits)
	for range 2 {
		reserve(t, l, noon, "a", Baseline, one)
	}
	two := Amount{Requests: 2, Tokens: 200, MicroUSD: 20_000}
	for _, back := range []time.Duration{time.Second, 24 * time.Hour, 40 * 24 * time.Hour, 56 * 365 * 24 * time.Hour} {
		wantSpent(t, l, "a", noon.Add(-back), spending{two, two})
	}
	// Ten days back, the day's limit still sees what was spent ahead.
	past := noon.AddDate(0, 0, -10)
	reserve(t, l, past, "a", Baseline, one)
	if _, err := l.Reserve(past, "a", Baseline, one); !errors.As(err, new(*Withheld)) {
		t.Errorf("a fourth request after a step back: %v, want it withheld", err)
	}
	// Corrected soon after, nothing has moved.
	wantSpent(t, l, "a", noon, spending{two, Amount{Requests: 3, Tokens: 300, MicroUSD: 30_000}})
	reserve(t, l, noon, "b", Baseline, one)
	// If it stays, the false date's spending goes to the day of the step.
	pair := Amount{Requests: 2}
	_, _ = l.Reserve(past, "a", Baseline, pair)
	if _, err := l.Reserve(past.Add(24*time.Hour-time.Second), "a", Baseline, pair); !errors.As(err, new(*Withheld)) {
		t.Errorf("two requests a second less than a day after a step back: %v, want them withheld", err)
	}
	lease := reserve(t, l, past.Add(24*time.Hour), "a", Baseline, pair)
	want := spending{pair, Amount{Requests: 5, Tokens: 300, MicroUSD: 30_000}}
	wantSpent(t, l, "a", past.Add(24*time.Hour), want)
	l.Settle(lease, pair)
	shut(t, l)
	again := open(t, Options{Dir: dir})
	wantSpent(t, again, "a", past.Add(24*time.Hour), want)
}

// TestShortVisitTo1970 is a machine without a battery: its clock starts at the
// epoch and is corrected within minutes.
func TestShortVisitTo1970(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	l.SetLimits(Limits{RequestsPerMonth: 2}, nil)
	reserve(t, l, noon, "a", Baseline, one)
	epoch := time.Unix(60, 0)
	reserve(t, l, epoch, "a", Baseline, one)
	if _, err := l.Reserve(epoch, "a", Baseline, one); !errors.As(err, new(*Withheld)) {
		t.Errorf("a third request in 1970: %v, want it withheld", err)
	}
	wantSpent(t, l, "a", noon, spending{one, one})
}

func TestDaysAreBounded(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	for d := range 200 {
		at := noon.AddDate(0, 0, d)
		lease := reserve(t, l, at, fmt.Sprintf("t%d", d/50), Baseline, one)
		if d%2 == 0 {
			l.Settle(lease, one)
		}
	}
	l.mu.Lock()
	days, targets, leases := len(*l.books.accounts[""]), len(l.books.accounts), len(l.books.open)
	l.mu.Unlock()
	// The day that is being spent comes on top; two of the four targets and
	// all of them together remain.
	if days != keptDays+1 || targets != 3 || leases > settleDays+1 {
		t.Errorf("after 200 days: %d days, %d accounts, %d leases, want %d, 3 and at most %d", days, targets, leases, keptDays+1, settleDays+1)
	}
	wantSpent(t, l, "t3", noon.AddDate(0, 0, 199), spending{one, one.times(noon.AddDate(0, 0, 199).Day())})
}

func TestSettleAndRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, Options{Dir: dir})
	settled := reserve(t, l, noon, "a", Baseline, one)
	wantSpent(t, l, "a", noon, spending{one, one})
	actual := Amount{Requests: 1, Tokens: 7, MicroUSD: 3}
	l.Settle(settled, actual)
	l.Settle(settled, one)
	l.Release(settled)
	wantSpent(t, l, "a", noon, spending{actual, actual})
	l.Release(reserve(t, l, noon, "a", Baseline, one))
	wantSpent(t, l, "a", noon, spending{actual, actual})
	over := Amount{Requests: 1, Tokens: 700, MicroUSD: 300_000}
	l.Settle(reserve(t, l, noon, "b", Baseline, one), over)
	wantSpent(t, l, "b", noon, spending{over, over})
	wantSpent(t, l, "", noon, spending{actual.plus(over), actual.plus(over)})
	// One that is settled after midnight counts on the day of its reservation.
	late := reserve(t, l, noon, "c", Baseline, one)
	reserve(t, l, noon.Add(24*time.Hour), "d", Baseline, one)
	l.Settle(late, actual)
	wantSpent(t, l, "c", noon.Add(24*time.Hour), spending{Amount{}, actual})
	open1 := reserve(t, l, noon, "e", Baseline, one)
	shut(t, l)
	l.Settle(open1, Amount{})
	if _, err := l.Reserve(noon, "a", Baseline, one); !errors.Is(err, ErrClosed) {
		t.Errorf("Reserve after Close = %v, want ErrClosed", err)
	}
	shut(t, l)

	again := open(t, Options{Dir: dir})
	for target, want := range map[string]Amount{"a": actual, "b": over, "c": actual, "e": one} {
		wantSpent(t, again, target, noon, spending{want, want})
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, Options{Dir: dir})
	l.SetLimits(Limits{TokensPerDay: 1050}, map[string]Limits{"a": {RequestsPerDay: 500}})
	lease, granted, err := l.ReserveBlock(noon, "a", Window, one, 64)
	if err != nil || granted != 10 || lease.N != 10 {
		t.Fatalf("ReserveBlock(64) = %+v, %d, %v, want 10 granted", lease, granted, err)
	}
	if _, granted, err := l.ReserveBlock(noon, "a", Window, one, 64); granted != 0 || !errors.As(err, new(*Withheld)) {
		t.Errorf("a block without room = %d, %v, want it withheld", granted, err)
	}
	small := Amount{Requests: 1, Tokens: 10}
	for range 4 {
		l.SettlePart(lease, small)
	}
	want := small.times(4).plus(one.times(6))
	wantSpent(t, l, "a", noon, spending{want, want})
	second, granted, err := l.ReserveBlock(noon, "a", Window, one, 64)
	if err != nil || granted != 4 {
		t.Fatalf("a block after four parts were settled = %d, %v, want 4 granted", granted, err)
	}
	l.Release(lease)
	// What the rest of a block took can be told at once as well.
	l.Settle(second, Amount{Requests: 3, Tokens: 33})
	want = small.times(4).plus(Amount{Requests: 3, Tokens: 33})
	wantSpent(t, l, "a", noon, spending{want, want})
	third, _, err := l.ReserveBlock(noon, "a", Window, one, 5)
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		l.SettlePart(third, small)
	}
	want = want.plus(small.times(5))
	wantSpent(t, l, "a", noon, spending{want, want})
	half, _, err := l.ReserveBlock(noon, "a", Window, one, 2)
	if err != nil {
		t.Fatal(err)
	}
	l.SettlePart(half, small)
	want = want.plus(small).plus(one)
	shut(t, l)
	wantSpent(t, open(t, Options{Dir: dir}), "a", noon, spending{want, want})
}

func TestReservationsThatCannotBe(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	for _, tc := range []struct {
		name, target string
		class        Class
		each         Amount
		n            int
	}{
		{"no target", "", Baseline, one, 1},
		{"no class", "a", "", one, 1},
		{"nothing", "a", Baseline, Amount{}, 1},
		{"negative", "a", Baseline, Amount{Requests: 1, Tokens: -1}, 1},
		{"beyond reason", "a", Baseline, Amount{Requests: maxAmount + 1}, 1},
		{"an empty block", "a", Window, one, 0},
		{"a block beyond reason", "a", Window, one, maxBlock + 1},
		{"a name longer than a line", strings.Repeat("a", maxLine), Baseline, one, 1},
	} {
		if _, granted, err := l.ReserveBlock(noon, tc.target, tc.class, tc.each, tc.n); err == nil || granted != 0 {
			t.Errorf("%s: %d granted, %v, want an error", tc.name, granted, err)
		}
	}
	wantSpent(t, l, "", noon, spending{})
}

func TestReloadOfLimits(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	reserve(t, l, noon, "a", Baseline, one)
	targets := map[string]Limits{"a": {RequestsPerDay: 1}}
	l.SetLimits(Limits{}, targets)
	targets["a"] = Limits{RequestsPerDay: 9}
	if _, err := l.Reserve(noon, "a", Baseline, one); !errors.As(err, new(*Withheld)) {
		t.Errorf("a limit that came after the spending: %v, want it to count", err)
	}
	l.SetLimits(Limits{}, map[string]Limits{"a": {RequestsPerDay: 2}})
	reserve(t, l, noon, "a", Baseline, one)
	l.SetLimits(Limits{}, nil)
	reserve(t, l, noon, "a", Baseline, one)
	l.SetLimits(Limits{RequestsPerDay: 3}, nil)
	if _, err := l.Reserve(noon, "b", Baseline, one); !errors.As(err, new(*Withheld)) {
		t.Errorf("a global limit that is spent: %v, want it withheld", err)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	l := open(t, Options{})
	l.SetLimits(Limits{USDPerMonth: 0.5}, map[string]Limits{"b": {RequestsPerDay: 8, TokensPerMonth: 100}, "a": {}})
	reserve(t, l, noon, "a", Baseline, one)
	l.Settle(reserve(t, l, noon, "b", Baseline, one), Amount{Requests: 2, Tokens: 150, MicroUSD: 40_000})
	want := []Used{
		{"", "month", "usd", 0.05, 0.5, 0.1},
		{"b", "month", "tokens", 150, 100, 1.5},
		{"b", "day", "requests", 2, 8, 0.25},
	}
	if diff := cmp.Diff(want, l.Usage(noon)); diff != "" {
		t.Errorf("Usage (-want +got):\n%s", diff)
	}
	want[2].Used, want[2].Ratio = 0, 0
	if diff := cmp.Diff(want, l.Usage(noon.Add(24*time.Hour))); diff != "" {
		t.Errorf("Usage a day later (-want +got):\n%s", diff)
	}
}

func TestLeaseJSON(t *testing.T) {
	t.Parallel()
	lease := Lease{LeaseSchema, "EPOCH-1", "assistant", Window, one, noon.Add(time.Millisecond), 32}
	got, err := json.MarshalIndent(lease, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/lease.golden.json"
	if *update {
		if err := os.WriteFile(name, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("the lease's JSON changed (-want +got):\n%s", diff)
	}
	var back Lease
	if err := json.Unmarshal(got, &back); err != nil || back != lease {
		t.Errorf("a lease does not survive JSON: %+v, %v", back, err)
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	l := open(t, Options{Dir: dir})
	if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open = %v, want ErrLocked", err)
	}
	shut(t, l)
	open(t, Options{Dir: dir})
}

// TestConcurrentSpendingStopsAtTheLimit has many goroutines share a limit, also
// while the journal is compacted.
func TestConcurrentSpendingStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := open(t, Options{Dir: dir, MaxBytes: 4 << 10})
	l.SetLimits(Limits{RequestsPerDay: 500}, nil)
	l.SetNeed(func(string, time.Time, time.Time) Amount { return Amount{} })
	var mu sync.Mutex
	granted, settled := 0, 0
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				lease, err := l.Reserve(noon, fmt.Sprintf("t%d", g), Classes()[i%4], one)
				l.Usage(noon)
				for errors.Is(err, ErrUnknown) {
					// It spends faster than so small a journal is compacted.
					runtime.Gosched()
					lease, err = l.Reserve(noon, fmt.Sprintf("t%d", g), Classes()[i%4], one)
				}
				if err != nil {
					continue
				}
				mu.Lock()
				granted++
				mu.Unlock()
				if i%4 == 1 {
					l.Settle(lease, Amount{Requests: 1})
					mu.Lock()
					settled++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if granted != 500 {
		t.Errorf("%d requests granted, want 500", granted)
	}
	want := one.times(500 - settled).plus(Amount{Requests: int64(settled)})
	wantSpent(t, l, "", noon, spending{want, want})
	shut(t, l)
	wantSpent(t, open(t, Options{Dir: dir}), "", noon, spending{want, want})
}

// TestSettlesReachTheDiskWithinASecond reads the file that a kill would leave.
func TestSettlesReachTheDiskWithinASecond(t *testing.T) {
	dir := t.TempDir()
	onDisk := func() Amount {
		f, err := os.Open(filepath.Join(dir, journalName))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		said, err := readJournal(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return said.books.account("a").at(noon).day
	}
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		lease := reserve(t, l, noon, "a", Baseline, one)
		if got := onDisk(); got != one {
			t.Errorf("on disk after Reserve: %+v, want %+v", got, one)
		}
		l.Settle(lease, Amount{Requests: 1})
		if got := onDisk(); got != one {
			t.Errorf("on disk right after Settle: %+v, want the ceiling %+v, since one write is enough", got, one)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := onDisk(), (Amount{Requests: 1}); got != want {
			t.Errorf("on disk a second after Settle: %+v, want %+v", got, want)
		}
		over := Amount{Requests: 1, Tokens: 500}
		l.Settle(reserve(t, l, noon, "a", Baseline, one), over)
		if got, want := onDisk(), (Amount{Requests: 2, Tokens: 500, MicroUSD: 0}); got != want {
			t.Errorf("on disk right after a Settle above the ceiling: %+v, want %+v", got, want)
		}
		shut(t, l)
	})
}

// BenchmarkReserveSettle is one request of a target with all limits, late in a
// month in which each day saw spending.
func BenchmarkReserveSettle(b *testing.B) {
	l, err := Open(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	all := Limits{plenty, plenty, plenty * 100, plenty * 100, plenty, plenty}
	l.SetLimits(all, map[string]Limits{"a": all})
	l.SetNeed(func(string, time.Time, time.Time) Amount { return one })
	last := time.Date(2026, 12, 31, 12, 0, 0, 0, time.UTC)
	for d := range 31 {
		if _, err := l.Reserve(last.AddDate(0, 0, d-30), "a", Baseline, one); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		lease, err := l.Reserve(last, "a", Window, one)
		if err != nil {
			b.Fatal(err)
		}
		l.Settle(lease, Amount{Requests: 1})
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
