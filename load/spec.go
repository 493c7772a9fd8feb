package load

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Process is how due times are drawn.
type Process string

// The processes.
const (
	// Constant has gaps of 1/rate.
	Constant Process = "constant"
	// Poisson has exponential gaps.
	Poisson Process = "poisson"
	// Gamma has gamma gaps of shape Burstiness and the same mean: 1 is Poisson,
	// less is burstier, more is more even (the convention of vLLM's benchmark).
	Gamma Process = "gamma"
	// Modulated is Poisson with a rate that wanders around the stages' own.
	Modulated Process = "modulated"
	// Trace replays the times of a file.
	Trace Process = "trace"
	// Closed is users that wait for each answer, and think, before they ask again.
	Closed Process = "closed"
)

// Processes returns the closed set.
func Processes() []Process { return []Process{Constant, Poisson, Gamma, Modulated, Trace, Closed} }

// Bounds of a plan.
const (
	MaxArrivals = 10_000_000
	MaxUsers    = 10_000
	MaxStages   = 1_000
	MaxSteps    = 256
)

// Spec is what a Plan is drawn from. The zero Process is Constant.
type Spec struct {
	// Window is the identity of the window, which its results bear.
	Window  string  `json:"window"`
	Process Process `json:"process"`
	// Stages follow one another; a first ramp begins at no rate at all. A trace
	// takes only their lengths, and without stages is one stage of its own length.
	Stages []Stage `json:"stages,omitempty"`
	// Burstiness is the shape of Gamma; 0 is 1.
	Burstiness float64 `json:"burstiness,omitempty"`
	// Wander is how the rate of Modulated varies; the zero value is DefaultWander.
	Wander Wander `json:"wander,omitzero"`
	// Trace is what Trace replays; see ReadTrace. It is no part of the record,
	// which has the arrivals themselves.
	Trace []TracePoint `json:"-"`
	// TimeScale multiplies the times of a trace: 0.5 is twice as fast; 0 is 1.
	TimeScale float64 `json:"time_scale,omitempty"`
	// Users are the closed loops of Closed, For is how long they go on, and each
	// pause is drawn evenly from ThinkMin to ThinkMax.
	Users    int           `json:"users,omitempty"`
	For      probe.Seconds `json:"for_seconds,omitzero"`
	ThinkMin probe.Seconds `json:"think_min_seconds,omitzero"`
	ThinkMax probe.Seconds `json:"think_max_seconds,omitzero"`
	// Steps are those of a mix; none is a window of one target.
	Steps []Step `json:"steps,omitempty"`
	// Lengths is the distribution of input lengths; the zero value draws none.
	Lengths Lengths `json:"lengths,omitzero"`
}

// Step is one kind of request of a mix.
type Step struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
}

// Wander is a rate that is multiplied, for each stretch of Every, by a gamma
// factor of mean 1 and coefficient of variation CV.
type Wander struct {
	Every probe.Seconds `json:"every_seconds"`
	CV    float64       `json:"cv"`
}

// DefaultWander is a new rate each minute with a variation of a quarter, what the
// Azure LLM inference trace of 2023 (conversation) shows: its counts in a minute
// have a variance of 20 times their mean of 330.
func DefaultWander() Wander { return Wander{Every: probe.Measured(time.Minute), CV: 0.25} }

// IsZero reports that nothing was chosen.
func (w Wander) IsZero() bool { return w == Wander{} }

// Validate returns every way in which no plan can be drawn from s.
func (s Spec) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch s.process() {
	case Constant, Poisson, Gamma, Modulated:
		if len(s.Stages) == 0 {
			bad("stages: there are none; give at least one")
		}
	case Trace:
		if len(s.Trace) == 0 {
			bad("trace: it holds no arrivals; give a file with at least one")
		}
	case Closed:
		if s.Users < 1 || s.Users > MaxUsers {
			bad("users: %d is out of range; give 1 to %d", s.Users, MaxUsers)
		}
		if d, _ := s.For.Get(); d <= 0 {
			bad("for: the users have no end; give a time above 0")
		}
		if low, high := s.think(); low < 0 || high < low {
			bad("think_time: %v to %v is no range; give the smaller first", low, high)
		}
	default:
		bad("process: there is no %q; give one of %v", s.Process, Processes())
	}
	if len(s.Stages) > MaxStages {
		bad("stages: %d are more than %d", len(s.Stages), MaxStages)
	}
	for i, stage := range s.Stages {
		if err := stage.validate(); err != nil {
			bad("stages[%d].%w", i, err)
		}
	}
	errs = append(errs, s.knobs()...)
	errs = append(errs, s.steps()...)
	if err := s.Lengths.validate(); err != nil {
		bad("lengths.%w", err)
	}
	return errors.Join(errs...)
}

// knobs returns what is wrong with the numbers of single processes.
func (s Spec) knobs() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(s.burstiness() > 0) || math.IsInf(s.Burstiness, 0) {
		bad("burstiness: %g is not above 0; give for instance 0.5", s.Burstiness)
	}
	if !(s.timeScale() > 0) || math.IsInf(s.TimeScale, 0) {
		bad("time_scale: %g is not above 0; give for instance 1", s.TimeScale)
	}
	if every, _ := s.wander().Every.Get(); every < time.Second || !(s.wander().CV >= 0 && s.wander().CV <= 10) {
		bad("wander: every %v with a variation of %g; give at least 1s, and from 0 to 10", every, s.wander().CV)
	}
	return errs
}

// steps returns what is wrong with the steps.
func (s Spec) steps() []error {
	var errs []error
	if len(s.Steps) > MaxSteps {
		errs = append(errs, fmt.Errorf("steps: %d are more than %d", len(s.Steps), MaxSteps))
	}
	for i, step := range s.Steps {
		if !(step.Weight > 0) || math.IsInf(step.Weight, 0) {
			errs = append(errs, fmt.Errorf("steps[%d].weight: %g is not above 0; give for instance 1", i, step.Weight))
		}
	}
	return errs
}

// validate returns what is wrong with a stage.
func (s Stage) validate() error {
	length, _ := s.For.Get()
	ramp, _ := s.Ramp.Get()
	switch {
	case !(s.Rate >= 0) || math.IsInf(s.Rate, 0):
		return fmt.Errorf("rate: %g is no rate; give a number of requests a second", s.Rate)
	case length <= 0:
		return errors.New("for: the stage has no end; give a time above 0")
	case ramp < 0 || ramp > length:
		return fmt.Errorf("ramp: %v is not within the stage's %v", ramp, length)
	}
	return nil
}

// process returns the process, Constant where none was chosen.
func (s Spec) process() Process {
	if s.Process == "" {
		return Constant
	}
	return s.Process
}

// burstiness returns the shape of gamma gaps.
func (s Spec) burstiness() float64 {
	if s.Burstiness == 0 {
		return 1
	}
	return s.Burstiness
}

// timeScale returns the factor on a trace's times.
func (s Spec) timeScale() float64 {
	if s.TimeScale == 0 {
		return 1
	}
	return s.TimeScale
}

// wander returns how the rate wanders.
func (s Spec) wander() Wander {
	if s.Wander.IsZero() {
		return DefaultWander()
	}
	return s.Wander
}

// think returns the bounds of a user's pause.
func (s Spec) think() (low, high time.Duration) {
	low, _ = s.ThinkMin.Get()
	high, known := s.ThinkMax.Get()
	if !known {
		high = low
	}
	return low, high
}
