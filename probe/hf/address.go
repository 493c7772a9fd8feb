package hf

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	chatSuffix = "/chat/completions"
	chatPath   = "/v1/chat/completions"
)

// address returns where a request goes. On the router's routes the base is
// completed by the model and the task's path. An address of one's own is used
// exactly as given, but completed for chat as huggingface_hub completes it
// (_build_chat_completion_url).
func address(e *probe.Endpoint, model, provider, path string) (*url.URL, error) {
	if e.URL == nil || e.URL.Host == "" || (e.URL.Scheme != "http" && e.URL.Scheme != "https") {
		return nil, errors.New("the endpoint's url is not an http or https address")
	}
	u := *e.URL
	u.Fragment, u.RawFragment = "", ""
	switch e.Route {
	case probe.RouteHFInference:
		if model == "" {
			return nil, fmt.Errorf("the %s route needs a model", e.Route)
		}
		return extend(u, "/hf-inference/models/"+model+path), nil
	case probe.RouteRouter:
		return extend(u, path), nil
	case probe.RouteProvider:
		if provider == "" || path == "" {
			return nil, fmt.Errorf("the %s route needs a provider and a path", e.Route)
		}
		return extend(u, "/"+provider+path), nil
	case probe.RouteURL:
		if !strings.HasSuffix(path, chatSuffix) {
			return &u, nil
		}
		switch base := strings.TrimRight(u.Path, "/"); {
		case strings.HasSuffix(base, chatSuffix):
			return extend(u, ""), nil
		case strings.HasSuffix(base, "/v1"):
			return extend(u, chatSuffix), nil
		default:
			return extend(u, chatPath), nil
		}
	default:
		return nil, fmt.Errorf("unknown route %q", e.Route)
	}
}

// extend appends path to the address, whose closing slashes go.
func extend(u url.URL, path string) *url.URL {
	if u.RawPath != "" {
		u.RawPath = strings.TrimRight(u.RawPath, "/") + (&url.URL{Path: path}).EscapedPath()
	}
	u.Path = strings.TrimRight(u.Path, "/") + path
	return &u
}

// unsendable are the headers that would make the client send twice, or break
// the framing that net/http does itself.
func unsendable(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Idempotency-Key", "X-Idempotency-Key", "Expect", "Connection", "Transfer-Encoding",
		"Content-Length", "Upgrade", "Trailer", "Te", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization":
		return true
	}
	return false
}

// traceHeader bears the id of a request.
const traceHeader = "X-Amzn-Trace-Id"

// header returns the header of a request to u.
func header(call *probe.Call, u *url.URL, userAgent string) (http.Header, error) {
	e := &call.Target.Endpoint
	h := make(http.Header, 12)
	h.Set("User-Agent", userAgent)
	h.Set("Accept-Encoding", "identity")
	// huggingface_hub sends its own id of a request in this header, and the
	// router returns it within x-request-id.
	h.Set(traceHeader, call.ID)
	if call.Request.ContentType != "" {
		h.Set("Content-Type", call.Request.ContentType)
	}
	if call.Request.Accept != "" {
		h.Set("Accept", call.Request.Accept)
	}
	if e.Route == probe.RouteHFInference && call.Target.Cache != probe.CacheAllow {
		h.Set("X-Use-Cache", "false")
	}
	for _, extra := range []map[string]string{call.Request.Header, e.Headers, call.Header} {
		for name, value := range extra {
			if unsendable(name) {
				return nil, fmt.Errorf("header %s: cannot be sent: it would make the client repeat or reframe the request", name)
			}
			h.Set(name, value)
		}
	}
	authorize(h, e, u)
	return h, nil
}

// authorize adds the credentials that the endpoint may be given: its own, or
// else the hub token where that may go. A configured Authorization stays.
func authorize(h http.Header, e *probe.Endpoint, u *url.URL) {
	switch {
	case e.NoAuth:
	case e.AuthHeader != "":
		h.Set(e.AuthHeader, e.AuthValue.Reveal())
	case h.Get("Authorization") != "":
	case !e.HubToken.IsZero() && probe.MayCarryHubToken(u) && !e.TLS.Insecure:
		h.Set("Authorization", "Bearer "+e.HubToken.Reveal())
		if e.BillTo != "" {
			h.Set("X-HF-Bill-To", e.BillTo)
		}
	}
}
