package sim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// parseOpenAI reads a request to one of the OpenAI-style routes.
func (x *exchange) parseOpenAI() (job, *problem) {
	required := map[api]string{apiChat: "messages", apiCompletions: "prompt", apiEmbeddings: "input", apiImages: "prompt", apiResponses: "input"}[x.api]
	body, p := x.openAIBody(required)
	if p != nil {
		return job{}, p
	}
	if p := x.checkModel(body); p != nil {
		return job{}, p
	}
	streaming, _ := body["stream"].(bool)
	switch x.api {
	case apiChat:
		x.rec.Stream = streaming
		return x.chatJob(body)
	case apiResponses:
		x.rec.Stream = streaming
		return x.responsesJob(body)
	case apiCompletions:
		x.rec.Stream = streaming
		prompt, _ := body["prompt"].(string)
		return x.completionJob(body, prompt)
	case apiImages:
		prompt, _ := body["prompt"].(string)
		chars, tokens := measure(prompt)
		return job{chars: chars, tokensIn: tokens, tree: func() any {
			return object{{"created", x.created()}, {"data", []any{object{{"b64_json", base64.StdEncoding.EncodeToString(x.jpeg())}}}}}
		}}, nil
	default:
		return x.embeddingsJob(body)
	}
}

// openAIBody decodes the body; each backend complains in its own way.
func (x *exchange) openAIBody(required string) (map[string]any, *problem) {
	if x.spec.Backend == BackendTGI || x.spec.Backend == BackendTEI {
		return x.axum(required)
	}
	var body map[string]any
	if err := json.Unmarshal(x.body, &body); err != nil || body == nil {
		return nil, x.openAIProblem(http.StatusBadRequest, "We could not parse the JSON body of your request.", "")
	}
	if body[required] == nil {
		return nil, x.openAIProblem(http.StatusBadRequest, "[{'type': 'missing', 'loc': ('body', '"+required+"'), 'msg': 'Field required'}]", required)
	}
	return body, nil
}

// openAIProblem is a complaint about the request as vLLM and providers make it;
// hf-inference's own is a plain one.
func (x *exchange) openAIProblem(status int, message, param string) *problem {
	p := &problem{did: "bad_request", status: status, envelope: envOpenAI, message: message, errorType: "invalid_request_error", param: param}
	switch x.spec.Backend {
	case BackendVLLM:
		p.errorType, p.code = "BadRequestError", strconv.Itoa(status)
	case BackendSGLang:
		p.envelope, p.errorType = envFlat, "BadRequestError"
	case BackendLlama:
		p.envelope = envLlama
	case BackendHF:
		p.envelope = envString
	}
	return p
}

// checkModel refuses a wrong model name where the backend does: vLLM. TGI
// serves any name, TEI only logs it, and the router has found the model by it.
func (x *exchange) checkModel(body map[string]any) *problem {
	name, _ := body["model"].(string)
	if x.spec.Backend != BackendVLLM || x.atRouter || name == "" || name == x.spec.ID || name == x.spec.providerModel() {
		return nil
	}
	p := x.openAIProblem(http.StatusNotFound, "The model `"+name+"` does not exist.", "model")
	p.errorType = "NotFoundError"
	return p
}

// echo returns the model name that the answer bears.
func (x *exchange) echo(body map[string]any) string {
	if x.b.EchoModel != "" {
		return x.b.EchoModel
	}
	if asked, _ := body["model"].(string); asked != "" && (x.spec.Backend == BackendTGI || x.spec.Backend == BackendLlama) {
		return asked
	}
	return x.spec.providerModel()
}

// chatJob returns the job of a chat request.
func (x *exchange) chatJob(body map[string]any) (job, *problem) {
	messages, ok := body["messages"].([]any)
	if !ok {
		if x.spec.Backend == BackendTGI {
			return job{}, x.wrongType("messages", body["messages"], "a sequence")
		}
		return job{}, x.openAIProblem(http.StatusBadRequest, "Input should be a valid list", "messages")
	}
	var said []string
	for _, m := range messages {
		message, _ := m.(map[string]any)
		if _, ok := message["role"].(string); !ok {
			if x.spec.Backend == BackendTGI {
				return job{}, reject(http.StatusUnprocessableEntity, envText, "",
					"Failed to deserialize the JSON body into the target type: messages[0]: missing field `role` at line 1 column %d", len(x.body))
			}
			return job{}, x.openAIProblem(http.StatusBadRequest, "Field required: role", "messages")
		}
		said = append(said, contentText(message["content"]))
	}
	if len(messages) == 0 {
		if x.spec.Backend == BackendTGI {
			return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation", "Input validation error: `inputs` cannot be empty")
		}
		return job{}, x.openAIProblem(http.StatusBadRequest, "messages: list should have at least 1 item", "messages")
	}
	j, p := x.openAIJob(body, strings.Join(said, "\n"))
	if p != nil {
		return job{}, p
	}
	j.gen.chat = true
	x.chooseTool(body, j.gen)
	return j, nil
}

// contentText returns the text of a message's content, a string or parts.
func contentText(content any) string {
	if s, ok := content.(string); ok {
		return s
	}
	var b strings.Builder
	parts, _ := content.([]any)
	for _, part := range parts {
		fields, _ := part.(map[string]any)
		text, _ := fields["text"].(string)
		b.WriteString(text)
	}
	return b.String()
}

// completionJob returns the job of a request for plain completion.
func (x *exchange) completionJob(body map[string]any, prompt string) (job, *problem) {
	return x.openAIJob(body, prompt)
}

// openAIJob returns the job of a generating request in OpenAI's form.
func (x *exchange) openAIJob(body map[string]any, prompt string) (job, *problem) {
	limit, _ := numberAt(body, "max_tokens")
	if newer, ok := numberAt(body, "max_completion_tokens"); ok {
		limit = newer
	}
	_, given := body["max_tokens"].(float64)
	if given && limit <= 0 {
		if x.spec.Backend == BackendTGI {
			return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation", "Input validation error: `max_new_tokens` must be strictly positive")
		}
		return job{}, x.openAIProblem(http.StatusBadRequest, "max_tokens must be at least 1, got "+strconv.Itoa(limit)+".", "max_tokens")
	}
	chars, tokensIn := measure(prompt)
	tokensIn += 8 // The template's own.
	if tokensIn+limit > x.b.Context {
		if x.spec.Backend == BackendTGI {
			return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation",
				"Input validation error: `inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens and %d `max_new_tokens`",
				x.b.Context, tokensIn, limit)
		}
		return job{}, x.openAIProblem(http.StatusBadRequest, "This model's maximum context length is "+strconv.Itoa(x.b.Context)+
			" tokens. However, you requested "+strconv.Itoa(tokensIn+limit)+" tokens.", "")
	}
	g := x.generate(limit)
	g.prompt, g.promptTokens, g.model = prompt, tokensIn, x.echo(body)
	g.usage, _ = objectAt(body, "stream_options")["include_usage"].(bool)
	streaming, _ := body["stream"].(bool)
	return job{stream: streaming, chars: chars, tokensIn: tokensIn, gen: g}, nil
}

// chooseTool makes the answer a tool call where tools are offered: to the tool
// that tool_choice names, or the first, with arguments made from its schema.
func (x *exchange) chooseTool(body map[string]any, g *generation) {
	tools, _ := body["tools"].([]any)
	if choice, _ := body["tool_choice"].(string); len(tools) == 0 || choice == "none" {
		return
	}
	wanted, _ := objectAt(objectAt(body, "tool_choice"), "function")["name"].(string)
	for _, t := range tools {
		tool, _ := t.(map[string]any)
		function := objectAt(tool, "function")
		name, _ := function["name"].(string)
		if name == "" || (wanted != "" && name != wanted) {
			continue
		}
		arguments := encode(sample(objectAt(function, "parameters")))
		g.tool = name
		g.answer = nil
		for i := 0; i < len(arguments); i += 6 {
			g.answer = append(g.answer, string(arguments[i:min(i+6, len(arguments))]))
		}
		g.finish = "tool_calls"
		if x.spec.Backend == BackendTGI || wanted != "" {
			g.finish = "stop"
		}
		return
	}
}

// sample returns a value that fits a simple JSON schema.
func sample(schema map[string]any) any {
	if options, ok := schema["enum"].([]any); ok && len(options) > 0 {
		if s, ok := options[0].(string); ok {
			return s
		}
	}
	switch schema["type"] {
	case "integer":
		return 1
	case "number":
		return 1.5
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object", nil:
		o := object{}
		properties := objectAt(schema, "properties")
		for _, key := range sortedKeys(properties) {
			o = append(o, member{key, sample(objectAt(properties, key))})
		}
		return o
	default:
		return "Paris"
	}
}

// embeddingsJob returns the job of an OpenAI embeddings request.
func (x *exchange) embeddingsJob(body map[string]any) (job, *problem) {
	all, _, ok := texts(body["input"])
	if !ok || len(all) == 0 {
		if x.spec.Backend == BackendTEI {
			return job{}, reject(http.StatusBadRequest, envEmbeddings, "empty", "`input` cannot be empty")
		}
		return job{}, x.openAIProblem(http.StatusBadRequest, "input: should be a string or a list of strings", "input")
	}
	dimension := x.b.Dimension
	if n, ok := numberAt(body, "dimensions"); ok && n > 0 {
		dimension = min(n, dimension)
	}
	chars, tokens := measure(all...)
	model := x.echo(nil)
	return job{chars: chars, tokensIn: tokens, tree: func() any {
		var data []any
		for i, text := range all {
			var embedding any = floats(embed(text, dimension))
			if body["encoding_format"] == "base64" {
				embedding = packed(embed(text, dimension))
			}
			data = append(data, object{{"object", "embedding"}, {"embedding", embedding}, {"index", i}})
		}
		return object{
			{"object", "list"},
			{"data", data},
			{"model", model},
			{"usage", object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
		}
	}}, nil
}

// packed returns values as base64 of little-endian 32-bit floats.
func packed(values []float64) string {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return base64.StdEncoding.EncodeToString(b)
}
