package sim

// preset is a fault of class status as a backend really answers it.
type preset struct {
	kind, about string
	// answer is what every backend says that by does not name.
	answer problem
	by     map[string]problem
}

// on returns what backend answers.
func (p preset) on(backend string) problem {
	answer, ok := p.by[backend]
	if !ok {
		answer = p.answer
	}
	answer.did = p.kind
	return answer
}

// presetNamed returns the preset of that kind.
func presetNamed(kind string) (preset, bool) {
	for _, p := range presets() {
		if p.kind == kind {
			return p, true
		}
	}
	return preset{}, false
}

// presets returns every fault of class status that has a name. Bodies are those
// that users and the official clients' recordings have seen.
func presets() []preset {
	all := append(loadPresets(), ratePresets()...)
	all = append(all, brokenPresets()...)
	all = append(all, requestPresets()...)
	return append(all, accountPresets()...)
}

// loadPresets are about models that are busy or not there yet.
func loadPresets() []preset {
	overloaded := problem{status: 429, envelope: envErrorType, message: "Model is overloaded", errorType: "overloaded"}
	openAI := problem{
		status: 429, envelope: envOpenAI, message: "Service is too busy. Please try again later.",
		errorType: "overloaded_error", code: "engine_overloaded",
	}
	tei := overloaded
	tei.errorType = "Overloaded"
	vllm := problem{
		status: 503, envelope: envOpenAI, message: "The server is overloaded, please retry later.",
		errorType: "ServiceUnavailableError", code: "503",
	}
	// SGLang's type is its status, as text.
	sglang := problem{status: 503, envelope: envFlat, message: "The request queue is full.", errorType: "503"}
	loading := problem{status: 503, envelope: envLlama, message: "Loading model", errorType: "unavailable_error"}
	unhealthy := problem{status: 503, envelope: envErrorType, message: "unhealthy", errorType: "healthcheck"}
	sick := unhealthy
	sick.errorType = "Unhealthy"
	return []preset{
		{
			"overloaded", "permits or queue are full",
			problem{status: 503, envelope: envString, message: "overloaded"},
			map[string]problem{BackendTGI: overloaded, BackendTEI: tei, BackendVLLM: vllm, BackendSGLang: sglang, BackendProvider: openAI},
		},
		{"too_busy", "hf-inference gave up waiting for the model", problem{
			status: 500, envelope: envString,
			message: "Model too busy, unable to get response in less than 60 second(s)",
		}, nil},
		{"loading", "503 with an estimated_time", problem{
			status: 503, envelope: envEstimate, message: "Model is currently loading", estimate: 20,
		}, map[string]problem{BackendLlama: loading}},
		{"waking", "a dedicated endpoint scaled to zero", problem{
			status: 503, envelope: envString, message: "503 Service Unavailable",
		}, nil},
		{"paused", "a dedicated endpoint that its owner paused", problem{
			status: 400, envelope: envString, message: "Bad Request: Invalid state",
		}, nil},
		{
			"unhealthy", "the engine says that it is unhealthy", unhealthy,
			map[string]problem{BackendTEI: sick, BackendLlama: loading, BackendSGLang: {status: 503, envelope: envEmpty}},
		},
	}
}

// ratePresets are 429s, of a rate, of a quota, of money, and of nothing.
func ratePresets() []preset {
	return []preset{
		{"rate_limited", "a bare 429 with no hint", problem{status: 429, envelope: envEmpty}, nil},
		{"rate_limit_reached", "a 429 that speaks of a rate", problem{
			status: 429, envelope: envString, message: "Rate limit reached. Please log in or use a HF access token",
		}, nil},
		{"rate_limit_hub", "the Hub's 429, with nothing left in its bucket", problem{
			status: 429, envelope: envString, message: "We had to rate limit your IP. To continue using our service, create a HF account or login to your existing account.",
			headers: map[string]string{"RateLimit": `"api";r=0;t=55`, "RateLimit-Policy": `"fixed window";"api";q=500;w=300`},
		}, nil},
		{"rate_limit_elsewhere", "a 429 whose header says that much is left: its cause is another", problem{
			status: 429, envelope: envEmpty,
			headers: map[string]string{"RateLimit": `"api";r=99794;t=21`, "RateLimit-Policy": `"fixed window";"api";q=100000;w=300`},
		}, nil},
		{"rate_limit_date", "a 429 whose Retry-After is a date", problem{
			status: 429, envelope: envString, message: "Rate limit exceeded",
			headers: map[string]string{"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"},
		}, nil},
		{"quota_exceeded", "a 429 that speaks of a quota", problem{
			status: 429, envelope: envOpenAI, message: "You exceeded your current quota of requests for this model.",
			errorType: "rate_limit_error", code: "quota_exceeded",
		}, nil},
		{"credit_limit", "a 429 that speaks of credit", problem{
			status: 429, envelope: envOpenAI, message: "You have run out of credit. Please check your plan and billing details.",
			errorType: "insufficient_quota", code: "insufficient_quota",
		}, nil},
		{"rate_limit_retry_after", "a 429 with Retry-After", problem{
			status: 429, envelope: envString, message: "Too Many Requests", headers: map[string]string{"Retry-After": "7"},
		}, nil},
	}
}

// brokenPresets are about models, engines and gateways that fail.
func brokenPresets() []preset {
	tgi := problem{status: 424, envelope: envErrorType, message: "Request failed during generation: Server error: CUDA error", errorType: "generation"}
	tei := problem{status: 424, envelope: envErrorType, message: "backend failed: CUDA error", errorType: "Backend"}
	vllm := problem{status: 500, envelope: envOpenAI, message: "EngineCore encountered an issue.", errorType: "InternalServerError", code: "500"}
	provider := problem{status: 500, envelope: envOpenAI, message: "The server had an error while processing your request.", errorType: "server_error"}
	toolkit := problem{status: 400, envelope: envString, message: "CUDA error: device-side assert triggered"}
	sglang := problem{status: 500, envelope: envFlat, message: "Internal server error: CUDA error", errorType: "InternalServerError"}
	llama := problem{status: 500, envelope: envLlama, message: "Compute error.", errorType: "server_error"}
	oom := "CUDA out of memory. Tried to allocate 256.00 MiB"
	return []preset{
		{
			"server_error", "the backend's own failure",
			problem{
				status: 500, envelope: envWarnings, message: "unknown error", inner: "unknown error: CUDA error",
			},
			map[string]problem{BackendTGI: tgi, BackendTEI: tei, BackendVLLM: vllm, BackendSGLang: sglang, BackendLlama: llama, BackendProvider: provider, BackendToolkit: toolkit},
		},
		{
			"out_of_memory", "a CUDA out of memory in the backend's disguise",
			problem{status: 500, envelope: envWarnings, message: "unknown error", inner: "unknown error: " + oom},
			map[string]problem{
				BackendToolkit: {status: 400, envelope: envString, message: oom},
				BackendTGI:     {status: 424, envelope: envErrorType, message: "Request failed during generation: Server error: " + oom, errorType: "generation"},
			},
		},
		{"incomplete_generation", "TGI stopped half way", problem{
			status: 500, envelope: envErrorType, message: "Incomplete generation", errorType: "incomplete_generation",
		}, nil},
		{"bad_gateway", "a page from the gateway", problem{status: 502, envelope: envHTML}, nil},
		{"unavailable", "a page from the edge", problem{status: 503, envelope: envHTML, message: "Service Temporarily Unavailable"}, nil},
		{"gateway_timeout", "a page from the gateway that gave up", problem{status: 504, envelope: envHTML}, nil},
		{"request_timeout", "408", problem{status: 408, envelope: envString, message: "Request Timeout"}, nil},
	}
}

// requestPresets are about requests, routes and models that are not there.
func requestPresets() []preset {
	return []preset{
		{"not_found", "the model does not exist", problem{status: 404, envelope: envString, message: "Model does not exist"}, nil},
		{"not_deployed", "a bare 404", problem{status: 404, envelope: envText, message: "Not Found"}, nil},
		{"gone", "the legacy host", problem{
			status: 410, envelope: envString,
			message: "https://api-inference.huggingface.co is no longer supported. Please use https://router.huggingface.co instead.",
		}, nil},
		{"gone_page", "the legacy host, to a browser", problem{status: 410, envelope: envHTML}, nil},
		{"misdirected", "421 from a provider", problem{status: 421, envelope: envMessage, message: "Misdirected Request"}, nil},
		{"model_not_supported", "no provider has the model any more", problem{
			status: 400, envelope: envOpenAI, errorType: "invalid_request_error", code: "model_not_supported", param: "model",
			message: "The requested model is not supported by any provider you have enabled.",
		}, nil},
		{"provider_not_supported", "the provider has not the model", problem{
			status: 400, envelope: envString, message: "Model not supported by provider",
		}, nil},
		{"too_large", "413", problem{
			status: 413, envelope: envText, message: "Failed to buffer the request body: length limit exceeded",
		}, nil},
		{"unsupported_media", "415", problem{
			status: 415, envelope: envText, message: "Expected request with `Content-Type: application/json`",
		}, nil},
		{
			"validation", "422",
			problem{
				status: 422, envelope: envErrorType, message: "Input validation error: `max_new_tokens` must be strictly positive",
				errorType: "validation",
			},
			map[string]problem{BackendTEI: {
				status: 422, envelope: envErrorType, message: "Input validation error: `inputs` must have less than 512 tokens. Given: 600",
				errorType: "Validation",
			}},
		},
		{"template_error", "422 from TGI's chat template", problem{
			status: 422, envelope: envErrorType, message: "Template error: unknown test: test iterable is unknown", errorType: "template_error",
		}, nil},
		{"redirect", "302 to another host", problem{
			status: 302, envelope: envEmpty, headers: map[string]string{"Location": "http://elsewhere.invalid/"},
		}, nil},
	}
}

// accountPresets are about the caller's account.
func accountPresets() []preset {
	invalid := "Invalid username or password."
	return []preset{
		{"invalid_token", "401", problem{
			status: 401, envelope: envString, message: invalid, headers: map[string]string{
				"WWW-Authenticate": `Bearer realm="Authentication required", charset="UTF-8"`, "X-Error-Message": invalid,
			},
		}, nil},
		{"invalid_token_bare", "401 with an empty body, as TGI and TEI answer a wrong api key", problem{status: 401, envelope: envEmpty}, nil},
		{"invalid_token_page", "401 with a page of some gateway", problem{status: 401, envelope: envHTML}, nil},
		{"payment_required", "402", problem{
			status: 402, envelope: envString,
			message: "You have depleted your monthly included credits. Purchase pre-paid credits to continue using Inference Providers with your account.",
		}, nil},
		{"payment_required_2025", "402 as it was in 2025", problem{
			status: 402, envelope: envString,
			message: "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO to get 20x more monthly included credits.",
		}, nil},
		{"not_enough_balance", "a provider's 402", problem{
			status: 402, envelope: envOpenAI, message: "NOT_ENOUGH_BALANCE", errorType: "billing_error", code: "NOT_ENOUGH_BALANCE",
		}, nil},
		{"forbidden", "403", problem{
			status: 403, envelope: envString,
			message: "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user sim",
		}, nil},
		{"forbidden_edge", "403 in one line of Cloudflare", problem{status: 403, envelope: envText, message: "error code: 1010"}, nil},
		{"forbidden_page", "403 with a page of some gateway", problem{status: 403, envelope: envHTML}, nil},
	}
}
