package load

import (
	"maps"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// kind numbers the distributions of a summary.
type kind int

const (
	response kind = iota
	service
	lag
	firstByte
	firstToken
	firstAnswer
	tpot
	gap
	kinds
)

// of returns where a summary keeps the distribution of a kind.
func (k kind) of(s *Summary) *Distribution {
	switch k {
	case response:
		return &s.Response
	case service:
		return &s.Service
	case lag:
		return &s.Lag
	case firstByte:
		return &s.FirstByte
	case firstToken:
		return &s.FirstToken
	case firstAnswer:
		return &s.FirstAnswer
	case tpot:
		return &s.TPOT
	default:
		return &s.Gap
	}
}

// tally counts what came of a window or a part of it.
type tally struct {
	dense bool
	high  time.Duration

	planned, due, sent, late, notSent int
	good, bad, apart                  int
	outcomes                          map[probe.Outcome]int
	statuses                          map[int]int
	metrics                           [kinds]*metric

	tokensIn, tokensOut   int
	hasIn, hasOut         bool
	windowTokens, drained int
	sources               map[probe.TokensSource]int
	met                   int
	// early are those sent, and goodInTime those answered well, within the plan.
	early, goodInTime int
	cost              float64
	hasCost           bool
	outOfRange        int
}

// newTally returns an empty tally for times up to high.
func newTally(high time.Duration, dense bool) *tally {
	return &tally{high: high, dense: dense, outcomes: map[probe.Outcome]int{}, statuses: map[int]int{}, sources: map[probe.TokensSource]int{}}
}

// add records a value of one kind.
func (t *tally) add(k kind, d time.Duration, censored bool) {
	m := t.metrics[k]
	if m == nil {
		m = newMetric(t.high, t.dense)
		t.metrics[k] = m
	}
	m.record(d, censored)
}

// seconds records a value that may be absent.
func (t *tally) seconds(k kind, s probe.Seconds, censored bool) {
	if d, ok := s.Get(); ok {
		t.add(k, d, censored)
	}
}

// took is what a recorder knows of a result besides itself.
type took struct {
	late, met bool
	// sentEarly and doneEarly say that it was sent, and done, within the plan.
	sentEarly, doneEarly bool
}

// result takes one result.
func (t *tally) result(r *probe.Result, how took) {
	t.outcomes[r.Outcome]++
	if r.Status != 0 {
		t.statuses[r.Status]++
	}
	if !r.Sent.IsZero() {
		t.sent++
		if how.late {
			t.late++
		}
		if how.sentEarly {
			t.early++
		}
		t.seconds(lag, r.Lag, false)
	}
	t.count(r.Counts, how)
	if how.met {
		t.met++
	}
	if r.Enters() {
		t.times(r)
	}
	t.tokens(r, how)
	if usd, ok := r.CostUSD.Get(); ok {
		t.cost += usd
		t.hasCost = true
	}
}

// count counts how a result counts.
func (t *tally) count(c probe.Counts, how took) {
	switch c {
	case probe.Good:
		t.good++
		if how.doneEarly {
			t.goodInTime++
		}
	case probe.Bad:
		t.bad++
	case probe.Apart:
		t.apart++
	}
}

// times takes the times of a result that enters percentiles.
func (t *tally) times(r *probe.Result) {
	bad := r.Counts == probe.Bad
	t.seconds(response, r.Response, bad)
	t.seconds(service, r.Service, bad)
	t.seconds(firstByte, r.FirstByte, false)
	// A stream that broke after its first token measured that token.
	t.seconds(firstToken, r.FirstToken, bad && r.Chunks == probe.Opt[int]{} || bad && r.Chunks == probe.Some(0))
	t.seconds(firstAnswer, r.FirstAnswer, false)
	t.seconds(tpot, r.TPOT, false)
	for _, d := range r.Gaps {
		t.add(gap, d, false)
	}
}

// tokens takes the tokens of a result.
func (t *tally) tokens(r *probe.Result, how took) {
	if n, ok := r.TokensIn.Get(); ok {
		t.tokensIn += n
		t.hasIn = true
	}
	if n, ok := r.TokensOut.Get(); ok {
		t.tokensOut += n
		t.hasOut = true
		t.sources[r.TokensSource]++
		if how.doneEarly {
			t.windowTokens += n
		} else {
			t.drained += n
		}
	}
}

// unsent takes an arrival that came due and was never sent, after a wait.
func (t *tally) unsent(wait time.Duration) {
	t.outcomes[probe.NotSent]++
	t.notSent++
	t.apart++
	t.add(response, wait, true)
}

// spans are the times that rates are taken over.
type spans struct{ plan, drain time.Duration }

// summary describes the tally, with its histograms as whole writes them.
func (t *tally) summary(over spans, objectives Objectives, size *sizes, whole *encoder) Summary {
	s := t.counts(over, objectives)
	for k := range kinds {
		if m := t.metrics[k]; m != nil {
			s.OutOfRange += m.outOfRange
			*k.of(&s) = m.distribution(size.of(k), whole)
		}
	}
	return s
}

// counts is the summary without its distributions, which take a while. It shares
// nothing with the tally: a view is read while the window goes on.
func (t *tally) counts(over spans, objectives Objectives) Summary {
	s := Summary{
		Planned: t.planned, Due: t.due, Sent: t.sent, Late: t.late, NotSent: t.notSent,
		Outcomes: maps.Clone(t.outcomes), Statuses: maps.Clone(t.statuses), Good: t.good, Bad: t.bad, Apart: t.apart,
		TokenSources: maps.Clone(t.sources), OutOfRange: t.outOfRange,
		SentInTime: t.early, GoodInTime: t.goodInTime, TokensInTime: t.windowTokens, Met: t.met,
	}
	if t.hasIn {
		s.TokensIn = probe.Some(t.tokensIn)
	}
	if t.hasOut {
		s.TokensOut = probe.Some(t.tokensOut)
	}
	if t.hasCost {
		s.CostUSD = probe.Some(t.cost)
	}
	t.rates(&s, over, objectives)
	return s
}

// rates fills in what is counted by the second.
func (t *tally) rates(s *Summary, over spans, objectives Objectives) {
	if over.plan > 0 {
		seconds := over.plan.Seconds()
		s.AskedRate = probe.Some(float64(t.due) / seconds)
		s.AchievedRate = probe.Some(float64(t.early) / seconds)
		s.Throughput = probe.Some(float64(t.goodInTime) / seconds)
		if t.hasOut {
			s.Tokens = &TokenRates{System: probe.Some(float64(t.windowTokens) / seconds)}
			if over.drain > 0 {
				s.Tokens.Drain = probe.Some(float64(t.drained) / over.drain.Seconds())
			}
			s.Tokens.users(t.metrics[tpot])
		}
	}
	if !objectives.IsZero() && t.due > 0 {
		s.Goodput = &Goodput{Met: t.met, Attempted: t.due, Ratio: float64(t.met) / float64(t.due)}
		if over.plan > 0 {
			s.Goodput.Rate = float64(t.met) / over.plan.Seconds()
		}
	}
}

// users fills in the rates of single streams: the faster a stream, the less its
// TPOT, so that nine in ten are faster than the inverse of its p90.
func (r *TokenRates) users(m *metric) {
	for _, q := range []struct {
		p    float64
		into *probe.Opt[float64]
	}{{0.5, &r.UserP50}, {0.9, &r.UserP10}} {
		if m == nil {
			return
		}
		if v := m.quantile(q.p, float64(m.n)); v != nil {
			if d, _ := v.Value.Get(); d > 0 {
				*q.into = probe.Some(1 / d.Seconds())
			}
		}
	}
}
