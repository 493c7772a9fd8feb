package daemon

import (
	"net"
	"net/http"
)

// open are the paths that answer everybody: they hold no secret and cost no
// money.
func open(path string) bool {
	return path == "/metrics" || path == "/-/healthy" || path == "/-/ready"
}

// gate refuses all but the open paths, for an address that others than this
// machine can reach and that no web configuration protects.
func gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open(r.URL.Path) {
			http.Error(w, "403: hfwatch listens beyond this machine without a password or TLS, so that only /metrics, "+
				"/-/healthy and /-/ready answer; give it --web.config.file, or let it listen on 127.0.0.1", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback reports whether only this machine can reach the address.
func loopback(a net.Addr) bool {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		// A Unix socket or an in-memory network.
		return a.Network() != "tcp"
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// sameOrigin refuses requests that a page of another site made a browser send:
// they could spend money or reload. Programs send no Sec-Fetch-Site.
func sameOrigin(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}
