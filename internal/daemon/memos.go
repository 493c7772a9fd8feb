package daemon

import (
	"sync"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/probe"
)

// lastShown is how many outcomes the front page shows.
const lastShown = 5

// memo is what is remembered of one target between its results.
type memo struct {
	// said is the last state that was logged.
	said string
	// good is the hash of the last request that was answered well.
	good     string
	last     probe.Result
	outcomes []probe.Outcome // oldest first
}

// memos is what is remembered of every target. It is safe for concurrent use.
type memos struct {
	mu  sync.Mutex
	all map[string]*memo
}

// of returns the memo of a target. The caller holds the lock.
func (m *memos) of(target string) *memo {
	if m.all == nil {
		m.all = map[string]*memo{}
	}
	if m.all[target] == nil {
		m.all[target] = &memo{}
	}
	return m.all[target]
}

// say reports whether the state is another than the last of that target.
func (m *memos) say(target, state string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	memo := m.of(target)
	changed := memo.said != state
	memo.said = state
	return changed
}

// remember takes a result.
func (m *memos) remember(res probe.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	memo := m.of(res.Target)
	if res.Outcome == probe.OK {
		memo.good = res.ParamsHash
	}
	memo.last = res
	memo.outcomes = append(memo.outcomes, res.Outcome)
	if n := len(memo.outcomes); n > lastShown {
		memo.outcomes = append([]probe.Outcome(nil), memo.outcomes[n-lastShown:]...)
	}
}

// okBefore reports whether the same request was answered well before.
func (m *memos) okBefore(target, params string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return params != "" && m.of(target).good == params
}

// last returns the last result of a target and its last outcomes.
func (m *memos) last(target string) (probe.Result, []probe.Outcome, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	memo := m.of(target)
	return memo.last, append([]probe.Outcome(nil), memo.outcomes...), memo.last.ID != ""
}

// keep forgets every target that is not among those given.
func (m *memos) keep(targets map[string]config.Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.all {
		if _, ok := targets[name]; !ok {
			delete(m.all, name)
		}
	}
}
