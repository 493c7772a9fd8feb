package sim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/jpeg"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// shapeRow is one request and the model it goes to.
type shapeRow struct {
	about, backend, task, path, body string
	behaviour                        Behaviour
}

// shapeRows are every genuine shape of every task.
func shapeRows() []shapeRow {
	small := Behaviour{Dimension: 3}
	hf := "/hf-inference/models/org/model"
	with := func(shape string) Behaviour { return Behaviour{Shape: shape, Dimension: 3} }
	qa := `{"inputs":{"question":"What is the capital of France?","context":"The capital of France is Paris."}}`
	zero := `{"inputs":"The new phone is great.","parameters":{"candidate_labels":["phone","politics"]}}`
	table := `{"inputs":{"query":"How many stars has Transformers?","table":{"Repository":["Transformers","Datasets"],"Stars":["36542","4512"]}}}`
	rank := `{"query":"cats","texts":["dogs bark","cats purr"],"return_text":true}`
	chat := `{"model":"x","messages":[{"role":"user","content":"Hello"}]}`
	text := `{"inputs":"I love this product."}`
	batch := `{"inputs":["I love it.","I hate it."]}`
	two := Behaviour{Text: "Hello there."}
	return []shapeRow{
		{"legacy nests always", BackendHF, taskTextClass, hf, text, small},
		{"legacy batch", BackendHF, taskTextClass, hf, batch, small},
		{"new is flat for a string", BackendHF, taskTextClass, hf, text, with("new")},
		{"TEI is flat for one", BackendTEI, taskTextClass, "/e/m/predict", text, small},
		{"TEI takes a flat list as one pair", BackendTEI, taskTextClass, "/e/m/predict", batch, small},
		{"TEI batch is a list of lists", BackendTEI, taskTextClass, "/e/m/", `{"inputs":[["I love it."],["I hate it."]]}`, small},
		{"toolkit gives the top label", BackendToolkit, taskTextClass, "/e/m/", text, small},
		{"toolkit with top_k", BackendToolkit, taskTextClass, "/e/m/predict", `{"inputs":"I love it.","parameters":{"top_k":2}}`, small},
		{"toolkit batch gives one top label each", BackendToolkit, taskTextClass, "/e/m/", batch, small},
		{"zero-shot old", BackendHF, taskZeroShot, hf, zero, small},
		{"zero-shot old batch", BackendHF, taskZeroShot, hf, `{"inputs":["The phone"],"parameters":{"candidate_labels":["phone","politics"]}}`, small},
		{"zero-shot new", BackendHF, taskZeroShot, hf, zero, with("new")},
		{"zero-shot toolkit", BackendToolkit, taskZeroShot, "/e/m/", zero, small},
		{"summary list", BackendHF, taskSummary, hf, text, small},
		{"summary object", BackendHF, taskSummary, hf, text, with(BackendProvider)},
		{"translation batch", BackendHF, taskTranslation, hf, batch, small},
		{"features depth 1", BackendHF, taskFeatures, hf + "/pipeline/feature-extraction", text, small},
		{"features depth 2", BackendHF, taskFeatures, hf + "/pipeline/feature-extraction", batch, small},
		{"features depth 3", BackendHF, taskFeatures, hf, `{"inputs":"a b"}`, Behaviour{Dimension: 2, Unpooled: true}},
		{"features depth 4", BackendHF, taskFeatures, hf, `{"inputs":["a","b"]}`, Behaviour{Dimension: 2, Unpooled: true}},
		{"features TEI always depth 2", BackendTEI, taskFeatures, "/e/m/embed", text, small},
		{"features TEI OpenAI", BackendTEI, taskFeatures, "/e/m/v1/embeddings", `{"input":["a","b"]}`, small},
		{"features TEI base64", BackendTEI, taskFeatures, "/e/m/v1/embeddings", `{"input":"a","encoding_format":"base64","dimensions":2}`, small},
		{"features vLLM", BackendVLLM, taskFeatures, "/e/m/v1/embeddings", `{"model":"org/model","input":"a"}`, small},
		{"similarity", BackendHF, taskSimilarity, hf, `{"inputs":{"source_sentence":"a cat","sentences":["a cat","a dog"]}}`, small},
		{"similarity TEI", BackendTEI, taskSimilarity, "/e/m/similarity", `{"inputs":{"source_sentence":"a cat","sentences":["a cat","a dog"]}}`, small},
		{"similarity toolkit", BackendToolkit, taskSimilarity, "/e/m/", `{"inputs":{"source_sentence":"a cat","sentences":["a cat","a dog"]}}`, small},
		{"generation hf", BackendHF, taskGeneration, hf, `{"inputs":"Say:"}`, two},
		{"generation hf without prompt", BackendHF, taskGeneration, hf, `{"inputs":"Say:","parameters":{"return_full_text":false}}`, two},
		{"generation TGI compat is a list", BackendTGI, taskGeneration, "/e/m/", `{"inputs":"Say:","parameters":{"return_full_text":false}}`, two},
		{"generation TGI is an object", BackendTGI, taskGeneration, "/e/m/generate", `{"inputs":"Say:","parameters":{"details":true,"max_new_tokens":1}}`, two},
		{"completion TGI", BackendTGI, taskGeneration, "/e/m/v1/completions", `{"prompt":"Say:"}`, two},
		{"completion vLLM", BackendVLLM, taskGeneration, "/e/m/v1/completions", `{"prompt":"Say:","max_tokens":1}`, two},
		{"chat TGI echoes the name", BackendTGI, taskChat, "/e/m/v1/chat/completions", chat, two},
		{"chat vLLM", BackendVLLM, taskChat, "/e/m/v1/chat/completions", strings.Replace(chat, `"x"`, `"org/model"`, 1), two},
		{"chat SGLang", BackendSGLang, taskChat, "/e/m/v1/chat/completions", chat, two},
		{"chat llama.cpp echoes the name", BackendLlama, taskChat, "/e/m/v1/chat/completions", chat, two},
		{"completion SGLang", BackendSGLang, taskGeneration, "/e/m/v1/completions", `{"prompt":"Say:","max_tokens":1}`, two},
		{"features llama.cpp", BackendLlama, taskFeatures, "/e/m/v1/embeddings", `{"input":"a"}`, small},
		{"chat provider by the router", BackendProvider, taskChat, "/v1/chat/completions", strings.Replace(chat, `"x"`, `"org/model:groq"`, 1), two},
		{"chat provider by its own path", BackendProvider, taskChat, "/groq/openai/v1/chat/completions", strings.Replace(chat, `"x"`, `"org/model"`, 1), two},
		{"chat hf-inference", BackendHF, taskChat, hf + "/v1/chat/completions", chat, two},
		{"chat that thinks", BackendVLLM, taskChat, "/e/m/v1/chat/completions", chat[:1] + chat[len(`{"model":"x",`):], Behaviour{Text: "Hi.", SSE: SSE{Reasoning: "reasoning", ReasoningTokens: 2}}},
		{"chat that thinks aloud", BackendVLLM, taskChat, "/e/m/v1/chat/completions", chat[:1] + chat[len(`{"model":"x",`):], Behaviour{Text: "Hi.", SSE: SSE{Reasoning: "think", ReasoningTokens: 2}}},
		{"chat that only thinks", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"max_tokens":2}`, Behaviour{SSE: SSE{Reasoning: "reasoning_content"}}},
		{"chat tool vLLM", BackendVLLM, taskChat, "/e/m/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":"string","enum":["b"]},"n":{"type":"number"},"l":{"type":"array"},"t":{"type":"boolean"}}}}}]}`, two},
		{"chat tool TGI", BackendTGI, taskChat, "/e/m/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}`, two},
		{"question answered", BackendHF, taskQA, hf, qa, small},
		{"question answered twice", BackendHF, taskQA, hf, strings.TrimSuffix(qa, "}") + `,"parameters":{"top_k":2}}`, small},
		{"table", BackendHF, taskTableQA, hf, table, small},
		{"table without aggregator", BackendToolkit, taskTableQA, "/e/m/", strings.Replace(table, "query", "question", 1), small},
		{"mask", BackendHF, taskFillMask, hf, `{"inputs":"A [MASK] day.","parameters":{"top_k":2}}`, small},
		{"two masks", BackendHF, taskFillMask, hf, `{"inputs":"<mask> and <mask>.","parameters":{"top_k":1}}`, small},
		{"entities grouped", BackendHF, taskTokenClass, hf, `{"inputs":"My name is Sarah Jessica Parker and I live in Berlin."}`, small},
		{"entities by word", BackendToolkit, taskTokenClass, "/e/m/", `{"inputs":"I am Ada Lovelace.","parameters":{"aggregation_strategy":"none"}}`, small},
		{"no entities", BackendHF, taskTokenClass, hf, `{"inputs":"nobody here"}`, small},
		{"ranking TEI", BackendTEI, taskRanking, "/e/m/rerank", rank, small},
		{"ranking toolkit", BackendToolkit, taskRanking, "/e/m/", `{"inputs":{"query":"cats","texts":["dogs bark","cats purr"]}}`, small},
		{"ranking toolkit pairs", BackendToolkit, taskRanking, "/e/m/", `{"inputs":{"sentences":[["a","a"],["a","b"]]}}`, small},
		{"image to text", BackendToolkit, taskImageToText, "/e/m/", `{"inputs":"iVBORw0KGgo="}`, two},
		{"speech", BackendHF, taskASR, hf, `{"inputs":"UklGRg==","parameters":{"return_timestamps":true}}`, two},
		{"objects", BackendHF, taskDetection, hf, `{"inputs":"iVBORw0KGgo="}`, two},
		{"image classes", BackendHF, taskImageClass, hf, `{"inputs":"iVBORw0KGgo="}`, two},
		{"image zero-shot", BackendHF, taskZeroShotImg, hf, `{"inputs":"iVBORw0KGgo=","parameters":{"candidate_labels":["a","b"]}}`, two},
	}
}

// TestShapes holds every genuine shape of every task against golden bytes.
func TestShapes(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, row := range shapeRows() {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(row.backend, []string{row.task}, row.behaviour))
			got := b.post(row.path, row.body)
			if got.status != 200 || got.err != nil || b.last().Did != "ok" {
				t.Errorf("%s: POST %s = %d %s %v, did %q, want 200", row.about, row.path, got.status, got.body, got.err, b.last().Did)
			}
			decode(t, got.body)
			fmt.Fprintf(&all, "# %s: %s %s\n%s\n%s\n\n", row.about, row.backend, row.path, row.body, got.body)
		})
	}
	golden(t, "shapes.txt", all.String())
}

// TestMedia checks that media are what their type says.
func TestMedia(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := one(BackendHF, []string{taskTextToImage}, Behaviour{})
		s.Models = append(s.Models, Model{Name: "voice", ID: "voice", Tasks: []string{taskTextToSpeech}, Backend: BackendHF})
		b := start(t, s)
		got := b.post("/hf-inference/models/org/model", `{"inputs":"a cat"}`)
		picture, err := jpeg.DecodeConfig(strings.NewReader(got.body))
		if err != nil || picture.Width != 64 || picture.Height != 48 || got.header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("text-to-image = %v %+v %v, want a JPEG of 64x48", err, picture, got.header)
		}
		got = b.post("/hf-inference/models/voice", `{"inputs":"hello"}`)
		if !strings.HasPrefix(got.body, "RIFF") || len(got.body) != 44+4000 || got.header.Get("Content-Type") != "audio/wav" {
			t.Errorf("text-to-speech gave %d bytes of %q, want 4044 of audio/wav", len(got.body), got.header.Get("Content-Type"))
		}
	})
}

// TestBadMedia checks that every variant changes what is sent.
func TestBadMedia(t *testing.T) {
	t.Parallel()
	for _, variant := range badMediaShapes() {
		for contentType, good := range map[string][]byte{"image/png": pixel(), "audio/wav": silence()} {
			kind, body := badMedia(variant, contentType, good)
			if kind == contentType && bytes.Equal(body, good) {
				t.Errorf("%s of %s changes nothing", variant, contentType)
			}
		}
	}
}

// TestRawMedia posts bytes as they are.
func TestRawMedia(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskASR}, Behaviour{Text: "hello world"}))
		got := b.post("/hf-inference/models/org/model", "fLaC and more", "Content-Type", "audio/flac")
		if got.body != `{"text":"hello world"}` {
			t.Errorf("speech = %s", got.body)
		}
		got = b.post("/hf-inference/models/org/model", "no sound", "Content-Type", "audio/flac")
		if want := `{"error":["Error in ` + "`inputs`" + `: Malformed soundfile"]}`; got.status != 400 || got.body != want {
			t.Errorf("noise = %d %s, want 400 %s", got.status, got.body, want)
		}
	})
}

// TestEmbed checks that embeddings are unit vectors which tell texts apart.
func TestEmbed(t *testing.T) {
	t.Parallel()
	a := embed("a happy person", 384)
	if norm := math.Sqrt(dot(a, a)); math.Abs(norm-1) > 1e-6 {
		t.Errorf("norm = %v, want 1", norm)
	}
	near, far := similarity("a happy person", "a very happy person"), similarity("a happy person", "the weather tomorrow")
	if near <= far || near < 0.7 || far > 0.5 {
		t.Errorf("similarity near = %v, far = %v", near, far)
	}
	if got := len(mustDecode(t, packed(a))); got != 4*384 {
		t.Errorf("packed has %d bytes, want %d", got, 4*384)
	}
}

// mustDecode decodes base64.
func mustDecode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestClassify checks what the demo and examples rely on.
func TestClassify(t *testing.T) {
	t.Parallel()
	rows := []struct{ text, top string }{
		{"I love this product.", "POSITIVE"},
		{"I adore it.", "POSITIVE"},
		{"I hate it. [k2j4]", "NEGATIVE"},
	}
	for _, row := range rows {
		got := classify(row.text, []string{"NEGATIVE", "POSITIVE"})
		if got[0].label != row.top || got[0].score < 0.9 || math.Abs(got[0].score+got[1].score-1) > 1e-9 {
			t.Errorf("classify(%q) = %v, want %s above 0.9", row.text, got, row.top)
		}
	}
}

// TestBadShapes checks that every variant changes the answers that it is about,
// and that the changed bytes are golden.
func TestBadShapes(t *testing.T) {
	t.Parallel()
	base := map[string]any{
		"classes": []any{labelled([]scored{{"A", 0.75}, {"B", 0.25}})},
		"zero":    object{{"sequence", "s"}, {"labels", []any{"a", "b"}}, {"scores", []any{0.75, 0.25}}},
		"summary": []any{object{{"summary_text", "s"}}},
		"vectors": []any{[]any{0.5, 0.25}, []any{0.25, 0.5}},
		"openai":  object{{"data", []any{object{{"embedding", []any{0.5, 0.25}}, {"index", 0}}}}, {"usage", object{{"total_tokens", 1}}}},
		"answer":  object{{"score", 0.5}, {"start", 2}, {"end", 4}, {"answer", "x"}},
		"entity":  []any{object{{"entity_group", "PER"}, {"score", 0.5}, {"word", "Ada"}, {"start", 0}, {"end", 3}}},
		"ranking": []any{object{{"index", 1}, {"score", 0.75}}, object{{"index", 0}, {"score", 0.5}}},
		"table":   object{{"answer", "x"}, {"coordinates", []any{[]any{0, 1}}}, {"cells", []any{"x"}}},
		"packed":  object{{"data", []any{object{{"embedding", "AACAPwAAAEA="}}}}},
		"called":  []any{object{{"function", object{{"name", "f"}, {"arguments", `{"a":1}`}}}}},
		"speech":  object{{"text", "s"}, {"chunks", []any{object{{"text", "s"}, {"timestamp", []any{0.0, 1.0}}}}}},
		"box":     []any{object{{"score", 0.5}, {"label", "cat"}, {"box", object{{"xmin", 1}, {"ymin", 1}, {"xmax", 2}, {"ymax", 2}}}}},
		"chat": object{{"choices", []any{object{
			{"index", 0}, {"message", object{{"role", "assistant"}, {"content", "hi"}}}, {"finish_reason", "stop"},
		}}}, {"usage", object{{"total_tokens", 2}}}},
	}
	var all strings.Builder
	for _, variant := range BadShapes() {
		if slices.Contains(badMediaShapes(), variant) {
			continue
		}
		changed := 0
		for _, name := range sortedKeys(base) {
			good, bad := encode(base[name]), encode(badShape(variant, base[name]))
			if !bytes.Equal(good, bad) {
				changed++
				fmt.Fprintf(&all, "%s %s %s\n", variant, name, bad)
			}
		}
		if changed == 0 {
			t.Errorf("%s changes nothing", variant)
		}
	}
	golden(t, "bad_shapes.txt", all.String())
}

// TestWrong checks that wrong answers have the shape of right ones.
func TestWrong(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about string
		tree  any
		want  string
	}{
		{"labels change places", []any{labelled([]scored{{"A", 0.75}, {"B", 0.25}})}, `[[{"label":"B","score":0.75},{"label":"A","score":0.25}]]`},
		{"a lone label becomes another", labelled([]scored{{"A", 0.75}}), `[{"label":"NOT_A","score":0.75}]`},
		{"old zero-shot", object{{"labels", []any{"a", "b"}}, {"scores", []any{0.75, 0.25}}}, `{"labels":["b","a"],"scores":[0.75,0.25]}`},
		{"vectors turn round", []any{[]any{0.5, 0.25}}, `[[0.25,0.5]]`},
		{"similarities turn round", object{{"similarities", []any{0.5, 0.25}}}, `{"similarities":[0.25,0.5]}`},
		{"texts become another", []any{object{{"summary_text", "s"}}}, `[{"summary_text":"I would rather talk about the weather."}]`},
	}
	for _, row := range rows {
		if got := string(encode(wrong(row.tree))); got != row.want {
			t.Errorf("%s: %s, want %s", row.about, got, row.want)
		}
	}
}
