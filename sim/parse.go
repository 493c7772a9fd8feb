package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// job is a request that its backend has accepted.
type job struct {
	stream bool
	// chars and tokensIn are the length of the input.
	chars    int
	tokensIn int
	// gen is what a generating task will say; nil for others.
	gen *generation
	// tree makes the answer of a task that generates nothing; binary that of
	// one whose answer is media.
	tree   func() any
	binary func() (contentType string, body []byte)
}

// tokens returns how many tokens the job computes; 0 is a task without.
func (j job) tokens() int {
	if j.gen == nil {
		return 0
	}
	return j.gen.tokens()
}

// parse checks the request as its backend does and returns the job that it is,
// or the backend's complaint.
func (x *exchange) parse() (job, *problem) {
	if p := x.checkSize(); p != nil {
		return job{}, p
	}
	switch x.api {
	case apiChat, apiCompletions, apiEmbeddings, apiImages, apiResponses:
		return x.parseOpenAI()
	default:
		return x.parseNative()
	}
}

// parseNative reads a request to a route of the backend's own.
func (x *exchange) parseNative() (job, *problem) {
	switch x.spec.Backend {
	case BackendTGI:
		return x.parseTGI()
	case BackendTEI:
		return x.parseTEI()
	case BackendToolkit:
		return x.parseToolkit()
	default:
		return x.parseHF()
	}
}

// checkSize holds the body against the backend's limit.
func (x *exchange) checkSize() *problem {
	limit := 10 << 20
	if x.spec.Backend == BackendTGI || x.spec.Backend == BackendTEI {
		limit = 2_000_000
	}
	if x.api == apiResponses && x.atRouter {
		limit = maxResponsesBody
	}
	if len(x.body) <= limit {
		return nil
	}
	known, _ := presetNamed("too_large")
	p := known.on(x.spec.Backend)
	p.did = "bad_request"
	return &p
}

// reject returns a complaint about the request.
func reject(status int, envelope, errorType, format string, args ...any) *problem {
	return &problem{did: "bad_request", status: status, envelope: envelope, errorType: errorType, message: fmt.Sprintf(format, args...)}
}

// isJSON reports whether the content type is JSON.
func (x *exchange) isJSON() bool {
	media, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// axum decodes the body as axum's Json extractor does, whose complaints are
// plain text. required are keys that must be there.
func (x *exchange) axum(required ...string) (map[string]any, *problem) {
	if !x.isJSON() {
		return nil, reject(http.StatusUnsupportedMediaType, envText, "", "Expected request with `Content-Type: application/json`")
	}
	var body map[string]any
	if !json.Valid(x.body) {
		err := json.Unmarshal(x.body, &body)
		return nil, reject(http.StatusBadRequest, envText, "", "Failed to parse the request body as JSON: %v", err)
	}
	const cannot = "Failed to deserialize the JSON body into the target type: "
	if json.Unmarshal(x.body, &body) != nil || body == nil {
		return nil, reject(http.StatusUnprocessableEntity, envText, "", cannot+"invalid type, expected a map at line 1 column 0")
	}
	for _, key := range required {
		if _, given := body[key]; !given {
			return nil, reject(http.StatusUnprocessableEntity, envText, "", cannot+"missing field `%s` at line 1 column %d", key, len(x.body))
		}
	}
	return body, nil
}

// wrongType is serde's complaint about the value of key.
func (x *exchange) wrongType(key string, value any, want string) *problem {
	column := bytes.Index(x.body, []byte(`"`+key+`"`)) + len(key) + 3
	for column < len(x.body) && x.body[column] == ' ' {
		column++
	}
	return reject(http.StatusUnprocessableEntity, envText, "",
		"Failed to deserialize the JSON body into the target type: %s: invalid type: %s, expected %s at line 1 column %d",
		key, serdeName(value), want, max(column, 1))
}

// serdeName is what serde calls the kind of a JSON value.
func serdeName(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprintf("boolean `%t`", v)
	case float64:
		return fmt.Sprintf("floating point `%v`", v)
	case string:
		return fmt.Sprintf("string %q", v)
	case []any:
		return "sequence"
	default:
		return "map"
	}
}

// object returns body[key] as an object, empty if it is none.
func objectAt(body map[string]any, key string) map[string]any {
	o, _ := body[key].(map[string]any)
	return o
}

// numberAt returns body[key] as a whole number and whether it is a number.
func numberAt(body map[string]any, key string) (int, bool) {
	f, ok := body[key].(float64)
	return int(max(-1e9, min(1e9, f))), ok
}

// texts returns value, a string or a list of strings, as a list, and whether
// it is one of these.
func texts(value any) (all []string, single, ok bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, true, true
	case []any:
		for _, item := range v {
			s, isString := item.(string)
			if !isString {
				return nil, false, false
			}
			all = append(all, s)
		}
		return all, false, true
	default:
		return nil, false, false
	}
}

// measure returns the characters and, roughly, the tokens of all.
func measure(all ...string) (chars, tokens int) {
	for _, s := range all {
		chars += utf8.RuneCountInString(s)
		tokens += 1 + len(strings.Fields(s))*4/3
	}
	return chars, tokens
}

// parseHF reads a request to hf-inference's pipelines.
func (x *exchange) parseHF() (job, *problem) {
	contentType := x.r.Header.Get("Content-Type")
	if slices.Contains(mediaInputTasks(), x.task) && !x.isJSON() {
		if len(x.body) == 0 {
			return job{}, reject(http.StatusBadRequest, envList, "", "Error in `inputs`: field required")
		}
		return x.mediaJob(x.body, nil)
	}
	var body map[string]any
	if err := json.Unmarshal(x.body, &body); err != nil || body == nil {
		return job{}, reject(http.StatusBadRequest, envString, "", "Could not parse the request body as JSON (content type %q)", clip(contentType, 64))
	}
	input, given := body["inputs"]
	if !given {
		return job{}, reject(http.StatusBadRequest, envList, "", "Error in `inputs`: field required")
	}
	if x.task == taskGeneration {
		prompt, ok := input.(string)
		if !ok {
			return job{}, reject(http.StatusBadRequest, envList, "", "Error in `inputs`: str type expected")
		}
		j, p := x.nativeJob(prompt, objectAt(body, "parameters"), true)
		if p == nil {
			j.stream, _ = body["stream"].(bool)
		}
		return j, p
	}
	return x.pipelineJob(input, body)
}
