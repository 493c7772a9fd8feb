package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// providers returns the inference providers behind the router, as of November
// 2026. (huggingface_hub, inference/_providers.)
func providers() []string {
	return []string{
		"baseten", "cerebras", "cohere", "deepinfra", "fal-ai", "featherless-ai", "fireworks-ai", "groq", "hf-inference",
		"novita", "nscale", "openai", "ovhcloud", "publicai", "replicate", "scaleway", "together", "wavespeed", "zai-org",
	}
}

// removedProviders returns those that the router dropped in June and July 2026.
func removedProviders() []string {
	return []string{"black-forest-labs", "clarifai", "hyperbolic", "nebius", "nvidia", "sambanova"}
}

// policies returns what the router takes in place of a provider, and which
// changes the provider from call to call.
func policies() []string { return []string{"auto", "fastest", "cheapest", "preferred"} }

// modelID is the grammar of a model's id on the Hub.
var modelID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)?$`)

// providerName is the grammar of a provider or policy behind a model's id.
var providerName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// endpoint checks where the model answers and how it is reached.
func (m *modelCheck) endpoint() {
	e := &m.target.Endpoint
	e.HubToken, e.BillTo, e.HTTP2 = m.cfg.Hub.Token, or(m.raw.BillTo, m.cfg.Hub.BillTo), m.raw.HTTP2
	if m.raw.has("url") {
		m.givenURL(e)
	} else {
		m.routed(e)
	}
	if e.HTTP2 && e.URL != nil && e.URL.Scheme == "http" {
		m.warn(m.raw.at("http2"), "has no effect: HTTP/2 needs https, and this address is asked by HTTP/1.1", "write an https url, or remove http2")
	}
	m.headers(e)
	m.auth(e)
	m.proxy(e)
	m.tls(e)
}

// givenURL takes an address as given.
func (m *modelCheck) givenURL(e *probe.Endpoint) {
	e.Route = probe.RouteURL
	at := m.raw.at("url")
	if m.raw.has("provider") {
		m.problem(at, "url and provider are both given", "keep url for an endpoint of its own, provider for the router")
	}
	if m.raw.URL == nil || !m.web(at, m.raw.URL) {
		e.URL = &url.URL{Scheme: "https", Host: "invalid"}
		return
	}
	e.URL = m.raw.URL.u
	host := strings.ToLower(e.URL.Hostname())
	m.router = host == "router.huggingface.co"
	m.dedicated = strings.HasSuffix(host, ".endpoints.huggingface.cloud") && host != "api.endpoints.huggingface.cloud"
	switch {
	case host == "api.endpoints.huggingface.cloud":
		m.problem(at, "is the management API, not an endpoint", "write the endpoint's own URL, https://….endpoints.huggingface.cloud")
	case host == "endpoints.huggingface.co" || host == "ui.endpoints.huggingface.co" || (host == "huggingface.co" && !strings.HasPrefix(e.URL.Path, "/api/")):
		m.problem(at, "is a page for people, not an endpoint", "write the endpoint's own URL, or remove url for the router")
	case hubHost(host) && e.URL.Scheme != "https":
		m.problem(at, "is http, over which no token is sent", "write https://"+host)
	}
}

// web checks an http or https address and returns whether it can be used.
func (c *checker) web(at spot, a *address) bool {
	u := a.u
	switch {
	case u == nil:
		return false
	case u.Scheme != "http" && u.Scheme != "https":
		c.problem(at, "the scheme "+quote(u.Scheme)+" is not http or https", "write https://host/path")
	case u.User != nil:
		c.problem(at, "holds credentials", "remove them, and use auth with a file")
	case u.Fragment != "":
		c.problem(at, "holds a # part, which is never sent", "remove it")
	case u.Port() == "0" || (u.Port() != "" && !validPort(u.Port())):
		c.problem(at, "port "+quote(u.Port())+" is out of range", "write a port from 1 to 65535")
	case deadHost(u):
		c.problem(at, "this address of the old serverless API is gone and answers 410", "remove it: https://router.huggingface.co took its place")
	default:
		return true
	}
	return false
}

// validPort reports whether a port is from 1 to 65535.
func validPort(port string) bool {
	_, err := net.ResolveTCPAddr("tcp", "127.0.0.1:"+port)
	return err == nil
}

// deadHost reports whether u is of an API of Hugging Face's that is withdrawn.
func deadHost(u *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return host == "api-inference.huggingface.co" ||
		(host == "huggingface.co" && strings.HasPrefix(u.Path, "/api/inference-proxy/"))
}

// hubHost reports whether a host is Hugging Face's own.
func hubHost(host string) bool {
	return host == "huggingface.co" || strings.HasSuffix(host, ".huggingface.co") || strings.HasSuffix(host, ".endpoints.huggingface.cloud")
}

// routed takes the router's routes.
func (m *modelCheck) routed(e *probe.Endpoint) {
	m.router = true
	e.Route, e.URL = probe.RouteHFInference, m.cfg.Hub.URL
	m.target.Provider = or(m.raw.Provider, "hf-inference")
	at := m.raw.at("provider")
	name := m.raw.Provider
	chat := task.Chats(m.task)
	switch {
	case name == "" && chat && strings.Contains(m.raw.Model, ":"):
	case name == "" && chat:
		m.problem(at, "chat needs a provider or a url: without one the router chooses another provider from call to call",
			"write for instance provider: cerebras, or url: for an endpoint of your own")
	case name == "" || name == "hf-inference":
	case name == AllProviders && !chat:
		m.problem(at, "the router's list of providers is of chat models alone", "write one model for each provider, or use hf-inference for the task "+m.task)
	case name == AllProviders:
		m.need(FeatureProviders, at, "write one model for each provider")
		m.fan, e.Route = true, probe.RouteRouter
	case slices.Contains(policies(), name):
		m.problem(at, quote(name)+" is a policy that chooses another provider from call to call", "pin one: "+strings.Join(providers(), ", "))
	case slices.Contains(removedProviders(), name):
		m.problem(at, "the provider "+name+" was removed from the router in 2026", "choose another: "+strings.Join(providers(), ", "))
	case !slices.Contains(providers(), name):
		m.problem(at, "there is no provider "+quote(name), meant(name, providers()))
	case !chat && slices.Contains(task.PassedThrough(m.task), name):
		m.need(FeatureProviders, at, "use hf-inference or a url for the task "+m.task)
		e.Route, m.target.ProviderModel = probe.RouteProvider, m.raw.ProviderModel
	case !chat:
		m.unknownAt(at, name)
	default:
		e.Route = probe.RouteRouter
	}
	m.providerModel(e.Route)
	m.routedModel()
}

// unknownAt refuses a task at a provider of which nobody knows how it is asked
// there.
func (m *modelCheck) unknownAt(at spot, name string) {
	remedy := "use hf-inference, or a url"
	if known := task.PassedThrough(m.task); len(known) > 0 {
		remedy = "choose " + strings.Join(known, ", ") + " or hf-inference, or give a url"
	}
	m.problem(at, "the task "+m.task+" at the provider "+name+" is not known", remedy)
}

// providerModel checks the provider's own id of a model.
func (m *modelCheck) providerModel(route probe.Route) {
	at := m.raw.at("provider_model")
	switch {
	case route == probe.RouteProvider && m.raw.ProviderModel == "":
		m.problem(at, "is missing: "+m.raw.Provider+" knows the model by an id of its own",
			"write the providerId that https://huggingface.co/api/models/"+m.raw.Model+"?expand[]=inferenceProviderMapping names")
		// So that the inputs are held against the task all the same.
		m.target.ProviderModel = "model"
	case route == probe.RouteProvider && !task.PlainModel(m.raw.ProviderModel):
		m.problem(at, quote(m.raw.ProviderModel)+" is not an id that can stand in an address", "write the provider's own, such as fal-ai/flux/schnell")
		m.target.ProviderModel = "model"
	case route != probe.RouteProvider && m.raw.has("provider_model"):
		m.problem(at, "is of tasks that are passed through to a provider alone", "remove it")
	}
}

// routedModel checks the id of a model that the router serves.
func (m *modelCheck) routedModel() {
	at, id := m.raw.at("model"), m.raw.Model
	base, suffix, _ := strings.Cut(id, ":")
	switch {
	case !m.raw.has("model"):
		if m.raw.has("name") {
			m.problem(at, "is missing", "write the model's id, such as org/name, or a url")
		}
	case modelID.MatchString(base) && providerName.MatchString(suffix):
		m.problem(at, quote(id)+" names a provider in the model's id", "write model: "+base+" and provider: "+suffix)
	case !modelID.MatchString(id):
		m.problem(at, quote(id)+" is not a model's id", "write it as on the Hub, such as org/name")
	}
}
