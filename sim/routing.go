package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// routeModel finds the model of one of the router's own routes by the name in
// the body: "id:provider", or "id", "id:fastest", "id:cheapest" and
// "id:preferred", of which the router chooses the provider.
func (x *exchange) routeModel(a api) *problem {
	asked := x.bodyModel()
	id, policy, _ := strings.Cut(asked, ":")
	pinned := policy != "" && !slices.Contains(policies(), policy)
	all := x.candidates(id, policy, pinned)
	if len(all) == 0 {
		known, _ := presetNamed("model_not_supported")
		p := known.on("")
		p.did = "unknown_model"
		p.message = "The requested model '" + asked + "' is not supported by any provider you have enabled."
		return &p
	}
	for i, m := range all {
		x.fault = Fault{}
		x.meet(m, a, taskChat)
		if i == len(all)-1 || !x.failsOver(pinned) {
			break
		}
	}
	return nil
}

// policies are the ways in which the router chooses a provider.
func policies() []string { return []string{"fastest", "cheapest", "preferred"} }

// candidates returns the models of that id which do chat at an enabled
// provider, in the order in which the router asks them. Where the provider is
// pinned policy is its name.
func (x *exchange) candidates(id, policy string, pinned bool) []*model {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*model
	for _, m := range s.models {
		p := m.provider()
		if p == "" || m.ID != id || !slices.Contains(m.Tasks, taskChat) || slices.Contains(s.account.Disabled, p) ||
			(pinned && p != policy) {
			continue
		}
		all = append(all, m)
	}
	if pinned {
		return all
	}
	// A provider that the Hub's own checks have flagged is the last choice.
	live := slices.DeleteFunc(slices.Clone(all), func(m *model) bool { return m.status() != statusLive })
	if len(live) > 0 {
		all = live
	}
	s.order(all, policy)
	return all
}

// order sorts models by policy: by the first token's time, the price, or the
// account's order of providers. Where no policy is named and some have a
// weight, one of these is drawn to be the first. The caller holds s.mu.
func (s *Server) order(all []*model, policy string) {
	place := func(m *model) int {
		if i := slices.Index(s.account.Preferred, m.provider()); i >= 0 {
			return i
		}
		return len(s.account.Preferred)
	}
	slices.SortStableFunc(all, func(a, b *model) int {
		switch policy {
		case "cheapest":
			return cmp.Or(cmp.Compare(a.Listing.cost(), b.Listing.cost()), cmp.Compare(a.Latency.Prefill, b.Latency.Prefill))
		case "preferred":
			return cmp.Compare(place(a), place(b))
		default:
			return cmp.Compare(a.Latency.Prefill, b.Latency.Prefill)
		}
	})
	total := 0.0
	for _, m := range all {
		total += m.Weight
	}
	if policy != "" || total == 0 {
		return
	}
	s.draws++
	draw := stream(s.scenario.Seed, "router", s.draws).Float64() * total
	for i, m := range all {
		if draw -= m.Weight; draw < 0 {
			copy(all[1:i+1], all[:i])
			all[0] = m
			return
		}
	}
}

// failsOver reports whether the router turns to the next provider instead of
// giving the answer of the one that x has met.
func (x *exchange) failsOver(pinned bool) bool {
	s := x.server
	s.mu.Lock()
	over := s.account.Failover
	s.mu.Unlock()
	if pinned || !over || kindNamed(x.fault.Kind).Class != ClassStatus {
		return false
	}
	p := bare(x.spec.Backend, x.fault.Status)
	if known, ok := presetNamed(x.fault.Kind); ok {
		p = known.on(x.spec.Backend)
	}
	p = p.with(x.fault)
	return p.status == http.StatusTooManyRequests || p.status >= http.StatusInternalServerError
}

// disabled reports whether the account has not enabled the provider.
func (x *exchange) disabled(provider string) bool {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.account.Disabled, provider)
}
