package sim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// parseTGI reads a request to one of TGI's own routes.
func (x *exchange) parseTGI() (job, *problem) {
	body, p := x.axum("inputs")
	if p != nil {
		return job{}, p
	}
	prompt, ok := body["inputs"].(string)
	if !ok {
		return job{}, x.wrongType("inputs", body["inputs"], "a string")
	}
	streaming, _ := body["stream"].(bool)
	x.rec.Stream = x.api == apiGenerateSSE || (x.api == apiCompat && streaming)
	parameters := objectAt(body, "parameters")
	j, p := x.nativeJob(prompt, parameters, x.api == apiCompat)
	if p != nil {
		return job{}, p
	}
	j.stream = x.rec.Stream
	return j, nil
}

// nativeJob returns the job of a text-generation request in TGI's own form.
// fullText is whether the prompt comes back by default.
func (x *exchange) nativeJob(prompt string, parameters map[string]any, fullText bool) (job, *problem) {
	if strings.TrimSpace(prompt) == "" {
		return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation", "Input validation error: `inputs` cannot be empty")
	}
	limit, given := numberAt(parameters, "max_new_tokens")
	if given && limit <= 0 {
		return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation", "Input validation error: `max_new_tokens` must be strictly positive")
	}
	chars, tokensIn := measure(prompt)
	if tokensIn+limit > x.b.Context {
		return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "validation",
			"Input validation error: `inputs` tokens + `max_new_tokens` must be <= %d. Given: %d `inputs` tokens and %d `max_new_tokens`",
			x.b.Context, tokensIn, limit)
	}
	g := x.generate(limit)
	g.native, g.prompt, g.promptTokens = true, prompt, tokensIn
	g.asList = x.api != apiGenerate
	g.fullText = fullText
	if full, ok := parameters["return_full_text"].(bool); ok {
		g.fullText = full
	}
	g.details, _ = parameters["details"].(bool)
	return job{chars: chars, tokensIn: tokensIn, gen: g}, nil
}

// parseTEI reads a request to TEI.
func (x *exchange) parseTEI() (job, *problem) {
	wants := map[api]string{apiRerank: "query"}[x.api]
	if wants == "" {
		wants = "inputs"
	}
	body, p := x.axum(wants)
	if p != nil {
		return job{}, p
	}
	if !slices.Contains(x.spec.Tasks, x.task) && x.task != taskSimilarity {
		return job{}, &problem{
			did: "bad_request", status: http.StatusFailedDependency, envelope: envErrorType, errorType: "Backend",
			message: "model is not " + map[api]string{apiEmbed: "an embedding", apiPredict: "a classifier", apiRerank: "a re-ranker"}[x.api] + " model",
		}
	}
	input, batch, problem := x.teiInput(body)
	if problem != nil {
		return job{}, problem
	}
	if batch > 32 {
		return job{}, reject(http.StatusUnprocessableEntity, envErrorType, "Validation", "batch size %d > maximum allowed batch size 32", batch)
	}
	return x.pipelineJob(input, body)
}

// teiInput returns the input of a TEI request as the pipeline of its task takes
// it, and how many texts it has.
func (x *exchange) teiInput(body map[string]any) (input any, batch int, p *problem) {
	empty := reject(http.StatusBadRequest, envErrorType, "Empty", "`inputs` cannot be empty")
	switch x.api {
	case apiRerank:
		all, single, ok := texts(body["texts"])
		if !ok || single {
			return nil, 0, x.wrongType("texts", body["texts"], "a sequence")
		}
		if len(all) == 0 {
			return nil, 0, reject(http.StatusBadRequest, envErrorType, "Empty", "`texts` cannot be empty")
		}
		return body, len(all), nil
	case apiSimilarity:
		all, single, ok := texts(objectAt(body, "inputs")["sentences"])
		if !ok || single {
			return nil, 0, x.wrongType("inputs", body["inputs"], "struct SimilarityInput")
		}
		if len(all) == 0 {
			return nil, 0, reject(http.StatusBadRequest, envErrorType, "Empty", "`inputs.sentences` cannot be empty")
		}
		return body["inputs"], len(all), nil
	case apiPredict:
		all := teiPredictInputs(body["inputs"])
		if len(all) == 0 {
			return nil, 0, empty
		}
		if s, single := body["inputs"].(string); single {
			return s, 1, nil
		}
		if flat, _, ok := texts(body["inputs"]); ok {
			// A flat list is one text or one pair of sentences, never a batch.
			return strings.Join(flat, " "), 1, nil
		}
		return list(all), len(all), nil
	default:
		all, single, ok := texts(body["inputs"])
		if !ok {
			return nil, 0, x.wrongType("inputs", body["inputs"], "data to match any variant of untagged enum Input")
		}
		if len(all) == 0 || slices.Contains(all, "") {
			return nil, 0, empty
		}
		if single {
			return all[0], 1, nil
		}
		return list(all), len(all), nil
	}
}

// teiPredictInputs returns the texts of a predict request: of a batch each
// inner list is one.
func teiPredictInputs(inputs any) []string {
	if all, _, ok := texts(inputs); ok {
		return all
	}
	outer, _ := inputs.([]any)
	var all []string
	for _, inner := range outer {
		pair, _, ok := texts(inner)
		if !ok {
			return nil
		}
		all = append(all, strings.Join(pair, " "))
	}
	return all
}

// parseToolkit reads a request to the inference toolkit, which answers 400 to
// whatever goes wrong.
func (x *exchange) parseToolkit() (job, *problem) {
	refuse := func(format string, args ...any) (job, *problem) {
		return job{}, reject(http.StatusBadRequest, envString, "", format, args...)
	}
	contentType, accept := x.r.Header.Get("Content-Type"), x.r.Header.Get("Accept")
	if accept != "" && accept != "*/*" && (strings.ContainsAny(accept, ",;") || !slices.Contains(toolkitTypes(), accept)) {
		return refuse("Accept type %q is not supported", accept)
	}
	binary := strings.HasPrefix(contentType, "image/") || strings.HasPrefix(contentType, "audio/")
	if contentType != "application/json" && contentType != "application/json; charset=UTF-8" && !binary {
		return refuse("Content type %q is not supported. Supported are: %s", contentType, strings.Join(toolkitTypes(), ", "))
	}
	if binary {
		return x.orToolkit(x.mediaJob(x.body, nil))
	}
	var body map[string]any
	if err := json.Unmarshal(x.body, &body); err != nil {
		return refuse("unexpected character: %v", err)
	}
	input, given := body["inputs"]
	if !given {
		return refuse("Body needs to provide a inputs key, received: b'%s'", clip(string(x.body), 200))
	}
	return x.orToolkit(x.pipelineJob(input, body))
}

// toolkitTypes are the media types that the toolkit knows.
func toolkitTypes() []string {
	return []string{
		"application/json", "text/csv", "text/plain", "image/png", "image/jpeg", "image/jpg", "image/tiff", "image/bmp",
		"image/gif", "image/webp", "image/x-image", "audio/x-flac", "audio/flac", "audio/mpeg", "audio/x-mpeg-3",
		"audio/wave", "audio/wav", "audio/x-wav", "audio/ogg", "audio/x-audio", "audio/webm",
	}
}

// orToolkit turns any complaint into the toolkit's 400.
func (x *exchange) orToolkit(j job, p *problem) (job, *problem) {
	if p != nil {
		p.status, p.envelope = http.StatusBadRequest, envString
	}
	return j, p
}
