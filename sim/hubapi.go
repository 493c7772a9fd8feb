package sim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// providerHub is what limits of an account call the Hub's own API.
const providerHub = "hub"

// hub answers a request to the Hub's API, which the simulator has at the same
// address as the router.
func (x *exchange) hub() *problem {
	x.rec.Route = "hub"
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return &problem{did: "no_route", status: http.StatusMethodNotAllowed, envelope: envString, message: "Method Not Allowed"}
	}
	if p := x.accountLimit(providerHub); p != nil {
		return p
	}
	if p, struck := x.tokenFault(); struck {
		return p
	}
	path := strings.TrimPrefix(x.path, "/api/")
	switch {
	case path == "whoami-v2":
		return x.whoami()
	case path == "tasks":
		x.sendJSON(x.hubTasks())
	case path == "models":
		x.hubModels()
	case strings.HasPrefix(path, "models/"):
		return x.hubModel(strings.TrimPrefix(path, "models/"))
	case strings.HasPrefix(path, "partners/") && strings.HasSuffix(path, "/models"):
		x.hubPartner(strings.TrimSuffix(strings.TrimPrefix(path, "partners/"), "/models"))
	default:
		return &problem{did: "no_route", status: http.StatusNotFound, envelope: envString, message: "Sorry, we can't find the page you are looking for."}
	}
	return nil
}

// tokenFault returns the refusal of a token that is wrong for everything. What
// a token may not do at the router, and what it owes there, are no matter of
// the Hub's API.
func (x *exchange) tokenFault() (*problem, bool) {
	s := x.server
	s.mu.Lock()
	account := s.account.clone()
	s.mu.Unlock()
	for _, f := range account.Faults {
		if f.Provider != "" || f.BillTo != "" || (f.Token != "" && f.Token != x.rec.TokenHash) || !x.rec.Authorized {
			continue
		}
		if p, known := presetNamed(f.Fault.Kind); known && p.answer.status == http.StatusUnauthorized {
			return x.statusFault(f.Fault), true
		}
	}
	return nil, false
}

// whoami answers who the token is, and what it may do.
func (x *exchange) whoami() *problem {
	if !x.rec.Authorized {
		known, _ := presetNamed("invalid_token")
		p := known.on("")
		p.did = "no_token"
		return &p
	}
	s := x.server
	s.mu.Lock()
	account := s.account.clone()
	s.mu.Unlock()
	permissions := []any{"inference.serverless.write"}
	for _, f := range account.Faults {
		p, _ := presetNamed(f.Fault.Kind)
		if f.Provider == "" && f.BillTo == "" && (f.Token == "" || f.Token == x.rec.TokenHash) && p.answer.status == http.StatusForbidden {
			permissions = []any{}
		}
	}
	orgs := []any{}
	for _, name := range account.Orgs {
		orgs = append(orgs, object{{"type", "org"}, {"id", fakeSHA(name)[:24]}, {"name", name}, {"fullname", name}, {"roleInOrg", "write"}})
	}
	name := account.Name
	fill(&name, "sim")
	x.sendJSON(object{
		{"type", "user"},
		{"id", fakeSHA(name)[:24]},
		{"name", name},
		{"fullname", name},
		{"isPro", false},
		{"canPay", true},
		{"orgs", orgs},
		{"auth", object{
			{"type", "access_token"},
			{"accessToken", object{
				{"displayName", "simulated"},
				{"role", "fineGrained"},
				{"createdAt", hubTime},
				{"fineGrained", object{{"canReadGatedRepos", false}, {"global", permissions}, {"scoped", []any{}}}},
			}},
		}},
	})
	return nil
}

// hubTime is when everything on the Hub happened.
const hubTime = "2023-11-14T22:13:20.000Z"

// repo is what the scenario has of one id.
type repo struct {
	id     string
	models []Model
}

// repos returns the models of the scenario by id, in its order.
func (x *exchange) repos() []repo {
	var all []repo
	for _, m := range x.server.Scenario().Models {
		i := slices.IndexFunc(all, func(r repo) bool { return r.id == m.ID })
		if i < 0 {
			i, all = len(all), append(all, repo{id: m.ID})
		}
		if !x.server.warm(m.Name) {
			// What is not ready is not warm at the Hub either.
			m.Listing.Status = statusStaging
		}
		all[i].models = append(all[i].models, m)
	}
	return all
}

// pipelineTag is the Hub's name of what r does.
func (r repo) pipelineTag() string {
	m := r.models[0]
	task := m.Tasks[0]
	switch {
	case task != taskChat:
		return task
	case m.Listing.Images:
		return "image-text-to-text"
	default:
		return taskGeneration
	}
}

// mappingTask is what the mapping of providers calls what m does.
func (m Model) mappingTask() string {
	if slices.Contains(m.Tasks, taskChat) {
		return "conversational"
	}
	return m.Tasks[0]
}

// served returns those of r's models that a provider serves and lists.
func (r repo) served() []Model {
	return slices.DeleteFunc(slices.Clone(r.models), func(m Model) bool { return m.provider() == "" || m.Listing.Hidden })
}

// fields returns what the Hub's API says of r; mappingList has the mapping of
// providers as a list, as the list of models does, and not as an object, as one
// model's page does.
func (r repo) fields(mappingList bool) object {
	m := r.models[0]
	mask := m.Listing.MaskToken
	fill(&mask, "[MASK]")
	tags := []any{r.pipelineTag(), "region:us"}
	mapped, listed := object{}, []any{}
	for _, s := range r.served() {
		entry := object{
			{"providerId", s.providerModel()},
			{"status", s.status()},
			{"task", s.mappingTask()},
			{"isModelAuthor", s.Listing.Author},
			{"type", "single-model"},
		}
		mapped = append(mapped, member{s.provider(), entry})
		listed = append(listed, append(object{{"provider", s.provider()}}, entry...))
	}
	all := object{
		{"_id", fakeSHA("id " + r.id)[:24]},
		{"id", r.id},
		{"modelId", r.id},
		{"sha", m.effective().SHA},
		{"private", false},
		{"gated", m.Listing.Gated},
		{"disabled", m.Listing.Disabled},
		{"lastModified", hubTime},
		{"createdAt", hubTime},
		{"downloads", 1000},
		{"likes", 10},
		{"pipeline_tag", r.pipelineTag()},
		{"library_name", "transformers"},
		{"tags", tags},
		{"mask_token", mask},
		{"siblings", []any{object{{"rfilename", "config.json"}}}},
	}
	if r.pipelineTag() != taskFillMask {
		all = slices.DeleteFunc(all, func(m member) bool { return m.key == "mask_token" })
	}
	if slices.ContainsFunc(r.served(), func(m Model) bool { return m.status() == statusLive }) {
		// Where nobody serves it the key is absent.
		all = append(all, member{"inference", "warm"})
	}
	if mappingList {
		return append(all, member{"inferenceProviderMapping", listed})
	}
	return append(all, member{"inferenceProviderMapping", mapped})
}

// hubExpand returns of all what the query asks for: with expand the id and
// what is named, else everything but what has to be asked for.
func hubExpand(all object, query url.Values) object {
	wanted := slices.Concat(query["expand"], query["expand[]"])
	always := []string{"_id", "id"}
	return slices.DeleteFunc(slices.Clone(all), func(m member) bool {
		if len(wanted) == 0 {
			return m.key == "inference" || m.key == "inferenceProviderMapping" || m.key == "mask_token"
		}
		return !slices.Contains(wanted, m.key) && !slices.Contains(always, m.key)
	})
}

// hubModel answers what the Hub knows of one model. One that there is not is a
// 401 to who has shown no token, since it might be private.
func (x *exchange) hubModel(id string) *problem {
	id, _, _ = strings.Cut(id, "/revision/")
	for _, r := range x.repos() {
		if r.id == id {
			x.sendJSON(hubExpand(r.fields(false), x.r.URL.Query()))
			return nil
		}
	}
	p := problem{
		did: "unknown_model", status: http.StatusUnauthorized, envelope: envString, message: "Invalid username or password.",
		headers: map[string]string{"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
	}
	if x.rec.Authorized {
		p.status, p.message = http.StatusNotFound, "Repository not found"
	}
	return &p
}

// hubModels answers the Hub's list of models.
func (x *exchange) hubModels() {
	query := x.r.URL.Query()
	providers := strings.Split(query.Get("inference_provider"), ",")
	limit, _ := strconv.Atoi(query.Get("limit"))
	data := []any{}
	for _, r := range x.repos() {
		served := r.served()
		by := slices.ContainsFunc(served, func(m Model) bool { return slices.Contains(providers, m.provider()) })
		switch {
		case query.Get("inference_provider") == "all" && len(served) == 0,
			query.Get("inference_provider") != "" && query.Get("inference_provider") != "all" && !by,
			query.Get("inference") == "warm" && len(served) == 0,
			query.Get("pipeline_tag") != "" && query.Get("pipeline_tag") != r.pipelineTag(),
			!strings.Contains(strings.ToLower(r.id), strings.ToLower(query.Get("search"))),
			limit > 0 && len(data) >= limit:
			continue
		}
		data = append(data, hubExpand(r.fields(true), query))
	}
	x.sendJSON(data)
}

// hubTasks answers the Hub's tasks with the models that it suggests for each.
func (x *exchange) hubTasks() object {
	all := object{}
	for _, task := range Tasks(BackendHF) {
		if task == taskChat {
			continue
		}
		widgets, models := []any{}, []any{}
		for _, r := range x.repos() {
			if r.pipelineTag() == task {
				widgets = append(widgets, r.id)
				models = append(models, object{{"id", r.id}, {"description", "A simulated model."}})
			}
		}
		all = append(all, member{task, object{
			{"id", task}, {"label", strings.ReplaceAll(task, "-", " ")}, {"models", models}, {"widgetModels", widgets}, {"datasets", []any{}},
		}})
	}
	return all
}

// hubPartner answers a provider's public mapping, by task.
func (x *exchange) hubPartner(provider string) {
	status := x.r.URL.Query().Get("status")
	byTask := object{}
	for _, r := range x.repos() {
		for _, m := range r.served() {
			if m.provider() != provider || (status != "" && status != m.status()) {
				continue
			}
			entry := member{r.id, object{{"providerId", m.providerModel()}, {"status", m.status()}}}
			i := slices.IndexFunc(byTask, func(have member) bool { return have.key == m.mappingTask() })
			if i < 0 {
				byTask = append(byTask, member{m.mappingTask(), object{entry}})
				continue
			}
			inner, _ := byTask[i].value.(object)
			inner = append(inner, entry)
			byTask[i].value = inner
		}
	}
	x.sendJSON(byTask)
}
