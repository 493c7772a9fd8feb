package hf

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

func TestNoAnswer(t *testing.T) {
	now := time.Now()
	dialling := times{dnsStart: now, dnsDone: now, attempts: []attempt{{addr: "1.1.1.1:80", start: now}}}
	connected, asked := dialling, dialling
	connected.gotConn = now
	asked.gotConn, asked.wrote = now, now
	begun := asked
	begun.firstByte = now
	refused, pooled := asked, asked
	refused.wantsCert = true
	pooled.wantsCert, pooled.reused = true, true
	hinted := begun
	hinted.afterInterim = true
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	alert := func(op string, code tls.AlertError) error {
		// As crypto/tls has it, whose own type for an alert is not exported.
		return &net.OpError{Op: op, Err: errors.New(code.Error())}
	}
	rows := []struct {
		why     string
		err     error
		cause   error
		t       times
		outcome probe.Outcome
		phase   probe.Phase
	}{
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), nil, dialling, probe.Connect, probe.PhaseConnect},
		{"unreachable", dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), nil, dialling, probe.Connect, probe.PhaseConnect},
		{"the system gave up connecting", dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), nil, dialling, probe.Connect, probe.PhaseConnect},
		{"no files left is our own fault", dial(os.NewSyscallError("socket", syscall.EMFILE)), nil, dialling, probe.Internal, probe.PhaseConnect},
		{"so are no ports left", dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), nil, dialling, probe.Internal, probe.PhaseConnect},
		{"the resolver's own timeout is not our deadline", dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), nil, times{dnsStart: now}, probe.DNS, probe.PhaseDNS},
		{"our deadline goes before what it brings about", dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), errLimit, times{dnsStart: now}, probe.Timeout, probe.PhaseDNS},
		{"a shutdown goes before everything", dial(syscall.ECONNREFUSED), context.Canceled, dialling, probe.Canceled, probe.PhaseConnect},
		{"a broken pipe while writing", fmt.Errorf("write error: %w", os.NewSyscallError("write", syscall.EPIPE)), nil, connected, probe.Reset, probe.PhaseWrite},
		{"a reset behind a hint is before the answer", io.EOF, nil, hinted, probe.Reset, probe.PhaseFirstByte},
		{"a deadline within the header", errLimit, errLimit, begun, probe.Timeout, probe.PhaseFirstByte},
		{"a cut within the header is past the first byte", io.ErrUnexpectedEOF, nil, begun, probe.Reset, probe.PhaseBody},
		{"a certificate that is missed late", alert("remote error", 116), nil, asked, probe.TLS, probe.PhaseTLS},
		{"one that is refused late", fmt.Errorf("broken: %w", alert("remote error", 42)), nil, asked, probe.TLS, probe.PhaseTLS},
		{"an authority that they do not know", alert("remote error", 48), nil, asked, probe.TLS, probe.PhaseTLS},
		{"an alert that has no name yet", alert("remote error", 200), nil, asked, probe.TLS, probe.PhaseTLS},
		{"a record that we could not trust", alert("local error", 20), nil, asked, probe.TLS, probe.PhaseTLS},
		{"the alert is lost where we write to a closed connection", os.NewSyscallError("write", syscall.EPIPE), nil, refused, probe.TLS, probe.PhaseTLS},
		{"over HTTP/2 as well", errors.New("http2: client conn could not be established"), nil, refused, probe.TLS, probe.PhaseTLS},
		{"a connection that served before is merely cut", syscall.ECONNRESET, nil, pooled, probe.Reset, probe.PhaseFirstByte},
		{"a read that failed is no alert", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, nil, asked, probe.Reset, probe.PhaseFirstByte},
		{"what broke a connection counts", fmt.Errorf("transport connection broken: %w", syscall.ECONNRESET), nil, asked, probe.Reset, probe.PhaseFirstByte},
		{"a header that broke it is no cut", errors.New(`transport connection broken: bad Content-Length "EOF"`), nil, begun, probe.InvalidOutput, probe.PhaseFirstByte},
		{"words that are no HTTP", errors.New("malformed HTTP response"), nil, begun, probe.InvalidOutput, probe.PhaseFirstByte},
	}
	for _, row := range rows {
		got := noAnswer(row.err, row.cause, &row.t)
		if got.outcome != row.outcome || got.phase != row.phase || got.reason == "" {
			t.Errorf("%s: noAnswer(%v, %v) = %s in %q (%q), want %s in %q",
				row.why, row.err, row.cause, got.outcome, got.phase, got.reason, row.outcome, row.phase)
		}
	}
}

func TestJudgeStream(t *testing.T) {
	cut := &failure{probe.Reset, probe.PhaseBody, "cut"}
	late := &failure{probe.Timeout, probe.PhaseTotal, "late"}
	large := &failure{probe.InvalidOutput, probe.PhaseBody, "large"}
	rows := []struct {
		why    string
		end    ending
		p      probe.Progress
		broken *failure
		free   bool
		want   probe.Outcome // Empty where the task has the last word.
		phase  probe.Phase
	}{
		{"an end mark", endMark, probe.Progress{Tokens: 1, Ended: true}, nil, false, "", ""},
		{"a finish reason", endEOF, probe.Progress{Tokens: 1, Finish: "stop"}, nil, false, "", ""},
		{"a finish reason without tokens explains itself", endEOF, probe.Progress{Finish: "length"}, nil, false, "", ""},
		{"a mark without tokens does not", endMark, probe.Progress{Events: 1, Ended: true}, nil, false, probe.InvalidOutput, probe.PhaseBody},
		{"nothing", endEOF, probe.Progress{}, nil, false, probe.InvalidOutput, probe.PhaseBody},
		{"tokens and an end", endEOF, probe.Progress{Tokens: 1}, nil, false, probe.Truncated, probe.PhaseBody},
		{"tokens and a cut", endBroken, probe.Progress{Tokens: 1}, cut, false, probe.Reset, probe.PhaseBody},
		{"a cut behind the finish", endBroken, probe.Progress{Tokens: 1, Finish: "stop"}, cut, false, "", ""},
		{"the deadline before a token", endBroken, probe.Progress{Events: 1}, late, false, probe.Timeout, probe.PhaseFirstToken},
		{"the deadline behind a token", endBroken, probe.Progress{Tokens: 1}, late, false, probe.Timeout, probe.PhaseTotal},
		{"a bound counts behind a finish too", endBroken, probe.Progress{Tokens: 1, Finish: "stop"}, large, false, probe.InvalidOutput, probe.PhaseBody},
		{"a free stream is whole where its body is", endEOF, probe.Progress{Events: 3}, nil, true, "", ""},
		{"and cut where its body is", endBroken, probe.Progress{Events: 3}, cut, true, probe.Reset, probe.PhaseBody},
	}
	for _, row := range rows {
		got := judgeStream(row.end, row.p, row.broken, row.free)
		if got.check != (row.want == "") || got.outcome != row.want || got.phase != row.phase {
			t.Errorf("%s: judgeStream = check %t, %s in %q; want %q in %q", row.why, got.check, got.outcome, got.phase, row.want, row.phase)
		}
	}
}
