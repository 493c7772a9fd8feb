package hf

import (
	"net/http"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// classify returns what an answer with a status that is not 2xx means, or
// one with a 2xx status that carries an error. The rules are those of
// docs/outcomes; wire facts are from the sources of TGI, TEI, huggingface_hub,
// the inference toolkit and api-inference-community.
func classify(status int, h http.Header, e envelope, route probe.Route) probe.Outcome {
	switch {
	case status >= 200 && status < 300:
		return inBody(e)
	case status < 400 || status > 599:
		return probe.Unknown
	case status >= 500:
		return serverStatus(status, e, route)
	case status == http.StatusTooManyRequests:
		return tooMany(h, e)
	default:
		return clientStatus(status, e)
	}
}

// clientStatus judges a 4xx but 429. The words of the answer go before its
// status, since the toolkit says 400 to its own faults, and a paused endpoint
// and a withdrawn provider say 400 as well.
func clientStatus(status int, e envelope) probe.Outcome {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return refused(e)
	case http.StatusPaymentRequired:
		return probe.Billing
	case http.StatusGone, http.StatusMisdirectedRequest:
		return probe.Gone
	case http.StatusRequestTimeout:
		return probe.Overloaded
	case http.StatusFailedDependency:
		return probe.ServerError
	}
	switch {
	case paused(e):
		return probe.Paused
	case asleep(e):
		return probe.Asleep
	case status == http.StatusNotFound || withdrawn(e):
		return probe.Gone
	case outOfMoney(e):
		return probe.Billing
	case has(e.words, "invalid api key", "incorrect api key", "api key not valid", "invalid authentication"):
		return probe.Auth
	case confesses(e):
		return probe.ServerError
	case loading(e):
		return probe.Loading
	case overloaded(e):
		return probe.Overloaded
	}
	switch status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired,
		http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnsupportedMediaType, http.StatusExpectationFailed, http.StatusUnprocessableEntity,
		http.StatusRequestHeaderFieldsTooLarge:
		return probe.BadRequest
	}
	if rejected(e) {
		return probe.BadRequest
	}
	return probe.Unknown
}

// serverStatus judges a 5xx.
func serverStatus(status int, e envelope, route probe.Route) probe.Outcome {
	switch {
	case status == http.StatusGatewayTimeout:
		return probe.GatewayTimeout
	case paused(e):
		return probe.Paused
	case asleep(e):
		return probe.Asleep
	case e.estimate >= 0:
		return probe.Loading
	case overloaded(e):
		return probe.Overloaded
	case confesses(e):
		return probe.ServerError
	case loading(e):
		return probe.Loading
	case status == http.StatusServiceUnavailable && starting(e):
		return probe.Loading
	case status == http.StatusServiceUnavailable && route == probe.RouteURL && wakingProxy(e):
		return probe.Loading
	case status == statusOverloaded:
		return probe.Overloaded
	}
	return probe.ServerError
}

// statusOverloaded is no registered status; several providers answer it when
// they have no capacity.
const statusOverloaded = 529

// refused judges a 401 or 403. A page for people comes from the edge, which
// knows nothing of the account.
func refused(e envelope) probe.Outcome {
	switch {
	case e.html || edgeBlock(e):
		return probe.Unknown
	case outOfMoney(e):
		return probe.Billing
	}
	return probe.Auth
}

// tooMany judges a 429: of capacity, of money or of a rate. One that says
// nothing is an engine that has no permit left, as TGI's and TEI's is.
func tooMany(h http.Header, e envelope) probe.Outcome {
	switch {
	case overloaded(e):
		return probe.Overloaded
	case outOfMoney(e) || has(e.words, "credit", "credits", "balance", "prepaid", "pre paid"):
		return probe.Billing
	case rateNamed(e):
		return probe.RateLimited
	case has(e.words, "plan", "plans", "billing", "payment", "subscribe", "subscription", "upgrade", "purchase", "paid"):
		return probe.Billing
	case has(e.words, "concurrent requests", "concurrency", "pending requests") &&
		!has(e.words, "your account", "your organization", "organization", "user"):
		return probe.Overloaded
	case rateHinted(e), rateInHeaders(h):
		return probe.RateLimited
	}
	return probe.Overloaded
}

// inBody judges an error within a 2xx answer that is no stream. What says
// nothing of a cause is no answer of the task.
func inBody(e envelope) probe.Outcome {
	if o := inWords(e); o != probe.StreamError {
		return o
	}
	if confesses(e) {
		return probe.ServerError
	}
	return probe.InvalidOutput
}

// inStream judges an error event within a 200 stream.
func inStream(data []byte) (probe.Outcome, envelope) {
	e := readEnvelope(nil, data)
	return inWords(e), e
}

// inWords judges an error that has no status but its words. TGI's chat route
// writes http_status_code 422 whatever the cause, so that is not read; vLLM's
// code is the status that it would have sent.
func inWords(e envelope) probe.Outcome {
	switch {
	case overloaded(e):
		return probe.Overloaded
	case confesses(e):
		return probe.StreamError
	case e.estimate >= 0 || loading(e):
		return probe.Loading
	case e.code == "404" || withdrawn(e):
		return probe.Gone
	case e.code == "402" || outOfMoney(e):
		return probe.Billing
	case rateNamed(e):
		return probe.RateLimited
	case e.code == "429":
		return tooMany(nil, e)
	case e.code == "401" || e.code == "403" || has(e.words, "invalid api key", "incorrect api key"):
		return probe.Auth
	case rejected(e):
		return probe.BadRequest
	}
	return probe.StreamError
}

// overloaded reports that the answer says it has no capacity.
func overloaded(e envelope) bool {
	return e.kind == "overloaded" || has(e.words, "overloaded", "too busy", "server is busy", "is busy",
		"at capacity", "no capacity", "over capacity", "out of capacity", "not enough capacity", "insufficient capacity",
		"capacity exceeded", "queue is full", "queue full", "queue size", "evicted from queue", "timed out in queue",
		"no available capacity", "capacity temporarily exceeded", "currently experiencing high demand",
		"engine is currently overloaded", "overloaded error")
}

// confesses reports that the answer names a fault of the server itself.
func confesses(e envelope) bool {
	return has(e.words, "cuda", "cudnn", "cublas", "nccl", "out of memory", "outofmemoryerror", "memoryerror", "oom",
		"unable to allocate", "segmentation fault", "internal server error", "internal error", "internalservererror",
		"timed out", "timeout error", "timeouterror", "request timeout", "read timeout", "gateway timeout",
		"timeout expired", "timeout exceeded", "broken pipe", "connection refused", "connection reset",
		"no space left on device", "worker died", "engine dead", "enginedeaderror", "engine is dead", "device side assert")
}

// loading reports that the answer says the model is on its way. A failure to
// load is none.
func loading(e envelope) bool {
	if has(e.words, "failed to load", "failed loading", "error loading", "could not load", "cannot load", "cant load",
		"unable to load", "problem loading", "while loading") {
		return false
	}
	return has(e.words, "currently loading", "is loading", "still loading", "being loaded", "still being loaded",
		"is warming up", "warming up", "is initializing", "is initialising", "still initializing", "scaling up",
		"is waking up", "waking up", "is starting up", "cold start", "model not ready", "model is not ready",
		"not ready yet", "not yet ready", "is being deployed")
}

// starting reports words that mean a start in a 503, and might mean anything
// elsewhere.
func starting(e envelope) bool {
	if has(e.words, "error", "failed", "failure") && !has(e.words, "try again") {
		return false
	}
	return has(e.words, "initializing", "initialising", "starting", "loading", "pending", "not ready", "provisioning",
		"no replica", "no ready replica", "no ready replicas", "deploying")
}

// wakingProxy reports the answer of the proxy before a dedicated endpoint that
// has no ready replica, most often since it wakes up.
func wakingProxy(e envelope) bool {
	return e.inError && e.saysOnly("503 service unavailable")
}

// asleep reports that an endpoint says it is scaled to zero.
func asleep(e envelope) bool {
	return has(e.words, "scaled to zero", "scale to zero", "scaledtozero")
}

// paused reports that somebody stopped the endpoint.
func paused(e envelope) bool {
	if has(e.words, "invalid state") && !has(e.words, "invalid state dict", "invalid state dictionary") {
		return true
	}
	return has(e.words, "is paused", "endpoint paused", "been paused", "currently paused", "is currently paused")
}

// withdrawn reports that the model, the provider or the host is not offered.
func withdrawn(e envelope) bool {
	if e.code == "model not supported" || e.code == "model not found" || e.kind == "model not found" {
		return true
	}
	if has(e.words, "model not supported", "not supported by any provider", "not supported by provider",
		"model not found", "model decommissioned", "unknown provider", "provider not found") {
		return true
	}
	return has(e.words, "model", "models", "provider", "endpoint", "host") && !has(e.words, "parameter", "argument") &&
		has(e.words, "does not exist", "no longer supported", "no longer available", "has been deprecated",
			"has been removed", "has been decommissioned")
}

// rejected reports that the answer calls the request wrong.
func rejected(e envelope) bool {
	switch e.kind {
	case "validation", "tokenizer", "empty", "template error", "tool error", "missing template variable",
		"invalid request error", "badrequesterror", "bad request", "validationerror", "invalid request":
		return true
	}
	switch e.code {
	case "400", "413", "415", "422", "context length exceeded", "invalid request error":
		return true
	}
	return has(e.words, "validation error", "input validation", "invalid request", "bad request", "template error",
		"tool error", "maximum context length", "context length exceeded", "must be", "must have", "is required",
		"field required", "missing field", "invalid parameter", "invalid value", "unsupported parameter",
		"extra inputs are not permitted", "is not a valid", "cannot be empty", "failed to deserialize",
		"unprocessable entity", "too long", "too large", "request is invalid")
}

// outOfMoney reports phrases that only money brings about.
func outOfMoney(e envelope) bool {
	if e.code == "insufficient quota" || e.kind == "insufficient quota" {
		return true
	}
	return has(e.words, "included credits", "insufficient credits", "insufficient credit", "not enough credits",
		"out of credits", "no credits", "credits exhausted", "credit limit", "credit balance", "not enough balance",
		"insufficient balance", "account balance", "insufficient funds", "insufficient quota", "payment required",
		"billing hard limit", "spending limit", "spend limit", "depleted", "payment overdue")
}

// rateNamed reports that the answer names a rate as its limit. That goes
// before a plan that it recommends.
func rateNamed(e envelope) bool {
	if e.code == "rate limit exceeded" || e.kind == "rate limit exceeded" || e.kind == "rate limit error" {
		return true
	}
	return has(e.words, "rate limit", "rate limits", "rate limited", "rate limiting", "ratelimit", "ratelimited",
		"ratelimiterror", "rate exceeded", "requests per", "tokens per", "reset hourly", "hourly limit", "daily limit")
}

// rateHinted reports that the answer speaks of a rate, a quota or logging in.
func rateHinted(e envelope) bool {
	if has(e.words, "rate", "quota", "quotas", "log in", "login", "logged in", "sign in", "access token", "authenticate",
		"slow down", "throttled", "throttling", "usage limit", "request limit", "limit reached") {
		return true
	}
	// The bare name of the status says nothing.
	return has(e.words, "too many requests") &&
		!e.saysOnly("too many requests", "429 too many requests", "429 client error too many requests")
}

// edgeBlock reports the one line with which Cloudflare turns a client away.
func edgeBlock(e envelope) bool {
	number, ok := strings.CutPrefix(strings.TrimSpace(e.words), "error code ")
	return ok && strings.Trim(number, "0123456789") == ""
}
