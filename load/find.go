package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

// The defaults of a search.
const (
	defaultRungTime   = 30 * time.Second
	defaultSearchTime = 15 * time.Minute
	searchTrials      = 24
	// searchGrowth is the factor of the bracket, searchResolution the width of the
	// answer.
	searchGrowth     = 2
	searchResolution = 0.1
	edgeResamples    = 500
)

// Find climbs a closed ladder, users who ask again as soon as they are answered,
// until the capacity under the search's objective is known: numbers in flight
// double until the objective breaks, and an isotonic fit of the margins narrows
// the bracket (stats.Search). A rung ends when it is decided, so that what is far
// from the edge takes few requests; one that breaks Little's law is not counted
// and repeated. The window's stages are the rungs, and its Capacity is the
// answer. An error says why none could begin.
func Find(ctx context.Context, s Search, o Options) (Window, error) {
	if err := s.Objective.validate(); err != nil {
		return Window{}, fmt.Errorf("load: search %s: %w", s.Window, err)
	}
	s = s.withDefaults(o)
	if s.First < 1 || s.Most < s.First || s.Most > o.MaxInFlight {
		return Window{}, fmt.Errorf("load: search %s: %d to %d in flight is not within 1 and max_in_flight, %d", s.Window, s.First, s.Most, o.MaxInFlight)
	}
	f := &finder{search: s, o: o, began: usageNow()}
	f.ladder = stats.Search{
		First: float64(s.First), Least: 1, Most: float64(s.Most), Growth: searchGrowth,
		Resolution: searchResolution, Trials: searchTrials, Whole: true,
	}
	if err := f.climb(ctx); err != nil {
		return Window{}, err
	}
	return f.window()
}

// withDefaults fills in what was left open.
func (s Search) withDefaults(o Options) Search {
	if s.First == 0 {
		s.First = 1
	}
	if s.Most == 0 {
		s.Most = o.MaxInFlight
	}
	if s.RungTime == 0 {
		s.RungTime = defaultRungTime
	}
	if s.Time == 0 {
		s.Time = defaultSearchTime
	}
	return s
}

// finder is one search under way.
type finder struct {
	search  Search
	o       Options
	ladder  stats.Search
	began   usage
	trials  []stats.Trial
	rungs   []Rung
	windows []Window
	step    stats.SearchStep
	// cut is what ended the search before its answer; nil where nothing did.
	cut *Stop
}

// climb takes rung after rung.
func (f *finder) climb(ctx context.Context) error {
	began := time.Now()
	until := began.Add(f.search.Time)
	defer func() {
		if f.o.Progress != nil {
			f.o.Progress(Snapshot{Elapsed: time.Since(began), Ended: true, Stage: max(0, len(f.windows)-1)})
		}
	}()
	for discarded := 0; ; {
		f.step = f.ladder.Next(f.trials)
		if f.step.End != stats.SearchGoesOn {
			return nil
		}
		left := time.Until(until)
		if left <= 0 || discarded > searchTrials/4 {
			f.step.End = stats.SearchSpent
			return nil
		}
		users := int(f.step.Load)
		plan, err := Draw(Spec{Window: f.search.Window, Process: Closed, Users: users, For: probe.Measured(min(f.search.RungTime, left))},
			f.search.Seed+uint64(len(f.windows)))
		if err != nil {
			return err
		}
		r := newRung(f.search.Objective, users, f.search.RungRequests)
		w, err := r.climb(ctx, plan, f.shown(began))
		if err != nil {
			return err
		}
		got := r.result(&w)
		f.windows, f.rungs = append(f.windows, w), append(f.rungs, got)
		switch w.EndedBy {
		case EndPlan, EndAnswered:
		case EndErrors:
			// Errors are an answer above a load that had none, and a failing endpoint
			// below it.
			if f.step.Low == 0 {
				f.cut = &Stop{w.EndedBy, w.EndedWhy}
				return nil
			}
		default:
			f.cut = &Stop{w.EndedBy, w.EndedWhy}
			return nil
		}
		if got.Discarded != "" {
			discarded++
			continue
		}
		f.trials = append(f.trials, stats.Trial{Load: float64(users), Margin: got.Margin, StdErr: got.StdErr})
	}
}

// shown returns the options of one rung, whose views count from the start of the
// search. When that will be over is not known: it ends with its answer.
func (f *finder) shown(began time.Time) Options {
	o, rung, start := f.o, len(f.windows), time.Now()
	if f.o.Progress == nil {
		return o
	}
	o.Progress = func(s Snapshot) {
		if !s.Ended {
			s.Elapsed, s.Left, s.Stage, s.Draining = s.Elapsed+start.Sub(began), 0, rung, false
			f.o.Progress(s)
		}
	}
	return o
}

// window makes one record of all rungs.
func (f *finder) window() (Window, error) {
	if len(f.windows) == 0 {
		return Window{}, errors.New("load: the search had no time for a single rung")
	}
	first, last := f.windows[0], f.windows[len(f.windows)-1]
	w := first
	w.Ended, w.Plan.Spec, w.Steady, w.Plateau = last.Ended, nil, nil, nil
	w.Plan.Stages, w.Stages, w.Models, w.Lengths, w.Curve, w.Failures = nil, nil, nil, nil, nil, nil
	w.Client, w.DrainTime = Client{}, probe.Seconds{}
	total := newTally(0, false)
	var length time.Duration
	for i := range f.windows {
		rung := &f.windows[i]
		took := rung.Ended.Sub(rung.Started)
		w.Plan.Stages = append(w.Plan.Stages, Stage{Rate: f.rungs[i].Rate, For: probe.Measured(took)})
		part := Part{Name: strconv.Itoa(i), Steady: rung.Steady, Summary: rung.Summary}
		w.Stages = append(w.Stages, part)
		if err := total.take(&rung.Summary); err != nil {
			return Window{}, err
		}
		offset := rung.Started.Sub(first.Started)
		for _, point := range rung.Curve {
			at, _ := point.At.Get()
			point.At, point.Stage = probe.Measured(at+offset), i
			w.Curve = append(w.Curve, point)
		}
		w.Failures = append(w.Failures, rung.Failures[:min(len(rung.Failures), MaxFailures-len(w.Failures))]...)
		w.Client.worst(rung.Client)
		length += took
	}
	w.Summary = total.summary(spans{plan: length}, f.o.Objectives, nil, newEncoder())
	// Users never wait for room, so that what was late was late by us. A rung of a few
	// requests has no p99 but its slowest; all of them together have one.
	late := total.metrics[lag]
	w.Client.LagP50, w.Client.LagP99, w.Client.LagP99Low = late.plain(0.5), late.plain(0.99), late.p99AtLeast()
	if cpu, ok := f.began.ratio(usageNow()); ok {
		w.Client.CPU = probe.Some(cpu)
	}
	w.Capacity = f.capacity()
	f.conclude(&w)
	return w, nil
}

// worst takes the worse of two clients that were one after the other.
func (c *Client) worst(o Client) {
	c.Cores = o.Cores
	c.MaxInFlight, c.MaxQueued = max(c.MaxInFlight, o.MaxInFlight), max(c.MaxQueued, o.MaxQueued)
}

// conclude fills in the verdict.
func (f *finder) conclude(w *Window) {
	w.EndedBy, w.EndedWhy = EndAnswered, w.Capacity.Sentence
	if f.cut != nil {
		w.EndedBy, w.EndedWhy = f.cut.By, f.cut.Why
	}
	facts := facts{end: w.EndedBy, endWhy: w.EndedWhy, hot: true, client: w.Client}
	if w.Service.P50 != nil {
		facts.median, _ = w.Service.P50.Value.Get()
	}
	w.Verdict, w.Reason = judge(facts)
	if w.Verdict == Complete && w.Capacity.Answer == string(stats.SearchBracketed) {
		w.Verdict, w.Reason = ServerLimited, w.Capacity.Sentence
	}
}

// capacity makes the answer of the trials.
func (f *finder) capacity() *Capacity {
	c := &Capacity{
		Objective: f.search.Objective, Answer: string(f.step.End), Rungs: f.rungs,
		InFlightLow: int(f.step.Low), InFlightHigh: int(f.step.High),
	}
	if f.cut != nil {
		c.Answer = string(stats.SearchSpent)
	}
	var ns, xs []float64
	worst := 0.0
	for _, r := range f.rungs {
		c.Requests += r.Requests
		if r.Discarded != "" || r.Rate <= 0 {
			continue
		}
		ns, xs = append(ns, float64(r.InFlight)), append(xs, r.Rate)
		c.Peak = max(c.Peak, r.Rate)
		if x, ok := r.Little.Get(); ok && math.Abs(x) >= math.Abs(worst) {
			worst = x
			c.Little = probe.Some(x)
		}
	}
	c.RateLow, c.RateHigh = f.rateAt(c.InFlightLow), f.rateAt(c.InFlightHigh)
	if edge, ok := stats.FindEdge(f.trials, confidence, edgeResamples, f.search.Seed); ok {
		c.Cliff = edge.Cliff
		if edge.HasValue {
			c.InFlight = probe.Some(edge.Value)
			c.InFlightFrom, c.InFlightTo = probe.Some(edge.Interval.Low), probe.Some(edge.Interval.High)
		}
	}
	if u, ok := stats.FitUSL(ns, xs); ok {
		c.USL = &USL{Lambda: u.Lambda, Sigma: u.Sigma, Kappa: u.Kappa, R2: u.R2}
		if n, x, ok := u.Peak(); ok {
			c.USL.PeakInFlight, c.USL.PeakRate = probe.Some(n), probe.Some(x)
		}
	}
	c.Sentence = c.say()
	return c
}

// rateAt returns the mean throughput of the rungs of a number in flight.
func (f *finder) rateAt(users int) float64 {
	sum, n := 0.0, 0
	for _, r := range f.rungs {
		if r.InFlight == users && r.Discarded == "" {
			sum += r.Rate
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// say returns the answer in words.
func (c *Capacity) say() string {
	var text string
	switch stats.SearchEnd(c.Answer) {
	case stats.SearchBracketed:
		text = fmt.Sprintf("keeps %s at %d in flight (%s) and breaks it at %d (%s)", c.Objective, c.InFlightLow, perSecond(c.RateLow), c.InFlightHigh, perSecond(c.RateHigh))
		if c.Cliff {
			text += ", suddenly"
		}
	case stats.SearchAllPass:
		text = fmt.Sprintf("keeps %s up to the bound of %d in flight (%s)", c.Objective, c.InFlightLow, perSecond(c.RateLow))
	case stats.SearchNonePass:
		text = fmt.Sprintf("breaks %s with one request at a time", c.Objective)
	default:
		text = fmt.Sprintf("no answer to %s", c.Objective)
		if c.InFlightLow > 0 {
			text += fmt.Sprintf("; it is kept at %d in flight (%s)", c.InFlightLow, perSecond(c.RateLow))
		}
		if c.InFlightHigh > 0 {
			text += fmt.Sprintf("; it is broken at %d (%s)", c.InFlightHigh, perSecond(c.RateHigh))
		}
	}
	if x, ok := c.Little.Get(); ok {
		text += fmt.Sprintf("; Little's law residual %.0f %%", 100*math.Abs(x))
	}
	return text + fmt.Sprintf("; %d requests in %d rungs", c.Requests, len(c.Rungs))
}
