package fault

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Check is a request that is due to see whether a scope is still blocked.
type Check struct {
	Scope  Scope
	Target string
}

// Due returns the checks that are due, at most one for each scope and none for
// what stands in a wider scope that is blocked as well. Scopes in which nothing
// may be checked, and limits that are over, are forgotten or let go.
func (a *Accounts) Due(now time.Time) (checks []Check, changes []Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	scopes := slices.SortedFunc(maps.Keys(a.states), func(x, y Scope) int { return cmp.Compare(x.String(), y.String()) })
	for _, s := range scopes {
		st := a.states[s]
		if st.Next.After(now) {
			continue
		}
		if st.Phase == Limited {
			// Kept for its strikes until something is accepted or a day has passed.
			if now.Sub(st.Next) > 24*time.Hour {
				delete(a.states, s)
			}
			continue
		}
		name, ok := a.pick(st)
		switch {
		case !ok:
			delete(a.states, s)
			changes = append(changes, Change{State: *st, Cleared: true})
		case a.wider(name, s):
			st.Next = now.Add(CheckEvery)
		default:
			st.Checks++
			st.Next = now.Add(CheckEvery)
			a.pending[s] = true
			checks = append(checks, Check{s, name})
		}
	}
	return checks, changes
}

// wider reports whether a scope around s is blocked.
func (a *Accounts) wider(name string, s Scope) bool {
	for _, around := range a.members[name].Scopes {
		if around == s {
			return false
		}
		if st := a.states[around]; st != nil && st.Phase != Limited {
			return true
		}
	}
	return false
}

// pick returns the target that a check is sent to: the cheapest of each part of
// the scope in turn, beginning with another part than was refused first.
func (a *Accounts) pick(st *State) (string, bool) {
	var first []string
	seen := map[Scope]bool{}
	i := slices.Index(a.members[st.First].Scopes, st.Scope)
	if i < 0 && len(a.inside[st.Scope]) > 0 {
		i = slices.Index(a.members[a.inside[st.Scope][0]].Scopes, st.Scope)
	}
	for _, name := range a.inside[st.Scope] {
		if part := a.branch(name, i); a.members[name].Checkable && !seen[part] {
			seen[part] = true
			first = append(first, name)
		}
	}
	if len(first) == 0 {
		return "", false
	}
	if own := slices.IndexFunc(first, func(name string) bool { return a.branch(name, i) == a.branch(st.First, i) }); own >= 0 {
		// Last in the order, and so first to be asked of nothing else.
		first = append(slices.Delete(slices.Clone(first), own, own+1), first[own])
	}
	return first[st.Checks%len(first)], true
}

// Next returns when Due has something to say, or a hold ends, after now; zero
// where neither will.
func (a *Accounts) Next(now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	var next time.Time
	for _, st := range a.states {
		if st.Phase == Limited && !st.Next.After(now) {
			continue
		}
		if next.IsZero() || st.Next.Before(next) {
			next = st.Next
		}
	}
	return next
}

// Recheck makes every scope that is blocked due for a check now, and lets go
// what is only limited. It returns how many there are. A check whose answer is
// awaited is not sent twice, however often somebody asks.
func (a *Accounts) Recheck(now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for s, st := range a.states {
		if st.Phase == Limited {
			delete(a.states, s)
			continue
		}
		if !a.pending[s] {
			st.Next = now
		}
		n++
	}
	return n
}

// Postpone puts off a check that could not be sent.
func (a *Accounts) Postpone(c Check, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if st := a.states[c.Scope]; st != nil {
		st.Next = until
		delete(a.pending, c.Scope)
	}
}
