package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of one window.
const (
	maxRate     = 100_000
	maxUsers    = 10_000
	maxStages   = 1_000
	maxInFlight = 10_000
	maxTrace    = 64 << 20
	maxWindow   = 24 * time.Hour
)

// windowRaw is what windows and mixes have in common.
type windowRaw struct {
	where
	schedule    string
	stages      []rawStage
	users       int
	thinkTime   *span
	lasts       duration
	maxInFlight int
	abort       rawAbort
	location    string
	// ends names the keys that end it, for messages.
	ends []string
	// replayed says that a trace is its load and its end, replay how long it lasts.
	replayed bool
	replay   time.Duration
}

// window checks the model's load window.
func (m *modelCheck) window() {
	raw := m.raw.Window
	if raw == nil || raw.off {
		return
	}
	m.need(FeatureLoad, raw.here(), "remove window")
	arrival := m.arrival(raw)
	w := m.loadWindow(windowRaw{
		where: raw.where, schedule: raw.Schedule, stages: raw.Stages, users: raw.Users, thinkTime: raw.ThinkTime,
		lasts: raw.For, maxInFlight: raw.MaxInFlight, abort: raw.Abort, location: raw.Location,
		ends: []string{"stages", "users", "find"}, replayed: arrival.Process == "trace", replay: arrival.TraceTime,
	}, m.problem)
	w.Timeout = m.target.Timeout
	if raw.Timeout != nil {
		if w.Timeout = raw.Timeout.get(); w.Timeout <= 0 {
			m.problem(raw.at("timeout"), "allows no time at all", "write a time above 0, such as 30s")
		}
	}
	w.Find = m.find(raw)
	w.Arrival, w.Lengths = arrival, m.inputLengths(raw)
	m.out.Window = w
}

// complaint is how a problem of a window is reported.
type complaint func(at spot, what, remedy string)

// loadWindow checks what windows and mixes have in common.
func (c *checker) loadWindow(raw windowRaw, bad complaint) *Window {
	w := &Window{
		Users: raw.users, For: raw.lasts.get(), MaxInFlight: raw.maxInFlight, Location: raw.location,
		Arrival: Arrival{Process: "constant", Burstiness: 1, TimeScale: 1}, Abort: c.abort(raw.abort, bad),
	}
	var given []string
	for _, key := range raw.ends {
		if raw.has(key) {
			given = append(given, key)
		}
	}
	switch {
	case raw.replayed && len(given) > 0:
		bad(raw.at(given[0]), "a trace has its own load and end", "remove it, or choose another process")
	case raw.replayed:
	case len(given) == 0:
		bad(raw.at(raw.ends[0]), "has no load and no end", "write "+strings.Join(raw.ends, " or "))
	case len(given) > 1:
		bad(raw.at(given[1]), strings.Join(given, " and ")+" are both given", "keep one")
	}
	if raw.has("users") {
		c.users(raw, w, bad)
	} else {
		for _, key := range []string{"think_time", "for"} {
			if raw.has(key) {
				bad(raw.at(key), "belongs to users", "write users, or remove it")
			}
		}
	}
	w.Stages = c.stages(raw, bad)
	switch {
	case !raw.has("max_in_flight"):
		bad(raw.at("max_in_flight"), "is missing: a window must have a bound", "write the most requests at a time, such as 32")
	case raw.maxInFlight < 1 || raw.maxInFlight > maxInFlight:
		bad(raw.at("max_in_flight"), fmt.Sprintf("%d is out of range", raw.maxInFlight), fmt.Sprintf("write from 1 to %d", maxInFlight))
	case raw.users > raw.maxInFlight:
		bad(raw.at("max_in_flight"), fmt.Sprintf("%d is less than the %d users, who would wait for each other", raw.maxInFlight, raw.users),
			"write at least as many as users")
	}
	if raw.location != "" {
		c.name(raw.at("location"), "location", raw.location)
	}
	c.windowTimes(raw, w, bad)
	return w
}

// users checks closed loops.
func (c *checker) users(raw windowRaw, w *Window, bad complaint) {
	if raw.users < 1 || raw.users > maxUsers {
		bad(raw.at("users"), fmt.Sprintf("%d is out of range", raw.users), fmt.Sprintf("write from 1 to %d", maxUsers))
	}
	if !raw.has("for") || w.For <= 0 {
		bad(raw.at("for"), "users without an end", "write how long they go on, such as for: 10m")
	}
	if raw.thinkTime != nil {
		w.ThinkMin, w.ThinkMax = raw.thinkTime.min, raw.thinkTime.max
	}
}

// stages checks open arrivals.
func (c *checker) stages(raw windowRaw, bad complaint) []Stage {
	if raw.has("stages") && len(raw.stages) == 0 || len(raw.stages) > maxStages {
		bad(raw.at("stages"), fmt.Sprintf("%d stages are out of range", len(raw.stages)), fmt.Sprintf("write from 1 to %d", maxStages))
	}
	stages := make([]Stage, 0, len(raw.stages))
	for i := range raw.stages {
		s := &raw.stages[i]
		if !s.has("rate") {
			bad(s.at("rate"), "is missing", "write for instance rate: 5/s")
		} else if s.Rate > maxRate {
			bad(s.at("rate"), fmt.Sprintf("%g/s is more than one machine sends", float64(s.Rate)), fmt.Sprintf("write at most %d/s", maxRate))
		}
		if s.For <= 0 {
			bad(s.at("for"), "a stage without an end", "write how long it lasts, such as for: 2m")
		}
		if s.Ramp > s.For {
			bad(s.at("ramp"), short(s.Ramp.get())+" is longer than the stage, whose for includes it", "write at most "+short(s.For.get()))
		}
		stages = append(stages, Stage{Rate: float64(s.Rate), For: s.For.get(), Ramp: s.Ramp.get()})
	}
	return stages
}

// windowTimes checks when a window starts and that it ends before the next.
func (c *checker) windowTimes(raw windowRaw, w *Window, bad complaint) {
	length := w.For + raw.replay
	for _, s := range w.Stages {
		length += s.For
	}
	if length > maxWindow {
		bad(raw.here(), short(length)+" is longer than a day", "write a shorter window")
	}
	if !raw.has("schedule") {
		bad(raw.at("schedule"), "is missing", `write when to run it, such as "0 3 * * *"`)
		return
	}
	s := c.schedule(raw.at("schedule"), raw.schedule)
	w.Schedule = s.Schedule
	if s.ok && s.plan.gap > 0 && length > s.plan.gap {
		bad(raw.at("schedule"), fmt.Sprintf("fires every %s, and the window lasts %s", short(s.plan.gap), short(length)), "run it less often, or make it shorter")
	}
}

// abort checks when a window stops itself.
func (c *checker) abort(raw rawAbort, bad complaint) Abort {
	a := Abort{Off: raw.off, ErrorRatio: float64(raw.ErrorRatio), MinRequests: raw.MinRequests, On: raw.On}
	if !raw.has("on") {
		a.On = []int{402, 429}
	}
	if raw.MinRequests < 1 {
		bad(raw.at("min_requests"), fmt.Sprintf("%d is not above 0", raw.MinRequests), "write a number such as 20")
	}
	if raw.ErrorRatio <= 0 {
		bad(raw.at("error_ratio"), "would stop at the first result", "write a ratio above 0, such as 20%, or abort: off")
	}
	for i, code := range raw.On {
		if code < 400 || code > 599 {
			bad(raw.item("on", i), fmt.Sprintf("%d is not the status of an error", code), "write from 400 to 599, such as 429")
		}
	}
	return a
}

// find checks the condition of a capacity search.
func (m *modelCheck) find(raw *rawWindow) string {
	if !raw.has("find") || raw.n.get("find").broken {
		return ""
	}
	// A search judges one step of its ladder at a time: the condition's time is
	// the step's own.
	w, err := alerts.ParseWhen(raw.Find + " over 1m")
	switch {
	case err != nil:
		m.problem(raw.at("find"), quote(raw.Find)+" is not a condition to search by", "write for instance p95(first_token) < 1s")
	case w.Form != alerts.FormQuantile && w.Form != alerts.FormRatio:
		m.problem(raw.at("find"), quote(raw.Find)+" cannot be judged in one step of a search", "write a quantile or a ratio, such as p95(first_token) < 1s")
	}
	return raw.Find
}

// arrival checks how due times are drawn.
func (m *modelCheck) arrival(raw *rawWindow) Arrival {
	a := Arrival{Process: "constant", Burstiness: 1, TimeScale: 1}
	r := raw.Arrival
	if r == nil {
		return a
	}
	a = Arrival{Process: r.Process, Burstiness: r.Burstiness, TraceFile: r.TraceFile, TimeScale: r.TimeScale}
	if r.Seed != nil {
		a.Seed = probe.Some(*r.Seed)
	}
	for _, k := range []struct{ key, process string }{{"burstiness", "gamma"}, {"trace_file", "trace"}, {"time_scale", "trace"}} {
		if r.has(k.key) && r.Process != k.process {
			m.problem(r.at(k.key), "belongs to the process "+k.process, "write process: "+k.process+", or remove it")
		}
	}
	switch {
	case r.Process == "trace" && !r.has("trace_file"):
		m.problem(r.at("trace_file"), "is missing", "name the CSV file to replay")
	case r.has("trace_file"):
		m.trace(r, &a)
	}
	if r.Burstiness <= 0 {
		m.problem(r.at("burstiness"), fmt.Sprintf("%g is not above 0", r.Burstiness), "write a number such as 0.5")
	}
	if r.TimeScale <= 0 {
		m.problem(r.at("time_scale"), fmt.Sprintf("%g is not above 0", r.TimeScale), "write a number such as 1")
	}
	return a
}

// inputLengths checks how long the inputs are.
func (m *modelCheck) inputLengths(raw *rawWindow) Lengths {
	r := raw.Lengths
	if r == nil {
		return Lengths{}
	}
	if m.raw.Inputs != nil && m.raw.Inputs.sampled {
		m.problem(r.here(), "inputs that are sampled and joined have no length to choose by", "write inputs as a plain list, or remove it")
	}
	if raw.Arrival != nil && raw.Arrival.Process == "trace" {
		m.problem(r.here(), "a trace has its own lengths", "remove it, or choose another process")
	}
	normal := r.Kind != "uniform"
	switch {
	case normal && r.Mean <= 0:
		m.problem(r.at("mean"), fmt.Sprintf("%g is not above 0", r.Mean), "write a number of characters, such as 800")
	case !normal && r.Max <= 0:
		m.problem(r.at("max"), "is missing: a uniform length needs one", "write a number of characters, such as 2000")
	case r.Min < 0 || r.Max != 0 && r.Max < r.Min:
		m.problem(r.at("min"), fmt.Sprintf("%d to %d is no range", r.Min, r.Max), "write the smaller first")
	case r.Spread < 0:
		m.problem(r.at("spread"), fmt.Sprintf("%g is below 0", r.Spread), "write at least 0")
	}
	return Lengths{Kind: r.Kind, Mean: r.Mean, Spread: r.Spread, Min: r.Min, Max: r.Max}
}

// trace reads what is replayed: a file that cannot be is found here and not at
// night, and its requests are counted for the budget.
func (m *modelCheck) trace(r *rawArrival, a *Arrival) {
	a.TraceFile = m.resolve(r.TraceFile)
	data, ok := m.file(r.at("trace_file"), r.TraceFile, maxTrace)
	if !ok {
		return
	}
	points, err := load.ReadTrace(bytes.NewReader(data))
	if err == nil && len(points) == 0 {
		err = errors.New("it holds no arrivals")
	}
	if err != nil {
		m.problem(r.at("trace_file"), "cannot be replayed: "+err.Error(), "write a column of seconds, or TIMESTAMP,ContextTokens,GeneratedTokens")
		return
	}
	a.TraceRequests = len(points)
	a.TraceTime = time.Duration(float64(points[len(points)-1].At) * r.TimeScale)
}

// mixes checks load windows over several models.
func (c *checker) mixes() {
	first := map[string]spot{}
	for i := range c.raw.Mixes {
		raw := &c.raw.Mixes[i]
		if raw.n == nil {
			continue
		}
		c.need(FeatureLoad, raw.here(), "remove the mix")
		c.unique(raw.where, "mix", raw.Name, first)
		if slices.ContainsFunc(c.models, func(m *checked) bool { return raw.Name != "" && m.out.Target.Name == raw.Name }) {
			c.problem(raw.at("name"), "a model has the name "+quote(raw.Name)+" too", "choose another name: hfwatch load takes either")
		}
		w := c.loadWindow(windowRaw{
			where: raw.where, schedule: raw.Schedule, stages: raw.Stages, users: raw.Users, thinkTime: raw.ThinkTime,
			lasts: raw.For, maxInFlight: raw.MaxInFlight, abort: raw.Abort, location: raw.Location, ends: []string{"stages", "users"},
		}, c.problem)
		mix := Mix{Name: raw.Name, Window: *w, Steps: c.steps(raw)}
		if raw.Location == "" || raw.Location == c.cfg.Location {
			c.cfg.Mixes = append(c.cfg.Mixes, mix)
		}
	}
}

// steps checks the models of a mix.
func (c *checker) steps(raw *rawMix) []Step {
	if len(raw.Steps) == 0 {
		c.problem(raw.at("steps"), "has no models", "write steps: [{model: …, weight: 1}]")
	}
	var names []string
	for _, m := range c.models {
		names = append(names, m.out.Target.Name)
	}
	steps := make([]Step, 0, len(raw.Steps))
	for i := range raw.Steps {
		s := &raw.Steps[i]
		switch {
		case !s.has("model"):
			c.problem(s.at("model"), "is missing", "write the name of a model of this file")
		case c.fanNamed(s.Model) != nil:
			c.problem(s.at("model"), quote(s.Model)+" stands for a target at each provider", "name a model with one provider")
		case !slices.Contains(names, s.Model):
			c.problem(s.at("model"), "there is no model "+quote(s.Model), meant(s.Model, names))
		}
		if s.Weight <= 0 {
			c.problem(s.at("weight"), fmt.Sprintf("%g is not above 0", s.Weight), "write a number such as 1")
		}
		steps = append(steps, Step{Name: or(s.Name, s.Model), Model: s.Model, Weight: s.Weight})
	}
	return steps
}

// unique checks the name of an item of a list.
func (c *checker) unique(w where, what, name string, first map[string]spot) {
	if !w.has("name") {
		c.problem(w.at("name"), "is missing", "give the "+what+" a name")
		return
	}
	at := w.at("name")
	article := "a "
	if strings.ContainsAny(what[:1], "aeiou") {
		article = "an "
	}
	if !c.name(at, "name of "+article+what, name) {
		return
	}
	if old, twice := first[name]; twice {
		c.problem(at, "the name "+quote(name)+" is taken at "+old.place.String(), "choose another name")
		return
	}
	first[name] = at
}
