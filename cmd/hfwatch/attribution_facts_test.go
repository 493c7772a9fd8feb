package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/sim"
)

// finding is what a fault must come to: the outcome and the phase. Whose fault
// that is and how it counts follows from the table of outcomes alone.
type finding struct {
	outcome probe.Outcome
	phase   probe.Phase
}

// engineWay is an engine and how it is asked.
type engineWay struct {
	name, backend, task string
	stream              bool
	route               probe.Route
	path                string
}

// personalities are the engines' personalities, whole and streamed where they stream.
func personalities() []engineWay {
	return []engineWay{
		{"hf-inference", sim.BackendHF, "text-classification", false, probe.RouteHFInference, ""},
		{"hf-inference, streamed", sim.BackendHF, "chat-completion", true, probe.RouteHFInference, ""},
		{"TGI", sim.BackendTGI, "text-generation", false, probe.RouteURL, "/e/m/generate"},
		{"TGI, streamed", sim.BackendTGI, "chat-completion", true, probe.RouteURL, "/e/m"},
		{"TEI", sim.BackendTEI, "feature-extraction", false, probe.RouteURL, "/e/m/embed"},
		{"toolkit", sim.BackendToolkit, "text-classification", false, probe.RouteURL, "/e/m"},
		{"vLLM", sim.BackendVLLM, "chat-completion", false, probe.RouteURL, "/e/m"},
		{"vLLM, streamed", sim.BackendVLLM, "chat-completion", true, probe.RouteURL, "/e/m"},
		{"SGLang", sim.BackendSGLang, "chat-completion", false, probe.RouteURL, "/e/m"},
		{"SGLang, streamed", sim.BackendSGLang, "chat-completion", true, probe.RouteURL, "/e/m"},
		{"llama.cpp", sim.BackendLlama, "chat-completion", false, probe.RouteURL, "/e/m"},
		{"llama.cpp, streamed", sim.BackendLlama, "chat-completion", true, probe.RouteURL, "/e/m"},
		{"provider", sim.BackendProvider, "chat-completion", false, probe.RouteRouter, ""},
		{"provider, streamed", sim.BackendProvider, "chat-completion", true, probe.RouteRouter, ""},
	}
}

// The ways to which a fact applies.
func anyWay(engineWay) bool       { return true }
func streamed(w engineWay) bool   { return w.stream }
func inOnePiece(w engineWay) bool { return !w.stream }
func chats(w engineWay) bool      { return w.task == "chat-completion" }
func atRouter(w engineWay) bool   { return w.route != probe.RouteURL }
func atEndpoint(w engineWay) bool { return w.route == probe.RouteURL }
func llama(w engineWay) bool      { return w.backend == sim.BackendLlama }
func notLlama(w engineWay) bool   { return !llama(w) }
func judgedByText(w engineWay) bool {
	return slices.Contains([]string{"chat-completion", "text-generation", "text-classification"}, w.task)
}
func generates(w engineWay) bool { return chats(w) || w.task == "text-generation" }

// fact is one thing that goes wrong, and what it means, from the wire facts of
// the engines' sources and from users' reports, not from the classifier.
type fact struct {
	section, about string
	fault          sim.Fault
	on             func(engineWay) bool
	want           finding
	// account puts the fault at the account instead of at the model.
	account *sim.Account
}

// statusFacts are the named answers that are refusals.
func statusFacts() []fact {
	var facts []fact
	add := func(outcome probe.Outcome, on func(engineWay) bool, kinds ...string) {
		for _, kind := range kinds {
			facts = append(facts, fact{"Refusals", kind, sim.Fault{Kind: kind}, on, finding{outcome, ""}, nil})
		}
	}
	add(probe.Overloaded, anyWay, "overloaded", "too_busy", "request_timeout")
	add(probe.Loading, anyWay, "loading")
	// Only the proxy before a dedicated endpoint says so while one wakes up.
	add(probe.Loading, atEndpoint, "waking")
	add(probe.ServerError, atRouter, "waking")
	add(probe.Paused, anyWay, "paused")
	// llama.cpp is unwell for one reason alone: its model is not loaded yet.
	add(probe.Loading, llama, "unhealthy")
	add(probe.ServerError, notLlama, "unhealthy")
	add(probe.ServerError, anyWay, "server_error", "out_of_memory", "incomplete_generation", "bad_gateway", "unavailable")
	add(probe.GatewayTimeout, anyWay, "gateway_timeout")
	// A 429 of a rate says so, in words or in headers that leave nothing; one
	// that says nothing, or that much is left, is an engine without a permit.
	add(probe.RateLimited, anyWay, "rate_limit_reached", "rate_limit_hub", "rate_limit_date", "quota_exceeded")
	add(probe.Overloaded, anyWay, "rate_limited", "rate_limit_elsewhere", "rate_limit_retry_after")
	add(probe.Gone, anyWay, "not_found", "not_deployed", "gone", "gone_page", "misdirected", "model_not_supported", "provider_not_supported")
	add(probe.BadRequest, anyWay, "too_large", "unsupported_media", "validation", "template_error")
	add(probe.Unknown, anyWay, "redirect")
	// A page comes from an edge that knows nothing of the account.
	add(probe.Auth, anyWay, "invalid_token", "invalid_token_bare", "forbidden")
	add(probe.Unknown, anyWay, "invalid_token_page", "forbidden_page", "forbidden_edge")
	add(probe.Billing, anyWay, "payment_required", "payment_required_2025", "not_enough_balance", "credit_limit")
	return facts
}

// accountFacts are the states of an account at the router.
func accountFacts() []fact {
	faulty := func(kind string) *sim.Account {
		return &sim.Account{Faults: []sim.AccountFault{{Fault: sim.Fault{Kind: kind}}}}
	}
	limited := func(headers string, kind string) *sim.Account {
		return &sim.Account{RateLimits: []sim.AccountLimit{{Limit: sim.RateLimit{
			Requests: 1, Window: sim.Duration(time.Minute), Headers: headers, Fault: sim.Fault{Kind: kind},
		}}}}
	}
	facts := []fact{
		{about: "401", account: faulty("invalid_token"), want: finding{probe.Auth, ""}},
		{about: "401 without a token", account: &sim.Account{RequireAuth: true}, want: finding{probe.Auth, ""}},
		{about: "402", account: faulty("payment_required"), want: finding{probe.Billing, ""}},
		{about: "402 of a provider", account: faulty("not_enough_balance"), want: finding{probe.Billing, ""}},
		{about: "403", account: faulty("forbidden"), want: finding{probe.Auth, ""}},
		{about: "403, a page", account: faulty("forbidden_page"), want: finding{probe.Unknown, ""}},
		{about: "a quota", account: faulty("quota_exceeded"), want: finding{probe.RateLimited, ""}},
		{about: "no credit, as a 429", account: faulty("credit_limit"), want: finding{probe.Billing, ""}},
		{about: "a rate, in words", account: limited("", "rate_limit_reached"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, in draft headers alone", account: limited("draft", "rate_limited"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, in ietf headers alone", account: limited("ietf", "rate_limited"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, in plain headers alone", account: limited("plain", "rate_limited"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, in requests headers alone", account: limited("requests", "rate_limited"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, in minute headers alone", account: limited("minute", "rate_limited"), want: finding{probe.RateLimited, ""}},
		{about: "a rate, of which nothing is said", account: limited("", "rate_limited"), want: finding{probe.Overloaded, ""}},
	}
	for i := range facts {
		facts[i].section, facts[i].on = "The account at the router", atRouter
	}
	pinned := func(w engineWay) bool { return w.route == probe.RouteRouter }
	return append(facts, fact{
		section: "The account at the router", about: "a provider that is not enabled", on: pinned,
		want: finding{probe.Gone, ""}, account: &sim.Account{Disabled: []string{"groq"}},
	})
}

// streamFacts are streams that go wrong behind a 200.
func streamFacts() []fact {
	var facts []fact
	add := func(about string, outcome probe.Outcome, phase probe.Phase, f sim.Fault) {
		facts = append(facts, fact{"Streams behind a 200", about, f, streamed, finding{outcome, phase}, nil})
	}
	errors := []struct {
		about, message, kind string
		outcome              probe.Outcome
	}{
		{"overload", "Model is overloaded", "overloaded", probe.Overloaded},
		{"a failed generation", "Request failed during generation: Server error: CUDA error", "generation", probe.StreamError},
		{"an incomplete generation", "Incomplete generation", "incomplete_generation", probe.StreamError},
		{"a rejected request", "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096", "validation", probe.BadRequest},
		{"a template that fails", "Template error: unknown test", "template_error", probe.BadRequest},
		{"an engine that died", "EngineCore encountered an issue.", "InternalServerError", probe.StreamError},
		{"something unknown", "boom", "strange", probe.StreamError},
	}
	for _, form := range []string{"e", "f", "g"} {
		for _, e := range errors {
			add("an event of form "+form+": "+e.about, e.outcome, probe.PhaseBody, sim.Fault{Kind: "stream_error", Form: form, Message: e.message, ErrorType: e.kind})
			add("the same after two tokens, form "+form+": "+e.about, e.outcome, probe.PhaseBody, sim.Fault{Kind: "stream_error", Form: form, At: 2, Message: e.message, ErrorType: e.kind})
		}
	}
	add("ends after two tokens", probe.Truncated, probe.PhaseBody, sim.Fault{Kind: "stream_eof", At: 2})
	add("ends before a token", probe.InvalidOutput, probe.PhaseBody, sim.Fault{Kind: "stream_eof"})
	add("is closed after two tokens", probe.Truncated, probe.PhaseBody, sim.Fault{Kind: "stream_cut", At: 2})
	add("is closed before a token", probe.Truncated, probe.PhaseBody, sim.Fault{Kind: "stream_cut"})
	add("is reset after two tokens", probe.Reset, probe.PhaseBody, sim.Fault{Kind: "stream_reset", At: 2})
	add("is reset before a token", probe.Reset, probe.PhaseBody, sim.Fault{Kind: "stream_reset"})
	add("stalls after two tokens", probe.Stalled, probe.PhaseBody, sim.Fault{Kind: "stream_stall", At: 2})
	add("stalls after two tokens, with comments", probe.Stalled, probe.PhaseBody, sim.Fault{Kind: "stream_stall", At: 2, Comments: true})
	// Before the first token the deadline counts, whatever the gap limit.
	add("stalls before a token", probe.Timeout, probe.PhaseFirstToken, sim.Fault{Kind: "stream_stall"})
	add("says nothing at all", probe.InvalidOutput, probe.PhaseBody, sim.Fault{Kind: "empty_stream"})
	add("holds an event that is no JSON", probe.OK, "", sim.Fault{Kind: "malformed_event", At: 2})
	add("never says [DONE]", probe.OK, "", sim.Fault{Kind: "no_done"})
	add("never says why it ended", probe.OK, "", sim.Fault{Kind: "no_finish"})
	return facts
}

// answerFacts are 200s that are no answer.
func answerFacts() []fact {
	var facts []fact
	add := func(about string, on func(engineWay) bool, outcome probe.Outcome, f sim.Fault) {
		facts = append(facts, fact{"Answers within a 200", about, f, on, finding{outcome, ""}, nil})
	}
	add("is wrong", judgedByText, probe.WrongAnswer, sim.Fault{Kind: "wrong_answer"})
	add("is empty", generates, probe.InvalidOutput, sim.Fault{Kind: "empty_text"})
	add("is blank", generates, probe.InvalidOutput, sim.Fault{Kind: "blank_text"})
	add("is all thought", chats, probe.NoAnswer, sim.Fault{Kind: "thinking_only"})
	add("was filtered", chats, probe.Filtered, sim.Fault{Kind: "content_filter", At: 1})
	for _, e := range []struct {
		message string
		outcome probe.Outcome
	}{
		{"boom", probe.InvalidOutput},
		{"Model is overloaded", probe.Overloaded},
		{"CUDA out of memory", probe.ServerError},
		{"Model m is currently loading", probe.Loading},
		{"Input validation error: `inputs` must have less words", probe.BadRequest},
	} {
		add("is an error: "+e.message, inOnePiece, e.outcome, sim.Fault{Kind: "error_in_200", Message: e.message, ErrorType: "strange", Code: "odd"})
	}
	add("is a page", inOnePiece, probe.InvalidOutput, sim.Fault{Kind: "html_in_200"})
	add("has no body", inOnePiece, probe.InvalidOutput, sim.Fault{Kind: "empty_body"})
	// By its length it is whole, but it ends within a value.
	add("is half a JSON", inOnePiece, probe.Truncated, sim.Fault{Kind: "not_json"})
	slices.SortStableFunc(facts, func(a, b fact) int { return strings.Compare(a.fault.Kind, b.fault.Kind) })
	return facts
}

// connectionFacts are connections that break once they are made.
func connectionFacts() []fact {
	var facts []fact
	add := func(about string, on func(engineWay) bool, outcome probe.Outcome, phase probe.Phase, f sim.Fault) {
		facts = append(facts, fact{"Connections once made", about, f, on, finding{outcome, phase}, nil})
	}
	minute := sim.Duration(time.Minute)
	add("reset instead of an answer", anyWay, probe.Reset, probe.PhaseFirstByte, sim.Fault{Kind: "reset_before_headers"})
	add("closed instead of an answer", anyWay, probe.Reset, probe.PhaseFirstByte, sim.Fault{Kind: "close_before_headers"})
	add("reset within the body", anyWay, probe.Reset, probe.PhaseBody, sim.Fault{Kind: "reset_mid_body"})
	add("closed within the body", anyWay, probe.Truncated, probe.PhaseBody, sim.Fault{Kind: "truncated_body"})
	add("never a byte", anyWay, probe.Timeout, probe.PhaseFirstByte, sim.Fault{Kind: "never_answer"})
	add("a header a minute", anyWay, probe.Timeout, probe.PhaseFirstByte, sim.Fault{Kind: "slow_headers", Delay: minute})
	add("a byte a minute", inOnePiece, probe.Timeout, probe.PhaseTotal, sim.Fault{Kind: "slow_body", Delay: minute})
	add("a byte a minute of a stream", streamed, probe.Timeout, probe.PhaseFirstToken, sim.Fault{Kind: "slow_body", Delay: minute})
	add("closed after the answer", anyWay, probe.OK, "", sim.Fault{Kind: "close_after_response"})
	add("a body without end", anyWay, probe.InvalidOutput, probe.PhaseBody, sim.Fault{Kind: "endless_body", Bytes: 6 << 20})
	add("a line without end", anyWay, probe.InvalidOutput, probe.PhaseBody, sim.Fault{Kind: "long_line", Bytes: 6 << 20})
	add("a bomb of gzip", inOnePiece, probe.InvalidOutput, probe.PhaseBody, sim.Fault{Kind: "gzip_bomb", Bytes: 6 << 20})
	add("gzip that nobody asked for", inOnePiece, probe.OK, "", sim.Fault{Kind: "gzip"})
	return facts
}

// statuses are the statuses of the wire facts, with what each means by itself.
func statuses() map[int]probe.Outcome {
	return map[int]probe.Outcome{
		http.StatusFound: probe.Unknown, http.StatusNotModified: probe.Unknown,
		http.StatusBadRequest: probe.BadRequest, http.StatusUnauthorized: probe.Auth, http.StatusPaymentRequired: probe.Billing,
		http.StatusForbidden: probe.Auth, http.StatusNotFound: probe.Gone, http.StatusRequestTimeout: probe.Overloaded,
		http.StatusGone: probe.Gone, http.StatusRequestEntityTooLarge: probe.BadRequest, http.StatusUnsupportedMediaType: probe.BadRequest,
		http.StatusTeapot: probe.Unknown, http.StatusMisdirectedRequest: probe.Gone, http.StatusUnprocessableEntity: probe.BadRequest,
		http.StatusFailedDependency: probe.ServerError, http.StatusTooManyRequests: probe.Overloaded,
		http.StatusInternalServerError: probe.ServerError, http.StatusBadGateway: probe.ServerError,
		http.StatusServiceUnavailable: probe.ServerError, http.StatusGatewayTimeout: probe.GatewayTimeout, 529: probe.Overloaded,
	}
}

// inEnvelope returns what a status means in an envelope whose words say
// nothing: two envelopes speak without words.
func inEnvelope(status int, alone probe.Outcome, envelope string) probe.Outcome {
	switch {
	case envelope == "html" && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		// A page is of an edge, which knows nothing of the account.
		return probe.Unknown
	case envelope == "estimate" && status >= 500 && status != http.StatusGatewayTimeout:
		// Only a cold model has an estimated_time.
		return probe.Loading
	}
	return alone
}
