package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// router answers a request to the router.
func (x *exchange) router() *problem {
	x.atRouter = true
	path := x.path
	if strings.HasPrefix(path, "/api/") {
		return x.hub()
	}
	if path == "/v1/models" || strings.HasPrefix(path, "/v1/models/") {
		return x.routerModels(strings.TrimPrefix(strings.TrimPrefix(path, "/v1/models"), "/"))
	}
	if x.noAccount() {
		known, _ := presetNamed("invalid_token")
		p := known.on("")
		p.did = "no_token"
		return &p
	}
	provider, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if x.poll(provider, "/"+rest) {
		return nil
	}
	var p *problem
	switch {
	case path == "/v1/chat/completions":
		p = x.routeModel(apiChat)
	case path == "/v1/responses":
		p = x.routeModel(apiResponses)
	case provider == BackendHF:
		p = x.routeHF(rest)
	default:
		p = x.routeProvider(provider, "/"+rest)
	}
	if p != nil {
		return p
	}
	if x.r.Method != http.MethodPost {
		return &problem{did: "no_route", status: http.StatusMethodNotAllowed, envelope: envString, message: "Method Not Allowed"}
	}
	if p := x.accountLimit(x.spec.provider()); p != nil {
		return p
	}
	if p, struck := x.accountFault(); struck {
		return p
	}
	if p, passes := x.arrive(); !passes {
		return p
	}
	return x.run()
}

// noAccount reports whether a token is wanted and none came.
func (x *exchange) noAccount() bool {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account.RequireAuth && !x.rec.Authorized
}

// accountFault returns the answer that the account's state is, and whether it
// struck; a broken connection leaves no answer to give.
func (x *exchange) accountFault() (*problem, bool) {
	s := x.server
	s.mu.Lock()
	account := s.account.clone()
	s.mu.Unlock()
	for _, f := range account.Faults {
		matches := (f.Provider == "" || f.Provider == x.spec.provider()) &&
			(f.BillTo == "" || f.BillTo == x.r.Header.Get("X-HF-Bill-To")) &&
			(f.Token == "" || f.Token == x.rec.TokenHash)
		if !matches || (f.Fault.Ratio > 0 && x.rng.Float64() >= f.Fault.Ratio) {
			continue
		}
		if kindNamed(f.Fault.Kind).Class == ClassStatus {
			return x.statusFault(f.Fault), true
		}
		x.fault = f.Fault
	}
	return nil, false
}

// find returns the first model that the router has and that matches.
func (x *exchange) find(matches func(m *model) bool) *model {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.models, func(m *model) bool { return m.provider() != "" && matches(m) })
	if i < 0 {
		return nil
	}
	return s.models[i]
}

// routeHF finds the model of a path below /hf-inference/.
func (x *exchange) routeHF(path string) *problem {
	id, suffix, task := path, "", ""
	if rest, ok := strings.CutPrefix(path, "pipeline/"); ok {
		// The deprecated order of task and model.
		task, id, _ = strings.Cut(rest, "/")
	} else if rest, ok := strings.CutPrefix(path, "models/"); ok {
		id = rest
		for _, s := range []string{"/v1/chat/completions", "/v1/completions"} {
			if cut, ok := strings.CutSuffix(id, s); ok {
				id, suffix = cut, s
			}
		}
		if cut, rest, ok := strings.Cut(id, "/pipeline/"); ok {
			id, task = cut, rest
		}
	} else {
		return &problem{did: "no_route", status: http.StatusNotFound, envelope: envText, message: "Not Found"}
	}
	m := x.find(func(m *model) bool { return m.provider() == BackendHF && m.ID == id })
	if m == nil {
		return &problem{did: "unknown_model", status: http.StatusNotFound, envelope: envString, message: "Model " + id + " does not exist"}
	}
	a, known := hfAPI(m, suffix, task)
	if !known {
		return &problem{
			did: "bad_request", status: http.StatusBadRequest, envelope: envString,
			message: "Model " + id + " does not support task " + task + suffix,
		}
	}
	if task == "" {
		task = taskOf(a, m.Tasks)
	}
	x.meet(m, a, task)
	return nil
}

// hfAPI returns what a path of hf-inference asks of m; suffix is its OpenAI
// part, task its pipeline, at most one of them not empty.
func hfAPI(m *model, suffix, task string) (api, bool) {
	if suffix != "" {
		a, _, ok := engineRoute(m, suffix)
		return a, ok && slices.Contains(m.Tasks, taskOf(a, m.Tasks))
	}
	if task != "" && !slices.Contains(m.Tasks, task) {
		return "", false
	}
	if m.Backend == BackendTEI && task != "" {
		return teiRoot(task), true
	}
	a, _, ok := engineRoute(m, "/")
	return a, ok
}

// bodyModel returns the model that the request's body names.
func (x *exchange) bodyModel() string {
	var body struct {
		Model string `json:"model"`
	}
	// What cannot be read names no model; the backend would say what is wrong.
	_ = json.Unmarshal(x.body, &body)
	return body.Model
}

// routeProvider finds the model of a path that a provider has by itself.
func (x *exchange) routeProvider(provider, path string) *problem {
	if x.find(func(m *model) bool { return m.provider() == provider }) == nil {
		return &problem{did: "no_route", status: http.StatusNotFound, envelope: envText, message: "Not Found"}
	}
	a, asked := providerAPI(provider, path), x.bodyModel()
	if id, ok := x.asyncModel(provider, path); ok {
		a, asked = apiAsync, id
	}
	if a == "" {
		return &problem{did: "no_route", status: http.StatusNotFound, envelope: envMessage, message: "no Route matched with those values"}
	}
	m := x.find(func(m *model) bool {
		return m.provider() == provider && m.providerModel() == asked && slices.Contains(m.Tasks, taskOf(a, m.Tasks))
	})
	if m == nil || x.disabled(provider) {
		return &problem{
			did: "unknown_model", status: http.StatusBadRequest, envelope: envString,
			message: "Model not supported by provider " + provider,
		}
	}
	x.meet(m, a, taskOf(a, m.Tasks))
	return nil
}

// providerAPI returns what path asks at provider, or "". The paths are those
// that huggingface_hub's inference/_providers has.
func providerAPI(provider, path string) api {
	chat := map[string]string{
		"fireworks-ai": "/inference/v1/chat/completions", "groq": "/openai/v1/chat/completions",
		"novita": "/v3/openai/chat/completions", "cohere": "/compatibility/v1/chat/completions",
		"deepinfra": "/v1/openai/chat/completions", "zai-org": "/api/paas/v4/chat/completions",
	}[provider]
	if chat == "" {
		chat = "/v1/chat/completions"
	}
	embeddings := "/v1/embeddings"
	if provider == "deepinfra" {
		embeddings = "/v1/openai/embeddings"
	}
	return map[string]api{
		chat: apiChat, embeddings: apiEmbeddings, "/v1/completions": apiCompletions, "/v1/images/generations": apiImages,
	}[path]
}
