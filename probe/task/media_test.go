package task_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
)

// b64 returns data as a JSON text of base64.
func b64(data []byte) string { return `"` + base64.StdEncoding.EncodeToString(data) + `"` }

// picturedOnce and soundedOnce are samples as texts, which take a while to make.
var (
	picturedOnce = sync.OnceValue(func() string { return b64(media.SamplePicture(media.PNG)) })
	soundedOnce  = sync.OnceValue(func() string { return b64(media.SampleSound()) })
)

// picture and sound are inputs.
func picture(parameters ...string) probe.Ask { return in(picturedOnce(), parameters...) }

func sound(parameters ...string) probe.Ask { return in(soundedOnce(), parameters...) }

func speechRecognitionRules(t *testing.T, b *rulebook) {
	one, timed := sound(), sound(`{"return_timestamps":true}`)
	b.rows(t, "automatic-speech-recognition", []row{
		{"a text", one, `{"text":" The ferry leaves."}`, "", "obj{text}", "", nil},
		{"chunks", timed, `{"text":"a b","chunks":[{"text":"a","timestamp":[0.0,1.5]},{"text":"b","timestamp":[1.5,null]}]}`, "", "obj{text,chunks}", "", nil},
		{"a provider's extras", one, `{"text":"a","inferred_languages":["en"],"diarization_segments":[]}`, "", "obj{text}", "", nil},
		{"silence is legal", one, `{"text":""}`, "", "obj{text}", "", []string{"the text is blank; a sound with speech would prove more"}},
		{"no timestamps", timed, `{"text":"a"}`, "", "obj{text}", "", []string{"timestamps were asked for, and there are none"}},

		{"no text", one, `{"chunks":[]}`, "", "", "text: absent", nil},
		{"a text of number", one, `{"text":1}`, "", "", "text: a number, want a text", nil},
		{"a list", one, `[{"text":"a"}]`, "", "", "the answer: a list, want an object", nil},
		{"chunks that are none", one, `{"text":"a","chunks":"a"}`, "", "obj{text,chunks}", "chunks: a text, want a list of chunks", nil},
		{"a chunk without a text", one, `{"text":"a","chunks":[{"timestamp":[0,1]}]}`, "", "obj{text,chunks}", "chunks[0].text: absent", nil},
		{"a chunk without a time", one, `{"text":"a","chunks":[{"text":"a"}]}`, "", "obj{text,chunks}", "chunks[0].timestamp: null, want a list of two numbers", nil},
		{"an open end in the middle", one, `{"text":"a","chunks":[{"text":"a","timestamp":[0,null]},{"text":"b","timestamp":[1,2]}]}`, "", "obj{text,chunks}", "chunks[0].timestamp[1]: null, want a number of seconds", nil},
		{"a start of nothing", one, `{"text":"a","chunks":[{"text":"a","timestamp":[{},1]}]}`, "", "obj{text,chunks}", "chunks[0].timestamp[0]: an empty object, want a number of seconds", nil},
		{"a start of text", one, `{"text":"a","chunks":[{"text":"a","timestamp":["0",1]}]}`, "", "obj{text,chunks}", "chunks[0].timestamp[0]: a text, want a number of seconds", nil},
		{"backwards", one, `{"text":"a","chunks":[{"text":"a","timestamp":[2,1]}]}`, "", "obj{text,chunks}", "chunks[0].timestamp[1]: 1 is before the start 2", nil},

		{"words, whatever their case", with(one, probe.Expect{Contains: []string{"ferry leaves"}}), `{"text":"The FERRY, leaves!"}`, "", "obj{text}", "", nil},
		{"the whole text, by its words", with(one, probe.Expect{Equals: js(`"The ferry leaves."`)}), `{"text":" the ferry leaves"}`, "", "obj{text}", "", nil},
		{"other words", with(one, probe.Expect{Contains: []string{"ferry leaves"}}), `{"text":"Fairy leaves"}`, probe.WrongAnswer, "obj{text}", `expect.contains: "ferry leaves" is not in "Fairy leaves"`, nil},
		{"silence where words are expected", with(one, probe.Expect{Contains: []string{"ferry"}}), `{"text":""}`, probe.WrongAnswer, "obj{text}", `expect.contains: "ferry" is not in ""`, []string{"the text is blank; a sound with speech would prove more"}},
	})
}

func mediaClassificationRules(t *testing.T, b *rulebook) {
	const cat = `{"score":0.9,"label":"cat"}`
	for name, one := range map[string]func(...string) probe.Ask{"image-classification": picture, "audio-classification": sound} {
		b.rows(t, name, []row{
			{"labels", one(), `[` + cat + `,{"label":"dog","score":0.1}]`, "", "list<label>", "", nil},
			{"whole scores", one(), `[{"score":1,"label":"cat"}]`, "", "list<label>", "", nil},
			{"raw scores", one(`{"function_to_apply":"none"}`), `[{"score":11.5,"label":"cat"}]`, "", "list<label>", "", nil},
			{"nothing", one(), `[]`, "", "", "the answer: an empty list, want at least one label", nil},
			{"an object", one(), cat, "", "", "the answer: an object, want a list of labels", nil},
			{"nested", one(), `[[` + cat + `]]`, "", "", "[0]: a list, want an object", nil},
			{"no label", one(), `[{"score":0.9}]`, "", "", "[0].label: absent", nil},
			{"a label of number", one(), `[{"score":0.9,"label":3}]`, "", "", "[0].label: a number, want a text", nil},
			{"a score of text", one(), `[{"score":"0.9","label":"cat"}]`, "", "", "[0].score: a text, want a number", nil},
			{"a score of 1.7", one(), `[{"score":1.7,"label":"cat"}]`, "", "", "[0].score: 1.7 is not in 0..1; where raw scores are meant, say so with parameters.function_to_apply: none", nil},
			{"more than asked for", one(`{"top_k":1}`), `[` + cat + `,` + cat + `]`, "", "list<label>", "the answer: 2 labels, and parameters.top_k asks for 1 at most", nil},
			{"what is expected", with(one(), probe.Expect{Label: "cat", MinScore: probe.Some(0.8)}), `[` + cat + `]`, "", "list<label>", "", nil},
			{"another label", with(one(), probe.Expect{Label: "dog"}), `[` + cat + `]`, probe.WrongAnswer, "list<label>", `expect.label: the top label is "cat" (0.9), want "dog"`, nil},
		})
	}
}

func zeroShotImageRules(t *testing.T, b *rulebook) {
	one := picture(`{"candidate_labels":["cat","dog"]}`)
	b.rows(t, "zero-shot-image-classification", []row{
		{"the labels", one, `[{"score":0.9,"label":"dog"},{"score":0.1,"label":"cat"}]`, "", "list<label>", "", nil},
		{"scores each by itself", one, `[{"score":0.2,"label":"dog"},{"score":0.01,"label":"cat"}]`, "", "list<label>", "", nil},
		{"an unknown label", one, `[{"score":0.9,"label":"cow"},{"score":0.1,"label":"cat"}]`, "", "", `the answer: label "cow" was not asked for`, nil},
		{"a label missing", one, `[{"score":0.9,"label":"dog"}]`, "", "", `the answer: label "cat" is missing`, nil},
		{"a label twice", one, `[{"score":0.9,"label":"dog"},{"score":0.1,"label":"dog"}]`, "", "", `the answer: label "dog" stands there twice`, nil},
		{"the text task's form", one, `{"sequence":"a","labels":["cat","dog"],"scores":[0.5,0.5]}`, "", "", "the answer: an object, want a list of labels", nil},
		{"a score of 2", one, `[{"score":2,"label":"dog"},{"score":0.1,"label":"cat"}]`, "", "", "[0].score: 2 is not in 0..1", nil},
		{"nothing", one, `[]`, "", "", "the answer: an empty list, want at least one label", nil},
	})
}

func objectDetectionRules(t *testing.T, b *rulebook) {
	const shape, boat = "list<label,box>", `{"score":0.9,"label":"boat","box":{"xmin":1,"ymin":2,"xmax":30,"ymax":40}}`
	b.rows(t, "object-detection", []row{
		{"an object", picture(), `[` + boat + `]`, "", shape, "", nil},
		{"none", picture(), `[]`, "", shape, "", []string{"nothing was found; a picture with a sure object would prove more"}},
		{"an object in place of a list", picture(), boat, "", "", "the answer: an object, want a list of objects", nil},
		{"no box", picture(), `[{"score":0.9,"label":"boat"}]`, "", shape, "[0].box: null, want an object", nil},
		{"a box of numbers", picture(), `[{"score":0.9,"label":"boat","box":[1,2,3,4]}]`, "", shape, "[0].box: a list, want an object", nil},
		{"a side missing", picture(), `[{"score":0.9,"label":"boat","box":{"xmin":1,"ymin":2,"xmax":30}}]`, "", shape, "[0].box.ymax: absent", nil},
		{"a side of text", picture(), `[{"score":0.9,"label":"boat","box":{"xmin":"1","ymin":2,"xmax":30,"ymax":40}}]`, "", shape, "[0].box.xmin: a text, want a number", nil},
		{"sides swapped", picture(), `[{"score":0.9,"label":"boat","box":{"xmin":30,"ymin":2,"xmax":1,"ymax":40}}]`, "", shape, "[0].box.xmin: 30 is not left of xmax 1", nil},
		{"upside down", picture(), `[{"score":0.9,"label":"boat","box":{"xmin":1,"ymin":40,"xmax":30,"ymax":40}}]`, "", shape, "[0].box.ymin: 40 is not above ymax 40", nil},
		{"a score of 1.7", picture(), `[{"score":1.7,"label":"boat","box":{}}]`, "", shape, "[0].score: 1.7 is not in 0..1", nil},
		{"no label", picture(), `[{"score":0.7,"box":{}}]`, "", shape, "[0].label: absent", nil},
		{"what is expected", with(picture(), probe.Expect{Label: "boat"}), `[{"score":0.3,"label":"sea","box":{"xmin":1,"ymin":2,"xmax":30,"ymax":40}},` + boat + `]`, "", shape, "", nil},
		{"nothing where an object is expected", with(picture(), probe.Expect{Label: "boat"}), `[]`, probe.WrongAnswer, shape, `expect.label: "boat" is not among the 0 labels found`, []string{"nothing was found; a picture with a sure object would prove more"}},
	})
}

func imageToTextRules(t *testing.T, b *rulebook) {
	b.rows(t, "image-to-text", []row{
		{"a list", picture(), `[{"generated_text":"a boat"}]`, "", "list<generated_text>", "", nil},
		{"an object", picture(), `{"generated_text":"a boat"}`, "", "obj{generated_text}", "", nil},
		{"the published schema's key", picture(), `{"generatedText":"a boat"}`, "", "obj{generated_text}", "generated_text: absent", nil},
		{"blank", picture(), `[{"generated_text":" "}]`, "", "list<generated_text>", "[0].generated_text: blank", nil},
		{"two", picture(), `[{"generated_text":"a"},{"generated_text":"b"}]`, "", "list<generated_text>", "the answer: 2 texts for 1 input", nil},
		{"none", picture(), `[]`, "", "", "the answer: an empty list, want at least one object", nil},
		{"a text of number", picture(), `[{"generated_text":1}]`, "", "list<generated_text>", "[0].generated_text: a number, want a text", nil},
		{"what is expected", with(picture(), probe.Expect{Matches: regexp.MustCompile("boat|ship")}), `[{"generated_text":"a boat"}]`, "", "list<generated_text>", "", nil},
	})
}

func imageTextToTextRules(t *testing.T, b *rulebook) {
	one := in(`{"image":` + b64(media.SamplePicture(media.PNG)) + `,"text":"What is it?"}`)
	b.rows(t, "image-text-to-text", []row{
		{"a chat's answer", one, chat(`{"role":"assistant","content":"A boat."}`, `"stop"`), "", "obj{choices}", "", nil},
		{"a file alone", picture(), chat(`{"role":"assistant","content":"A boat."}`, `"stop"`), "", "obj{choices}", "", nil},
		{"an address", in(`{"image":"https://example.org/a.png"}`), chat(`{"content":"A boat."}`, `"stop"`), "", "obj{choices}", "", nil},
		{"nothing said", one, chat(`{"content":""}`, `"stop"`), "", "obj{choices}", "choices[0].message.content: blank, and there is neither a tool call nor reasoning", nil},
		{"a caption", one, `[{"generated_text":"a boat"}]`, "", "", "the answer: a list, want an object", nil},
	})
	r, err := must(t, "image-text-to-text").Build(probe.Ask{
		Route: probe.RouteRouter, Model: "org/m", Provider: "groq", Input: one.Input, Nonce: "0a1b2c3d",
	})
	if err != nil || r.Path != "/v1/chat/completions" || !strings.Contains(string(r.Body), `{"type":"text","text":"(0a1b2c3d)"},{"type":"image_url","image_url":{"url":"data:image/png;base64,`) {
		t.Errorf("Build() = %s %.300s, %v, want a chat with a picture behind the nonce", r.Path, r.Body, err)
	}
	if r.TokensIn < 4096 || r.TokensIn > 4096+200 {
		t.Errorf("TokensIn = %d, want those of one picture and of a short text", r.TokensIn)
	}
}

func textRankingRules(t *testing.T, b *rulebook) {
	one := in(`{"query":"q","texts":["a","b"]}`)
	tei, cohere := one, in(`{"query":"q","texts":["a","b"]}`, `{"top_n":1}`)
	tei.Path, cohere.Path = "/rerank", "/v1/rerank"
	pairs := in(`{"sentences":[["a","b"],["c","d"]]}`)
	const shape, good = "list<index,score>", `[{"index":1,"score":0.9,"text":"b"},{"index":0,"score":0.1}]`
	b.rows(t, "text-ranking", []row{
		{"an order", one, good, "", shape, "", nil},
		{"of equals", one, `[{"index":0,"score":0.5},{"index":1,"score":0.5}]`, "", shape, "", nil},
		{"TEI's", tei, good, "", shape, "", nil},
		{"the toolkit's scores may be raw", one, `[{"index":0,"score":5.5},{"index":1,"score":-3}]`, "", shape, "", nil},
		{"the best alone", cohere, `{"results":[{"index":1,"relevance_score":0.9}]}`, "", "obj{results}", "", nil},
		{"pairs", pairs, `{"scores":[0.1,0.9]}`, "", "obj{scores}", "", nil},

		{"an index twice", one, `[{"index":0,"score":0.9},{"index":0,"score":0.1}]`, "", shape, "[1].index: 0 stands there twice", nil},
		{"an index missing", one, `[{"index":0,"score":0.9}]`, "", shape, "the answer: 1 rank for 2 texts", nil},
		{"an index too many", one, `[{"index":2,"score":0.9},{"index":0,"score":0.1}]`, "", shape, "[0].index: 2 is beyond the 2 texts", nil},
		{"no index", one, `[{"score":0.9},{"index":0,"score":0.1}]`, "", shape, "[0].index: absent", nil},
		{"half an index", one, `[{"index":0.5,"score":0.9}]`, "", shape, "[0].index: 0.5, want a whole number of at least 0", nil},
		{"a score of text", one, `[{"index":1,"score":"high"},{"index":0,"score":0.1}]`, "", shape, "[0].score: a text, want a number", nil},
		{"the best last", one, `[{"index":1,"score":0.1},{"index":0,"score":0.9}]`, "", shape, "[1].score: 0.9 is above the one before it, 0.1, and the best should stand first", nil},
		{"TEI's scores are not raw", tei, `[{"index":0,"score":1.7},{"index":1,"score":0.1}]`, "", shape, "[0].score: 1.7 is not in 0..1; where raw scores are meant, say so with parameters.function_to_apply: none", nil},
		{"none", one, `[]`, "", shape, "the answer: an empty list, want at least one rank", nil},
		{"a text of number", one, `[{"index":0,"score":1,"text":4}]`, "", shape, "[0].text: a number, want a text", nil},
		{"a text missing", in(`{"query":"q","texts":["a"]}`, `{"return_text":true}`), `[{"index":0,"score":1}]`, "", shape, "[0].text: absent, and parameters.return_text asks for it", nil},
		{"a score for one pair of two", pairs, `{"scores":[0.1]}`, "", "obj{scores}", "scores: 1 number for 2 pairs", nil},
		{"a score of null", pairs, `{"scores":[0.1,null]}`, "", "obj{scores}", "scores[1]: null, want a number", nil},
		{"no results", cohere, `{"results":[]}`, "", "obj{results}", "results: an empty list, want at least one rank", nil},

		{"what is expected", with(one, probe.Expect{Label: "b", MinScore: probe.Some(0.5)}), good, "", shape, "", nil},
		{"another pair", with(pairs, probe.Expect{Label: "pair 0"}), `{"scores":[0.1,0.9]}`, probe.WrongAnswer, "obj{scores}", `expect.label: the top label is "pair 1" (0.9), want "pair 0"`, nil},
		{"another text", with(one, probe.Expect{Label: "a"}), good, probe.WrongAnswer, shape, `expect.label: the top label is "b" (0.9), want "a"`, nil},
	})
}

// medium is an answer with a body of a type.
func mediumAnswer(kind string, body []byte) probe.Answer {
	return probe.Answer{Status: 200, Header: http.Header{"Content-Type": {kind}}, Body: body}
}

// mediaAnswersRules judges pictures and sounds, whole and not.
func mediaAnswersRules(t *testing.T, b *rulebook) {
	png, jpg, wav := media.SamplePicture(media.PNG), media.SamplePicture(media.JPEG), media.SampleSound()
	image, speech := in(`"a boat"`), in(`"The ferry leaves."`)
	sized := in(`"a boat"`, `{"width":512,"height":240}`)
	type verdict struct {
		Outcome       probe.Outcome
		Reason, Shape string
		Warnings      []string
	}
	link := func(what string) []string {
		return []string{"the " + what + " stands behind a link, which was not fetched"}
	}
	for _, c := range []struct {
		why, task string
		ask       probe.Ask
		kind      string
		body      []byte
		want      verdict
	}{
		{"a JPEG", "text-to-image", image, "image/jpeg", jpg, verdict{Shape: "bytes<jpeg>"}},
		{"a PNG", "text-to-image", image, "image/png", png, verdict{Shape: "bytes<png>"}},
		{"another spelling", "text-to-image", image, "image/jpg; x=y", jpg, verdict{Shape: "bytes<jpeg>"}},
		{"a WAV", "text-to-speech", speech, "audio/x-wav", wav, verdict{Shape: "bytes<wav>"}},
		{"no type", "text-to-speech", speech, "application/octet-stream", wav, verdict{Shape: "bytes<wav>", Warnings: []string{"the header does not say that the body is a WAV of 1 s"}}},
		{"another size", "text-to-image", sized, "image/png", png, verdict{Shape: "bytes<png>", Warnings: []string{"the answer is a PNG of 320 x 240, which is not the size that was asked for"}}},
		{"fal's links", "text-to-image", image, "application/json", []byte(`{"images":[{"url":"https://v3.fal.media/a.png","width":1024,"height":768,"content_type":"image/png"}],"timings":{}}`), verdict{Shape: "obj{images}", Warnings: link("picture")}},
		{"base64", "text-to-image", image, "application/json", []byte(`{"data":[{"b64_json":` + b64(png) + `}]}`), verdict{Shape: "obj{data}"}},
		{"a data: URL", "text-to-image", image, "application/json", []byte(`{"images":[{"url":"data:image/jpeg;base64,` + strings.Trim(b64(jpg), `"`) + `"}]}`), verdict{Shape: "obj{images}"}},
		{"replicate's link", "text-to-image", image, "application/json", []byte(`{"id":"x","status":"succeeded","output":["https://replicate.delivery/a.webp"]}`), verdict{Shape: "obj{output}", Warnings: link("picture")}},
		{"a sound behind a link", "text-to-speech", speech, "application/json", []byte(`{"audio":{"url":"https://x/a.mp3","content_type":"audio/mpeg"}}`), verdict{Shape: "obj{audio}", Warnings: link("sound")}},

		{"empty", "text-to-image", image, "image/png", nil, verdict{probe.InvalidOutput, "the body is empty", "", nil}},
		{"cut", "text-to-image", image, "image/png", png[:400], verdict{probe.Truncated, `the answer: a broken picture: PNG: ends early, after 400 bytes, in the chunk "IDAT"`, "bytes<png>", nil}},
		{"a cut JPEG", "text-to-image", image, "image/jpeg", jpg[:len(jpg)/2], verdict{probe.Truncated, fmt.Sprintf("the answer: a broken picture: JPEG: ends early, after %d bytes, in the scan's data", len(jpg)/2), "bytes<jpeg>", nil}},
		{"a cut WAV", "text-to-speech", speech, "audio/wav", wav[:1000], verdict{probe.Truncated, "the answer: a broken sound: WAV: ends early, after 1000 bytes, in a RIFF file of 32044", "bytes<wav>", nil}},
		{"a wrong type", "text-to-image", image, "image/png", jpg, verdict{probe.InvalidOutput, `the answer: the header says "image/png", and the body is a JPEG of 320 x 240`, "bytes<jpeg>", nil}},
		{"a sound for a picture", "text-to-image", image, "audio/wav", wav, verdict{probe.InvalidOutput, "the answer: a WAV of 1 s, want a picture", "bytes<wav>", nil}},
		{"a picture for a sound", "text-to-speech", speech, "image/png", png, verdict{probe.InvalidOutput, "the answer: a PNG of 320 x 240, want a sound", "bytes<png>", nil}},
		{"text with a picture's type", "text-to-image", image, "image/png", []byte("not a picture"), verdict{probe.InvalidOutput, `the answer: no picture: it begins with "not a pictur", which is no picture and no sound that is known`, "", nil}},
		{"an error in a 200", "text-to-image", image, "application/json", []byte(`{"error":"CUDA out of memory"}`), verdict{probe.InvalidOutput, `the answer is an error envelope: "CUDA out of memory"`, "", nil}},
		{"HTML", "text-to-speech", speech, "text/html", []byte("<html>"), verdict{probe.InvalidOutput, "the body is HTML or XML, want a sound", "", nil}},
		{"JSON without a file", "text-to-image", image, "application/json", []byte(`{"seed":1}`), verdict{probe.InvalidOutput, "the answer: an object with none of images, data, output, image, url", "", nil}},
		{"no files", "text-to-image", image, "application/json", []byte(`{"images":[]}`), verdict{probe.InvalidOutput, "images: an empty list, want at least one picture", "obj{images}", nil}},
		{"cut base64", "text-to-image", image, "application/json", []byte(`{"data":[{"b64_json":` + b64(png[:300]) + `}]}`), verdict{probe.InvalidOutput, `data[0].b64_json: a broken picture: PNG: ends early, after 300 bytes, in the chunk "IDAT"`, "obj{data}", nil}},
		{"no base64", "text-to-image", image, "application/json", []byte(`{"data":[{"b64_json":"%%"}]}`), verdict{probe.InvalidOutput, `data[0].b64_json: neither a link nor base64: "%%"`, "obj{data}", nil}},
		{"a file of number", "text-to-image", image, "application/json", []byte(`{"output":[1]}`), verdict{probe.InvalidOutput, "output[0]: a number, want a link or base64", "obj{output}", nil}},
		{"an empty file", "text-to-image", image, "application/json", []byte(`{"images":[""]}`), verdict{probe.InvalidOutput, "images[0]: empty", "obj{images}", nil}},
		{"an object without a file", "text-to-image", image, "application/json", []byte(`{"images":[{"width":4}]}`), verdict{probe.InvalidOutput, "images[0]: an object with neither a link nor base64", "obj{images}", nil}},
		{"not ready", "text-to-image", image, "application/json", []byte(`{"status":"processing","output":null}`), verdict{probe.InvalidOutput, `status: "processing": the answer holds no picture yet`, "obj{status}", nil}},
		{"given up", "text-to-image", image, "application/json", []byte(`{"status":"failed"}`), verdict{probe.InvalidOutput, `status: "failed": the provider gave up`, "obj{status}", nil}},
		{"a text", "text-to-speech", speech, "application/json", []byte(`"https://x/a.mp3"`), verdict{probe.InvalidOutput, "the answer: a text, want a sound, or an object that holds one", "", nil}},
		{"JSON cut", "text-to-image", image, "application/json", []byte(`{"images":[`), verdict{probe.Truncated, "the body ends in the middle of its JSON, after 11 bytes", "", nil}},
	} {
		if c.want.Outcome == "" {
			c.want.Outcome = probe.OK
		}
		v := b.check(must(t, c.task), c.why, c.ask, mediumAnswer(c.kind, c.body))
		if diff := cmp.Diff(c.want, verdict{v.Outcome, v.Reason, v.Shape, v.Warnings}); diff != "" {
			t.Errorf("%s: Check() (-want +got):\n%s", c.why, diff)
		}
	}
}

// TestMediaRequests: a file goes out as it is, marked by the nonce, or as
// base64 beside parameters, or as a form.
func TestMediaRequests(t *testing.T) {
	wav, png := media.SampleSound(), media.SamplePicture(media.PNG)
	ask := sound()
	ask.Nonce = "0a1b2c3d"
	r, err := must(t, "automatic-speech-recognition").Build(ask)
	if err != nil || r.ContentType != "audio/wav" || r.Accept != "application/json" || !bytes.Equal(r.Body, media.Mark(wav, ask.Nonce)) || r.TokensIn != 0 {
		t.Errorf("Build() = %s, %s, %d bytes, %d tokens, %v, want the sound with a mark", r.ContentType, r.Accept, len(r.Body), r.TokensIn, err)
	}
	plain := picture(`{"threshold":0.9}`)
	r, err = must(t, "object-detection").Build(plain)
	var got struct {
		Inputs     []byte
		Parameters json.RawMessage
	}
	if err != nil || json.Unmarshal(r.Body, &got) != nil || !bytes.Equal(got.Inputs, png) || string(got.Parameters) != `{"threshold":0.9}` || r.ContentType != "application/json" {
		t.Errorf("Build() with parameters = %s, %.200s, %v, want base64 beside them", r.ContentType, r.Body, err)
	}
	ask = sound(`{"language":"en","temperature":0}`)
	ask.Path = "/v1/audio/transcriptions"
	r, err = must(t, "automatic-speech-recognition").Build(ask)
	if err != nil {
		t.Fatal(err)
	}
	_, attributes, err := mime.ParseMediaType(r.ContentType)
	if err != nil {
		t.Fatal(err)
	}
	f, err := multipart.NewReader(bytes.NewReader(r.Body), attributes["boundary"]).ReadForm(1 << 20)
	if err != nil || f.Value["model"][0] != "m" || f.Value["language"][0] != "en" || f.Value["temperature"][0] != "0" || f.File["file"][0].Size != int64(len(wav)) {
		t.Errorf("the form holds %+v, %v, want the model, the parameters and the file", f, err)
	}
}

// TestMediaInputsRefused: what is no file of the task is refused by name.
func TestMediaInputsRefused(t *testing.T) {
	for _, c := range []struct {
		task, input, want string
	}{
		{"image-classification", `{"image":"x"}`, "image-classification wants a picture: base64 of a PNG, JPEG, WebP or GIF file, or input_file, got an object"},
		{"image-classification", `"a cat"`, `image-classification wants a picture: base64 of a PNG, JPEG, WebP or GIF file, or input_file: "a cat" is no base64: illegal base64 data at input byte 1`},
		{"image-classification", b64(media.SampleSound()), "image-classification wants a picture: base64 of a PNG, JPEG, WebP or GIF file, or input_file, got a WAV of 1 s"},
		{"audio-classification", b64(media.SampleSound()[:100]), "audio-classification wants a sound: base64 of a WAV, FLAC, MP3 or Ogg file, or input_file, got a broken file: WAV: ends early, after 100 bytes, in a RIFF file of 32044"},
		{"image-text-to-text", `[{"role":"user","content":"hi"}]`, "image-text-to-text wants {\"image\": base64 or an https address, \"text\": …}, messages with a part of the type image_url, or input_file, got messages without a picture"},
		{"text-ranking", `{"query":"q"}`, `text-ranking wants {"query": …, "texts": […]}: texts, got nothing`},
		{"text-ranking", `{"sentences":[["a"]]}`, `text-ranking wants {"sentences": [["a", "b"]]}: [0] is no pair of texts`},
		{"text-to-image", `7`, "text-to-image wants a text, got a number"},
	} {
		if _, err := must(t, c.task).Build(in(c.input)); err == nil || err.Error() != c.want {
			t.Errorf("%s: Build(%.40s) = %v\nwant %s", c.task, c.input, err, c.want)
		}
	}
}
