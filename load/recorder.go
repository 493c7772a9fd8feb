package load

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// mostDense bounds the stages whose histograms are dense, of 172 kB each.
	mostDense = 16
	// mostSamples bounds the samples of all stages together.
	mostSamples = 64 << 10
	// streamFailures is the stream of a seed that decides which failures are kept.
	streamFailures = 5
	// classes bounds the classes of input length, each twice as long as the last.
	classes = 32
)

// recorder counts what comes of a window. It may be used from several goroutines.
type recorder struct {
	start      time.Time
	length     time.Duration
	high       time.Duration
	objectives Objectives

	mu      sync.Mutex
	whole   *tally
	stages  []*tally
	series  []*series
	steps   []*tally
	lengths [classes]*tally
	// classes counts the lengths that there are, and inTokens says what they are in.
	classes  int
	inTokens bool
	curve    curve
	// pacing is the lag of what found room at once.
	pacing   *metric
	failures []probe.Result
	failed   int
	dice     *rand.Rand
	// lastDone is when the last result came.
	lastDone time.Duration
	watch    watch

	// seen makes Observe one call after the other, outside mu.
	seen sync.Mutex
}

// newRecorder returns a recorder of a plan whose requests take at most high.
func newRecorder(p *Plan, high time.Duration, o *Options) *recorder {
	r := &recorder{
		length: p.Length(), high: high, objectives: o.Objectives, dice: dice(p.Seed, streamFailures),
		whole: newTally(high, true), curve: curve{step: curveStep(p.Length()), high: high},
		pacing: newMetric(high, true), watch: newWatch(o.Abort),
	}
	for range p.Stages {
		r.stages = append(r.stages, newTally(high, len(p.Stages) <= mostDense))
		r.series = append(r.series, &series{most: max(256, mostSamples/4/len(p.Stages))})
	}
	if len(o.Targets) > 1 {
		for range o.Targets {
			r.steps = append(r.steps, newTally(high, false))
		}
	}
	return r
}

// plan counts what the share holds.
func (r *recorder) plan(arrivals Taken) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range arrivals.Len() {
		r.each(arrivals.At(i).Arrival, func(t *tally) { t.planned++ })
	}
}

// each calls f with the tallies that an arrival belongs to.
func (r *recorder) each(a Arrival, f func(*tally)) {
	f(r.whole)
	f(r.stages[a.Stage])
	if len(r.steps) > 0 {
		f(r.steps[a.Step])
	}
}

// due counts an arrival that came due.
func (r *recorder) due(a Arrival, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each(a, func(t *tally) { t.due++ })
	r.curve.at(at).due++
}

// job is one arrival on its way.
type job struct {
	Numbered
	at time.Duration
	// late is set where it had to wait for room.
	late bool
	// input is the length of its input in bytes.
	input int
}

// record takes a result, and returns what it makes the window end by, nil for
// nothing.
func (r *recorder) record(j job, res *probe.Result, done time.Duration) *Stop {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastDone = max(r.lastDone, done)
	sent := done
	if !res.Sent.IsZero() {
		sent = res.Sent.Sub(r.start)
	}
	how := took{late: j.late, sentEarly: sent <= r.length, doneEarly: done <= r.length, met: meets(r.objectives, res)}
	r.each(j.Arrival, func(t *tally) { t.result(res, how) })
	r.byLength(j, res, how)
	r.onCurve(j, res, sent, done)
	if d, ok := res.Lag.Get(); ok && !j.late {
		r.pacing.record(d, false)
	}
	if res.Counts == probe.Good {
		took, _ := res.Service.Get()
		waited, _ := res.Response.Get()
		r.series[j.Stage].take(sample{j.Number, sent, took, waited})
	} else {
		r.keep(res)
	}
	return r.watch.result(res, done)
}

// onCurve places a result: what it waited where it was due, what it did where it
// did it.
func (r *recorder) onCurve(j job, res *probe.Result, sent, done time.Duration) {
	if !res.Sent.IsZero() {
		if p := r.curve.at(max(0, sent)); p != nil {
			p.sent++
		}
	}
	p := r.curve.at(done)
	p.done++
	switch res.Counts {
	case probe.Good:
		p.good++
	case probe.Bad:
		p.bad++
	case probe.Apart:
	}
	if n, ok := res.TokensOut.Get(); ok {
		p.tokens += n
	}
	if !res.Enters() {
		return
	}
	bad := res.Counts == probe.Bad
	p = r.curve.at(j.at)
	if d, ok := res.Response.Get(); ok {
		r.curve.record(&p.response, d, bad)
	}
	if d, ok := res.FirstToken.Get(); ok {
		r.curve.record(&p.firstToken, d, bad)
	}
}

// byLength counts a result by the length of its input: in tokens where the other
// side counts them, in bytes of JSON where it does not.
func (r *recorder) byLength(j job, res *probe.Result, how took) {
	n := j.input
	if tokens, ok := res.TokensIn.Get(); ok {
		n, r.inTokens = tokens, true
	} else if r.inTokens || n == 0 {
		return
	}
	class := min(bits.Len(uint(max(n-1, 0))), classes-1)
	if r.lengths[class] == nil {
		// Most windows ask one length alone.
		r.lengths[class] = newTally(r.high, r.classes == 0)
		r.classes++
	}
	t := r.lengths[class]
	t.due++
	t.result(res, how)
}

// keep keeps a sample of failures: the first half of the room for the first of
// them, the other half drawn evenly from all that follow.
func (r *recorder) keep(res *probe.Result) {
	r.failed++
	switch {
	case len(r.failures) < MaxFailures:
		r.failures = append(r.failures, *res)
	default:
		if at := MaxFailures/2 + r.dice.IntN(r.failed-MaxFailures/2); at < MaxFailures {
			r.failures[at] = *res
		}
	}
}

// unsent takes an arrival that came due at a time and was given up at another.
func (r *recorder) unsent(a Arrival, at, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each(a, func(t *tally) { t.unsent(now - at) })
	p := r.curve.at(at)
	p.notSent++
	r.curve.record(&p.response, now-at, true)
}

// meets reports that a result kept every objective. The first token counts from
// due, as the response does: a user waits for both.
func meets(o Objectives, res *probe.Result) bool {
	if res.Counts != probe.Good || o.IsZero() {
		return false
	}
	wait, _ := res.Lag.Get()
	for _, pair := range []struct {
		limit, value probe.Seconds
		extra        time.Duration
	}{{o.Response, res.Response, 0}, {o.FirstToken, res.FirstToken, wait}, {o.TPOT, res.TPOT, 0}} {
		limit, asked := pair.limit.Get()
		value, known := pair.value.Get()
		// A stream of one token has no TPOT to break.
		if asked && known && value+pair.extra > limit || asked && !known && pair.limit != o.TPOT {
			return false
		}
	}
	return true
}

// gauge notes how many are in flight and wait at a time.
func (r *recorder) gauge(at time.Duration, inFlight, queued int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.curve.at(at)
	p.inFlight, p.queued = inFlight, queued
}

// reading lets the watch look at a reading.
func (r *recorder) reading(at time.Duration, inFlight int, p *Plan) *Stop {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watch.reading(at, inFlight, p.level(at))
}

// parts fills in the summaries of stages, steps and lengths, with histograms as
// whole writes them.
func (r *recorder) parts(w *Window, p *Plan, o *Options, over spans, whole *encoder) {
	from := time.Duration(0)
	for i, t := range r.stages {
		// Of the stage in which a window ended, and those after it, only what was.
		length := lengthOfStage(p.Stages[i])
		alone := spans{plan: min(length, max(0, over.plan-from))}
		from += length
		part := Part{Name: strconv.Itoa(i), Summary: t.summary(alone, r.objectives, r.series[i].sizes(), whole)}
		if p.Users() == 0 {
			part.Rate = probe.Some(p.Stages[i].Rate)
		}
		part.Steady = r.series[i].steady(i, r.high)
		w.Stages = append(w.Stages, part)
	}
	for i, t := range r.steps {
		name := o.Targets[i].Name
		if p.Spec != nil && i < len(p.Spec.Steps) && p.Spec.Steps[i].Name != "" {
			name = p.Spec.Steps[i].Name
		}
		w.Models = append(w.Models, Part{Name: name, Summary: t.summary(over, r.objectives, nil, whole)})
	}
	unit := "bytes"
	if r.inTokens {
		unit = "tokens"
	}
	for i, t := range r.lengths {
		if t != nil {
			w.Lengths = append(w.Lengths, Part{Name: fmt.Sprintf("<= %d %s", 1<<i, unit), Summary: t.summary(over, r.objectives, nil, whole)})
		}
	}
	if len(w.Lengths) == 1 {
		w.Lengths = nil
	}
}
