package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of one configuration.
const (
	maxModels = 10_000
	maxLabels = 16
	maxText   = 256
)

// modelCheck checks one model.
type modelCheck struct {
	*checker
	*checked
	raw    *rawModel
	name   string
	target *probe.Target
	// router is true for the router's routes, dedicated for an endpoint of
	// Hugging Face's.
	router, dedicated bool
}

// problem reports a problem of the model. Where it stands in the defaults or a
// profile, it is one problem that names the models.
func (m *modelCheck) problem(at spot, what, remedy string) {
	m.put(m.problems, at.problem(what, remedy))
}

// warn reports what is worth a look.
func (m *modelCheck) warn(at spot, what, remedy string) {
	m.put(m.warnings, at.problem(what, remedy))
}

// put gives a collector a problem of the model.
func (m *modelCheck) put(to *collector, p Problem) {
	if strings.HasPrefix(p.Path, m.raw.n.path) {
		to.add(p)
	} else {
		to.addShared(p, m.name)
	}
}

// need refuses a key whose feature the program has not.
func (m *modelCheck) need(f Feature, at spot, remedy string) {
	if !m.has(f) {
		m.problem(at, "not available yet: "+string(f), remedy)
	}
}

// allModels checks every model and keeps those that are watched here.
func (c *checker) allModels() {
	items := c.root.get("models")
	if items == nil || items.kind != list || len(items.items) == 0 {
		if items == nil || items.kind == list {
			c.problem(c.raw.at("models"), "there are no models", "write at least one, with model, task and inputs")
		}
		return
	}
	if len(items.items) > maxModels {
		c.problem(items.spot(), fmt.Sprintf("more than %d models", maxModels), "split them over several daemons")
		return
	}
	first := map[string]spot{}
	for _, item := range items.items {
		n := c.layered(item)
		if n == nil {
			continue
		}
		raw := &rawModel{}
		c.d.mapping(n, raw)
		m := &modelCheck{checker: c, raw: raw, name: or(raw.Name, raw.Model), checked: &checked{raw: raw}}
		m.check()
		if at, twice := first[m.name]; twice && m.name != "" {
			m.problem(m.nameSpot(), "the name "+quote(m.name)+" is taken at "+at.place.String(),
				"give each model its own name")
		} else {
			first[m.name] = m.nameSpot()
		}
		c.models = append(c.models, m.checked)
		c.cfg.merged = append(c.cfg.merged, m.derived(n))
	}
	c.fanNames()
	c.keep()
}

// derived returns the model's node with the defaults that depend on other keys.
func (m *modelCheck) derived(n *node) *node {
	add := func(n *node, key, text, from string) *node {
		return n.with(entry{key: key, value: &node{kind: scalar, text: text, tag: "!!str", loose: true, from: from}})
	}
	if m.router && !m.raw.has("provider") && !m.raw.has("url") {
		n = add(n, "provider", m.target.Provider, "default")
	}
	base := n.get("baseline")
	switch {
	case m.out.Baseline == nil && !base.off():
		return add(n, "baseline", "off", "wake: "+m.raw.Wake)
	case m.out.Baseline == nil || m.raw.Baseline.Timeout != nil:
		return n
	case base == nil:
		base = &node{kind: mapping}
	}
	return n.with(entry{key: "baseline", value: add(base, "timeout", short(m.out.Baseline.Timeout), "default")})
}

// nameSpot returns where the name stands, or the model's id that is its name.
func (m *modelCheck) nameSpot() spot {
	if m.raw.has("name") {
		return m.raw.at("name")
	}
	return m.raw.at("model")
}

// layered returns a model's node over its profile and the defaults.
func (c *checker) layered(item *node) *node {
	if item.kind != mapping {
		return nil
	}
	var base *node
	if d := c.root.get("defaults"); d != nil && d.kind == mapping {
		base = d.marked("defaults")
	}
	if p := item.get("profile"); p != nil && p.kind == scalar && !p.broken {
		profiles := c.root.get("profiles")
		switch profile := profiles.get(p.text); {
		case profile != nil && profile.kind == mapping:
			base = overlay(base, profile.marked("profile "+p.text))
		case profile == nil && profiles == nil:
			c.problem(p.spot(), "there is no profile "+quote(p.text), "define it under profiles:")
		case profile == nil:
			c.problem(p.spot(), "there is no profile "+quote(p.text), meant(p.text, profiles.keys()))
		}
	}
	return overlay(base, item)
}

// keep puts the models that are watched here into the configuration.
func (c *checker) keep() {
	var labels []string
	for _, m := range c.models {
		labels = append(labels, sortedKeys(m.labels)...)
		switch {
		case m.active && m.fan:
			c.cfg.Fans = append(c.cfg.Fans, Fan{Model: m.out, Before: len(c.cfg.Models)})
		case m.active:
			c.cfg.Models = append(c.cfg.Models, m.out)
		default:
			c.cfg.Idle = append(c.cfg.Idle, m.out.Target.Name)
		}
	}
	slices.Sort(labels)
	c.cfg.UserLabels = slices.Compact(labels)
	if len(c.cfg.Models)+len(c.cfg.Fans) == 0 {
		c.warn(c.raw.at("models"), "no model is watched from the location "+quote(c.cfg.Location),
			"check enabled and locations")
	}
}

// check checks the model.
func (m *modelCheck) check() {
	m.target = &probe.Target{
		Name: m.name, Model: m.raw.Model, Location: m.cfg.Location, Stream: m.raw.Stream,
		Reasoning: reasons(m.raw.Model), Stall: m.raw.Stall.get(), Cache: probe.CachePolicy(m.raw.Cache),
		Wake: probe.WakePolicy(m.raw.Wake), ExpectPaused: m.raw.ExpectPaused, Labels: m.raw.Labels,
	}
	m.out = Model{Target: m.target, Place: m.raw.n.place, Path: m.raw.n.path, Connection: m.raw.Connection}
	m.names()
	m.tasks()
	m.endpoint()
	m.wakes()
	m.inputs()
	m.expects()
	m.objectives()
	m.out.Budget = m.limits(m.raw.Budget)
	m.price()
	m.baseline()
	m.window()
	m.coldStart()
	m.plannedCost()
	m.fanOut()
	m.active = m.raw.Enabled && (len(m.raw.Locations) == 0 || slices.Contains(m.raw.Locations, m.cfg.Location))
}

// names checks name, id, labels and locations.
func (m *modelCheck) names() {
	m.labels = m.raw.Labels
	switch {
	case m.raw.has("name"):
		m.checker.name(m.raw.at("name"), "name of a model", m.raw.Name)
	case !m.raw.has("model"):
		m.problem(m.raw.at("model"), "is missing", "write the model's id, such as org/name")
	}
	m.checkLabels(m.raw.where, m.raw.Labels)
	for i, l := range m.raw.Locations {
		m.checker.name(m.raw.item("locations", i), "location", l)
	}
	if m.raw.Stall <= 0 {
		m.problem(m.raw.at("stall"), "allows no time at all", "write a time above 0, such as 20s")
	}
}

// checkLabels checks the labels of a model or an alert.
func (c *checker) checkLabels(w where, labels map[string]string) {
	if len(labels) > maxLabels {
		c.problem(w.at("labels"), fmt.Sprintf("%d labels are more than %d", len(labels), maxLabels), "remove some")
	}
	for _, name := range sortedKeys(labels) {
		at := w.entry("labels", name)
		switch {
		case !labelName.MatchString(name):
			c.problem(at, quote(name)+" is not a label's name", "use letters, digits and _, beginning with a letter")
		case alerts.ReservedLabel(name):
			c.problem(at, "the label "+name+" is hfwatch's own", "choose another name")
		case len(labels[name]) > maxText:
			c.problem(at, fmt.Sprintf("is longer than %d bytes", maxText), "shorten it")
		}
	}
}

// objectives checks what is good enough.
func (m *modelCheck) objectives() {
	raw := m.raw.Objectives
	if raw == nil {
		return
	}
	m.need(FeatureObjectives, raw.here(), "remove objectives")
	o := &Objectives{Response: raw.Response.get(), FirstToken: raw.FirstToken.get(), TPOT: raw.TPOT.get()}
	for _, d := range []struct {
		key    string
		d      time.Duration
		stream bool
	}{{"response", o.Response, false}, {"first_token", o.FirstToken, true}, {"tpot", o.TPOT, true}} {
		switch {
		case raw.has(d.key) && d.d <= 0:
			m.problem(raw.at(d.key), "no time at all is good enough", "write a time above 0, such as 2s")
		case raw.has(d.key) && d.stream && !m.raw.Stream:
			m.problem(raw.at(d.key), "is measured of streams only", "add stream: true, or remove it")
		}
	}
	if raw.Availability != nil {
		o.Availability = float64(*raw.Availability)
		if o.Availability <= 0 || o.Availability >= 1 {
			m.problem(raw.at("availability"), "leaves nothing to measure", "write a share above 0 and below 1, such as 99.5%")
		}
	}
	m.out.Objectives = o
}

// price checks what the model costs.
func (m *modelCheck) price() {
	raw := m.raw.Price
	if raw == nil {
		return
	}
	p := probe.Price{Source: "config"}
	for _, v := range []struct {
		key string
		v   *float64
		to  *probe.Opt[float64]
	}{
		{"usd_per_mtok_input", raw.USDPerMTokInput, &p.USDPerMTokInput},
		{"usd_per_mtok_output", raw.USDPerMTokOutput, &p.USDPerMTokOutput},
		{"usd_per_hour", raw.USDPerHour, &p.USDPerHour},
	} {
		if v.v == nil {
			continue
		}
		if *v.v < 0 {
			m.problem(raw.at(v.key), fmt.Sprintf("%g is less than nothing", *v.v), "write 0 for free, or remove the key where it is not known")
		}
		*v.to = probe.Some(*v.v)
	}
	m.target.Price = p
}
