package sim

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// sendAnswer sends the answer of j, which took compute.
func (x *exchange) sendAnswer(j job, compute time.Duration) {
	contentType := "application/json"
	var body []byte
	switch {
	case j.binary != nil:
		contentType, body = j.binary()
		if x.fault.Kind == "bad_shape" {
			x.rec.Did = x.fault.Kind
			contentType, body = badMedia(x.fault.Variant, contentType, body)
		}
	case j.gen != nil:
		// What is said was spoilt where it was made.
		tree := x.whole(j.gen)
		if x.fault.Kind == "bad_shape" {
			x.rec.Did = x.fault.Kind
			tree = badShape(x.fault.Variant, tree)
		}
		body = encode(tree)
	default:
		body = x.shaped(j.tree())
	}
	contentType, body = x.spoilBody(contentType, body)
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	x.answerHeaders(h, j, compute)
	h.Set("Content-Type", contentType)
	x.keep(contentType, body, compute)
	x.writeWhole(http.StatusOK, body)
}

// shaped returns tree as JSON, after the faults that change what it says.
func (x *exchange) shaped(tree any) []byte {
	switch x.fault.Kind {
	case "empty_text", "blank_text":
		x.rec.Did = x.fault.Kind
		tree = retext(tree, map[string]string{"empty_text": "", "blank_text": " \n"}[x.fault.Kind])
	case "wrong_answer":
		x.rec.Did = x.fault.Kind
		tree = wrong(tree)
	case "bad_shape":
		x.rec.Did = x.fault.Kind
		tree = badShape(x.fault.Variant, tree)
	}
	return encode(tree)
}

// spoilBody applies the faults that replace a body.
func (x *exchange) spoilBody(contentType string, body []byte) (string, []byte) {
	switch x.fault.Kind {
	case "error_in_200":
		p := bare(x.spec.Backend, http.StatusInternalServerError).with(x.fault)
		contentType, body = p.body()
	case "html_in_200":
		contentType, body = problem{status: http.StatusOK, envelope: envHTML, message: "Welcome"}.body()
	case "empty_body":
		body = nil
	case "not_json":
		body = body[:len(body)/2]
	default:
		return contentType, body
	}
	x.rec.Did = x.fault.Kind
	return contentType, body
}

// sendJSON answers 200 with tree, outside of any fault.
func (x *exchange) sendJSON(tree any) {
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	h.Set("Content-Type", "application/json")
	x.writeWhole(http.StatusOK, encode(tree))
}

// writeWhole sends a complete answer, or what the connection's fault makes of
// it.
func (x *exchange) writeWhole(status int, body []byte) {
	if kindNamed(x.fault.Kind).Class == ClassConnection && x.writeBroken(status, body) {
		return
	}
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.pen.header(status)
	x.pen.write(string(body))
}

// engineRead answers a GET to an engine: health, information, models.
func (x *exchange) engineRead() *problem {
	backend := x.spec.Backend
	healthy := x.b.Health == "ok"
	switch {
	case backend == BackendLlama && (healthy || x.path != "/health") && x.llamaRead():
		return nil
	case backend == BackendSGLang && x.sglangRead():
		return nil
	}
	if slices.Contains(healthRoutes(backend), x.path) {
		return x.health()
	}
	if x.path == "/metrics" && x.metrics() {
		return nil
	}
	switch x.path {
	case "/info":
		return x.info()
	case "/v1/models":
		if !speaksOpenAI(backend) && backend != BackendTGI {
			break
		}
		x.sendJSON(object{{"object", "list"}, {"data", []any{object{
			{"id", x.spec.ID}, {"object", "model"}, {"created", int64(0)}, {"owned_by", backend},
		}}}})
		return nil
	}
	return x.noRoute()
}

// speaksOpenAI reports whether an engine has the routes of OpenAI's API alone.
func speaksOpenAI(backend string) bool {
	return slices.Contains([]string{BackendVLLM, BackendProvider, BackendSGLang, BackendLlama}, backend)
}

// healthRoutes returns where an engine says how it is.
func healthRoutes(backend string) []string {
	switch {
	case backend == BackendSGLang:
		return []string{"/health", "/health_generate"}
	case speaksOpenAI(backend):
		return []string{"/health"}
	case backend == BackendTGI, backend == BackendTEI:
		return []string{"/health", "/", "/ping"}
	default:
		return []string{"/health", "/"}
	}
}

// info answers GET /info, which TEI keeps behind its key and TGI does not.
func (x *exchange) info() *problem {
	switch {
	case x.spec.Backend == BackendTGI:
		x.sendJSON(x.tgiInfo())
	case x.spec.Backend != BackendTEI:
		return x.noRoute()
	case x.b.RequireAuth && !x.rec.Authorized:
		return x.noToken()
	default:
		x.sendJSON(x.teiInfo())
	}
	return nil
}

// health answers a health route. Health is a setting of its own: an engine
// whose requests all fail says that it is well.
func (x *exchange) health() *problem {
	switch x.b.Health {
	case "hang":
		x.rec.Did = "health_hang"
		_ = sleepUntil(x.r.Context(), time.Now().Add(maxPause))
		return nil
	case "unhealthy":
		known, _ := presetNamed("unhealthy")
		p := known.on(x.spec.Backend)
		if x.spec.Backend == BackendVLLM || x.spec.Backend == BackendToolkit {
			p.envelope = envEmpty
		}
		return &p
	}
	h := x.w.Header()
	x.commonHeaders(h, http.StatusOK)
	var body []byte
	h["Content-Type"] = nil
	if x.spec.Backend == BackendToolkit {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte("Ok")
	}
	x.writeWhole(http.StatusOK, body)
	return nil
}

// tgiInfo is what GET /info of TGI says.
func (x *exchange) tgiInfo() object {
	return object{
		{"model_id", x.spec.ID},
		{"model_sha", x.b.SHA},
		{"model_pipeline_tag", x.spec.Tasks[0]},
		{"max_concurrent_requests", x.b.Permits},
		{"max_best_of", 2},
		{"max_stop_sequences", 4},
		{"max_input_tokens", x.b.Context - 1},
		{"max_total_tokens", x.b.Context},
		{"validation_workers", 2},
		{"max_client_batch_size", 4},
		{"router", "text-generation-router"},
		{"version", "3.3.7"},
		{"sha", "db931fcf"},
		{"docker_label", nil},
	}
}

// teiInfo is what GET /info of TEI says.
func (x *exchange) teiInfo() object {
	kind := object{{"embedding", object{{"pooling", "mean"}}}}
	switch x.spec.Tasks[0] {
	case taskTextClass:
		kind = object{{"classifier", object{}}}
	case taskRanking:
		kind = object{{"reranker", object{}}}
	}
	return object{
		{"model_id", x.spec.ID},
		{"model_sha", x.b.SHA},
		{"model_dtype", "float16"},
		{"model_type", kind},
		{"max_concurrent_requests", x.b.Permits},
		{"max_input_length", 512},
		{"max_batch_tokens", 16384},
		{"max_batch_requests", nil},
		{"max_client_batch_size", 32},
		{"auto_truncate", false},
		{"tokenization_workers", 2},
		{"version", "1.9.3"},
		{"sha", "0d124dc9"},
		{"docker_label", nil},
	}
}
