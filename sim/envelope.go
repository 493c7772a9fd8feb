package sim

import (
	"net/http"
	"strconv"
)

// The envelopes in which errors come.
const (
	envString     = "string"      // {"error": "s"}
	envList       = "list"        // {"error": ["s"]}
	envWarnings   = "warnings"    // {"error": "s", "warnings": ["…"]}
	envEstimate   = "estimate"    // {"error": "s", "estimated_time": 20.0}
	envErrorType  = "error_type"  // {"error": "s", "error_type": "…"}
	envOpenAI     = "openai"      // {"error": {"message", "type", "param", "code"}}
	envTGIChat    = "tgi_chat"    // {"error": {"message", "http_status_code"}}
	envFlat       = "flat"        // {"object": "error", "message", "type", "param", "code"}
	envLlama      = "llama.cpp"   // {"error": {"code", "message", "type"}}
	envEmbeddings = "embeddings"  // {"message", "code", "type"}
	envDetail     = "detail"      // {"detail": "s"}
	envDetailList = "detail_list" // {"detail": [{"loc", "msg", "type"}]}
	envMessage    = "message"     // {"message": "s"}
	envText       = "text"        // text/plain
	envEmpty      = "empty"       // no body
	envHTML       = "html"        // a page
	envHeaders    = "headers"     // X-Error-Code and X-Error-Message, no body
)

// Envelopes returns the names of the envelopes in which an error can come.
func Envelopes() []string {
	return []string{
		envString, envList, envWarnings, envEstimate, envErrorType, envOpenAI, envFlat, envLlama, envTGIChat, envEmbeddings,
		envDetail, envDetailList, envMessage, envText, envEmpty, envHTML, envHeaders,
	}
}

// problem is an answer that is an error.
type problem struct {
	// did is what the ground-truth log calls it.
	did       string
	status    int
	envelope  string
	message   string
	errorType string
	code      string
	param     string
	// inner is the cause that hides in the warnings or in a nested message.
	inner    string
	estimate float64
	headers  map[string]string
}

// body returns the content type and the body of p's envelope.
func (p problem) body() (contentType string, body []byte) {
	switch p.envelope {
	case envText:
		return "text/plain; charset=utf-8", []byte(p.message)
	case envEmpty, envHeaders:
		return "", nil
	case envHTML:
		return "text/html", p.page()
	default:
		return "application/json", encode(p.tree())
	}
}

// tree returns the JSON of p's envelope.
func (p problem) tree() any {
	switch p.envelope {
	case envList:
		return object{{"error", []any{p.message}}}
	case envWarnings:
		inner := p.inner
		if inner == "" {
			inner = p.message
		}
		return object{{"error", p.message}, {"warnings", []any{"There was an inference error: " + inner}}}
	case envEstimate:
		return object{{"error", p.message}, {"estimated_time", p.estimate}}
	case envErrorType:
		return object{{"error", p.message}, {"error_type", p.errorType}}
	case envOpenAI:
		return object{{"error", object{
			{"message", p.message}, {"type", p.errorType}, {"param", orNull(p.param)}, {"code", p.codeValue()},
		}}}
	case envFlat:
		return object{{"object", "error"}, {"message", p.message}, {"type", p.errorType}, {"param", orNull(p.param)}, {"code", p.status}}
	case envLlama:
		return object{{"error", object{{"code", p.status}, {"message", p.message}, {"type", p.errorType}}}}
	case envTGIChat:
		return object{{"error", object{{"message", p.message}, {"http_status_code", 422}}}}
	case envEmbeddings:
		return object{{"message", p.message}, {"code", p.status}, {"type", p.errorType}}
	case envDetail:
		return object{{"detail", p.message}}
	case envDetailList:
		return object{{"detail", []any{object{{"loc", []any{"body"}}, {"msg", p.message}, {"type", p.errorType}}}}}
	case envMessage:
		return object{{"message", p.message}}
	default:
		return object{{"error", p.message}}
	}
}

// codeValue returns the code as the OpenAI envelope has it: vLLM's are
// numbers, others strings, many null.
func (p problem) codeValue() any {
	if n, err := strconv.Atoi(p.code); err == nil {
		return n
	}
	return orNull(p.code)
}

// orNull returns nil for an empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// page returns the page that a gateway sends by itself.
func (p problem) page() []byte {
	title := strconv.Itoa(p.status) + " " + http.StatusText(p.status)
	if p.message != "" {
		title = p.message
	}
	return []byte("<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<h1>" + title +
		"</h1>\r\n<hr>nginx\r\n</body>\r\n</html>\r\n")
}

// with returns p changed by what f names.
func (p problem) with(f Fault) problem {
	p.did = f.Kind
	fillOver(&p.status, f.Status)
	fillOver(&p.envelope, f.Envelope)
	fillOver(&p.message, f.Message)
	fillOver(&p.errorType, f.ErrorType)
	fillOver(&p.code, f.Code)
	if f.EstimatedTime != nil {
		p.estimate = *f.EstimatedTime
		if f.Envelope == "" {
			p.envelope = envEstimate
		}
	}
	if len(f.Headers) > 0 {
		headers := map[string]string{}
		for name, value := range p.headers {
			headers[name] = value
		}
		for name, value := range f.Headers {
			headers[name] = value
		}
		p.headers = headers
	}
	return p
}

// fillOver replaces *p by value unless that is zero.
func fillOver[T comparable](p *T, value T) {
	var zero T
	if value != zero {
		*p = value
	}
}

// bare returns what the fault "status" answers on backend where the fault
// names nothing else: the usual words of the status in the backend's envelope.
func bare(backend string, status int) problem {
	p := problem{status: status, message: http.StatusText(status), envelope: envString, errorType: "generation"}
	switch backend {
	case BackendTGI:
		p.envelope = envErrorType
	case BackendTEI:
		p.envelope, p.errorType = envErrorType, "Backend"
	case BackendVLLM:
		p.envelope, p.errorType, p.code = envOpenAI, "InternalServerError", strconv.Itoa(status)
		if status < 500 {
			p.errorType = "BadRequestError"
		}
	case BackendSGLang:
		p.envelope, p.errorType = envFlat, "InternalServerError"
		if status < 500 {
			p.errorType = "BadRequestError"
		}
	case BackendLlama:
		p.envelope, p.errorType = envLlama, "server_error"
		if status < 500 {
			p.errorType = "invalid_request_error"
		}
	case BackendProvider:
		p.envelope, p.errorType = envOpenAI, "server_error"
		if status < 500 {
			p.errorType = "invalid_request_error"
		}
	}
	return p
}
