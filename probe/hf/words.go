package hf

import "strings"

// overloaded reports that the answer says it has no capacity.
func overloaded(e envelope) bool {
	return e.kind == "overloaded" || has(e.words, "overloaded", "too busy", "server is busy", "is busy",
		"at capacity", "no capacity", "over capacity", "out of capacity", "not enough capacity", "insufficient capacity",
		"capacity exceeded", "queue is full", "queue full", "queue size", "evicted from queue", "timed out in queue",
		"no available capacity", "capacity temporarily exceeded", "currently experiencing high demand",
		"engine is currently overloaded", "overloaded error")
}

// confesses reports that the answer names a fault of the server itself. The
// errors of a generation and of a service downstream are fal's, under a 422 and a 400.
func confesses(e envelope) bool {
	return has(e.words, "cuda", "cudnn", "cublas", "nccl", "out of memory", "outofmemoryerror", "memoryerror", "oom",
		"unable to allocate", "segmentation fault", "internal server error", "internal error", "internalservererror",
		"timed out", "timeout error", "timeouterror", "request timeout", "read timeout", "gateway timeout",
		"timeout expired", "timeout exceeded", "broken pipe", "connection refused", "connection reset",
		"no space left on device", "worker died", "generation failed", "generation error", "downstream service error", "downstream service unavailable", "engine dead", "enginedeaderror", "engine is dead", "device side assert")
}

// loading reports that the answer says the model is on its way. A failure to
// load is none.
func loading(e envelope) bool {
	if has(e.words, "failed to load", "failed loading", "error loading", "could not load", "cannot load", "cant load",
		"unable to load", "problem loading", "while loading") {
		return false
	}
	if e.kind == "unavailable error" && has(e.words, "loading model") {
		// llama.cpp says no more than that.
		return true
	}
	return has(e.words, "currently loading", "is loading", "still loading", "being loaded", "still being loaded",
		"is warming up", "warming up", "is initializing", "is initialising", "still initializing", "scaling up",
		"is waking up", "waking up", "is starting up", "cold start", "model not ready", "model is not ready",
		"not ready yet", "not yet ready", "is being deployed")
}

// moderated reports that a content filter stopped what was generated.
func moderated(e envelope) bool {
	return has(e.words, "nsfw", "safety", "content policy", "sensitive content", "flagged")
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

// badCredentials reports that a 400 is about who asks, not about what is asked.
func badCredentials(e envelope) bool {
	return has(e.words, "invalid api key", "incorrect api key", "api key not valid", "invalid authentication",
		"token seems invalid", "invalid access token", "invalid user token", "invalid credentials")
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
