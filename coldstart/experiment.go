package coldstart

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Method is how an experiment wakes a model.
type Method string

// The methods.
const (
	// Hold sends one request with X-Scale-Up-Timeout, which the proxy before a
	// dedicated endpoint holds until a replica is ready. (Inference Endpoints,
	// guides/autoscaling.)
	Hold Method = "hold"
	// Poll asks again and again and is refused until the model is awake.
	Poll Method = "poll"
)

// Plan is what an experiment is to do.
type Plan struct {
	Method Method
	// Idle is how long the model must have had no request; GiveUp how long the
	// cold start may take; Requests how many valid answers of the warm-up are
	// asked for at most.
	Idle, GiveUp time.Duration
	Requests     int
	// Managed says that the management API can be read, Health that there is a
	// health route to ask.
	Managed, Health bool
}

// The paces of an experiment.
const (
	// Pace is between two looks at a waking model: that of the official client's
	// wait. (huggingface_hub, _inference_endpoints.py.)
	Pace = 5 * time.Second
	// WarmPace is between two requests of the warm-up.
	WarmPace = time.Second
	// IdlePace is between two looks at a model that is to fall asleep.
	IdlePace = 30 * time.Second
	// idleSlack is how much later than its idle time a model may fall asleep.
	idleSlack = 10 * time.Minute
)

// Act is one thing that an experiment does.
type Act string

// The acts.
const (
	// Wait does nothing until the time given.
	Wait Act = "wait"
	// Read reads the management API.
	Read Act = "read"
	// Health asks the health route.
	Health Act = "health"
	// Wake is the first request, which opens the episode; Ask any other. Neither
	// is waited for: what comes of it is told by Answered.
	Wake Act = "wake"
	Ask  Act = "ask"
	// Over is that nothing is left to do.
	Over Act = "over"
)

// Move is the next act, and when it is due. Of Wake and Ask, Hold is how long
// the request is to be held for; 0 is not at all.
type Move struct {
	Act  Act
	At   time.Time
	Hold time.Duration
	// Why says of Over why there was no cold start; empty where there was one.
	Why string
}

// The reasons for which no cold start was measured.
const (
	// WhyAwake is a model that did not fall asleep: somebody else asks it.
	WhyAwake = "not_asleep"
	// WhyPaused is an endpoint that a person stopped.
	WhyPaused = "paused"
	// WhyUnread is a management API that could not be read all the while.
	WhyUnread = "state_not_read"
)

// Experiment is the state of one experiment. It is plain, and a function of
// what it is told.
type Experiment struct {
	plan  Plan
	begun time.Time
	// quiet is since when the model has had no request of ours.
	quiet time.Time

	reading            Reading
	read               bool
	lastRead, lastWell time.Time
	lastAsk            time.Time
	woken, first       time.Time
	asking, well       bool
	answered           bool
	failures, answers  int
	over               bool
}

// NewExperiment returns an experiment that begins now, of a model whose last
// request of ours ended at the time given; zero is not known.
func NewExperiment(plan Plan, now, lastAsked time.Time) *Experiment {
	return &Experiment{plan: plan, begun: now, quiet: pick(lastAsked.IsZero(), now, lastAsked)}
}

// Longest returns how long an experiment may take in all, for which other lanes
// stand back.
func (p Plan) Longest() time.Duration {
	return p.Idle + idleSlack + p.GiveUp + time.Duration(p.Requests)*2*WarmPace
}

// Quiet notes when the model was last asked, by whatever of ours: its idle time
// counts from there.
func (x *Experiment) Quiet(since time.Time) {
	if since.After(x.quiet) {
		x.quiet = since
	}
}

// Next returns what to do next.
func (x *Experiment) Next(now time.Time) Move {
	switch {
	case x.over:
		return Move{Act: Over, At: now}
	case x.woken.IsZero():
		return x.idle(now)
	case x.answered:
		return x.warm(now)
	default:
		return x.wake(now)
	}
}

// idle waits for the model to fall asleep.
func (x *Experiment) idle(now time.Time) Move {
	limit := x.plan.Idle + idleSlack
	if !x.plan.Managed {
		// Nothing tells: the idle time and a twentieth, in which it falls asleep.
		asleep := x.quiet.Add(x.plan.Idle + x.plan.Idle/20)
		switch {
		case asleep.After(x.begun.Add(limit + x.plan.Idle/20)):
			return Move{Act: Over, At: now, Why: WhyAwake}
		case now.Before(asleep):
			return Move{Act: Wait, At: asleep}
		}
		return x.begin(now)
	}
	switch {
	case x.read && x.reading.State == ManagedPaused:
		return Move{Act: Over, At: now, Why: WhyPaused}
	case x.read && x.reading.State == ManagedScaledToZero:
		return x.begin(now)
	case now.Sub(x.begun) >= limit:
		// Whatever the API says, or where it never answers: other lanes are held meanwhile.
		return Move{Act: Over, At: now, Why: pick(x.read, WhyAwake, WhyUnread)}
	}
	return x.due(Read, x.lastRead, IdlePace, now)
}

// begin is the request that wakes the model.
func (x *Experiment) begin(now time.Time) Move {
	return Move{Act: Wake, At: now, Hold: x.hold(now, now)}
}

// hold returns for how long a request is to be held.
func (x *Experiment) hold(now, woken time.Time) time.Duration {
	if x.plan.Method != Hold {
		return 0
	}
	return max(time.Second, x.plan.GiveUp-now.Sub(woken)).Truncate(time.Second)
}

// due returns an act that is due so long after it was last done.
func (x *Experiment) due(act Act, last time.Time, every time.Duration, now time.Time) Move {
	if last.IsZero() || !now.Before(last.Add(every)) {
		return Move{Act: act, At: now}
	}
	return Move{Act: act, At: last.Add(every)}
}

// wake watches the model wake up.
func (x *Experiment) wake(now time.Time) Move {
	if end := x.woken.Add(x.plan.GiveUp); !now.Before(end) {
		return Move{Act: Over, At: now}
	}
	next := Move{Act: Wait, At: x.woken.Add(x.plan.GiveUp)}
	earlier := func(m Move) {
		if m.At.Before(next.At) {
			next = m
		}
	}
	if x.plan.Managed {
		earlier(x.due(Read, x.lastRead, Pace, now))
	}
	if x.plan.Health && (!x.plan.Managed || x.running()) && !x.well {
		earlier(x.due(Health, x.lastWell, Pace, now))
	}
	if !x.asking {
		ask := x.due(Ask, x.lastAsk, Pace, now)
		ask.Hold = x.hold(ask.At, x.woken)
		earlier(ask)
	}
	return next
}

// mostFailures bounds the failures of a warm-up.
const mostFailures = 10

// warm follows the warm-up.
func (x *Experiment) warm(now time.Time) Move {
	if x.answers >= x.plan.Requests || x.failures >= mostFailures {
		return Move{Act: Over, At: now}
	}
	if x.asking {
		return Move{Act: Wait, At: now.Add(IdlePace)}
	}
	// A held answer can come before the looks that would have seen the parts of
	// the start: once more, at once and then at the pace.
	ask := x.due(Ask, x.lastAsk, WarmPace, now)
	if x.plan.Managed && !x.running() {
		if m := x.late(Read, x.lastRead, now); !m.At.After(ask.At) {
			return m
		}
	}
	if x.plan.Health && !x.well {
		if m := x.late(Health, x.lastWell, now); !m.At.After(ask.At) {
			return m
		}
	}
	return ask
}

// late is a look after the first valid answer.
func (x *Experiment) late(act Act, last, now time.Time) Move {
	if last.Before(x.first) {
		return Move{Act: act, At: now}
	}
	return x.due(act, last, Pace, now)
}

// running reports that the management API says so, with a replica.
func (x *Experiment) running() bool { return x.reading.State == ManagedRunning && x.reading.Ready > 0 }

// Did notes that an act was begun at the time given.
func (x *Experiment) Did(act Act, at time.Time) {
	switch act {
	case Read:
		x.lastRead = at
	case Health:
		x.lastWell = at
	case Wake:
		x.woken, x.lastAsk, x.asking = at, at, true
	case Ask:
		x.lastAsk, x.asking = at, true
	case Wait, Over:
	}
}

// See takes what came of an act.
func (x *Experiment) See(ev Evidence) {
	switch ev.Source {
	case FromManagement:
		x.reading, x.read = ev.Reading, true
	case FromHealth:
		x.well = x.well || ev.Well
	case FromAnswer:
		x.asking = false
		switch {
		case ev.Valid():
			if !x.answered {
				x.answered, x.first = true, ev.At
			}
			x.answers++
		case x.answered:
			x.failures++
		}
		if ev.Outcome == probe.Canceled {
			x.over = true
		}
	case FromHub:
	}
}

// Stop ends it.
func (x *Experiment) Stop() { x.over = true }

// Woken reports whether the first request was sent.
func (x *Experiment) Woken() bool { return !x.woken.IsZero() }

// Asking reports whether a request is under way.
func (x *Experiment) Asking() bool { return x.asking }
