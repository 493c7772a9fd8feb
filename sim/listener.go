package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// The ways in which a listener speaks TLS, besides not at all.
const (
	tlsValid         = "valid"
	tlsExpired       = "expired"
	tlsWrongHost     = "wrong_host"
	tlsUnknown       = "unknown_authority"
	tlsClientCert    = "client_certificate"
	tlsHandshakeFail = "handshake_failure"
)

// The faults of a listener.
const (
	faultRefuse         = "refuse"
	faultReset          = "reset"
	faultClose          = "close"
	faultSilent         = "silent"
	faultSlowHeaders    = "slow_headers"
	faultSlowBody       = "slow_body"
	faultCloseIdle      = "close_idle"
	faultResetReused    = "reset_reused"
	faultCloseReused    = "close_reused"
	faultGoAway         = "goaway"
	faultGoAwayUnproc   = "goaway_unprocessed"
	faultGoAwayMidBody  = "goaway_mid_body"
	faultRefusedStream  = "refused_stream"
	faultResetStream    = "rst_stream"
	faultResetStreamMid = "rst_stream_mid_body"
)

// Listener is another address of the server, whose connections can be bad while
// what it serves is the same as everywhere.
type Listener struct {
	About string `json:"about,omitempty"`
	// Name is what the scenario, the admin routes and the log call it.
	Name string `json:"name"`
	// Address is where it listens, "host:port" on loopback. Port 0 is any that is
	// free.
	Address string `json:"address"`
	// Hosts are names that its certificate is of, besides localhost and the
	// addresses of loopback.
	Hosts []string `json:"hosts,omitempty"`
	Transport
}

// Transport is what may change about a listener while the server runs.
// Connections keep the one they began with.
type Transport struct {
	// TLS is how it speaks TLS: valid (a certificate of the server's own
	// authority), expired, wrong_host, unknown_authority, client_certificate (it
	// wants one of the client) or handshake_failure; empty is plain HTTP.
	TLS string `json:"tls,omitempty"`
	// HTTP2 offers HTTP/2 in the handshake.
	HTTP2 bool `json:"http2,omitempty"`
	// Fault is what happens to its connections; see TransportFaults.
	Fault string `json:"fault,omitempty"`
	// Ratio is the share of connections that Fault strikes, drawn by the seed; 0
	// is all. A listener that refuses refuses all.
	Ratio float64 `json:"ratio,omitempty"`
	// Delay is the pause before each header line or byte of slow_headers and
	// slow_body, a second by default, and for how long a connection is idle before
	// close_idle closes it, at once by default.
	Delay Duration `json:"delay,omitempty"`
	// At is how many DATA frames of an answer pass before a fault in mid-body; 0 is
	// none, so that the header alone passes.
	At int `json:"at,omitempty"`
}

// TransportFault describes one fault of a listener.
type TransportFault struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// HTTP2 says that it strikes HTTP/2 alone.
	HTTP2 bool `json:"http2,omitempty"`
}

// TransportFaults returns every fault that a listener can have.
func TransportFaults() []TransportFault {
	return []TransportFault{
		{faultRefuse, "nobody listens: a connection is refused", false},
		{faultReset, "a connection is reset at its first byte: instead of an answer or, with tls, within the handshake", false},
		{faultClose, "the same, but closed in order", false},
		{faultSilent, "a connection is accepted, and nothing is ever said on it", false},
		{faultSlowHeaders, "the lines of an answer's header come one each `delay`", false},
		{faultSlowBody, "the bytes of an answer's body come one each `delay`", false},
		{faultCloseIdle, "a connection that waits for its next request is closed after `delay`, unannounced", false},
		{faultResetReused, "a connection is reset at its second request", false},
		{faultCloseReused, "a connection is closed in order at its second request", false},
		{faultGoAway, "HTTP/2: GOAWAY without an error as an answer begins; the answer goes on", true},
		{faultGoAwayUnproc, "HTTP/2: GOAWAY that names no stream as processed, instead of an answer", true},
		{faultGoAwayMidBody, "HTTP/2: GOAWAY with INTERNAL_ERROR after `at` DATA frames, and the connection closes", true},
		{faultRefusedStream, "HTTP/2: RST_STREAM with REFUSED_STREAM instead of an answer", true},
		{faultResetStream, "HTTP/2: RST_STREAM with INTERNAL_ERROR instead of an answer", true},
		{faultResetStreamMid, "HTTP/2: RST_STREAM with INTERNAL_ERROR after `at` DATA frames", true},
	}
}

// clone returns a copy that shares nothing.
func (l Listener) clone() Listener {
	l.Hosts = slices.Clone(l.Hosts)
	return l
}

// validate checks one listener.
func (l Listener) validate() error {
	if l.Name == "" || strings.ContainsAny(l.Name, "/?#% ") {
		return fmt.Errorf("name: %q is empty or has a character that a path cannot bear", l.Name)
	}
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return fmt.Errorf("address: %q is no host:port, such as 127.0.0.1:0", l.Address)
	}
	if !onLoopback(host) {
		return fmt.Errorf("address: %q is not on loopback; write 127.0.0.1, ::1 or localhost", l.Address)
	}
	return l.Transport.validate()
}

// validate checks what may change about a listener.
func (t Transport) validate() error {
	var names []string
	ofHTTP2 := false
	for _, f := range TransportFaults() {
		names = append(names, f.Name)
		ofHTTP2 = ofHTTP2 || f.HTTP2 && f.Name == t.Fault
	}
	if err := first(
		oneOf("tls", t.TLS, tlsValid, tlsExpired, tlsWrongHost, tlsUnknown, tlsClientCert, tlsHandshakeFail),
		oneOf("fault", t.Fault, names...),
		within("ratio", t.Ratio, 0.0, 1.0),
		within("at", t.At, 0, 100_000),
	); err != nil {
		return err
	}
	switch {
	case t.Delay < 0:
		return errors.New("delay: is negative")
	case t.HTTP2 && t.TLS == "":
		return errors.New("http2: wants tls, in whose handshake it is agreed on")
	case ofHTTP2 && !t.HTTP2:
		return fmt.Errorf("fault: %s wants http2", t.Fault)
	case t.HTTP2 && (t.Fault == faultSlowHeaders || t.Fault == faultSlowBody):
		return fmt.Errorf("fault: %s is of HTTP/1.1; leave http2 out", t.Fault)
	}
	return nil
}

// merge replaces what the JSON object set names. t may be half changed where it
// returns an error.
func (t *Transport) merge(set []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(set, &keys); err != nil || keys == nil {
		return errors.New("set: want a JSON object of a listener's transport")
	}
	if err := decodeStrict(set, t, "set"); err != nil {
		return err
	}
	if err := t.validate(); err != nil {
		return fmt.Errorf("set.%w", err)
	}
	return nil
}

// validateListeners checks all listeners, and that no name comes twice.
func (s Scenario) validateListeners() error {
	seen := map[string]bool{}
	for i, l := range s.Listeners {
		at := fmt.Sprintf("listeners[%d]", i)
		if err := l.validate(); err != nil {
			return fmt.Errorf("%s.%w", at, err)
		}
		if seen[l.Name] {
			return fmt.Errorf("%s.name: %q is another's already", at, l.Name)
		}
		seen[l.Name] = true
	}
	return nil
}

// onLoopback reports that host is this machine and nothing beyond it.
func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
