package hf

import (
	"net/url"
	"testing"

	"github.com/hfwatch/hfwatch/probe"
)

func TestMayCarryHubToken(t *testing.T) {
	rows := []struct {
		why, address string
		want         bool
	}{
		{"the Hub", "https://huggingface.co/api", true},
		{"the router", "https://router.huggingface.co/v1/chat/completions", true},
		{"any subdomain, however deep", "https://a.b.huggingface.co/", true},
		{"a dedicated endpoint", "https://abc123.us-east-1.aws.endpoints.huggingface.cloud/", true},
		{"the management API", "https://api.endpoints.huggingface.cloud/v2", true},
		{"upper case is the same host", "HTTPS://Router.HuggingFace.CO/", true},
		{"a port is of the same host", "https://router.huggingface.co:443/", true},
		{"plain http is read by everybody", "http://router.huggingface.co/", false},
		{"a suffix is not a domain", "https://evilhuggingface.co/", false},
		{"nor is a prefix", "https://huggingface.co.evil.com/", false},
		{"nor is one with a port", "https://huggingface.co.evil.com:443/", false},
		{"nor a user that looks like a host", "https://huggingface.co@evil.com/", false},
		{"nor one with a password", "https://router.huggingface.co:x@evil.com/", false},
		{"a user of the right host is no plain address", "https://me@router.huggingface.co/", false},
		{"the domain of endpoints itself is no endpoint", "https://endpoints.huggingface.cloud/", false},
		{"the rest of that domain is no endpoint", "https://huggingface.cloud/", false},
		{"nor is a neighbour", "https://xendpoints.huggingface.cloud/", false},
		{"a closing dot is another spelling", "https://router.huggingface.co./", false},
		{"an empty label is no name", "https://.huggingface.co/", false},
		{"nor are two dots", "https://a..huggingface.co/", false},
		{"a number is nobody's", "https://127.0.0.1/", false},
		{"nor that of a version 6", "https://[::1]/huggingface.co", false},
		{"a zone that ends right", "https://[fe80::1%25.huggingface.co]/", false},
		{"a host in the path", "https://evil.com/huggingface.co", false},
		{"a host in the query", "https://evil.com?.huggingface.co", false},
		{"a backslash", "https://evil.com%5c.huggingface.co/", false},
		{"a letter that only looks right", "https://router.huggingfaсe.co/", false},
		{"the dead host with the right domain", "https://api-inference.huggingface.co/models/x", true},
		{"no address at all", "huggingface.co", false},
		{"an opaque one", "https:huggingface.co", false},
	}
	for _, row := range rows {
		u, err := url.Parse(row.address)
		if err != nil {
			if row.want {
				t.Errorf("%s: %v", row.why, err)
			}
			continue
		}
		if got := probe.MayCarryHubToken(u); got != row.want {
			t.Errorf("MayCarryHubToken(%s) = %t, want %t: %s", row.address, got, row.want, row.why)
		}
	}
	if probe.MayCarryHubToken(nil) {
		t.Error("MayCarryHubToken(nil) = true, want false")
	}
}

func TestAddress(t *testing.T) {
	const router = "https://router.huggingface.co"
	rows := []struct {
		why         string
		route       probe.Route
		base, model string
		path, want  string
	}{
		{"hf-inference by its model", probe.RouteHFInference, router, "org/name", "", router + "/hf-inference/models/org/name"},
		{
			"a task of its own", probe.RouteHFInference, router + "/", "org/name", "/pipeline/feature-extraction",
			router + "/hf-inference/models/org/name/pipeline/feature-extraction",
		},
		{
			"chat on hf-inference", probe.RouteHFInference, router, "org/name", "/v1/chat/completions",
			router + "/hf-inference/models/org/name/v1/chat/completions",
		},
		{"a model's odd letters", probe.RouteHFInference, router, "org/na?me#1", "", router + "/hf-inference/models/org/na%3Fme%231"},
		{"the router's chat", probe.RouteRouter, router, "org/name", "/v1/chat/completions", router + "/v1/chat/completions"},
		{"an address as given", probe.RouteURL, "https://h.test/embed?x=1", "m", "", "https://h.test/embed?x=1"},
		{"even with a slash", probe.RouteURL, "https://h.test/a/", "m", "", "https://h.test/a/"},
		{"and a task's path", probe.RouteURL, "https://h.test/", "m", "/pipeline/feature-extraction", "https://h.test/"},
		{"chat at a root", probe.RouteURL, "https://h.test", "m", "/v1/chat/completions", "https://h.test/v1/chat/completions"},
		{"chat at a root with a slash", probe.RouteURL, "https://h.test/", "m", "/v1/chat/completions", "https://h.test/v1/chat/completions"},
		{"chat at a version", probe.RouteURL, "https://h.test/v1/", "m", "/v1/chat/completions", "https://h.test/v1/chat/completions"},
		{"chat at a longer path", probe.RouteURL, "https://h.test/a/b", "m", "/v1/chat/completions", "https://h.test/a/b/v1/chat/completions"},
		{"chat that is complete", probe.RouteURL, "https://h.test/x/chat/completions", "m", "/v1/chat/completions", "https://h.test/x/chat/completions"},
		{"chat keeps its query", probe.RouteURL, "https://h.test/v1?k=v", "m", "/v1/chat/completions", "https://h.test/v1/chat/completions?k=v"},
		{"an escaped path stays escaped", probe.RouteURL, "https://h.test/a%2Fb", "m", "/v1/chat/completions", "https://h.test/a%2Fb/v1/chat/completions"},
	}
	for _, row := range rows {
		base, err := url.Parse(row.base)
		if err != nil {
			t.Fatal(err)
		}
		got, err := address(&probe.Endpoint{Route: row.route, URL: base}, row.model, "", row.path)
		if err != nil || got.String() != row.want {
			t.Errorf("%s: address(%s, %s, %s) = %v, %v, want %s", row.why, row.base, row.model, row.path, got, err, row.want)
		}
		if base.String() != row.base {
			t.Errorf("%s: the endpoint's own address became %s", row.why, base)
		}
	}
	for _, bad := range []probe.Endpoint{
		{Route: probe.RouteURL},
		{Route: probe.RouteURL, URL: &url.URL{Scheme: "ftp", Host: "h.test"}},
		{Route: "elsewhere", URL: &url.URL{Scheme: "http", Host: "h.test"}},
		{Route: probe.RouteHFInference, URL: &url.URL{Scheme: "http", Host: "h.test"}},
	} {
		if got, err := address(&bad, "", "", ""); err == nil {
			t.Errorf("address(%v, %v) = %v, want an error", bad.Route, bad.URL, got)
		}
	}
}

// mustURL returns an address of a test's own.
func mustURL(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
