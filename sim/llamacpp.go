package sim

import (
	"math"
	"net/http"
	"time"
)

// llamaBuild is the fingerprint of a build of llama.cpp: its number and commit.
const llamaBuild = "b6097-9515c613"

// llamaTimings is what llama.cpp says of an answer's times, in milliseconds and
// tokens a second, with the tokens that came and that took none for being cached.
func (x *exchange) llamaTimings(in, out int) object {
	started := x.rec.Started
	first, last := x.rec.FirstToken, time.Now()
	if first.IsZero() {
		first = last
	}
	prompt, predicted := first.Sub(started), last.Sub(first)
	per := func(d time.Duration, n int) float64 { return round3(d.Seconds() * 1000 / float64(max(1, n))) }
	rate := func(d time.Duration, n int) float64 { return round3(float64(n) / max(d.Seconds(), 1e-6)) }
	return object{
		{"cache_n", 0},
		{"prompt_n", in},
		{"prompt_ms", per(prompt, 1)},
		{"prompt_per_token_ms", per(prompt, in)},
		{"prompt_per_second", rate(prompt, in)},
		{"predicted_n", out},
		{"predicted_ms", per(predicted, 1)},
		{"predicted_per_token_ms", per(predicted, out)},
		{"predicted_per_second", rate(predicted, out)},
	}
}

// round3 returns f with three decimals.
func round3(f float64) float64 { return math.Round(f*1000) / 1000 }

// llamaWhole is an answer of llama.cpp in one piece.
func (x *exchange) llamaWhole(g *generation, answer object) object {
	return append(answer,
		member{"system_fingerprint", llamaBuild},
		member{"timings", x.llamaTimings(g.promptTokens, g.tokens())})
}

// llamaRead answers a GET to llama.cpp, and reports whether it has the route.
func (x *exchange) llamaRead() bool {
	switch x.path {
	case "/health", "/v1/health":
		x.sendJSON(object{{"status", "ok"}})
	case "/props":
		x.sendJSON(object{
			{"default_generation_settings", object{{"id", 0}, {"id_task", -1}, {"n_ctx", x.b.Context}, {"speculative", false}, {"is_processing", false}}},
			{"total_slots", x.b.Permits},
			{"model_path", "/models/" + x.spec.Name + ".gguf"},
			{"chat_template", ""},
			{"modalities", object{{"vision", false}, {"audio", false}}},
			{"build_info", llamaBuild},
		})
	case "/v1/models":
		x.sendJSON(object{{"object", "list"}, {"data", []any{object{
			{"id", x.spec.ID},
			{"object", "model"},
			{"created", int64(0)},
			{"owned_by", "llamacpp"},
			{"meta", object{{"n_ctx_train", x.b.Context}, {"n_embd", x.b.Dimension}}},
		}}}})
	default:
		return false
	}
	return true
}

// llamaMissing is what llama.cpp says of a path that it does not have.
func llamaMissing() problem {
	return problem{did: "no_route", status: http.StatusNotFound, envelope: envLlama, message: "File Not Found", errorType: "not_found_error"}
}
