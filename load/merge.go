package load

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Merge returns the window of the whole of the shares of one plan: counts and
// histograms add up without loss, quantiles are those of the merged histograms,
// and rates are taken over the same plan. What only whole series tell, the number
// of independent values and the steady state, is absent. An error says that the
// windows are not of one plan.
func Merge(windows ...Window) (Window, error) {
	if len(windows) == 0 {
		return Window{}, errors.New("load: no windows to merge")
	}
	out := windows[0]
	for _, w := range windows[1:] {
		if w.ID != out.ID || w.Plan.Hash != out.Plan.Hash || w.Plan.Seed != out.Plan.Seed || w.CurveStep != out.CurveStep || w.Objectives != out.Objectives {
			return Window{}, fmt.Errorf("load: window %s: the windows are not of one plan", w.ID)
		}
	}
	plan := Plan{Process: out.Plan.Process, Stages: out.Plan.Stages, Spec: out.Plan.Spec}
	length := plan.Length()
	out.Share, out.Failures, out.Client = nil, nil, Client{}
	var ended time.Duration
	for _, w := range windows {
		if w.Started.Before(out.Started) {
			out.Started = w.Started
		}
		if w.Ended.After(out.Ended) {
			out.Ended = w.Ended
		}
		if worse(w.EndedBy, out.EndedBy) {
			out.EndedBy, out.EndedWhy = w.EndedBy, w.EndedWhy
		}
		if d, ok := w.DrainTime.Get(); ok {
			ended = max(ended, d)
		}
		out.Failures = append(out.Failures, w.Failures...)
		out.Client.add(w.Client, len(windows))
	}
	slices.SortStableFunc(out.Failures, func(a, b probe.Result) int { return a.Due.Compare(b.Due) })
	out.Failures = out.Failures[:min(len(out.Failures), MaxFailures)]
	out.DrainTime = known(ended)
	over := spans{plan: length, drain: ended}
	whole := newEncoder()
	var err error
	if out.Summary, err = merged(whole, windows, func(w *Window) *Summary { return &w.Summary }, over, out.Objectives); err != nil {
		return Window{}, err
	}
	for _, list := range []struct {
		of   func(*Window) *[]Part
		over func(int) spans
	}{
		{func(w *Window) *[]Part { return &w.Stages }, func(i int) spans { return spans{plan: lengthOfStage(plan.Stages[i])} }},
		{func(w *Window) *[]Part { return &w.Models }, func(int) spans { return over }},
		{func(w *Window) *[]Part { return &w.Lengths }, func(int) spans { return over }},
	} {
		if err := mergeParts(whole, &out, windows, list.of, list.over); err != nil {
			return Window{}, err
		}
	}
	if out.Curve, err = mergeCurves(whole, windows); err != nil {
		return Window{}, err
	}
	out.MaxInFlight = 0
	for _, w := range windows {
		out.MaxInFlight += w.MaxInFlight
	}
	out.Steady, out.Plateau = nil, nil
	out.conclude(&plan, true)
	return out, nil
}

// worse reports that an end says more than another: the plan's own says least.
func worse(a, b EndedBy) bool { return b == EndPlan && a != EndPlan }

// add adds another client of n.
func (c *Client) add(o Client, n int) {
	c.MaxInFlight += o.MaxInFlight
	c.MaxQueued += o.MaxQueued
	c.Cores += o.Cores
	c.BoundFull += o.BoundFull / float64(n)
	for _, pair := range []struct {
		into *probe.Seconds
		from probe.Seconds
	}{{&c.LagP50, o.LagP50}, {&c.LagP99, o.LagP99}, {&c.LagP99Low, o.LagP99Low}} {
		// Without the histograms the worst client's stands for all.
		a, _ := pair.into.Get()
		if b, ok := pair.from.Get(); ok && (b > a || pair.into.IsZero()) {
			*pair.into = pair.from
		}
	}
	worst, _ := c.CPU.Get()
	if cpu, ok := o.CPU.Get(); ok && cpu >= worst {
		c.CPU = o.CPU
	}
}

// merged returns the summary of one part of all windows, with histograms as whole
// writes them.
func merged(whole *encoder, windows []Window, of func(*Window) *Summary, over spans, objectives Objectives) (Summary, error) {
	t := newTally(0, false)
	for i := range windows {
		s := of(&windows[i])
		if s == nil {
			continue
		}
		if err := t.take(s); err != nil {
			return Summary{}, fmt.Errorf("load: window %s: %w", windows[i].ID, err)
		}
	}
	return t.summary(over, objectives, nil, whole), nil
}

// take adds a summary to a tally.
func (t *tally) take(s *Summary) error {
	t.planned += s.Planned
	t.due += s.Due
	t.sent += s.Sent
	t.late += s.Late
	t.notSent += s.NotSent
	t.good += s.Good
	t.bad += s.Bad
	t.apart += s.Apart
	t.early += s.SentInTime
	t.goodInTime += s.GoodInTime
	t.windowTokens += s.TokensInTime
	t.met += s.Met
	for o, n := range s.Outcomes {
		t.outcomes[o] += n
	}
	for code, n := range s.Statuses {
		t.statuses[code] += n
	}
	for source, n := range s.TokenSources {
		t.sources[source] += n
	}
	if n, ok := s.TokensIn.Get(); ok {
		t.tokensIn += n
		t.hasIn = true
	}
	if n, ok := s.TokensOut.Get(); ok {
		t.tokensOut += n
		t.drained += n - s.TokensInTime
		t.hasOut = true
	}
	if usd, ok := s.CostUSD.Get(); ok {
		t.cost += usd
		t.hasCost = true
	}
	t.outOfRange += s.OutOfRange
	for k := range kinds {
		m, err := metricOf(*k.of(s))
		if err != nil {
			return err
		}
		if t.metrics[k], err = t.metrics[k].merge(m); err != nil {
			return err
		}
	}
	return nil
}

// mergeParts merges the parts of one kind by their names, in the order of their
// first appearance in the window that has most of them.
func mergeParts(whole *encoder, out *Window, windows []Window, of func(*Window) *[]Part, over func(int) spans) error {
	var names []Part
	seen := map[string]bool{}
	for i := range windows {
		for _, p := range *of(&windows[i]) {
			if !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, Part{Name: p.Name, Rate: p.Rate})
			}
		}
	}
	for i := range names {
		find := func(w *Window) *Summary {
			list := *of(w)
			if at := slices.IndexFunc(list, func(p Part) bool { return p.Name == names[i].Name }); at >= 0 {
				return &list[at].Summary
			}
			return nil
		}
		var err error
		if names[i].Summary, err = merged(whole, windows, find, over(i), out.Objectives); err != nil {
			return err
		}
	}
	*of(out) = names
	return nil
}

// mergeCurves adds curves up, point by point.
func mergeCurves(whole *encoder, windows []Window) ([]Second, error) {
	points := map[time.Duration]Second{}
	for _, w := range windows {
		for _, s := range w.Curve {
			at, _ := s.At.Get()
			p, ok := points[at]
			if !ok {
				points[at] = s
				continue
			}
			p.Due += s.Due
			p.Sent += s.Sent
			p.Done += s.Done
			p.Good += s.Good
			p.Bad += s.Bad
			p.NotSent += s.NotSent
			p.InFlight += s.InFlight
			p.Queued += s.Queued
			p.Tokens += s.Tokens
			var err error
			if p.Response, err = p.Response.merge(s.Response, whole); err != nil {
				return nil, err
			}
			if p.FirstToken, err = p.FirstToken.merge(s.FirstToken, whole); err != nil {
				return nil, err
			}
			points[at] = p
		}
	}
	return slices.SortedFunc(maps.Values(points), func(a, b Second) int {
		x, _ := a.At.Get()
		y, _ := b.At.Get()
		return cmp.Compare(x, y)
	}), nil
}

// merge returns the points of both.
func (p Points) merge(o Points, whole *encoder) (Points, error) {
	a, err := p.metric()
	if err != nil {
		return Points{}, err
	}
	b, err := o.metric()
	if err != nil {
		return Points{}, err
	}
	both, err := a.merge(b)
	if err != nil {
		return Points{}, err
	}
	return both.points(whole), nil
}

// metric returns what the points are of; nil of none.
func (p Points) metric() (*metric, error) {
	d := Distribution{N: p.N, HDR: p.HDR, Max: p.Max}
	m, err := metricOf(d)
	if m != nil {
		m.min = time.Duration(0)
	}
	return m, err
}
