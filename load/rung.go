package load

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/stats"
)

const (
	// rungFactor is how many times the least requests that give an interval a rung
	// takes at most, before it is left undecided.
	rungFactor = 4
	// perUser is the least requests of each user that a rung takes, so that it sees
	// more than its own beginning.
	perUser = 3
	// lookConfidence is that of one look at a rung under way. There are some ten of
	// them, and an early end only saves requests: the margin is what counts.
	lookConfidence = 0.975
	// littleMost is the residual of Little's law beyond which a rung does not
	// count.
	littleMost = 0.1
)

// rung measures one number in flight. It is told each result as it comes.
type rung struct {
	objective Objective
	users     int
	most      int
	looks     []int

	mu          sync.Mutex
	values      []float64
	late, bad   int
	first, last time.Duration
	service     time.Duration
	decided     bool
}

// newRung returns a rung that takes at most so many requests; 0 is what its
// objective needs.
func newRung(o Objective, users, most int) *rung {
	r := &rung{objective: o, users: users, most: most}
	p := o.quantile()
	least, _ := stats.MinSamples(p, confidence, false)
	if r.most == 0 {
		r.most = rungFactor * least
	}
	r.most = max(r.most, least, perUser*users)
	for late := 0; late < 20; late++ {
		if n, ok := stats.SamplesToProve(late, p, lookConfidence); ok && n >= perUser*users {
			r.looks = append(r.looks, n)
		}
	}
	return r
}

// quantile returns the quantile whose proof the objective asks for.
func (o Objective) quantile() float64 {
	if o.Signal == "bad_ratio" {
		return 1 - o.Ratio
	}
	return o.Quantile
}

// validate returns what is wrong with the objective.
func (o Objective) validate() error {
	limit, _ := o.Limit.Get()
	switch o.Signal {
	case "bad_ratio":
		if !(o.Ratio > 0 && o.Ratio < 1) {
			return fmt.Errorf("objective: ratio %g is not between 0 and 1", o.Ratio)
		}
	case "response", "service", "first_token", "first_answer", "tpot", "gap":
		if !(o.Quantile > 0 && o.Quantile < 1) || limit <= 0 {
			return fmt.Errorf("objective: p%g < %v: give a quantile between 0 and 1 and a limit above 0", 100*o.Quantile, limit)
		}
	default:
		return fmt.Errorf("objective: there is no signal %q that a search can hold to", o.Signal)
	}
	return nil
}

// String returns the objective as it is written.
func (o Objective) String() string {
	if o.Signal == "bad_ratio" {
		return fmt.Sprintf("bad_ratio < %g %%", 100*o.Ratio)
	}
	limit, _ := o.Limit.Get()
	return fmt.Sprintf("p%g(%s) < %s", 100*o.Quantile, o.Signal, limit)
}

// of returns the value that the objective looks at, in seconds.
func (o Objective) of(res *probe.Result) (float64, bool) {
	s := map[string]probe.Seconds{
		"response": res.Response, "service": res.Service, "first_token": res.FirstToken,
		"first_answer": res.FirstAnswer, "tpot": res.TPOT, "gap": res.GapMax,
	}[o.Signal]
	d, ok := s.Get()
	return d.Seconds(), ok
}

// take takes a result, and reports that the rung has seen enough. The first
// request of each user found an emptier server and does not count.
func (r *rung) take(j job, res *probe.Result, done time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.decided || !res.Enters() {
		return r.decided
	}
	if j.Number < r.users {
		r.first = max(r.first, done)
		return false
	}
	limit, _ := r.objective.Limit.Get()
	value, known := r.objective.of(res)
	bad := res.Counts == probe.Bad
	switch {
	case r.objective.Signal == "bad_ratio":
		value = 0
		if bad {
			value = 1
		}
	case bad:
		value = max(value, limit.Seconds()*2)
	case !known:
		return false
	}
	r.values = append(r.values, value)
	if bad {
		r.bad++
	}
	if r.objective.Signal == "bad_ratio" && bad || r.objective.Signal != "bad_ratio" && value >= limit.Seconds() {
		r.late++
	}
	took, _ := res.Service.Get()
	r.service += took
	r.last = max(r.last, done)
	r.decided = r.enough()
	return r.decided
}

// enough decides at the looks, fixed beforehand, and at the end.
func (r *rung) enough() bool {
	n := len(r.values)
	if n >= r.most {
		return true
	}
	if !slices.Contains(r.looks, n) {
		return false
	}
	p := r.objective.quantile()
	return stats.ProvesQuantile(n, r.late, p, lookConfidence) || stats.ProvesQuantile(n, n-r.late, 1-p, lookConfidence)
}

// result describes the rung, whose window ended by something.
func (r *rung) result(w *Window) Rung {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.values)
	out := Rung{InFlight: r.users, Requests: w.Sent, Seconds: r.last.Seconds()}
	span := (r.last - r.first).Seconds()
	if n > 0 && span > 0 {
		out.Rate = float64(n) / span
		if x, ok := stats.LittleResidual(out.Rate, r.service.Seconds()/float64(n), float64(r.users)); ok {
			out.Little = probe.Some(x)
			// While requests fail, who left and who stayed is not the law's question.
			if math.Abs(x) > littleMost && r.bad == 0 {
				out.Discarded = fmt.Sprintf("Little's law is off by %.0f %%", 100*x)
			}
		}
	}
	out.Value, out.Margin, out.StdErr = r.margin()
	switch {
	case w.EndedBy == EndErrors:
		out.Margin, out.StdErr, out.Discarded = min(out.Margin, -1), 0, ""
	case n == 0:
		out.Discarded = "no result came within its time"
	}
	out.Passed = out.Margin > 0
	return out
}

// margin returns the objective's quantity, by how much it was kept, and the
// standard error of that: of times in logarithms, from the interval of the
// quantile; of shares as a part of the limit.
func (r *rung) margin() (value, margin, stdErr float64) {
	n := len(r.values)
	if n == 0 {
		return 0, 0, 0
	}
	if r.objective.Signal == "bad_ratio" {
		value = float64(r.late) / float64(n)
		spread := max(value, 1/float64(n))
		return value, (r.objective.Ratio - value) / r.objective.Ratio, math.Sqrt(spread*(1-min(spread, 0.5))/float64(n)) / r.objective.Ratio
	}
	sorted := slices.Clone(r.values)
	slices.Sort(sorted)
	value, _ = stats.Quantile(sorted, r.objective.Quantile)
	limit, _ := r.objective.Limit.Get()
	if value <= 0 {
		return value, 1, 0
	}
	margin = math.Log(limit.Seconds() / value)
	if i, ok := stats.QuantileInterval(sorted, r.objective.Quantile, confidence, float64(n)); ok && i.Low > 0 {
		stdErr = math.Log(i.High/i.Low) / (2 * 1.96)
	} else {
		stdErr = 1
	}
	return value, margin, stdErr
}

// climb carries out one rung and returns its window.
func (r *rung) climb(ctx context.Context, plan Plan, o Options) (Window, error) {
	e, err := newEngine(plan, Whole(), o)
	if err != nil {
		return Window{}, err
	}
	e.told = func(j job, res *probe.Result, done time.Duration) {
		if r.take(j, res, done) {
			e.end(&Stop{By: EndAnswered})
		}
	}
	return e.run(ctx), nil
}
