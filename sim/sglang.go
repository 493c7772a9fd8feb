package sim

import "time"

// sglangWhole is an answer of SGLang in one piece.
func (x *exchange) sglangWhole(g *generation, answer object) object {
	usage := append(answer.get("usage").(object), member{"prompt_tokens_details", nil}, member{"reasoning_tokens", len(g.reasoning)})
	for i := range answer {
		if answer[i].key == "usage" {
			answer[i].value = usage
		}
	}
	return append(answer, member{"metadata", object{{"weight_version", "default"}}})
}

// sglangMatched is what ended a generation of SGLang: the token that stands for
// the end, or nothing.
func sglangMatched(finish any) any {
	if finish == "stop" {
		return 151645
	}
	return nil
}

// sglangRead answers a GET to SGLang, and reports whether it has the route.
func (x *exchange) sglangRead() bool {
	switch x.path {
	case "/get_model_info", "/model_info":
		x.sendJSON(object{
			{"model_path", x.spec.ID},
			{"tokenizer_path", x.spec.ID},
			{"is_generation", x.spec.Tasks[0] != taskFeatures},
			{"preferred_sampling_params", nil},
			{"weight_version", "default"},
		})
	case "/get_server_info", "/server_info":
		x.sendJSON(object{
			{"model_path", x.spec.ID},
			{"context_length", x.b.Context},
			{"max_running_requests", x.b.Permits},
			{"max_queued_requests", x.b.QueueLimit},
			{"version", "0.5.3"},
		})
	case "/v1/models":
		x.sendJSON(object{{"object", "list"}, {"data", []any{object{
			{"id", x.spec.ID},
			{"object", "model"},
			{"created", time.Now().Unix()},
			{"owned_by", "sglang"},
			{"root", x.spec.ID},
			{"max_model_len", x.b.Context},
		}}}})
	default:
		return false
	}
	return true
}
