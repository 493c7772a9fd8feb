package task_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
	"github.com/hfwatch/hfwatch/probe/task"
)

// at returns what is asked of a provider.
func at(provider, model string) probe.Ask {
	return probe.Ask{Route: probe.RouteProvider, Provider: provider, Model: model, Input: js(`"a boat"`), Parameters: js(`{"seed": 1}`), Nonce: "0a1b2c3d"}
}

// TestPassThrough holds the request of each task at each provider: huggingface_hub,
// inference/_providers.
func TestPassThrough(t *testing.T) {
	t.Parallel()
	type made struct {
		Path, Query, Body string
		Header            map[string]string
	}
	zai := map[string]string{"Accept-Language": "en-US,en", "X-Source-Channel": "hugging_face"}
	wait := map[string]string{"Prefer": "wait"}
	for _, row := range []struct {
		task, provider, model string
		want                  made
	}{
		{"text-to-image", "fal-ai", "fal-ai/flux/schnell", made{"/fal-ai/flux/schnell", "_subdomain=queue", `{"prompt":"a boat (0a1b2c3d)","seed":1}`, nil}},
		{"text-to-image", "replicate", "o/m", made{"/v1/models/o/m/predictions", "", `{"input":{"prompt":"a boat (0a1b2c3d)","seed":1}}`, wait}},
		{"text-to-image", "replicate", "o/m:abc", made{"/v1/predictions", "", `{"version":"abc","input":{"prompt":"a boat (0a1b2c3d)","seed":1}}`, wait}},
		{"text-to-image", "wavespeed", "o/m", made{"/api/v3/o/m", "", `{"prompt":"a boat (0a1b2c3d)","seed":1}`, nil}},
		{"text-to-image", "zai-org", "m", made{"/api/paas/v4/async/images/generations", "", `{"model":"m","prompt":"a boat (0a1b2c3d)","seed":1}`, zai}},
		{"text-to-image", "together", "o/m", made{"/v1/images/generations", "", `{"model":"o/m","prompt":"a boat (0a1b2c3d)","response_format":"base64","seed":1}`, nil}},
		{"text-to-image", "nscale", "o/m", made{"/v1/images/generations", "", `{"model":"o/m","prompt":"a boat (0a1b2c3d)","response_format":"b64_json","seed":1}`, nil}},
		{"text-to-speech", "fal-ai", "o/m", made{"/o/m", "", `{"text":"a boat (0a1b)","seed":1}`, nil}},
		{"text-to-speech", "replicate", "o/m", made{"/v1/models/o/m/predictions", "", `{"input":{"text":"a boat (0a1b)","seed":1}}`, wait}},
		{"feature-extraction", "deepinfra", "o/m", made{"/v1/openai/embeddings", "", `{"model":"o/m","input":"a boat (0a1b2c3d)","seed":1}`, nil}},
		{"feature-extraction", "scaleway", "m", made{"/v1/embeddings", "", `{"model":"m","input":"a boat (0a1b2c3d)","seed":1}`, nil}},
		{"feature-extraction", "together", "m", made{"/v1/embeddings", "", `{"model":"m","input":"a boat (0a1b2c3d)","seed":1}`, nil}},
		{"text-generation", "featherless-ai", "m", made{"/v1/completions", "", `{"model":"m","prompt":"(0a1b2c3d)\na boat","max_tokens":64,"temperature":0,"seed":1}`, nil}},
		{"text-generation", "together", "m", made{"/v1/completions", "", `{"model":"m","prompt":"(0a1b2c3d)\na boat","max_tokens":64,"temperature":0,"seed":1}`, nil}},
		{"text-generation", "novita", "m", made{"/v3/openai/completions", "", `{"model":"m","prompt":"(0a1b2c3d)\na boat","max_tokens":64,"temperature":0,"seed":1}`, nil}},
	} {
		r, err := must(t, row.task).Build(at(row.provider, row.model))
		got := made{r.Path, r.Query, string(r.Body), r.Header}
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil || r.ContentType != "application/json" {
			t.Errorf("%s at %s: %v, %s: -want +got\n%s", row.task, row.provider, err, r.ContentType, diff)
		}
	}
	ask := at("fal-ai", "o/m")
	ask.Input, ask.Nonce = js(`"`+base64.StdEncoding.EncodeToString(media.SampleSound())+`"`), ""
	r, err := must(t, "automatic-speech-recognition").Build(ask)
	if err != nil || r.Path != "/o/m" || !strings.HasPrefix(string(r.Body), `{"audio_url":"data:audio/`) || r.TokensIn != 0 {
		t.Errorf("speech at fal-ai: %v, %s, %.60s", err, r.Path, r.Body)
	}
}

// TestNotPassedThrough refuses what no provider is known to take, and ids that
// would ask for something else.
func TestNotPassedThrough(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ task, provider, model, want string }{
		{"text-to-image", "groq", "m", `text-to-image at the provider "groq" is not known; known are fal-ai, nscale`},
		{"text-classification", "together", "m", "text-classification is not passed through to any provider"},
		{"text-to-image", "fal-ai", "../other", "cannot stand in an address"},
		{"text-to-image", "fal-ai", "m?x=1", "cannot stand in an address"},
		{"text-to-image", "fal-ai", "", "cannot stand in an address"},
		{"text-to-image", "fal-ai", "a//b", "cannot stand in an address"},
	} {
		if _, err := must(t, row.task).Build(at(row.provider, row.model)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s at %s of %q: %v, want %q", row.task, row.provider, row.model, err, row.want)
		}
	}
	for _, name := range task.Names() {
		for _, provider := range task.PassedThrough(name) {
			_, follows := must(t, name).(probe.Follower)
			if task.Polled(name, provider) && !follows {
				t.Errorf("%s at %s is polled for, and the task follows nothing", name, provider)
			}
		}
	}
}

// TestFollow says what comes after each form of answer.
func TestFollow(t *testing.T) {
	t.Parallel()
	const fal = 500 * time.Millisecond
	for _, row := range []struct {
		about, provider, body string
		want                  probe.Next
	}{
		{
			"fal's queue", "fal-ai", `{"status":"IN_QUEUE","request_id":"r1","response_url":"https://queue.fal.run/fal-ai/flux/requests/r1"}`,
			probe.Next{Path: "/fal-ai/flux/requests/r1/status", Query: "_subdomain=queue", Wait: fal, State: "IN_QUEUE"},
		},
		{
			"without its address", "fal-ai", `{"status":"IN_PROGRESS","request_id":"r1"}`,
			probe.Next{Path: "/o/m/requests/r1/status", Query: "_subdomain=queue", Wait: fal, State: "IN_PROGRESS"},
		},
		{
			"done", "fal-ai", `{"status":"COMPLETED","request_id":"r1","response_url":"https://queue.fal.run/o/m/requests/r1"}`,
			probe.Next{Path: "/o/m/requests/r1", Query: "_subdomain=queue", State: "COMPLETED"},
		},
		{"its result", "fal-ai", `{"images":[{"url":"https://v3.fal.media/a.png"}]}`, probe.Next{Link: "https://v3.fal.media/a.png"}},
		{"its sound", "fal-ai", `{"audio":{"url":"https://v3.fal.media/a.mp3"}}`, probe.Next{Link: "https://v3.fal.media/a.mp3"}},
		{"another state", "fal-ai", `{"status":"FAILED","request_id":"r1","error":"boom"}`, probe.Next{Failed: true, State: "FAILED", Reason: "boom"}},
		{
			"replicate at work", "replicate", `{"id":"p1","status":"starting","error":null,"urls":{"get":"https://api.replicate.com/v1/predictions/p1"}}`,
			probe.Next{Path: "/v1/predictions/p1", Wait: time.Second, State: "starting"},
		},
		{"done", "replicate", `{"id":"p1","status":"succeeded","output":"https://replicate.delivery/a.webp"}`, probe.Next{Link: "https://replicate.delivery/a.webp", State: "succeeded"}},
		{"failed", "replicate", `{"id":"p1","status":"failed","error":"CUDA out of memory"}`, probe.Next{Failed: true, State: "failed", Reason: "CUDA out of memory"}},
		{"canceled", "replicate", `{"id":"p1","status":"canceled"}`, probe.Next{Failed: true, State: "canceled"}},
		{
			"wavespeed at work", "wavespeed", `{"code":200,"data":{"id":"w1","status":"created","outputs":[],"urls":{"get":"https://api.wavespeed.ai/api/v3/predictions/w1/result"}}}`,
			probe.Next{Path: "/api/v3/predictions/w1/result", Wait: fal, State: "created"},
		},
		{"done", "wavespeed", `{"data":{"id":"w1","status":"completed","outputs":["https://cdn.example.com/a.png"]}}`, probe.Next{Link: "https://cdn.example.com/a.png", State: "completed"}},
		{"zai at work", "zai-org", `{"id":"z1","task_status":"PROCESSING"}`, probe.Next{Path: "/api/paas/v4/async-result/z1", Wait: 5 * time.Second, State: "PROCESSING"}},
		{"done", "zai-org", `{"id":"z1","task_status":"SUCCESS","image_result":[{"url":"https://cdn.example.com/a.png"}]}`, probe.Next{Link: "https://cdn.example.com/a.png", State: "SUCCESS"}},
		{"failed", "zai-org", `{"id":"z1","task_status":"FAIL","error":{"code":"1","message":"sensitive content"}}`, probe.Next{Failed: true, State: "FAIL", Reason: "sensitive content"}},
		{"a picture at once", "together", `{"data":[{"b64_json":"AAAA"}]}`, probe.Next{}},
		{"behind a link", "together", `{"data":[{"url":"https://cdn.example.com/a.png"}]}`, probe.Next{Link: "https://cdn.example.com/a.png"}},
		{"no JSON", "fal-ai", "\xff\xd8", probe.Next{}},
		{"a list", "replicate", `[]`, probe.Next{}},
		{"another path than one of its own", "replicate", `{"id":"../../v1/models","status":"starting","urls":{"get":"https://x/../a"}}`, probe.Next{}},
		{"an id that is none", "zai-org", `{"id":"a?b","task_status":"PROCESSING"}`, probe.Next{}},
		{"no address of ours", "together", `{"data":[{"url":"file:///etc/passwd"}]}`, probe.Next{}},
	} {
		f, _ := must(t, "text-to-image").(probe.Follower)
		got := f.Follow(at(row.provider, "o/m"), probe.Answer{Status: 200, Body: []byte(row.body)})
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s: -want +got\n%s", row.provider, row.about, diff)
		}
	}
}
