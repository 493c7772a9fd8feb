package fault

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Accounts knows which scopes are blocked. The zero value is not ready; use
// NewAccounts.
type Accounts struct {
	mu      sync.Mutex
	members map[string]Member
	inside  map[Scope][]string // the members of a scope, the cheapest first
	states  map[Scope]*State
	// accepted is when each target was last let in, refused when it was first
	// refused after that.
	accepted, refused map[string]time.Time
	// pending are the scopes whose check was handed out and has not come back.
	pending map[Scope]bool
}

// Change is a scope that came into a phase; the phase is empty for one that is
// clear again, and State is then what it was.
type Change struct {
	State
	Cleared bool
}

// NewAccounts returns accounts without members.
func NewAccounts() *Accounts {
	return &Accounts{states: map[Scope]*State{}, accepted: map[string]time.Time{}, refused: map[string]time.Time{}, pending: map[Scope]bool{}}
}

// SetMembers replaces the targets. What is known of scopes that still have
// members stays.
func (a *Accounts) SetMembers(members []Member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.members, a.inside = make(map[string]Member, len(members)), map[Scope][]string{}
	for _, m := range members {
		m.Scopes = append(slices.Clone(m.Scopes), Scope{ScopeTarget, m.Target})
		a.members[m.Target] = m
		for _, s := range m.Scopes {
			a.inside[s] = append(a.inside[s], m.Target)
		}
	}
	for _, names := range a.inside {
		slices.SortFunc(names, func(x, y string) int {
			return cmp.Or(cmp.Compare(a.members[x].Cost, a.members[y].Cost), cmp.Compare(x, y))
		})
	}
	maps.DeleteFunc(a.states, func(s Scope, _ *State) bool { return len(a.inside[s]) == 0 })
	gone := func(name string, _ time.Time) bool { _, ok := a.members[name]; return !ok }
	maps.DeleteFunc(a.accepted, gone)
	maps.DeleteFunc(a.refused, gone)
}

// Blocked reports whether requests to the target are held now, and for which
// outcome.
func (a *Accounts) Blocked(target string, now time.Time) (probe.Outcome, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.members[target].Scopes {
		if st := a.states[s]; st != nil && (st.Phase != Limited || now.Before(st.Next)) {
			return st.Reason, true
		}
	}
	return "", false
}

// AcceptedElsewhere reports whether the credentials that a result says were
// refused have been accepted from another target since this one was first
// refused: then the refusal says nothing of the account.
func (a *Accounts) AcceptedElsewhere(res probe.Result) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.members[res.Target]
	since := a.refused[res.Target]
	if !ok || res.Outcome != probe.Auth || since.IsZero() {
		return false
	}
	// The narrowest of several is a provider, which can refuse by itself.
	i := rung(m.around(), res)
	if i > 0 && m.Scopes[i].Kind == ScopeProvider {
		return false
	}
	return slices.ContainsFunc(a.inside[m.Scopes[i]], func(name string) bool {
		return name != res.Target && a.accepted[name].After(since)
	})
}

// Record takes a result that ended at the time given, and returns what it
// changed.
func (a *Accounts) Record(res probe.Result, at time.Time) []Change {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.members[res.Target]
	if !ok {
		return nil
	}
	switch {
	case accepted(res):
		return a.accept(m, at)
	case res.Outcome == probe.RateLimited:
		return a.limit(m, res, at)
	case refusal(res.Outcome):
		return a.refuse(m, res, at)
	}
	return a.unclear(m, at)
}

// accept notes that a target was let in: every scope that it stands in is
// clear.
func (a *Accounts) accept(m Member, at time.Time) []Change {
	a.accepted[m.Target] = at
	delete(a.refused, m.Target)
	var out []Change
	for _, s := range m.Scopes {
		st := a.states[s]
		if st == nil || (st.Phase == Limited && at.Before(st.Next)) {
			continue
		}
		delete(a.states, s)
		delete(a.pending, s)
		out = append(out, Change{State: *st, Cleared: true})
		if st.Phase == Suspended {
			// What was refused before says nothing of what comes now.
			for _, name := range a.inside[s] {
				delete(a.refused, name)
			}
		}
	}
	return out
}

// limit holds a scope until the time that the server asked for, or for a
// minute, and twice as long each time after.
func (a *Accounts) limit(m Member, res probe.Result, at time.Time) []Change {
	s := m.Scopes[rung(m.around(), res)]
	st := a.states[s]
	switch {
	case st == nil:
		st = &State{Scope: s, Phase: Limited, Reason: res.Outcome, Since: at, First: m.Target}
		a.states[s] = st
	case st.Phase != Limited || at.Before(st.Next):
		// Sent before the limit was known.
		return nil
	}
	st.Strikes++
	hold := min(FirstHold<<min(st.Strikes-1, 8), MaxBackOff)
	if asked, ok := res.RetryAfter.Get(); ok {
		hold = min(max(asked, MinHold), MaxHold)
	}
	st.Next, st.Detail = at.Add(hold), res.Error
	return []Change{{State: *st}}
}

// refuse notes a refusal: the widest scope from which nothing was accepted
// since is suspected, and suspended once another part of it is refused too.
func (a *Accounts) refuse(m Member, res probe.Result, at time.Time) []Change {
	if a.refused[m.Target].IsZero() {
		a.refused[m.Target] = at
	}
	i := rung(m.around(), res)
	for i < len(m.Scopes)-1 && a.acceptedOutside(m, i, a.refused[m.Target]) {
		i++
	}
	s := m.Scopes[i]
	st := a.states[s]
	switch {
	case st == nil || st.Phase == Limited:
		st = &State{
			Scope: s, Phase: Suspected, Reason: res.Outcome, Detail: res.Error, Since: at, First: m.Target, Next: at.Add(ConfirmAfter),
		}
		a.states[s] = st
		return []Change{{State: *st}}
	case st.Phase == Suspended:
		// A wider scope's check is any member's.
		st.Next = at.Add(CheckEvery)
		delete(a.pending, s)
		return nil
	case !a.confirms(m, i, st):
		return nil
	}
	st.Phase, st.Reason, st.Next = Suspended, res.Outcome, at.Add(CheckEvery)
	delete(a.pending, s)
	return []Change{{State: *st}}
}

// acceptedOutside reports whether a target of the i-th scope of m that does not
// share the next narrower one was accepted after the time given.
func (a *Accounts) acceptedOutside(m Member, i int, after time.Time) bool {
	return slices.ContainsFunc(a.inside[m.Scopes[i]], func(name string) bool {
		return a.branch(name, i) != m.Scopes[i+1] && a.accepted[name].After(after)
	})
}

// branch returns the scope of a target that is next narrower than its i-th.
func (a *Accounts) branch(name string, i int) Scope {
	scopes := a.members[name].Scopes
	if len(scopes) == 0 {
		// It was removed since.
		return Scope{}
	}
	return scopes[min(i+1, len(scopes)-1)]
}

// confirms reports whether a second refusal, of m, shows that the whole of its
// i-th scope is refused: it must come from another part of it than the first,
// where there is another that can be asked.
func (a *Accounts) confirms(m Member, i int, st *State) bool {
	first := a.branch(st.First, i)
	if a.branch(m.Target, i) != first {
		return true
	}
	return !slices.ContainsFunc(a.inside[st.Scope], func(name string) bool {
		return a.members[name].Checkable && a.branch(name, i) != first
	})
}

// unclear notes a result that shows nothing of the account. A suspicion that
// its check does not confirm goes; a suspension stays, and is checked again.
func (a *Accounts) unclear(m Member, at time.Time) []Change {
	var out []Change
	for _, s := range m.Scopes {
		st := a.states[s]
		if st == nil || !a.pending[s] {
			continue
		}
		delete(a.pending, s)
		if st.Phase == Suspected {
			delete(a.states, s)
			out = append(out, Change{State: *st, Cleared: true})
			continue
		}
		st.Next = at.Add(TryAgain)
	}
	return out
}

// States returns what is not clear at the time given, by scope.
func (a *Accounts) States(now time.Time) []State {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []State
	for _, st := range a.states {
		if st.Phase != Limited || now.Before(st.Next) {
			state := *st
			state.Checking = a.pending[st.Scope]
			out = append(out, state)
		}
	}
	slices.SortFunc(out, func(x, y State) int { return cmp.Compare(x.Scope.String(), y.Scope.String()) })
	return out
}

// Restore gives back what States returned before a restart, as far as its
// scopes still have members and nothing is known of them yet.
func (a *Accounts) Restore(states []State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, st := range states {
		if a.states[st.Scope] == nil && len(a.inside[st.Scope]) > 0 && refusal(st.Reason) {
			st.Checking = false
			a.states[st.Scope] = &st
		}
	}
}

// around returns the member with the scopes around it alone, as it was given.
func (m Member) around() Member {
	m.Scopes = m.Scopes[:len(m.Scopes)-1]
	return m
}
