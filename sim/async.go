package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTasks bounds how many asynchronous tasks are remembered.
const maxTasks = 4096

// preferWait is how long replicate holds a request that prefers to wait.
const preferWait = 60 * time.Second

// asyncTask is work that a provider has taken on and is polled for.
type asyncTask struct {
	id, provider, model string
	begun, ready        time.Time
	failed              bool
	// picture is the file, and pictureType what it is called.
	picture     []byte
	pictureType string
}

// state returns how far the task is at now.
func (a asyncTask) state(now time.Time) string {
	switch {
	case now.Before(a.ready):
		return "working"
	case a.failed:
		return "failed"
	}
	return "done"
}

// asyncModel returns the provider's model that a POST to path asks for a
// picture, to be polled for, or false. Paths are those of huggingface_hub's
// inference/_providers.
func (x *exchange) asyncModel(provider, path string) (id string, ok bool) {
	if x.r.Method != http.MethodPost {
		return "", false
	}
	switch provider {
	case "fal-ai":
		return strings.TrimPrefix(path, "/"), true
	case "replicate":
		id, ok = strings.CutPrefix(path, "/v1/models/")
		id, cut := strings.CutSuffix(id, "/predictions")
		return id, ok && cut
	case "wavespeed":
		return strings.CutPrefix(path, "/api/v3/")
	case "zai-org":
		return x.bodyModel(), path == "/api/paas/v4/async/images/generations"
	}
	return "", false
}

// submit takes a task on and answers with its first state; replicate's answer
// waits for the end where the request prefers that.
func (x *exchange) submit() *problem {
	var body struct {
		Prompt string `json:"prompt"`
		Input  struct {
			Prompt string `json:"prompt"`
		} `json:"input"`
	}
	// What is no JSON has no prompt.
	_ = json.Unmarshal(x.body, &body)
	if body.Prompt == "" && body.Input.Prompt == "" {
		return &problem{
			did: "bad_request", status: http.StatusUnprocessableEntity, envelope: envDetailList, message: "field required", errorType: "value_error.missing",
		}
	}
	x.rec.Started = time.Now()
	task := asyncTask{
		id: fmt.Sprintf("%016x", x.rng.Uint64()), provider: x.spec.provider(), model: x.spec.providerModel(), begun: x.rec.Started,
		ready: x.rec.Started.Add(x.b.Latency.schedule(x.rng, 1, 0, 1)[0]), picture: x.jpeg(), pictureType: "image/jpeg",
	}
	switch x.fault.Kind {
	case "job_failed":
		x.rec.Did, task.failed = x.fault.Kind, true
	case "bad_shape":
		x.rec.Did = x.fault.Kind
		task.pictureType, task.picture = badMedia(x.fault.Variant, task.pictureType, task.picture)
	case "job_stuck":
		x.rec.Did = x.fault.Kind
		task.ready = task.begun.Add(100 * maxPause)
	}
	s := x.server
	s.mu.Lock()
	s.tasks = append(s.tasks, task)
	s.tasks = s.tasks[max(0, len(s.tasks)-maxTasks):]
	s.mu.Unlock()
	if x.left(sleepUntil(x.r.Context(), task.begun.Add(x.patience(task)))) != nil {
		return nil
	}
	switch {
	case x.falAtOnce(task):
		x.falResult(task, time.Now())
	case task.provider == "replicate":
		x.sendTree(http.StatusCreated, x.taskTree(task, time.Now()))
	default:
		x.sendTree(http.StatusOK, x.taskTree(task, time.Now()))
	}
	return nil
}

// falAtOnce reports whether fal is asked for the result itself, and not by its
// queue.
func (x *exchange) falAtOnce(task asyncTask) bool {
	return task.provider == "fal-ai" && x.r.URL.Query().Get("_subdomain") != "queue"
}

// patience returns how long the answer to a submission waits for its task.
func (x *exchange) patience(task asyncTask) time.Duration {
	switch {
	case x.falAtOnce(task):
		return task.ready.Sub(task.begun)
	case task.provider == "replicate" && strings.HasPrefix(x.r.Header.Get("Prefer"), "wait"):
		return min(preferWait, task.ready.Sub(task.begun))
	}
	return 0
}

// sendTree answers with tree under a status.
func (x *exchange) sendTree(status int, tree any) {
	h := x.w.Header()
	x.commonHeaders(h, status)
	h.Set("Content-Type", "application/json")
	x.writeWhole(status, encode(tree))
}

// pollPath returns the task that a path of the provider's asks for, and what of
// it.
func pollPath(provider, path string) (id, what string, ok bool) {
	rest := ""
	switch provider {
	case "fal-ai":
		_, rest, ok = strings.Cut(path, "/requests/")
	case "replicate":
		rest, ok = strings.CutPrefix(path, "/v1/predictions/")
	case "wavespeed":
		rest, ok = strings.CutPrefix(path, "/api/v3/predictions/")
	case "zai-org":
		rest, ok = strings.CutPrefix(path, "/api/paas/v4/async-result/")
	case "files":
		rest, ok = strings.CutSuffix(strings.TrimPrefix(path, "/"), ".jpg")
	}
	id, what, _ = strings.Cut(rest, "/")
	return id, what, ok
}

// poll answers a question for a task, or for its file, and reports whether the
// path was one.
func (x *exchange) poll(provider, path string) bool {
	id, what, ok := pollPath(provider, path)
	if !ok || x.r.Method != http.MethodGet {
		return false
	}
	s := x.server
	s.mu.Lock()
	i := slices.IndexFunc(s.tasks, func(t asyncTask) bool {
		return t.id == id && (t.provider == provider || provider == "files")
	})
	var task asyncTask
	if i >= 0 {
		task = s.tasks[i]
	}
	s.mu.Unlock()
	if i < 0 {
		return false
	}
	x.rec.Route, x.rec.Provider = "async "+what, provider
	if what == "" {
		x.rec.Route = "async result"
	}
	now := time.Now()
	switch {
	case provider == "files" && task.state(now) == "done":
		x.w.Header().Set("Content-Type", task.pictureType)
		x.writeWhole(http.StatusOK, task.picture)
	case provider == "files":
		return false
	case provider == "fal-ai" && what == "":
		x.falResult(task, now)
	default:
		x.sendTree(http.StatusOK, x.taskTree(task, now))
	}
	return true
}

// fileURL is where the picture of a task can be fetched.
func (x *exchange) fileURL(task asyncTask) string {
	return "http://" + x.r.Host + "/files/" + task.id + ".jpg"
}

// falResult answers the result of fal's queue, which is an error of its own
// kind until it is there.
func (x *exchange) falResult(task asyncTask, now time.Time) {
	switch task.state(now) {
	case "done":
		picture := object{{"url", x.fileURL(task)}, {"width", 64}, {"height", 48}, {"content_type", "image/jpeg"}}
		x.sendTree(http.StatusOK, object{
			{"images", []any{picture}},
			{"timings", object{{"inference", task.ready.Sub(task.begun).Seconds()}}},
			{"seed", 1},
			{"has_nsfw_concepts", []any{false}},
			{"prompt", ""},
		})
	case "failed":
		x.sendTree(http.StatusUnprocessableEntity, object{{"detail", []any{object{{"loc", []any{"body"}}, {"msg", "generation failed"}, {"type", "generation_error"}}}}})
	default:
		x.sendTree(http.StatusBadRequest, object{{"detail", "Request is still in progress"}})
	}
}

// taskTree is what the provider says of a task.
func (x *exchange) taskTree(task asyncTask, now time.Time) object {
	state := task.state(now)
	output := any(nil)
	if state == "done" {
		output = []any{x.fileURL(task)}
	}
	fault := any(nil)
	if state == "failed" {
		fault = "generation failed"
	}
	named := func(names map[string]string) string { return names[state] }
	switch task.provider {
	case "fal-ai":
		at := "https://queue.fal.run/" + task.model + "/requests/" + task.id
		return object{
			{"status", named(map[string]string{"working": "IN_PROGRESS", "done": "COMPLETED", "failed": "COMPLETED"})},
			{"request_id", task.id},
			{"response_url", at},
			{"status_url", at + "/status"},
			{"cancel_url", at + "/cancel"},
			{"queue_position", 0},
		}
	case "replicate":
		return object{
			{"id", task.id},
			{"model", task.model},
			{"status", named(map[string]string{"working": "processing", "done": "succeeded", "failed": "failed"})},
			{"output", output},
			{"error", fault},
			{"urls", object{{"get", "https://api.replicate.com/v1/predictions/" + task.id}}},
		}
	case "wavespeed":
		outputs := output
		if outputs == nil {
			outputs = []any{}
		}
		return object{{"code", 200}, {"message", "success"}, {"data", object{
			{"id", task.id},
			{"status", named(map[string]string{"working": "processing", "done": "completed", "failed": "failed"})},
			{"outputs", outputs},
			{"error", fault},
			{"urls", object{{"get", "https://api.wavespeed.ai/api/v3/predictions/" + task.id + "/result"}}},
		}}}
	default:
		o := object{
			{"id", task.id},
			{"model", task.model},
			{"task_status", named(map[string]string{"working": "PROCESSING", "done": "SUCCESS", "failed": "FAIL"})},
		}
		if state == "done" {
			o = append(o, member{"image_result", []any{object{{"url", x.fileURL(task)}}}})
		}
		return o
	}
}
