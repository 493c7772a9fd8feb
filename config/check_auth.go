package config

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/hfwatch/hfwatch/probe"
)

// ownHeaders returns the headers that would make a client send twice, break
// its framing or hide what is measured, each with what to do instead.
func ownHeaders() map[string]string {
	const never = "remove it: it changes how a request is sent"
	return map[string]string{
		"Idempotency-Key": "remove it: it lets the client send a request twice", "X-Idempotency-Key": "remove it: it lets the client send a request twice",
		"Expect": never, "Connection": never, "Transfer-Encoding": never, "Content-Length": never, "Te": never, "Trailer": never,
		"Upgrade": never, "Keep-Alive": never, "Proxy-Connection": never, "Proxy-Authorization": "write credentials into proxy",
		"Host":             "write the host into url",
		"Authorization":    "use auth: {token_file: …}",
		"Cookie":           "use auth: {header: {name: Cookie, value_file: …}}",
		"Accept-Encoding":  "remove it: compression would change what is measured",
		"X-Use-Cache":      "use cache: defeat or allow",
		"X-Hf-Bill-To":     "use bill_to",
		"X-Wait-For-Model": "remove it: it is withdrawn, and wake says what may be done to a sleeping model",
	}
}

// headers checks the headers to add.
func (m *modelCheck) headers(e *probe.Endpoint) {
	own, seen := ownHeaders(), map[string]bool{}
	for _, name := range sortedKeys(m.raw.Headers) {
		at := m.raw.entry("headers", name)
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			m.problem(at, quote(name)+" is not a header's name", "use letters, digits and -")
		case seen[canonical]:
			m.problem(at, "the header "+canonical+" is given twice", "remove one of the two")
		case own[canonical] != "":
			m.problem(at, "the header "+canonical+" cannot be configured", own[canonical])
		case !httpguts.ValidHeaderFieldValue(m.raw.Headers[name]):
			m.problem(at, "the value cannot stand in a header", "remove line breaks and control characters")
		}
		seen[canonical] = true
	}
	e.Headers = m.raw.Headers
}

// auth checks the target's own credentials.
func (m *modelCheck) auth(e *probe.Endpoint) {
	if m.raw.Auth == nil {
		if m.router && e.HubToken.IsZero() && hubHost(strings.ToLower(e.URL.Hostname())) && !m.tokenGiven() {
			m.checker.warn(m.checker.raw.Hub.at("token"), "the router wants a token and there is none", "write hub: {token: \"${HF_TOKEN}\"}")
		}
		return
	}
	e.AuthHeader, e.AuthValue, e.NoAuth = m.credentials(m.raw.Auth)
	if !e.AuthValue.IsZero() && e.URL.Scheme == "http" && !private(e.URL.Hostname()) {
		m.warn(m.raw.at("auth"), "the credentials go over plain http to a host that is not private", "write an https url")
	}
}

// tokenGiven reports whether the file says where the hub's token is, readable
// or not. ${HF_TOKEN:-} says so only where the variable is set.
func (c *checker) tokenGiven() bool {
	token := c.raw.Hub.n.get("token")
	return c.raw.Hub.has("token_file") || token != nil && (!token.optional || token.text != "")
}

// credentials returns the header that auth describes.
func (c *checker) credentials(raw *rawAuth) (header string, value probe.Secret, none bool) {
	given := 0
	for _, key := range []string{"token_file", "header", "none"} {
		if raw.n.kind == mapping && raw.has(key) {
			given++
		}
	}
	if raw.n.kind == mapping && given != 1 {
		c.problem(raw.here(), "wants exactly one of token_file, header and none", "keep one")
		return "", probe.Secret{}, false
	}
	switch {
	case raw.None:
		return "", probe.Secret{}, true
	case raw.has("token_file"):
		token := c.secretFile(raw.at("token_file"), raw.TokenFile)
		if token.IsZero() {
			return "", token, false
		}
		return "Authorization", probe.NewSecret("Bearer " + token.Reveal()), false
	case raw.Header != nil:
		return c.authHeader(raw.Header)
	default:
		return "", probe.Secret{}, false
	}
}

// authHeader returns the header that auth.header describes.
func (c *checker) authHeader(raw *rawAuthHeader) (string, probe.Secret, bool) {
	name := textproto.CanonicalMIMEHeaderKey(raw.Name)
	remedy, own := ownHeaders()[name]
	switch {
	case !raw.has("name"):
		c.problem(raw.at("name"), "is missing", "write the header's name, such as X-Api-Key")
	case !httpguts.ValidHeaderFieldName(raw.Name):
		c.problem(raw.at("name"), quote(raw.Name)+" is not a header's name", "use letters, digits and -")
	case own && name != "Authorization" && name != "Cookie":
		c.problem(raw.at("name"), "the header "+name+" cannot be configured", remedy)
	}
	if !raw.has("value_file") {
		c.problem(raw.at("value_file"), "is missing", "name the file that holds the header's value")
		return name, probe.Secret{}, false
	}
	return name, c.secretFile(raw.at("value_file"), raw.ValueFile), false
}

// private reports whether a host is of this machine or of a private network.
func private(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return !strings.Contains(host, ".") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") ||
			strings.HasSuffix(host, ".svc")
	}
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
}

// proxy checks the proxy.
func (m *modelCheck) proxy(e *probe.Endpoint) {
	if m.raw.Proxy == nil || m.raw.Proxy.u == nil {
		return
	}
	u := m.raw.Proxy.u
	if !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		m.problem(m.raw.at("proxy"), "the scheme "+quote(u.Scheme)+" is not one of a proxy", "write http://, https:// or socks5://")
	}
	e.Proxy = u
}

// maxPEM bounds a file of certificates, in bytes.
const maxPEM = 1 << 20

// tls checks the deviations from the system's own trust.
func (m *modelCheck) tls(e *probe.Endpoint) {
	raw := m.raw.TLS
	if raw == nil {
		return
	}
	if e.URL != nil && e.URL.Scheme == "http" {
		m.problem(raw.here(), "has no meaning for an http address", "write an https url, or remove tls")
	}
	e.TLS = probe.TLSOptions{ServerName: raw.ServerName, Insecure: raw.InsecureSkipVerify}
	if raw.has("ca_file") {
		if pem, ok := m.file(raw.at("ca_file"), raw.CAFile, maxPEM); ok {
			if !x509.NewCertPool().AppendCertsFromPEM(pem) {
				m.problem(raw.at("ca_file"), quote(raw.CAFile)+" holds no PEM certificate", "write one that begins with -----BEGIN CERTIFICATE-----")
			}
			e.TLS.CA = pem
		}
	}
	if raw.has("cert_file") != raw.has("key_file") {
		m.problem(raw.here(), "cert_file and key_file go together", "give both or neither")
		return
	}
	if !raw.has("cert_file") {
		return
	}
	cert, okCert := m.file(raw.at("cert_file"), raw.CertFile, maxPEM)
	key, okKey := m.file(raw.at("key_file"), raw.KeyFile, maxPEM)
	if !okCert || !okKey {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		// The error is not shown: it may quote the key.
		m.problem(raw.at("key_file"), "certificate and key cannot be used together", "check that both are PEM and belong to each other")
	}
	e.TLS.Certificate, e.TLS.Key = cert, probe.NewSecret(string(key))
}
