package config

import (
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// money checks what all models together cost.
func (c *checker) money() {
	var day, month cost
	for _, m := range c.models {
		if m.active && m.plan != nil {
			p := ceilingOf(m.out, *m.plan)
			day, month = day.plus(p.day), month.plus(p.month)
		}
		c.unpriced(m)
		c.hourly(m)
	}
	b := c.cfg.Budget
	for _, l := range []struct {
		key         string
		plan, limit float64
		unit        string
	}{
		{"requests_per_day", day.requests, float64(b.RequestsPerDay), "requests a day"},
		{"requests_per_month", month.requests, float64(b.RequestsPerMonth), "requests a month"},
		{"tokens_per_day", day.tokens, float64(b.TokensPerDay), "tokens a day"},
		{"tokens_per_month", month.tokens, float64(b.TokensPerMonth), "tokens a month"},
		{"usd_per_day", day.usd, b.USDPerDay, "USD a day"},
		{"usd_per_month", month.usd, b.USDPerMonth, "USD a month"},
	} {
		if l.limit > 0 && l.plan > l.limit {
			c.problem(c.raw.Budget.at(l.key), fmt.Sprintf("the baselines of all models alone take up to %s %s, over the limit of %s",
				number(l.plan), l.unit, number(l.limit)), "raise the limit, or probe less often")
		}
	}
}

// plus returns the sum of two costs.
func (c cost) plus(o cost) cost {
	return cost{c.requests + o.requests, c.tokens + o.tokens, c.usd + o.usd}
}

// unpriced warns of a model whose price is missing where money is limited: its
// share of the limit cannot be known before it is spent.
func (c *checker) unpriced(m *checked) {
	own := m.out.Budget.USDPerDay > 0 || m.out.Budget.USDPerMonth > 0
	all := c.cfg.Budget.USDPerDay > 0 || c.cfg.Budget.USDPerMonth > 0
	t := m.out.Target
	hosted := t.Endpoint.Route != probe.RouteURL || t.Endpoint.URL != nil && hubHost(t.Endpoint.URL.Hostname())
	if !own && (!all || !hosted) {
		return
	}
	if m.raw.Price == nil && Listed(t) {
		// The router's list has most of them; where it has none, the daemon says so.
		return
	}
	if m.raw.Price != nil && (!t.Price.USDPerHour.IsZero() ||
		!t.Price.Cost(probe.Some(max(1, m.out.TokensIn)), probe.Some(max(1, m.out.TokensOut))).IsZero()) {
		return
	}
	whose := "the budget"
	if own {
		whose = "its budget"
	}
	c.warn(m.raw.at("price"), fmt.Sprintf("%s limits money, and the price of %s is not known: what it costs is not counted", whose, t.Name),
		"write price: {usd_per_mtok_input: …, usd_per_mtok_output: …}, or limit requests or tokens in its place")
}

// hourly warns of a price by the hour where money is limited: hours are not
// spent by requests, so that no budget sees them.
func (c *checker) hourly(m *checked) {
	b, all := m.out.Budget, c.cfg.Budget
	if m.out.Target.Price.USDPerHour.IsZero() || b.USDPerDay <= 0 && b.USDPerMonth <= 0 && all.USDPerDay <= 0 && all.USDPerMonth <= 0 {
		return
	}
	p := m.raw.Price.at("usd_per_hour").problem("is no part of what a budget of money limits: the endpoint's hours are paid for whether it is asked or not",
		"bound them at the endpoint, by scaling to zero, and the rest by price: {usd_per_mtok_input: …, usd_per_mtok_output: …}")
	if strings.HasPrefix(p.Path, m.raw.n.path) {
		c.warnings.add(p)
	} else {
		c.warnings.addShared(p, m.out.Target.Name)
	}
}
