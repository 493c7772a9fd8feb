package hf

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// The engines that are recognised, each by what no other sends: headers, ids,
// keys of its bodies, its envelopes of errors. What nothing shows stays
// unknown; the configuration is not asked, since it may be wrong.
const (
	engineTGI         = "tgi"
	engineTEI         = "tei"
	engineHFInference = "hf-inference"
	engineToolkit     = "toolkit"
	engineVLLM        = "vllm"
	engineSGLang      = "sglang"
	engineLlamaCpp    = "llama.cpp"
)

// Engines returns the closed set of engines that a Result may name.
func Engines() []string {
	return []string{engineTGI, engineTEI, engineHFInference, engineToolkit, engineVLLM, engineSGLang, engineLlamaCpp}
}

// engineOf returns the engine that the header shows, or nothing.
func engineOf(h http.Header) string {
	has := func(name string) bool { return field(h, name) != "" }
	server := strings.ToLower(field(h, "Server"))
	switch {
	case has("X-Tokenization-Time"), has("X-Compute-Tokens"):
		return engineTEI
	case has("X-Time-Per-Token"), has("X-Validation-Time"):
		return engineTGI
	case has("X-Compute-Type") && strings.EqualFold(field(h, "X-Accel-Buffering"), "no"):
		// TGI's streams carry no times.
		return engineTGI
	case has("X-Compute-Time") && strings.HasPrefix(server, "uvicorn"):
		return engineHFInference
	case strings.HasPrefix(server, "llama.cpp"):
		return engineLlamaCpp
	case strings.HasPrefix(server, "sglang"):
		return engineSGLang
	}
	return ""
}

// engineOfBody returns the engine that an answer's beginning shows, where its
// header did not.
func engineOfBody(h http.Header, status int, route probe.Route, head []byte) string {
	if engine := engineOfKeys(h, head); engine != "" {
		return engine
	}
	if status < http.StatusBadRequest {
		return ""
	}
	return engineOfError(h, status, route, head)
}

// engineOfKeys returns the engine whose own keys and ids a body has: TGI's
// version in the fingerprint and its tokens, SGLang's matched_stop, llama.cpp's
// timings and build, and vLLM's keys, or its ids behind the server that it runs
// on.
func engineOfKeys(h http.Header, head []byte) string {
	holds := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return bytes.Contains(head, []byte(part)) })
	}
	fingerprint := holds(`"system_fingerprint":"`)
	switch {
	case fingerprint && holds("-sha-", `-native"`):
		return engineTGI
	case holds(`"token":{"id":`) && holds(`"special":`):
		return engineTGI
	case holds(`"matched_stop":`, `"weight_version":`):
		return engineSGLang
	case holds(`"timings":{"prompt_n":`, `"timings":{"cache_n":`), fingerprint && holds(`"system_fingerprint":"b`) && holds(`"__verbose"`):
		return engineLlamaCpp
	case holds(`"prompt_logprobs":`, `"kv_transfer_params":`):
		return engineVLLM
	case uvicorn(h) && holds(`"chatcmpl-`, `"cmpl-`):
		return engineVLLM
	}
	return ""
}

// uvicorn reports that the answer came from Python's server of that name.
func uvicorn(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(h.Get("Server")), "uvicorn")
}

// refusalForm is the object of an error as the engines write it.
type refusalForm struct {
	Error         json.RawMessage `json:"error"`
	ErrorType     string          `json:"error_type"`
	Type          string          `json:"type"`
	Object        string          `json:"object"`
	EstimatedTime *float64        `json:"estimated_time"`
	Warnings      []string        `json:"warnings"`
}

// engineOfError returns the engine whose envelope an error has. TGI and TEI name
// the kind of error, the one in lower case and the other with a capital;
// hf-inference lists errors, and speaks of warnings and of the time that loading
// takes; vLLM names the class of the exception and repeats the status as a
// number; the toolkit has one form with one status; SGLang, whose form was
// vLLM's too, gives a status as the type of what it passes on; llama.cpp has
// types of its own.
func engineOfError(h http.Header, status int, route probe.Route, body []byte) string {
	var e refusalForm
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	kind := e.ErrorType
	if e.Error == nil {
		// TEI's OpenAI routes have the type at the top.
		kind = e.Type
	}
	if engine := engineOfNested(e.Error, status); engine != "" {
		return engine
	}
	switch {
	case e.Object == "error" && e.Error == nil && isDigits(e.Type):
		return engineSGLang
	case slices.Contains([]string{"Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer", "Empty"}, kind):
		return engineTEI
	case e.Error != nil && slices.Contains(kindsOfTGI(), kind):
		return engineTGI
	case e.EstimatedTime != nil, e.Warnings != nil, rawBegins(e.Error, '['):
		return engineHFInference
	case uvicorn(h) && route == probe.RouteURL && status == http.StatusBadRequest &&
		h.Get("X-Compute-Type") == "" && rawBegins(e.Error, '"'):
		return engineToolkit
	}
	return ""
}

// engineOfNested returns the engine whose error is an object of that form: what
// llama.cpp has types of its own for, TGI's OpenAI routes give their status in,
// and vLLM the exception's class and the status as a number.
func engineOfNested(raw json.RawMessage, status int) string {
	var e struct {
		Type   string `json:"type"`
		Code   any    `json:"code"`
		Status int    `json:"http_status_code"`
	}
	if !rawBegins(raw, '{') || json.Unmarshal(raw, &e) != nil {
		return ""
	}
	code, isNumber := e.Code.(float64)
	switch {
	case isNumber && slices.Contains([]string{"unavailable_error", "not_supported_error", "exceed_context_size_error"}, e.Type):
		return engineLlamaCpp
	case e.Status != 0:
		return engineTGI
	case isNumber && int(code) == status && strings.HasSuffix(e.Type, "Error"):
		return engineVLLM
	}
	return ""
}

// kindsOfTGI returns what TGI calls its errors.
func kindsOfTGI() []string {
	return []string{
		"overloaded", "validation", "generation", "incomplete_generation", "incomplete_generation_stream",
		"template_error", "tool_error", "missing_template_variable", "healthcheck",
	}
}

// isDigits reports that text is a number and nothing else.
func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// rawBegins reports whether a JSON value begins with c.
func rawBegins(raw json.RawMessage, c byte) bool { return len(raw) > 0 && raw[0] == c }
