package sim

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestEnginesOfTheirOwnRoutes asks llama.cpp and SGLang what only they have, well
// and unwell.
func TestEnginesOfTheirOwnRoutes(t *testing.T) {
	t.Parallel()
	rows := []struct {
		backend, path, health string
		status                int
		server, want          string
	}{
		{BackendLlama, "/health", "", 200, "llama.cpp", `{"status":"ok"}`},
		{BackendLlama, "/health", "unhealthy", 503, "llama.cpp", `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`},
		{BackendLlama, "/props", "", 200, "llama.cpp", `"build_info":"b6097-9515c613"`},
		{BackendLlama, "/v1/models", "", 200, "llama.cpp", `"owned_by":"llamacpp"`},
		{BackendLlama, "/get_model_info", "", 404, "llama.cpp", `"type":"not_found_error"`},
		{BackendSGLang, "/health", "", 200, "uvicorn", ``},
		{BackendSGLang, "/health_generate", "unhealthy", 503, "uvicorn", ``},
		{BackendSGLang, "/get_model_info", "", 200, "uvicorn", `{"model_path":"org/model","tokenizer_path":"org/model","is_generation":true,`},
		{BackendSGLang, "/get_server_info", "", 200, "uvicorn", `"max_queued_requests":1000`},
		{BackendSGLang, "/v1/models", "", 200, "uvicorn", `"owned_by":"sglang"`},
		{BackendSGLang, "/props", "", 404, "uvicorn", `{"detail":"Not Found"}`},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, one(row.backend, []string{taskChat}, Behaviour{Health: row.health}))
			got := b.send(http.MethodGet, "/e/m"+row.path, "")
			if got.status == http.StatusNotFound {
				equal(t, "did", b.last().Did, "no_route")
			}
			if got.status != row.status || got.header.Get("Server") != row.server || !strings.Contains(got.body, row.want) {
				t.Errorf("%s %s: %d %v %q, want %d %q", row.backend, row.path, got.status, got.header, got.body, row.status, row.want)
			}
		})
	}
}
