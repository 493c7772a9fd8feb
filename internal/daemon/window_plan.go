package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

// planned is a window as the configuration describes it: of one target, or a
// mix of several.
type planned struct {
	// name is the target's or the mix's; no two of them are equal.
	name string
	mix  bool
	config.Window
	// models are those of the steps, in their order.
	models []config.Model
	steps  []load.Step
}

// plannedOf returns every window and mix of a configuration, by name.
func plannedOf(cfg *config.Config) map[string]planned {
	out := map[string]planned{}
	for _, m := range cfg.Models {
		if w := m.Window; w != nil && (w.Location == "" || w.Location == cfg.Location) {
			out[m.Target.Name] = planned{name: m.Target.Name, Window: *w, models: []config.Model{m}}
		}
	}
	for _, mix := range cfg.Mixes {
		p := planned{name: mix.Name, mix: true, Window: mix.Window}
		for _, step := range mix.Steps {
			i := slices.IndexFunc(cfg.Models, func(m config.Model) bool { return m.Target.Name == step.Model })
			if i < 0 {
				// Disabled, or of another location.
				continue
			}
			p.models = append(p.models, cfg.Models[i])
			p.steps = append(p.steps, load.Step{Name: step.Name, Weight: step.Weight})
		}
		if len(p.models) > 0 {
			out[mix.Name] = p
		}
	}
	return out
}

// targets returns the targets of the steps, in their order.
func (p planned) targets() []*probe.Target {
	out := make([]*probe.Target, len(p.models))
	for i, m := range p.models {
		out[i] = m.Target
	}
	return out
}

// distinct returns the models, each once.
func (p planned) distinct() []config.Model {
	var out []config.Model
	for _, m := range p.models {
		if !slices.ContainsFunc(out, func(o config.Model) bool { return o.Target.Name == m.Target.Name }) {
			out = append(out, m)
		}
	}
	return out
}

// spec returns what the window's plan is drawn from.
func (p planned) spec(id string) (load.Spec, error) {
	s := load.Spec{
		Window: id, Process: load.Process(p.Arrival.Process), Steps: p.steps,
		Lengths: load.Lengths{Kind: load.LengthKind(p.Lengths.Kind), Mean: p.Lengths.Mean, Spread: p.Lengths.Spread, Min: p.Lengths.Min, Max: p.Lengths.Max},
	}
	for _, stage := range p.Stages {
		one := load.Stage{Rate: stage.Rate, For: probe.Measured(stage.For)}
		if stage.Ramp > 0 {
			one.Ramp = probe.Measured(stage.Ramp)
		}
		s.Stages = append(s.Stages, one)
	}
	if s.Process == load.Gamma {
		s.Burstiness = p.Arrival.Burstiness
	}
	if p.Users > 0 {
		s.Process, s.Users, s.For = load.Closed, p.Users, probe.Measured(p.For)
		s.ThinkMin, s.ThinkMax = probe.Measured(p.ThinkMin), probe.Measured(p.ThinkMax)
		return s, nil
	}
	if s.Process != load.Trace {
		return s, nil
	}
	s.TimeScale = p.Arrival.TimeScale
	file, err := os.Open(p.Arrival.TraceFile)
	if err != nil {
		return s, fmt.Errorf("arrival.trace_file: %w", err)
	}
	s.Trace, err = load.ReadTrace(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return s, fmt.Errorf("arrival.trace_file: %w", err)
	}
	return s, nil
}

// seed returns the configured seed, or one of the window's own identity.
func (p planned) seed(id string) uint64 {
	if seed, set := p.Arrival.Seed.Get(); set {
		return uint64(seed)
	}
	n, err := strconv.ParseUint(id[:min(16, len(id))], 16, 64)
	if err != nil {
		sum := sha256.Sum256([]byte(id))
		n, _ = strconv.ParseUint(hex.EncodeToString(sum[:8]), 16, 64)
	}
	return n
}

// asked returns what the window asks of each target.
func (p planned) asked() []load.Asked {
	var out []load.Asked
	for _, m := range p.distinct() {
		t := m.Target
		inputs, _ := json.Marshal(t.Inputs)
		params := fmt.Sprintf("%q %q %q %q %t %s", t.Task.Name(), t.Model, t.Provider, t.Parameters, t.Stream, t.Cache)
		out = append(out, load.Asked{
			Target: t.Name, Model: t.Model, Task: t.Task.Name(), Provider: t.Provider, Stream: t.Stream,
			InputsHash: digest(string(inputs)), ParamsHash: digest(params),
		})
	}
	return out
}

// digest returns 16 hexadecimal digits of a hash.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// abort returns when the window stops itself.
func (p planned) abort() load.Abort {
	if p.Abort.Off {
		return load.Abort{}
	}
	return load.Abort{ErrorRatio: p.Abort.ErrorRatio, MinRequests: p.Abort.MinRequests, On: p.Abort.On, Brake: true}
}

// objectives returns what goodput counts by: the objectives of the one target,
// or of a mix whose models all have the same.
func (p planned) objectives() load.Objectives {
	var out load.Objectives
	for i, m := range p.models {
		var one load.Objectives
		if o := m.Objectives; o != nil {
			one = load.Objectives{Response: within0(o.Response), FirstToken: within0(o.FirstToken), TPOT: within0(o.TPOT)}
		}
		if i > 0 && one != out {
			return load.Objectives{}
		}
		out = one
	}
	return out
}

// within0 returns a limit; 0 is none.
func within0(d time.Duration) probe.Seconds {
	if d <= 0 {
		return probe.Seconds{}
	}
	return probe.Measured(d)
}

// search returns the capacity search of a window that has one.
func (p planned) search(id string) (load.Search, error) {
	w, err := alerts.ParseWhen(p.Find + " over 1m")
	if err != nil {
		return load.Search{}, fmt.Errorf("find: %w", err)
	}
	s := load.Search{Window: id, Seed: p.seed(id), Objective: load.Objective{Signal: string(w.Signal)}}
	if w.Op != "<" && w.Op != "<=" {
		return load.Search{}, fmt.Errorf("find: %q: a search needs what must stay below a limit; write for instance p95(first_token) < 1s", p.Find)
	}
	switch {
	case w.Form == alerts.FormQuantile:
		s.Objective.Quantile, s.Objective.Limit = w.Quantile, probe.Measured(time.Duration(w.Threshold*float64(time.Second)))
	case w.Signal == alerts.BadRatio:
		s.Objective.Ratio = w.Threshold
	default:
		return load.Search{}, fmt.Errorf("find: %q: a search cannot hold to %s; write a quantile, or bad_ratio < 5%%", p.Find, w.Signal)
	}
	return s, nil
}

// account returns what names whose limits a target's requests fall under: the
// Hub account where its token goes along, the host's own otherwise.
func account(t *probe.Target) string {
	if t.Endpoint.AuthHeader == "" && !t.Endpoint.NoAuth && hubHost(t.Endpoint.URL) {
		return "account hub " + t.Endpoint.BillTo
	}
	return "account " + host(t)
}

// host returns the host that a target answers at.
func host(t *probe.Target) string {
	if t.Endpoint.URL == nil {
		return ""
	}
	return strings.ToLower(t.Endpoint.URL.Host)
}

// hubHost reports whether the Hugging Face token goes to the host: the rule of
// probe.Endpoint.
func hubHost(u *url.URL) bool {
	if u == nil {
		return false
	}
	name := strings.ToLower(u.Hostname())
	return name == "huggingface.co" || strings.HasSuffix(name, ".huggingface.co") || strings.HasSuffix(name, ".endpoints.huggingface.cloud")
}

// keys returns what a window on the target shares with its neighbours.
func keys(t *probe.Target) []string {
	out := []string{"target " + t.Name, account(t)}
	if h := host(t); h != "" {
		out = append(out, "host "+h)
	}
	return out
}
