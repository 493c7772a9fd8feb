package sim

import "strings"

// maxResponsesBody is what the router takes on /v1/responses, in bytes
// (huggingface/responses.js, issue 55).
const maxResponsesBody = 100 << 10

// responsesJob returns the job of a request to the Responses API.
func (x *exchange) responsesJob(body map[string]any) (job, *problem) {
	prompt := contentText(body["input"])
	items, _ := body["input"].([]any)
	for _, item := range items {
		message, _ := item.(map[string]any)
		prompt += contentText(message["content"])
	}
	if strings.TrimSpace(prompt) == "" {
		return job{}, x.openAIProblem(400, "input: should be a string or a list of messages", "input")
	}
	if limit, ok := body["max_output_tokens"]; ok {
		body["max_tokens"] = limit
	}
	j, p := x.openAIJob(body, prompt)
	if p != nil {
		return job{}, p
	}
	j.gen.responses = true
	j.gen.id = "resp_" + strings.TrimPrefix(j.gen.id, "chatcmpl-")
	return j, nil
}

// response is the object of the Responses API, with the text said so far.
func (x *exchange) response(g *generation, status, text string, made int64) object {
	output, usage := []any{}, any(nil)
	if status != "in_progress" {
		output = append(output, x.responseItem(g, "completed", text))
		usage = object{
			{"input_tokens", g.promptTokens},
			{"input_tokens_details", object{{"cached_tokens", 0}}},
			{"output_tokens", g.tokens()},
			{"output_tokens_details", object{{"reasoning_tokens", len(g.reasoning)}}},
			{"total_tokens", g.promptTokens + g.tokens()},
		}
	}
	var incomplete any
	if status == "incomplete" {
		incomplete = object{{"reason", "max_output_tokens"}}
	}
	return object{
		{"id", g.id},
		{"object", "response"},
		{"created_at", made},
		{"status", status},
		{"error", nil},
		{"incomplete_details", incomplete},
		{"instructions", nil},
		{"metadata", nil},
		{"model", g.model},
		{"output", output},
		{"parallel_tool_calls", false},
		{"temperature", 1.0},
		{"tool_choice", "auto"},
		{"tools", []any{}},
		{"top_p", 1.0},
		{"usage", usage},
	}
}

// responseItem is the one message of a response.
func (x *exchange) responseItem(g *generation, status, text string) object {
	content := []any{}
	if status == "completed" {
		content = append(content, responsePart(text))
	}
	return object{
		{"id", "msg_" + strings.TrimPrefix(g.id, "resp_")},
		{"type", "message"},
		{"status", status},
		{"role", "assistant"},
		{"content", content},
	}
}

// responsePart is a text of a message.
func responsePart(text string) object {
	return object{{"type", "output_text"}, {"text", text}, {"annotations", []any{}}}
}

// finalStatus is how a response ends.
func (g *generation) finalStatus() string {
	if g.finish == "length" {
		return "incomplete"
	}
	return "completed"
}

// responseEvents returns the events of the Responses API, which bear names and
// numbers and need no [DONE].
func (x *exchange) responseEvents(g *generation) []event {
	var all []event
	made, item := x.created(), "msg_"+strings.TrimPrefix(g.id, "resp_")
	add := func(after, tokens int, answer bool, name string, more object) {
		number := len(all)
		all = append(all, event{after: after, tokens: tokens, answer: answer, name: name, data: func() []byte {
			return encode(append(object{{"type", name}, {"sequence_number", number}}, more...))
		}})
	}
	part := func(more member) object {
		return object{{"item_id", item}, {"output_index", 0}, {"content_index", 0}, more}
	}
	add(-1, 0, false, "response.created", object{{"response", x.response(g, "in_progress", "", made)}})
	add(-1, 0, false, "response.in_progress", object{{"response", x.response(g, "in_progress", "", made)}})
	for i, t := range g.reasoning {
		add(i, 1, false, "response.reasoning_text.delta", part(member{"delta", t}))
	}
	first := len(g.reasoning)
	last := max(0, g.tokens()-1)
	add(min(first, last), 0, false, "response.output_item.added", object{{"output_index", 0}, {"item", x.responseItem(g, "in_progress", "")}})
	add(min(first, last), 0, false, "response.content_part.added", part(member{"part", responsePart("")}))
	for i, t := range g.answer {
		add(first+i, 1, true, "response.output_text.delta", part(member{"delta", t}))
	}
	text := g.text()
	add(last, 0, false, "response.output_text.done", part(member{"text", text}))
	add(last, 0, false, "response.content_part.done", part(member{"part", responsePart(text)}))
	add(last, 0, false, "response.output_item.done", object{{"output_index", 0}, {"item", x.responseItem(g, "completed", text)}})
	if x.fault.Kind != "no_finish" {
		status := g.finalStatus()
		add(last, 0, false, "response."+status, object{{"response", x.response(g, status, text, made)}})
	}
	return all
}
