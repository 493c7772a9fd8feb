package hf

import (
	"crypto/tls"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// maxAttempts bounds the connection attempts of one dial that are kept
	// apart; a name rarely has more addresses.
	maxAttempts = 16
	// maxInterim bounds the 1xx answers before the real one.
	maxInterim = 16
)

// attempt is one try to connect to one address.
type attempt struct {
	addr        string
	start, done time.Time
	err         error
}

// times is when what happened to one request. What did not happen is zero.
type times struct {
	dnsStart, dnsDone time.Time
	dnsErr            error
	attempts          []attempt
	tlsStart, tlsDone time.Time
	tlsErr            error
	// wantsCert is set where the server asked for a certificate of ours and we
	// had none.
	wantsCert bool
	gotConn   time.Time
	reused    bool
	idle      time.Duration
	// foreign is set where another request's dial made the connection, so that
	// no time of ours was spent on it.
	foreign      bool
	remote       string
	wrote        time.Time
	writeErr     error
	firstByte    time.Time
	interim      int
	afterInterim bool
	multiplexed  bool
}

// trace collects the times of one request. Its hooks may fire after the answer
// was read, for a dial that lost its race: they write under the lock until the
// trace is sealed, and nothing afterwards. It is never used twice.
type trace struct {
	mu     sync.Mutex
	sealed bool
	t      times
	conn   *conn
}

// note calls f under the lock unless the trace is sealed.
func (tr *trace) note(f func(t *times)) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !tr.sealed {
		f(&tr.t)
	}
}

// seal ends the collection and returns what was collected.
func (tr *trace) seal() times {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.sealed = true
	return tr.t
}

// dialHooks returns the trace as net calls it, for the context of a dial.
func (tr *trace) dialHooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) {
			now := time.Now()
			tr.note(func(t *times) { setOnce(&t.dnsStart, now) })
		},
		DNSDone: func(info httptrace.DNSDoneInfo) {
			now := time.Now()
			tr.note(func(t *times) { t.dnsDone, t.dnsErr = now, info.Err })
		},
		ConnectStart: func(_, addr string) {
			now := time.Now()
			tr.note(func(t *times) { t.connectStart(addr, now) })
		},
		ConnectDone: func(_, addr string, err error) {
			now := time.Now()
			tr.note(func(t *times) { t.connectDone(addr, now, err) })
		},
	}
}

// hooks returns the trace as net/http calls it. Those of a dial are not among
// them: most requests of a window go over a connection that is there.
func (tr *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart:    tr.tlsStarted,
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { tr.tlsEnded(err) },
		GotConn:              tr.gotConn,
		WroteRequest:         tr.wroteRequest,
		GotFirstResponseByte: tr.gotFirstByte,
		Got1xxResponse:       tr.gotInterim,
	}
}

// wroteRequest notes the end of the request, or that it could not be written.
func (tr *trace) wroteRequest(info httptrace.WroteRequestInfo) {
	now := time.Now()
	tr.note(func(t *times) { t.wrote, t.writeErr = now, info.Err })
}

// gotFirstByte notes the beginning of an answer.
func (tr *trace) gotFirstByte() {
	now := time.Now()
	tr.note(func(t *times) { setOnce(&t.firstByte, now) })
}

// begun reports that an answer began.
func (tr *trace) begun() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return !tr.t.firstByte.IsZero()
}

// cutShort returns why the connection ended, where err is of a line of the answer's
// header that its end cut short: net/textproto takes what came of it for a line.
func (tr *trace) cutShort(err error) error {
	tr.mu.Lock()
	c := tr.conn
	tr.mu.Unlock()
	if c == nil || !malformedStart(plain(err)) {
		return nil
	}
	return c.ended()
}

// malformedStart reports that an error of net/http's parser may be of the beginning
// of a good header, and not of another protocol altogether.
func malformedStart(text string) bool {
	const begins = "HTTP/"
	if line, ok := strings.CutPrefix(text, `malformed HTTP response "`); ok {
		line = strings.TrimSuffix(line, `"`)
		return strings.HasPrefix(begins, line) || strings.HasPrefix(line, begins)
	}
	return strings.HasPrefix(text, "malformed MIME header") || strings.HasPrefix(text, "malformed HTTP status code") ||
		strings.HasPrefix(text, `malformed HTTP version "HTTP/`)
}

// tlsStarted notes the beginning of a handshake.
func (tr *trace) tlsStarted() {
	now := time.Now()
	tr.note(func(t *times) { setOnce(&t.tlsStart, now) })
}

// tlsEnded notes the end of a handshake; the first end stays, since net/http
// calls the hooks again for a connection that was shaken hands with already.
func (tr *trace) tlsEnded(err error) {
	now := time.Now()
	tr.note(func(t *times) {
		if t.tlsDone.IsZero() {
			t.tlsDone, t.tlsErr = now, err
		}
	})
}

// gotConn notes the connection that the request goes over.
func (tr *trace) gotConn(info httptrace.GotConnInfo) {
	now := time.Now()
	inner, multiplexed := info.Conn, false
	if secure, ok := inner.(*tls.Conn); ok {
		multiplexed = secure.ConnectionState().NegotiatedProtocol == "h2"
		inner = secure.NetConn()
	}
	own, _ := inner.(*conn)
	tr.note(func(t *times) {
		t.gotConn, t.reused, t.multiplexed = now, info.Reused, multiplexed
		if info.WasIdle {
			t.idle = info.IdleTime
		}
		switch {
		case own != nil:
			t.remote = own.remote
		case info.Conn != nil:
			t.remote = info.Conn.RemoteAddr().String()
		}
		t.foreign = own == nil || own.dialler != tr
		tr.conn = own
	})
}

// gotInterim notes a 1xx answer: the first byte is that of the answer behind
// it. It refuses to wait through any number of them.
func (tr *trace) gotInterim(int, textproto.MIMEHeader) error {
	now := time.Now()
	var err error
	tr.note(func(t *times) {
		t.interim++
		t.firstByte, t.afterInterim = now, true
		if tr.conn != nil && !t.multiplexed {
			tr.conn.arm()
		}
		if t.interim > maxInterim {
			err = errTooManyInterim
		}
	})
	return err
}

// headersDone sets the first byte of an answer that came behind a 1xx: the
// first read since, or the read that brought the 1xx where both came at once.
// On a multiplexed connection reads tell nothing, and the time of the headers
// stands for it.
func (tr *trace) headersDone() {
	now := time.Now()
	tr.note(func(t *times) {
		switch {
		case !t.afterInterim:
			setOnce(&t.firstByte, now)
		case t.multiplexed || tr.conn == nil:
			t.firstByte = now
		default:
			if at := tr.conn.armedRead(); !at.IsZero() {
				t.firstByte = at
			}
		}
	})
}

// connectStart notes an attempt.
func (t *times) connectStart(addr string, now time.Time) {
	if len(t.attempts) < maxAttempts {
		t.attempts = append(t.attempts, attempt{addr: addr, start: now})
	}
}

// connectDone notes how an attempt ended.
func (t *times) connectDone(addr string, now time.Time, err error) {
	for i := range t.attempts {
		if a := &t.attempts[i]; a.addr == addr && a.done.IsZero() {
			a.done, a.err = now, err
			return
		}
	}
}

// phases returns the durations of the parts, of the connection that was used
// alone; last is when the last byte came.
func (t *times) phases(last time.Time) probe.Phases {
	var p probe.Phases
	if !t.reused && !t.foreign {
		p.DNS = between(t.dnsStart, t.dnsDone)
		for _, a := range t.attempts {
			if a.addr == t.remote && a.err == nil {
				p.Connect = between(a.start, a.done)
			}
		}
		if p.Connect.IsZero() && len(t.attempts) == 1 {
			p.Connect = between(t.attempts[0].start, t.attempts[0].done)
		}
		p.TLS = between(t.tlsStart, t.tlsDone)
	}
	if t.gotConn.IsZero() {
		return p
	}
	if t.writeErr == nil {
		p.Write = between(t.gotConn, t.wrote)
		p.Wait = between(t.wrote, t.firstByte)
	}
	p.Read = between(t.firstByte, last)
	return p
}

// reached reports whether any attempt to connect succeeded.
func (t *times) reached() bool {
	return slices.ContainsFunc(t.attempts, func(a attempt) bool { return !a.done.IsZero() && a.err == nil })
}

// stage returns the part in which a request was that did not get an answer's
// first byte.
func (t *times) stage() probe.Phase {
	switch {
	case !t.wrote.IsZero() && t.writeErr == nil:
		return probe.PhaseFirstByte
	case !t.gotConn.IsZero():
		return probe.PhaseWrite
	case !t.tlsStart.IsZero():
		return probe.PhaseTLS
	case len(t.attempts) > 0:
		return probe.PhaseConnect
	case !t.dnsStart.IsZero() && (t.dnsDone.IsZero() || t.dnsErr != nil):
		return probe.PhaseDNS
	default:
		return probe.PhaseConnect
	}
}

// between returns how long something took, absent where it did not begin or
// end, and 0 where the end was noted before the beginning: an answer may come
// before its request is written whole.
func between(from, to time.Time) probe.Seconds {
	if from.IsZero() || to.IsZero() {
		return probe.Seconds{}
	}
	return probe.Measured(max(0, to.Sub(from)))
}

// setOnce sets at where it is not set.
func setOnce(at *time.Time, now time.Time) {
	if at.IsZero() {
		*at = now
	}
}
