package task

import "encoding/json"

// Least returns parameters with which a task's request is the smallest that a
// server can answer: one token where it generates, without tools or a form of
// the answer. All others stay. It is asked to learn whether a request is let in,
// and not what the answer is.
func Least(name string, parameters []byte) []byte {
	var all map[string]json.RawMessage
	if len(parameters) > 0 && json.Unmarshal(parameters, &all) != nil {
		return parameters
	}
	var bounds []string
	var bound string
	switch {
	case Chats(name):
		bounds, bound = append(chatBounds(), "max_output_tokens"), "max_tokens"
	case name == "text-generation":
		bounds, bound = generationBounds(), "max_new_tokens"
	default:
		return parameters
	}
	for _, key := range bounds {
		if _, set := all[key]; set {
			bound = key
		}
		delete(all, key)
	}
	for _, key := range []string{"tools", "tool_choice", "parallel_tool_calls", "response_format", "grammar", "n", "best_of"} {
		delete(all, key)
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	all[bound] = json.RawMessage("1")
	out, err := json.Marshal(all)
	if err != nil {
		return parameters
	}
	return out
}
