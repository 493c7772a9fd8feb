package sim

import (
	"fmt"
	"math"
	"time"
)

// Cold makes a model sleep, that of a dedicated endpoint or, as serverless ones
// did, one behind the router: it falls asleep when nobody asks it, wakes at a
// request, and answers slowly at first. The delays are those of the documentation
// (Inference Endpoints, guides/autoscaling) unless given.
type Cold struct {
	// Namespace is the endpoint's at the management API; "sim" by default. Its
	// name there is the model's.
	Namespace string `json:"namespace,omitempty"`
	// Begin is the phase at the start: asleep (the default), ready or paused.
	Begin string `json:"begin,omitempty"`
	// Idle is how long after the last request it falls asleep; 0 is an hour.
	Idle Duration `json:"idle,omitempty"`
	// Waking is from the request that wakes it until the management API says
	// pending, Pending until it says initializing, Initializing until running,
	// Unhealthy from there until it answers.
	Waking       Duration `json:"waking,omitempty"`
	Pending      Duration `json:"pending,omitempty"`
	Initializing Duration `json:"initializing,omitempty"`
	Unhealthy    Duration `json:"unhealthy,omitempty"`
	// NeverReady keeps it initializing.
	NeverReady bool `json:"never_ready,omitempty"`
	// Early500 makes requests fail with 500 while it runs unhealthy, as custom
	// containers without a health route do, where others answer 503.
	Early500 bool `json:"early_500,omitempty"`
	// Estimate is what a refusal says of the time still needed: none (the
	// default), honest, constant (EstimateOf, for ever) or half (of the truth).
	Estimate   string   `json:"estimate,omitempty"`
	EstimateOf Duration `json:"estimate_of,omitempty"`
	// MaxHold bounds X-Scale-Up-Timeout; 0 is an hour.
	MaxHold Duration `json:"max_hold,omitempty"`

	// SlowRequests is how many requests after waking take SlowBy longer.
	SlowRequests int      `json:"slow_requests,omitempty"`
	SlowBy       Duration `json:"slow_by,omitempty"`
	// After those, latency is multiplied by Factor for Step requests, or by
	// 1 + (Factor - 1)·e^(-n/Decay) at the nth.
	Factor float64 `json:"factor,omitempty"`
	Step   int     `json:"step,omitempty"`
	Decay  float64 `json:"decay,omitempty"`

	// MaxReplicas is how many there may be; 1 by default. More than PerReplica
	// requests for each (1.5 by default) for 20 s start another, looked at every
	// minute; fewer for 300 s stop one, looked at every two minutes.
	MaxReplicas int     `json:"max_replicas,omitempty"`
	PerReplica  float64 `json:"per_replica,omitempty"`
}

// factor returns by how much the nth request after waking, from 0, is slower.
func (c *Cold) factor(n int) float64 {
	n -= c.SlowRequests
	switch {
	case c.Factor <= 0 || n < 0:
		return 1
	case c.Step > 0:
		if n < c.Step {
			return c.Factor
		}
		return 1
	case c.Decay > 0:
		return 1 + (c.Factor-1)*math.Exp(-float64(n)/c.Decay)
	default:
		return 1
	}
}

// clone returns a copy that shares nothing.
func (c *Cold) clone() *Cold {
	if c == nil {
		return nil
	}
	one := *c
	return &one
}

// validate checks the machine.
func (c *Cold) validate() error {
	if c == nil {
		return nil
	}
	if math.IsNaN(c.Factor) || math.IsNaN(c.Decay) || math.IsNaN(c.PerReplica) {
		return fmt.Errorf("cold: a value is no number")
	}
	return first(
		oneOf("cold.begin", c.Begin, coldAsleep, coldReady, coldPaused),
		oneOf("cold.estimate", c.Estimate, "none", "honest", "constant", "half"),
		within("cold.slow_requests", c.SlowRequests, 0, 10_000),
		within("cold.step", c.Step, 0, 10_000),
		within("cold.factor", c.Factor, 0.0, 1000.0),
		within("cold.decay", c.Decay, 0.0, 10_000.0),
		within("cold.max_replicas", c.MaxReplicas, 0, 1000),
		within("cold.per_replica", c.PerReplica, 0.0, 1e6),
	)
}

// or returns d, or the other where d is 0.
func (d Duration) or(other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}
