package sim

import (
	"net/http"
	"strings"
	"time"
)

// managementPrefix begins the paths of the management API of dedicated
// endpoints.
const managementPrefix = "/v2/endpoint/"

// management answers as the management API (huggingface_hub, hf_api.py):
//
//	GET  /v2/endpoint/{namespace}                      the list
//	GET  /v2/endpoint/{namespace}/{name}               one endpoint
//	GET  /v2/endpoint/{namespace}/{name}/open-metrics  what its replicas count
//	POST /v2/endpoint/{namespace}/{name}/pause         and resume, scale-to-zero
func (x *exchange) management() *problem {
	x.rec.Route = "management"
	parts := strings.Split(strings.Trim(strings.TrimPrefix(x.path, managementPrefix), "/"), "/")
	// Over http hfwatch sends no token, so that a simulated account only asks for
	// one where the scenario says so.
	x.server.mu.Lock()
	require := x.server.account.RequireAuth
	x.server.mu.Unlock()
	if require && !x.rec.Authorized {
		known, _ := presetNamed("invalid_token")
		p := known.on("")
		p.did = "no_token"
		return &p
	}
	switch {
	case len(parts) == 1 && x.r.Method == http.MethodGet:
		return x.listEndpoints(parts[0])
	case len(parts) == 2 && x.r.Method == http.MethodGet, len(parts) == 3 && x.r.Method == http.MethodPost,
		len(parts) == 3 && parts[2] == "open-metrics" && x.r.Method == http.MethodGet:
		return x.oneEndpoint(parts)
	}
	return &problem{did: "no_route", status: http.StatusNotFound, envelope: envString, message: "Not Found"}
}

// listEndpoints answers with those of a namespace.
func (x *exchange) listEndpoints(namespace string) *problem {
	s := x.server
	s.mu.Lock()
	now := time.Now()
	s.advance(now)
	items := []any{}
	for _, m := range s.models {
		if m.Cold != nil && m.Cold.namespace() == namespace {
			m.advanceCold(now)
			items = append(items, m.managed(x.r.Host))
		}
	}
	s.mu.Unlock()
	x.writeJSON(object{{"items", items}})
	return nil
}

// oneEndpoint answers with one endpoint, after what the request does to it.
func (x *exchange) oneEndpoint(parts []string) *problem {
	s := x.server
	s.mu.Lock()
	now := time.Now()
	s.advance(now)
	m := s.byName(parts[1])
	if m == nil || m.Cold == nil || m.Cold.namespace() != parts[0] {
		s.mu.Unlock()
		return &problem{did: "unknown_model", status: http.StatusNotFound, envelope: envString, message: "Endpoint not found"}
	}
	m.advanceCold(now)
	x.rec.Model = m.Name
	if x.r.Method == http.MethodGet && len(parts) == 3 {
		text := m.openMetrics()
		s.mu.Unlock()
		x.w.Header().Set("Content-Type", openMetricsType)
		x.writeWhole(http.StatusOK, []byte(text))
		return nil
	}
	known := len(parts) == 2 || m.command(parts[2], now)
	answer := m.managed(x.r.Host)
	s.mu.Unlock()
	if !known {
		return &problem{did: "no_route", status: http.StatusNotFound, envelope: envString, message: "Not Found"}
	}
	x.writeJSON(answer)
	return nil
}

// command does what the management API is told, and reports whether there is
// such a command.
func (m *model) command(name string, now time.Time) bool {
	switch name {
	case "pause":
		m.enter(coldPaused, now, 0, "management", 0)
	case "scale-to-zero":
		m.enter(coldAsleep, now, 0, "management", 0)
	case "resume":
		if m.cold.phase == coldPaused {
			m.wakeUp(now, "management", 0)
		}
	default:
		return false
	}
	return true
}

// namespace returns the endpoint's.
func (c *Cold) namespace() string {
	if c.Namespace == "" {
		return "sim"
	}
	return c.Namespace
}

// managedState returns what the management API calls a phase.
func managedState(phase string) string {
	switch phase {
	case coldAsleep, coldWaking:
		return "scaledToZero"
	case coldPaused:
		return "paused"
	case coldUnhealthy, coldReady:
		return "running"
	default:
		return phase
	}
}

// managed returns the endpoint as the management API has it. The caller holds
// s.mu.
func (m *model) managed(host string) object {
	c := m.cold
	status := object{{"state", managedState(c.phase)}, {"message", ""}}
	if c.phase != coldPaused {
		at := "http://" + host + "/e/" + m.Name
		if len(m.Hosts) > 0 {
			at = "http://" + m.Hosts[0]
		}
		status = append(status, member{"url", at})
	}
	status = append(status,
		member{"readyReplica", c.ready}, member{"targetReplica", c.target},
		member{"createdAt", "2026-01-01T00:00:00.000Z"}, member{"updatedAt", c.since.UTC().Format("2006-01-02T15:04:05.000Z")},
	)
	return object{
		{"name", m.Name},
		{"type", "protected"},
		{"accountId", nil},
		{"healthRoute", "/health"},
		{"provider", object{{"vendor", "aws"}, {"region", "us-east-1"}}},
		{"compute", object{
			{"accelerator", "cpu"},
			{"instanceType", "intel-icl"},
			{"instanceSize", "x1"},
			{"scaling", object{
				{"minReplica", 0},
				{"maxReplica", max(1, m.Cold.MaxReplicas)},
				{"scaleToZeroTimeout", int(m.Cold.Idle.or(time.Hour) / time.Minute)},
			}},
		}},
		{"model", object{{"repository", m.ID}, {"framework", "pytorch"}, {"task", m.Tasks[0]}}},
		{"status", status},
	}
}

// writeJSON answers 200 with v.
func (x *exchange) writeJSON(v any) {
	x.w.Header().Set("Content-Type", "application/json")
	x.writeWhole(http.StatusOK, encode(v))
}

// warm reports whether a model can answer now: one that sleeps can only when it
// is ready.
func (s *Server) warm(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.byName(name)
	if m == nil || m.Cold == nil {
		return true
	}
	m.advanceCold(time.Now())
	return m.cold.phase == coldReady
}
