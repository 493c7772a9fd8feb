package task_test

import (
	"testing"

	"github.com/hfwatch/hfwatch/probe/task"
)

// TestLeast: one token where a task generates, and nothing else changed that
// decides whether a request is let in.
func TestLeast(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, parameters, want string }{
		{"chat-completion", ``, `{"max_tokens":1}`},
		{"chat-completion", `{"max_tokens":512,"seed":7}`, `{"max_tokens":1,"seed":7}`},
		{"chat-completion", `{"max_completion_tokens":64,"tools":[{}],"tool_choice":"required","response_format":{}}`, `{"max_completion_tokens":1}`},
		{"chat-completion", `{"max_output_tokens":64}`, `{"max_output_tokens":1}`},
		{"image-text-to-text", `{}`, `{"max_tokens":1}`},
		{"text-generation", `{"temperature":0}`, `{"max_new_tokens":1,"temperature":0}`},
		{"text-generation", `{"max_tokens":9}`, `{"max_tokens":1}`},
		{"zero-shot-classification", `{"candidate_labels":["a","b"]}`, `{"candidate_labels":["a","b"]}`},
		{"chat-completion", `[1]`, `[1]`},
	} {
		if got := string(task.Least(row.name, []byte(row.parameters))); got != row.want {
			t.Errorf("Least(%s, %s) = %s, want %s", row.name, row.parameters, got, row.want)
		}
	}
}
