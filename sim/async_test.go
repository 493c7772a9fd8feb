package sim

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAsyncProviders submits to each provider that is polled, and polls it.
func TestAsyncProviders(t *testing.T) {
	t.Parallel()
	rows := []struct {
		provider, submit, body   string
		status                   int
		working, done, failed    string
		poll                     func(id string) string
		first                    string
		header                   []string
		resultAt, resultContains string
	}{
		{
			provider: "fal-ai", submit: "/fal-ai/org/pics?_subdomain=queue", body: `{"prompt":"x"}`, status: 200,
			working: `"status":"IN_PROGRESS"`, done: `"status":"COMPLETED"`, failed: `"status":"COMPLETED"`,
			poll:  func(id string) string { return "/fal-ai/org/pics/requests/" + id + "/status?_subdomain=queue" },
			first: `"response_url":"https://queue.fal.run/org/pics/requests/`, resultAt: "/fal-ai/org/pics/requests/ID", resultContains: `"images":[{"url":"http://sim/files/`,
		},
		{
			provider: "replicate", submit: "/replicate/v1/models/org/pics/predictions", body: `{"input":{"prompt":"x"}}`, status: 201,
			working: `"status":"processing","output":null`, done: `"status":"succeeded","output":["http://sim/files/`, failed: `"status":"failed","output":null,"error":"generation failed"`,
			poll: func(id string) string { return "/replicate/v1/predictions/" + id },
		},
		{
			provider: "wavespeed", submit: "/wavespeed/api/v3/org/pics", body: `{"prompt":"x"}`, status: 200,
			working: `"status":"processing","outputs":[]`, done: `"status":"completed","outputs":["http://sim/files/`, failed: `"status":"failed"`,
			poll: func(id string) string { return "/wavespeed/api/v3/predictions/" + id + "/result" },
		},
		{
			provider: "zai-org", submit: "/zai-org/api/paas/v4/async/images/generations", body: `{"model":"org/pics","prompt":"x"}`, status: 200,
			working: `"task_status":"PROCESSING"`, done: `"task_status":"SUCCESS","image_result":[{"url":"http://sim/files/`, failed: `"task_status":"FAIL"`,
			poll: func(id string) string { return "/zai-org/api/paas/v4/async-result/" + id },
		},
	}
	for _, row := range rows {
		for _, fault := range []string{"", "job_failed", "job_stuck", "bad_gateway"} {
			t.Run(row.provider+" "+fault, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := start(t, Scenario{Seed: 1, Models: []Model{{
						Name: "m", ID: "org/pics", Tasks: []string{taskTextToImage}, Backend: BackendProvider, Provider: row.provider,
						Behaviour: Behaviour{Latency: Latency{Prefill: ms(2000)}, Fault: Fault{Kind: fault}},
					}}})
					got := b.post(row.submit, row.body)
					if fault == "bad_gateway" {
						equal(t, "status", got.status, 502)
						return
					}
					if got.status != row.status || !strings.Contains(got.body, row.working) || !strings.Contains(got.body, row.first) {
						t.Fatalf("submit: %d %s, want %d %s", got.status, got.body, row.status, row.working)
					}
					equal(t, "without a prompt", b.post(row.submit, `{"model":"org/pics"}`).status, 422)
					id := b.server.tasks[0].id
					time.Sleep(1999 * time.Millisecond)
					poll := func(want string) {
						t.Helper()
						if got := b.send("GET", row.poll(id), ""); got.status != 200 || !strings.Contains(got.body, want) {
							t.Errorf("poll: %d %s, want %s", got.status, got.body, want)
						}
					}
					poll(row.working)
					equal(t, "the file is not there yet", b.send("GET", "/files/"+id+".jpg", "").status, 404)
					time.Sleep(time.Millisecond)
					switch fault {
					case "job_stuck":
						time.Sleep(time.Hour)
						poll(row.working)
						return
					case "job_failed":
						poll(row.failed)
						return
					}
					poll(row.done)
					if row.resultAt != "" {
						result := b.send("GET", strings.Replace(row.resultAt, "ID", id, 1), "")
						equal(t, "result", strings.Contains(result.body, row.resultContains), true)
					}
					file := b.send("GET", "/files/"+id+".jpg", "")
					equal(t, "file", file.status == 200 && strings.HasPrefix(file.body, "\xff\xd8\xff"), true)
					equal(t, "no such task", b.send("GET", row.poll("none"), "").status, 404)
				})
			})
		}
	}
}

// TestFalAtOnce answers with the result itself where the queue is not asked for.
func TestFalAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Scenario{Seed: 1, Models: []Model{{
			Name: "m", ID: "org/pics", Tasks: []string{taskTextToImage}, Backend: BackendProvider, Provider: "fal-ai",
			Behaviour: Behaviour{Latency: Latency{Prefill: ms(3000)}},
		}}})
		begin := time.Now()
		got := b.post("/fal-ai/org/pics", `{"prompt":"x"}`)
		equal(t, "waited", time.Since(begin), 3*time.Second)
		equal(t, "result", got.status == 200 && strings.Contains(got.body, `"images":[{"url":"http://sim/files/`), true)
	})
}

// TestAsyncFileIsBad gives a file that is cut, and says in the log that it did.
func TestAsyncFileIsBad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Scenario{Seed: 1, Models: []Model{{
			Name: "m", ID: "org/pics", Tasks: []string{taskTextToImage}, Backend: BackendProvider, Provider: "wavespeed",
			Behaviour: Behaviour{Fault: Fault{Kind: "bad_shape", Variant: "cut_media"}},
		}}})
		equal(t, "status", b.post("/wavespeed/api/v3/org/pics", `{"prompt":"x"}`).status, 200)
		time.Sleep(time.Minute)
		file := b.send("GET", "/files/"+b.server.tasks[0].id+".jpg", "")
		equal(t, "a picture's beginning", file.status == 200 && strings.HasPrefix(file.body, "\xff\xd8\xff"), true)
		equal(t, "and no end", strings.HasSuffix(file.body, "\xff\xd9"), false)
		equal(t, "did", b.server.Truth()[0].Did, "bad_shape")
	})
}

// TestReplicateWaits holds an answer that prefers to wait, a minute at most.
func TestReplicateWaits(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int]string{5: "succeeded", 90: "processing"} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, Scenario{Seed: 1, Models: []Model{{
				Name: "m", ID: "org/pics", Tasks: []string{taskTextToImage}, Backend: BackendProvider, Provider: "replicate",
				Behaviour: Behaviour{Latency: Latency{Prefill: ms(seconds * 1000)}},
			}}})
			begin := time.Now()
			got := b.post("/replicate/v1/models/org/pics/predictions", `{"input":{"prompt":"x"}}`, "Prefer", "wait")
			equal(t, "waited", time.Since(begin), time.Duration(min(seconds, 60))*time.Second)
			var answer struct {
				Status string
				URLs   struct{ Get string }
			}
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
				t.Fatal(err)
			}
			equal(t, "status", answer.Status, want)
			if u, err := url.Parse(answer.URLs.Get); err != nil || !strings.HasPrefix(u.Path, "/v1/predictions/") {
				t.Errorf("polled at %q", answer.URLs.Get)
			}
		})
	}
}
