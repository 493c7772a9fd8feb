package load

import (
	"runtime"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// hotFor is how long a window must last for its share of the processor to mean
// something.
const hotFor = 3 * time.Second

// window makes the record. Nothing is in flight any more.
func (e *engine) window() Window {
	now := usageNow()
	e.mu.Lock()
	stop, most, queued, full, readings := *e.stop, e.maxBusy, e.maxQueued, e.full, e.readings
	e.mu.Unlock()
	e.rec.mu.Lock()
	defer e.rec.mu.Unlock()
	over := e.spans(stop.By)
	if e.plan.Users() > 0 {
		for _, t := range append([]*tally{e.rec.whole}, append(e.rec.stages, e.rec.steps...)...) {
			t.planned = t.due
		}
	}
	whole := newEncoder()
	w := Window{
		Schema: WindowSchema, ID: e.plan.Window, Location: e.o.Runner.Location, Version: e.o.Runner.Version,
		Mix: e.o.Mix, Started: e.start.Round(0), Ended: now.at.Round(0), Plan: e.plan.Head(),
		EndedBy: stop.By, EndedWhy: stop.Why, MaxInFlight: e.o.MaxInFlight,
		Timeout: probe.Measured(e.timeout), Drain: probe.Measured(e.drain), Abort: e.o.Abort, Objectives: e.o.Objectives,
		CurveStep: probe.Measured(e.rec.curve.step), Curve: e.rec.curve.seconds(e.stageAt, whole), Failures: e.rec.failures,
		Client: Client{
			Cores: runtime.GOMAXPROCS(0), MaxInFlight: most, MaxQueued: queued,
			LagP50: e.rec.pacing.plain(0.5), LagP99: e.rec.pacing.plain(0.99), LagP99Low: e.rec.pacing.p99AtLeast(),
		},
	}
	w.DrainTime = known(over.drain)
	if w.Mix == "" {
		w.Target = e.o.Targets[0].Name
	}
	if e.share != Whole() {
		w.Share = &e.share
	}
	if readings > 0 {
		w.Client.BoundFull = float64(full) / float64(readings)
	}
	if cpu, ok := e.began.ratio(now); ok {
		w.Client.CPU = probe.Some(cpu)
	}
	main := e.rec.mainStage()
	w.Summary = e.rec.whole.summary(over, e.o.Objectives, e.rec.series[main].sizes(), whole)
	e.rec.parts(&w, &e.plan, &e.o, over, whole)
	w.Steady = w.Stages[main].Steady
	w.conclude(&e.plan, now.at.Sub(e.start) >= hotFor)
	return w
}

// spans returns the times that rates are taken over: the plan's, or what of it
// there was. What was cut off within its first second has no rates: a few requests
// over a few milliseconds make millions a second.
func (e *engine) spans(by EndedBy) spans {
	over := spans{plan: e.plan.Length()}
	if by != EndPlan {
		over.plan = min(over.plan, time.Since(e.start))
	}
	over.drain = max(0, e.rec.lastDone-over.plan)
	if by != EndPlan && by != EndAnswered && over.plan < time.Second {
		over.plan = 0
	}
	return over
}

// mainStage returns the stage with the most good answers. The caller holds r.mu.
func (r *recorder) mainStage() int {
	at := 0
	for i, t := range r.stages {
		if t.good > r.stages[at].good {
			at = i
		}
	}
	return at
}

// conclude fills in plateau and verdict. hot says that the share of the processor
// means something.
func (w *Window) conclude(p *Plan, hot bool) {
	w.stageThroughput(p)
	open := w.Plan.Process != string(Closed)
	if open {
		w.Plateau = plateauOf(p, w.Stages)
	}
	f := facts{
		end: w.EndedBy, endWhy: w.EndedWhy, open: open, hot: hot, client: w.Client, plateau: w.Plateau,
		bound: w.MaxInFlight, notSent: w.NotSent, growth: growthOf(w.Stages),
	}
	f.asked, _ = w.AskedRate.Get()
	f.sent, _ = w.AchievedRate.Get()
	if w.Service.P50 != nil {
		f.median, _ = w.Service.P50.Value.Get()
	}
	w.Verdict, w.Reason = judge(f)
}

// stageThroughput sets the throughput of each stage to what was answered well
// within the stage's own time, whenever it was due: what a server that cannot keep
// up answers later says nothing of the stage in which it was asked.
func (w *Window) stageThroughput(p *Plan) {
	length := p.Length()
	good, from := make([]int, len(w.Stages)), time.Duration(0)
	for i := range w.Curve {
		at, _ := w.Curve[i].At.Get()
		if stage := w.Curve[i].Stage; at < length && stage < len(good) {
			good[stage] += w.Curve[i].Good
		}
	}
	step, _ := w.CurveStep.Get()
	for i := range w.Stages {
		stage := lengthOfStage(p.Stages[i])
		// The curve tells stages apart only where its points lie within one.
		if _, known := w.Stages[i].Throughput.Get(); known && step > 0 && from%step == 0 && stage >= step {
			w.Stages[i].Throughput = probe.Some(float64(good[i]) / min(stage, w.lasted(from, stage)).Seconds())
		}
		from += stage
	}
}

// lasted returns how much of a stage there was before the window ended.
func (w *Window) lasted(from, stage time.Duration) time.Duration {
	if w.EndedBy == EndPlan {
		return stage
	}
	return max(w.Ended.Sub(w.Started)-from, time.Second)
}

// known returns a duration as measured where it is above 0.
func known(d time.Duration) probe.Seconds {
	if d <= 0 {
		return probe.Seconds{}
	}
	return probe.Measured(d)
}
