package hf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// tunnelError is a proxy's answer to CONNECT that is not 200.
type tunnelError struct{ status int }

// Error returns the answer in words.
func (e *tunnelError) Error() string {
	return fmt.Sprintf("it answers %d %s to CONNECT", e.status, http.StatusText(e.status))
}

// tunnelAnswered keeps the status of a proxy's answer to CONNECT, of which net/http
// itself tells the words alone.
func tunnelAnswered(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &tunnelError{resp.StatusCode}
}

// throughProxy judges anew a failure of an exchange that was to go through a
// proxy, and had no connection yet. What the proxy does by itself, and would do
// whatever the target did, fails in the phase of the proxy: it cannot be reached,
// takes no credentials of ours, forbids the host or does not speak its protocol.
// What it says of the target fails as without one.
func throughProxy(f failure, err error, proxy *url.URL, t *times) failure {
	if proxy == nil || !t.gotConn.IsZero() || f.outcome == probe.Internal || f.outcome == probe.Canceled {
		return f
	}
	name := "the proxy " + proxy.Host + ": "
	var op *net.OpError
	var refused *tunnelError
	switch {
	case f.outcome == probe.Timeout:
		if !t.reached() {
			return failure{f.outcome, probe.PhaseProxy, name + "the deadline passed" + during(f.phase)}
		}
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return failure{f.outcome, probe.PhaseProxy, name + plain(op.Err)}
	case errors.As(err, &refused):
		if refused.status < 500 {
			return failure{probe.Connect, probe.PhaseProxy, name + refused.Error()}
		}
		return failure{probe.Connect, probe.PhaseConnect, name + refused.Error()}
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks "):
		return socksFailed(op.Err, name)
	case f.outcome == probe.Connect && strings.Contains(err.Error(), "malformed HTTP"):
		return failure{probe.Connect, probe.PhaseProxy, name + "its answer to CONNECT is not HTTP"}
	}
	return f
}

// socksFailed judges what came of asking a SOCKS5 proxy. The errors of net/http's
// SOCKS client have no types: those that begin with "unknown error" are replies
// (RFC 1928, section 6).
func socksFailed(err error, name string) failure {
	reply, replied := strings.CutPrefix(err.Error(), "unknown error ")
	switch {
	case replied && (reply == "connection not allowed by ruleset" || reply == "command not supported" || reply == "address type not supported"):
		return failure{probe.Connect, probe.PhaseProxy, name + "it says: " + reply}
	case replied:
		return failure{probe.Connect, probe.PhaseConnect, name + "it says: " + reply}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failure{probe.Connect, probe.PhaseProxy, name + "it closed the connection"}
	}
	return failure{probe.Connect, probe.PhaseProxy, name + plain(err)}
}
