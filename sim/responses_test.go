package sim

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestResponses asks the Responses API for an answer and a stream.
func TestResponses(t *testing.T) {
	t.Parallel()
	scenario := func(f Fault) Scenario {
		s := one(BackendProvider, []string{taskChat}, Behaviour{
			Text: "one two", Latency: Latency{Prefill: ms(100), PerToken: ms(50)}, Fault: f,
		})
		return s
	}
	ask := `{"model":"org/model:groq","input":"x"`
	synctest.Test(t, func(t *testing.T) {
		b := start(t, scenario(Fault{}))
		got := b.post("/v1/responses", ask+`}`)
		for _, want := range []string{
			`"object":"response"`, `"status":"completed"`, `"incomplete_details":null`, `"output":[{"id":"msg_`,
			`"content":[{"type":"output_text","text":"one two","annotations":[]}]`, `"output_tokens":2`,
		} {
			if got.status != 200 || !strings.Contains(got.body, want) {
				t.Errorf("%d %s, want %s", got.status, got.body, want)
			}
		}
		got = b.post("/v1/responses", ask+`,"max_output_tokens":1}`)
		equal(t, "cut", strings.Contains(got.body, `"status":"incomplete","error":null,"incomplete_details":{"reason":"max_output_tokens"}`), true)
		got = b.post("/v1/responses", `{"model":"org/model:groq","input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}`)
		equal(t, "a list of messages", got.status, 200)
		equal(t, "no input", b.post("/v1/responses", `{"model":"org/model:groq","input":[]}`).status, 400)
		equal(t, "too large", b.post("/v1/responses", ask+`,"x":"`+strings.Repeat("x", 101<<10)+`"}`).status, 413)
	})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, scenario(Fault{}))
		begin := time.Now()
		arrivals, _, err := b.stream("/v1/responses", ask+`,"stream":true}`)
		var names []string
		for _, a := range arrivals {
			for line := range strings.Lines(a.text) {
				if name, ok := strings.CutPrefix(strings.TrimSpace(line), "event: "); ok {
					names = append(names, strings.TrimPrefix(name, "response."))
				}
			}
		}
		equal(t, "events", strings.Join(names, " "), "created in_progress output_item.added content_part.added output_text.delta output_text.delta "+
			"output_text.done content_part.done output_item.done completed")
		equal(t, "the end", err, nil)
		rec := b.last()
		equal(t, "first token", rec.FirstToken.Sub(begin), 100*time.Millisecond)
		equal(t, "tokens", rec.TokensSent, 2)
		equal(t, "last token", rec.LastToken.Sub(begin), 150*time.Millisecond)
	})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, scenario(Fault{Kind: "stream_error", At: 1, Message: "boom"}))
		arrivals, _, _ := b.stream("/v1/responses", ask+`,"stream":true}`)
		equal(t, "an error within", strings.Contains(arrivals[len(arrivals)-1].text, "boom"), true)
	})
}
