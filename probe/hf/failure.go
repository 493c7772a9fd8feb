package hf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// The causes with which an exchange ends itself.
var (
	errLimit          = errors.New("the deadline passed")
	errStalled        = errors.New("no progress")
	errDrained        = errors.New("the answer is complete")
	errTooManyInterim = errors.New("too many 1xx answers")
)

// failure is what became of an exchange that broke off.
type failure struct {
	outcome probe.Outcome
	phase   probe.Phase
	reason  string
}

// noAnswer judges an exchange that ended with err before its answer's header
// was complete. cause is why the exchange's own context ended, if it did.
func noAnswer(err, cause error, t *times) failure {
	phase := t.stage()
	begun := !t.firstByte.IsZero() && !t.afterInterim && !t.gotConn.IsZero()
	if begun {
		// The request may not be written whole, but it is answered.
		phase = probe.PhaseFirstByte
	}
	switch {
	case errors.Is(cause, errLimit):
		return failure{probe.Timeout, phase, "the deadline passed" + during(phase)}
	case cause != nil:
		return failure{probe.Canceled, phase, "canceled" + during(phase)}
	case errors.Is(err, errTooManyInterim):
		return failure{probe.InvalidOutput, probe.PhaseFirstByte, errTooManyInterim.Error()}
	}
	return broke(err, phase, begun, t)
}

// broke judges an exchange that err, and nothing of ours, ended in phase; begun
// tells that the answer's header had begun.
func broke(err error, phase probe.Phase, begun bool, t *times) failure {
	reason := plain(err)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "the connection was closed" + during(phase)
		if begun {
			reason = "the connection was closed within the answer's header"
		}
	}
	var dns *net.DNSError
	switch {
	case exhausted(err):
		return failure{probe.Internal, phase, "this machine can make no more connections: " + reason}
	case errors.As(err, &dns):
		return failure{probe.DNS, probe.PhaseDNS, reason}
	case isTLS(err) || phase == probe.PhaseTLS:
		return failure{probe.TLS, probe.PhaseTLS, reason}
	case t.gotConn.IsZero():
		return failure{probe.Connect, probe.PhaseConnect, reason}
	case isCut(err):
		return cutOff(reason, t, phase, begun)
	}
	// The other side spoke, but not HTTP.
	return failure{probe.InvalidOutput, phase, reason}
}

// cutOff judges a connection that was cut before the answer's header was
// complete.
func cutOff(reason string, t *times, phase probe.Phase, begun bool) failure {
	switch {
	case t.wantsCert && t.firstByte.IsZero() && !t.reused:
		// Its alert is lost where our request meets the closed connection first.
		return failure{probe.TLS, probe.PhaseTLS, "the server asked for a client certificate, got none and closed the connection: " + reason}
	case begun:
		// Past the first byte it is the other side's fault, never the network's.
		return failure{probe.Reset, probe.PhaseBody, reason}
	default:
		return failure{probe.Reset, phase, reason}
	}
}

// during names a phase in a sentence.
func during(phase probe.Phase) string {
	names := map[probe.Phase]string{
		probe.PhaseDNS:       " while the name was looked up",
		probe.PhaseConnect:   " while connecting",
		probe.PhaseTLS:       " during the TLS handshake",
		probe.PhaseWrite:     " while the request was written",
		probe.PhaseFirstByte: " before the answer began",
	}
	return names[phase]
}

// brokenBody judges a body that ended with err, which is not io.EOF, or nil
// for what is an end after all: the other side closed a TLS connection without
// the alert that it should send, where nothing but the end of the connection
// marks the end of the body.
func brokenBody(err, cause error, closeDelimited bool) *failure {
	switch {
	case errors.Is(cause, errLimit):
		return &failure{probe.Timeout, probe.PhaseTotal, "the deadline passed while the answer was coming"}
	case errors.Is(cause, errStalled):
		return &failure{probe.Stalled, probe.PhaseBody, "the stream made no progress for its limit"}
	case cause != nil:
		return &failure{probe.Canceled, probe.PhaseBody, "canceled while the answer was coming"}
	case errors.Is(err, errTooLarge), errors.Is(err, errTooLong), errors.Is(err, errEncoding):
		return &failure{probe.InvalidOutput, probe.PhaseBody, plain(err)}
	case errors.Is(err, io.ErrUnexpectedEOF) && closeDelimited:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasSuffix(err.Error(), "unexpected EOF reading trailer"):
		// net/http has no exported error of a trailer that was cut off.
		return &failure{probe.Truncated, probe.PhaseBody, "the body ended early"}
	case isCut(err):
		return &failure{probe.Reset, probe.PhaseBody, plain(err)}
	}
	return &failure{probe.Truncated, probe.PhaseBody, plain(err)}
}

// isTLS reports that err is of certificates, of the handshake or of an alert.
// In TLS 1.3 the client is done with the handshake before the server has judged
// its certificate (RFC 8446, section 4.4.2.4), so that the alert comes at the
// first read.
func isTLS(err error) bool {
	var (
		record   tls.RecordHeaderError
		alert    tls.AlertError
		verify   *tls.CertificateVerificationError
		host     x509.HostnameError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		answered = strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
	)
	return answered || isAlert(err) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &host) || errors.As(err, &unknown) || errors.As(err, &invalid)
}

// isAlert reports that err is an alert which either side of a connection sent.
// crypto/tls wraps them in a net.OpError and has no exported type for them.
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") &&
		op.Err != nil && strings.HasPrefix(op.Err.Error(), "tls: ")
}

// exhausted reports that our own machine has run out of what a connection
// needs, which is nobody else's fault.
func exhausted(err error) bool {
	for _, lack := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// isCut reports that the connection was cut: reset, closed, or ended where an
// answer was due. Of HTTP/2, net/http's errors have no exported types. That
// net/http calls a connection broken says nothing: it does so of headers that
// it cannot read as well, and wraps what broke it.
func isCut(err error) bool {
	for _, cut := range []error{
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ETIMEDOUT, syscall.EHOSTUNREACH,
		syscall.ENETUNREACH, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, cut) {
			return true
		}
	}
	// What follows a quotation mark is the other side's own words.
	text, _, _ := strings.Cut(err.Error(), `"`)
	if strings.Contains(text, "malformed") || strings.Contains(text, "exceeded") {
		return false
	}
	for _, sign := range []string{
		"server closed idle connection", "stream error", "GOAWAY", "client connection lost",
		"persistConn", "transport closed", "client conn could not be established", "EOF",
	} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// plain returns err's text without addresses that may hold secrets, and without
// what net/http says of itself.
func plain(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	text := err.Error()
	for _, by := range []string{"net/http: HTTP/1.x transport connection broken: ", "readLoopPeekFailLocked: "} {
		text = strings.TrimPrefix(text, by)
	}
	if strings.HasPrefix(text, "net/http: server response headers exceeded") {
		return errHeaderTooLong.Error()
	}
	return text
}

// idleHint says of a cut on a connection from the pool how long it had waited.
func idleHint(t *times) string {
	if t.reused && t.idle > 0 {
		return "the connection had been idle for " + t.idle.Round(time.Millisecond).String()
	}
	return ""
}
