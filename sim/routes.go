package sim

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// api is a way to ask a model.
type api string

const (
	apiPipeline    api = "pipeline"
	apiCompat      api = "compat"
	apiGenerate    api = "generate"
	apiGenerateSSE api = "generate_stream"
	apiChat        api = "chat"
	apiCompletions api = "completions"
	apiEmbed       api = "embed"
	apiPredict     api = "predict"
	apiRerank      api = "rerank"
	apiSimilarity  api = "similarity"
	apiEmbeddings  api = "embeddings"
	apiImages      api = "images"
	apiResponses   api = "responses"
	// apiAsync takes work on, to be polled for.
	apiAsync api = "async"
)

// dispatch finds the model and the way in which it is asked, and runs the
// request. It returns the problem that the answer is, or nil where it was
// answered.
func (x *exchange) dispatch() *problem {
	host := x.r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "api-inference.huggingface.co" {
		return x.legacyHost()
	}
	if strings.HasPrefix(x.path, managementPrefix) {
		return x.management()
	}
	if m := x.endpointOf(host); m != nil {
		return x.endpoint(m)
	}
	return x.router()
}

// legacyHost is what the dead host answers: an address to go to, to a browser
// as a page.
func (x *exchange) legacyHost() *problem {
	kind := "gone"
	if strings.Contains(x.r.Header.Get("Accept"), "text/html") {
		kind = "gone_page"
	}
	known, _ := presetNamed(kind)
	p := known.on("")
	return &p
}

// endpointOf returns the endpoint that the Host header or the path names, or
// nil, and leaves the rest of the path in x.path.
func (x *exchange) endpointOf(host string) *model {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest, ok := strings.CutPrefix(x.path, "/e/"); ok {
		name, path, _ := strings.Cut(rest, "/")
		if m := s.byName(name); m != nil {
			x.path = "/" + path
			return m
		}
		return nil
	}
	i := slices.IndexFunc(s.models, func(m *model) bool { return slices.Contains(m.Hosts, host) })
	if i < 0 {
		return nil
	}
	return s.models[i]
}

// endpoint answers a request to the engine of m itself.
func (x *exchange) endpoint(m *model) *problem {
	if x.r.Method == http.MethodGet || x.r.Method == http.MethodHead {
		x.meet(m, "read", "")
		if p, passes := x.arrive(); !passes {
			return p
		}
		return x.engineRead()
	}
	a, task, ok := engineRoute(m, x.path)
	if !ok {
		x.meet(m, "unknown", "")
		return x.noRoute()
	}
	if x.r.Method != http.MethodPost {
		return &problem{did: "no_route", status: http.StatusMethodNotAllowed, envelope: envEmpty}
	}
	x.meet(m, a, task)
	if p, passes := x.arrive(); !passes {
		return p
	}
	if x.b.RequireAuth && !x.rec.Authorized {
		return x.noToken()
	}
	return x.run()
}

// engineRoute returns what a POST to path asks of m's engine.
func engineRoute(m *model, path string) (a api, task string, ok bool) {
	switch m.Backend {
	case BackendTGI:
		a = map[string]api{
			"/": apiCompat, "/invocations": apiCompat, "/generate": apiGenerate, "/generate_stream": apiGenerateSSE,
			"/v1/chat/completions": apiChat, "/v1/completions": apiCompletions,
		}[path]
	case BackendTEI:
		a = map[string]api{
			"/": teiRoot(m.Tasks[0]), "/invocations": teiRoot(m.Tasks[0]), "/embed": apiEmbed, "/predict": apiPredict,
			"/rerank": apiRerank, "/similarity": apiSimilarity, "/embeddings": apiEmbeddings, "/v1/embeddings": apiEmbeddings,
		}[path]
	case BackendLlama:
		a = map[string]api{
			"/v1/chat/completions": apiChat, "/chat/completions": apiChat, "/v1/completions": apiCompletions,
			"/v1/embeddings": apiEmbeddings, "/embeddings": apiEmbeddings,
		}[path]
	case BackendVLLM, BackendSGLang, BackendProvider:
		a = map[string]api{
			"/v1/chat/completions": apiChat, "/v1/completions": apiCompletions, "/v1/embeddings": apiEmbeddings,
			"/v1/responses": apiResponses,
		}[path]
	case BackendToolkit:
		a = map[string]api{"/": apiPipeline, "/predict": apiPipeline}[path]
	case BackendHF:
		a = map[string]api{"/": apiPipeline, "/v1/chat/completions": apiChat, "/v1/completions": apiCompletions}[path]
	}
	return a, taskOf(a, m.Tasks), a != ""
}

// teiRoot returns what POST / means to a TEI that does task.
func teiRoot(task string) api {
	switch task {
	case taskTextClass:
		return apiPredict
	case taskRanking:
		return apiRerank
	case taskSimilarity:
		return apiSimilarity
	default:
		return apiEmbed
	}
}

// taskOf returns the task that a asks of a model that does tasks.
func taskOf(a api, tasks []string) string {
	switch a {
	case apiCompat, apiGenerate, apiGenerateSSE, apiCompletions:
		return taskGeneration
	case apiChat, apiResponses:
		return taskChat
	case apiEmbed, apiEmbeddings:
		return taskFeatures
	case apiPredict:
		return taskTextClass
	case apiRerank:
		return taskRanking
	case apiSimilarity:
		return taskSimilarity
	case apiImages, apiAsync:
		return taskTextToImage
	default:
		return tasks[0]
	}
}

// noRoute is what the engine says of a path that it does not have.
func (x *exchange) noRoute() *problem {
	p := &problem{did: "no_route", status: http.StatusNotFound, envelope: envEmpty}
	switch x.spec.Backend {
	case BackendLlama:
		*p = llamaMissing()
	case BackendVLLM, BackendSGLang, BackendProvider:
		p.envelope, p.message = envDetail, "Not Found"
	case BackendToolkit, BackendHF:
		p.envelope, p.message = envText, "Not Found"
	}
	return p
}

// noToken is what an engine, or the proxy before it, says without a key.
func (x *exchange) noToken() *problem {
	kind := "invalid_token"
	if x.spec.Backend == BackendTGI || x.spec.Backend == BackendTEI {
		kind = "invalid_token_bare"
	}
	known, _ := presetNamed(kind)
	p := known.on(x.spec.Backend)
	p.did = "no_token"
	return &p
}
