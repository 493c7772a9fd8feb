package budget

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// LeaseSchema is the form of Lease that this code writes.
const LeaseSchema = 1

// Lease is the permission to send N requests, none of which may take more than
// Ceiling. It counts as spent at its ceiling until it is settled or released.
type Lease struct {
	Schema  int       `json:"schema"`
	ID      string    `json:"id"`
	Target  string    `json:"target"`
	Class   Class     `json:"class"`
	Ceiling Amount    `json:"ceiling"`
	At      time.Time `json:"at"`
	N       int       `json:"n"`
}

// Reserve takes a request's ceiling from the budgets of its target and of all,
// in the periods of now. The error is a *Withheld if a limit has no room, and
// wraps ErrUnknown if the journal cannot be written and either the target has
// limits of its own, or the ceiling holds money and there is a limit for all.
// Any other request is granted and counted even then, so that a full disk does
// not blind what nobody pays for; limits still hold, from memory.
func (l *Ledger) Reserve(now time.Time, target string, class Class, ceiling Amount) (Lease, error) {
	lease, _, err := l.ReserveBlock(now, target, class, ceiling, 1)
	return lease, err
}

// ReserveBlock takes the ceilings of up to n equal requests, as many as the
// limits have room for, and returns how many these are. The error is as that
// of Reserve; a *Withheld comes only if there is no room for one. n is at most
// 65536. Each request that is sent is settled with SettlePart; Release then
// gives back what was not sent.
func (l *Ledger) ReserveBlock(now time.Time, target string, class Class, each Amount, n int) (Lease, int, error) {
	if err := checkAsk(target, class, each, n); err != nil {
		return Lease{}, 0, err
	}
	needs := l.needs(now, target, class)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return Lease{}, 0, ErrClosed
	}
	if l.books.roll(now) {
		l.rewrite = true
	}
	scopes := make([]scope, 0, 2)
	for i, name := range []string{"", target} {
		if limits := l.limitsOf(name); !limits.IsZero() {
			scopes = append(scopes, scope{name, limits, l.books.account(name).at(now), needs[i]})
		}
	}
	granted, withheld := grant(scopes, class, each, n)
	if granted == 0 {
		withheld.Until = period(withheld.Period).end(now)
		return Lease{}, 0, withheld
	}
	l.next++
	lease := Lease{
		Schema: LeaseSchema, ID: l.epoch + "-" + strconv.FormatUint(l.next, 36), Target: target, Class: class,
		Ceiling: each, At: now.UTC().Round(0), N: granted,
	}
	line, err := appendLine(nil, record{Op: opReserve, Lease: &lease})
	if err != nil {
		return Lease{}, 0, fmt.Errorf("budget of %q: %w", target, err)
	}
	must := !l.limitsOf(target).IsZero() || (each.MicroUSD > 0 && len(scopes) > 0)
	if err := l.commit(line, must); err != nil {
		l.report(err)
		if must {
			return Lease{}, 0, fmt.Errorf("%w: the journal %s cannot be written: %w", ErrUnknown, l.journal.path, err)
		}
	}
	h := &held{lease: lease, day: dayOf(lease.At), left: granted}
	l.books.open[lease.ID] = h
	l.books.book(target, h.day, h.value())
	return lease, granted, nil
}

// Settle ends a lease: everything of it that is still open took the actual
// amount together. An amount above the ceiling is booked as it is. A lease that
// is not open any more stays as it was.
func (l *Ledger) Settle(lease Lease, actual Amount) { l.settle(lease, maxBlock, actual) }

// SettlePart books what one request of a block took; the rest stays open.
func (l *Ledger) SettlePart(lease Lease, actual Amount) { l.settle(lease, 1, actual) }

// Release gives back what is still open of a lease, of which nothing was sent.
func (l *Ledger) Release(lease Lease) { l.settle(lease, maxBlock, Amount{}) }

// settle books what parts of a lease took. A line that lowers what the lease
// counts as may wait for the next write, since without it the ceiling counts;
// one that raises it is written before this returns.
func (l *Ledger) settle(lease Lease, parts int, actual Amount) {
	actual = actual.clamped(maxAmount * maxBlock)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return
	}
	h, grew := l.books.settle(lease.ID, parts, actual)
	if h == nil {
		l.log.Warn("a budget lease was settled that is not open", "lease", lease.ID, "target", lease.Target)
		return
	}
	line, err := appendLine(l.pending, h.record())
	if err != nil {
		// The reserving line was written and is longer in all that varies.
		l.report(err)
		return
	}
	l.pending = line
	const enough = 64 << 10
	if grew || len(l.pending) > enough {
		l.flush()
	}
}

// needs returns what the remaining baselines need of the global and of the
// target's budget.
func (l *Ledger) needs(now time.Time, target string, class Class) [2]spending {
	l.mu.Lock()
	need, global, own := l.need, l.global, l.targets[target]
	l.mu.Unlock()
	var out [2]spending
	if need == nil || class == Baseline {
		return out
	}
	ask := func(name string, p period) Amount { return need(name, now, p.end(now)).clamped(maxSum) }
	if !global.IsZero() {
		out[0] = spending{day: ask("", daily), month: ask("", monthly)}
	}
	if !own.IsZero() {
		out[1] = spending{day: ask(target, daily), month: ask(target, monthly)}
	}
	return out
}

// checkAsk refuses what could not be booked.
func checkAsk(target string, class Class, each Amount, n int) error {
	switch {
	case target == "":
		return fmt.Errorf("budget: a reservation names no target")
	case !slices.Contains(Classes(), class):
		return fmt.Errorf("budget of %q: there is no class %q", target, class)
	case each.IsZero() || each != each.clamped(maxAmount):
		return fmt.Errorf("budget of %q: the ceiling %+v is nothing, negative or above %d", target, each, int64(maxAmount))
	case n < 1 || n > maxBlock:
		return fmt.Errorf("budget of %q: a block of %d is not between 1 and %d", target, n, maxBlock)
	}
	return nil
}
