package budget

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Withheld says which limit has no room for a request. It is an error.
//
//nolint:errname // It names a decision that callers count, as a slot's result does.
type Withheld struct {
	// Target is whose budget it is; empty is the global one.
	Target string
	// Period is day or month; Unit is requests, tokens or usd.
	Period, Unit string
	// Limit, Used, Kept and Asked are the limit, what is spent and leased of
	// it, what is kept for the period's remaining baselines, and what was asked
	// for, in the unit (dollars for usd).
	Limit, Used, Kept, Asked float64
	// Until is when the next period begins.
	Until time.Time
}

// Error names the limit and when it ends.
func (w *Withheld) Error() string {
	whose := "the global budget"
	if w.Target != "" {
		whose = "the budget of " + strconv.Quote(w.Target)
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	var b strings.Builder
	fmt.Fprintf(&b, "%s allows %s %s a %s: %s used", whose, number(w.Limit), w.Unit, w.Period, number(w.Used))
	if w.Kept > 0 {
		fmt.Fprintf(&b, ", %s kept for baselines", number(w.Kept))
	}
	fmt.Fprintf(&b, ", %s asked for", number(w.Asked))
	if !w.Until.IsZero() {
		fmt.Fprintf(&b, "; the next %s begins at %s", w.Period, w.Until.Format(time.RFC3339))
	}
	return b.String()
}

// limit is one number that is set.
type limit struct {
	period period
	unit   unit
	value  int64
}

// set returns the limits that are set, those of the month first: they hold
// longest, so that a refusal names the one that matters most.
func (l Limits) set() []limit {
	if l.IsZero() {
		return nil
	}
	all := make([]limit, 0, 6)
	for _, p := range []period{monthly, daily} {
		for _, u := range []unit{requests, tokens, usd} {
			if v := l.of(p, u); v > 0 {
				all = append(all, limit{p, u, v})
			}
		}
	}
	return all
}

// admit returns the limit that has no room for a ceiling, or nil. Classes
// after the first leave what the period's remaining baselines need. A unit of
// which nothing is asked is not a reason to withhold.
func admit(usage spending, limits Limits, need spending, class Class, ceiling Amount) *Withheld {
	if class == Baseline {
		need = spending{}
	}
	for _, l := range limits.set() {
		asked := ceiling.of(l.unit)
		if asked <= 0 {
			continue
		}
		used, kept := usage.of(l.period).of(l.unit), need.of(l.period).of(l.unit)
		// Each of the three is at most maxSum, and the first two are compared
		// alone so that their sum with a third cannot overflow.
		if room := l.value - min(used, l.value) - min(kept, l.value); asked <= room {
			continue
		}
		return &Withheld{
			Period: string(l.period), Unit: string(l.unit), Limit: l.unit.natural(l.value),
			Used: l.unit.natural(used), Kept: l.unit.natural(kept), Asked: l.unit.natural(asked),
		}
	}
	return nil
}

// scope is one budget as a request meets it.
type scope struct {
	target string
	limits Limits
	usage  spending
	need   spending
}

// grant returns how many of n equal requests every scope has room for, and the
// limit that refused the next one if they are fewer than n.
func grant(scopes []scope, class Class, each Amount, n int) (int, *Withheld) {
	refused := func(k int) *Withheld {
		for _, s := range scopes {
			if w := admit(s.usage, s.limits, s.need, class, each.times(k)); w != nil {
				w.Target = s.target
				return w
			}
		}
		return nil
	}
	w := refused(n)
	if w == nil {
		return n, nil
	}
	low, high := 0, n
	for high-low > 1 {
		if mid := low + (high-low)/2; refused(mid) == nil {
			low = mid
		} else {
			high = mid
		}
	}
	if low == 0 {
		w = refused(1)
	}
	return low, w
}

// Used is how much of one limit is spent.
type Used struct {
	// Target is whose budget it is; empty is the global one.
	Target string
	// Period is day or month; Unit is requests, tokens or usd.
	Period, Unit string
	// Used counts open leases at their ceilings, and Limit is the limit, in the
	// unit (dollars for usd). Ratio is Used by Limit: above 1 where answers
	// took more than their ceilings.
	Used, Limit, Ratio float64
}

// Usage returns how much of each limit that is set is spent in the periods of
// now: the global ones first, then by target's name.
func (l *Ledger) Usage(now time.Time) []Used {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.targets)+1)
	names = append(names, "")
	for name := range l.targets {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []Used
	for _, name := range names {
		spent := l.books.account(name).at(now)
		for _, lim := range l.limitsOf(name).set() {
			used := spent.of(lim.period).of(lim.unit)
			all = append(all, Used{
				Target: name, Period: string(lim.period), Unit: string(lim.unit),
				Used: lim.unit.natural(used), Limit: lim.unit.natural(lim.value), Ratio: float64(used) / float64(lim.value),
			})
		}
	}
	return all
}
