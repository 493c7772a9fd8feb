package hf_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/hf"
)

// peer is the other side of a connection: what it does once the header of a
// request has come, whose body it may read or leave. It reports that the
// connection goes on.
type peer func(conn *fakenet.Conn, out io.Writer, body io.Reader) bool

// attack is one thing that a server, or we, may do to an exchange.
type attack struct {
	why  string
	peer peer
	// warm sends a good request before, over the same connection, and waits a while.
	warm bool
	idle time.Duration
	// idling is what the other side does to a warm connection that waits.
	idling func(conn *fakenet.Conn)
	stream bool
	url    string
	size   int
	// limit is the call's, cancel when it is called off; 0 is a minute, and never.
	limit, cancel time.Duration
	link          fakenet.Link
	// certified asks for a certificate that we do not have.
	certified bool
	// outcome is what both ways must say, so that a row proves what it is for.
	outcome probe.Outcome
	// phases leaves the parts of the time out: net/http does not wait for its own
	// dial where a request ends sooner, and so cannot say how long it was under way;
	// nor does it say that a request was written where the connection failed meanwhile.
	// We can, and do.
	phases bool
}

// raw writes an answer and hangs up.
func raw(answer ...string) peer {
	return func(_ *fakenet.Conn, out io.Writer, body io.Reader) bool {
		_, _ = io.Copy(io.Discard, body)
		_, _ = io.WriteString(out, strings.Join(answer, ""))
		return false
	}
}

// stays writes an answer and keeps the connection.
func stays(answer string) peer {
	write := raw(answer)
	return func(conn *fakenet.Conn, out io.Writer, body io.Reader) bool { return !write(conn, out, body) }
}

// cut writes an answer and resets the connection.
func cut(answer string) peer {
	write := raw(answer)
	return func(conn *fakenet.Conn, out io.Writer, body io.Reader) bool {
		write(conn, out, body)
		// What was written has arrived: a reset takes along what has not.
		time.Sleep(time.Millisecond)
		conn.Reset()
		return false
	}
}

// late reads the body after a second, and answers a while after its end.
func late(after time.Duration) peer {
	return func(_ *fakenet.Conn, out io.Writer, body io.Reader) bool {
		time.Sleep(time.Second)
		_, _ = io.Copy(io.Discard, body)
		time.Sleep(after)
		_, _ = io.WriteString(out, okAnswer)
		return true
	}
}

// silent writes an answer's beginning and nothing more.
func silent(answer string) peer {
	write := raw(answer)
	return func(conn *fakenet.Conn, out io.Writer, body io.Reader) bool {
		write(conn, out, body)
		time.Sleep(time.Hour)
		return false
	}
}

const (
	okHead   = "HTTP/1.1 200 OK\r\n"
	okBody   = `{"ok":true}`
	okAnswer = okHead + "Content-Length: 11\r\n\r\n" + okBody
	chunked  = okHead + "Transfer-Encoding: chunked\r\n\r\n"
	sseHead  = okHead + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// attacks returns the table.
func attacks() []attack {
	good, bad := probe.OK, probe.InvalidOutput
	rows := []attack{
		{why: "a whole answer", peer: stays(okAnswer), outcome: good},
		{why: "one chunk", peer: stays(chunked + "b\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: good},
		{why: "evidence in the header", peer: stays(okHead + "X-Request-Id: r1\r\nX-Compute-Time: 0.5\r\nServer: uvicorn\r\nx-sha: abc\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "a refusal", peer: stays("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 21\r\n\r\n{\"error\":\"overloaded\"}"), outcome: probe.Overloaded},
		{why: "a 429", peer: stays("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"), outcome: probe.Overloaded},
		{why: "HTTP/1.0 that ends with the connection", peer: raw("HTTP/1.0 200 OK\r\n\r\n" + okBody), outcome: good},
		{why: "HTTP/1.1 that ends with the connection", peer: raw(okHead + "\r\n" + okBody), outcome: good},
		{why: "HTTP/1.0 that is kept", peer: stays("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "204 with a body", peer: raw("HTTP/1.1 204 No Content\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: bad},
		{why: "304 with a body", peer: raw("HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: probe.Unknown},
		{why: "101", peer: silent("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), outcome: probe.Unknown},
		{why: "100 before the answer", peer: stays("HTTP/1.1 100 Continue\r\n\r\n" + okAnswer), outcome: good},
		{why: "103 before the answer", peer: stays("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + okAnswer), outcome: good},
		{why: "five 1xx", peer: stays(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 5) + okAnswer), outcome: good},
		{why: "too many 1xx", peer: silent(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 40) + okAnswer), outcome: bad},
		{why: "1xx and an end", peer: raw("HTTP/1.1 103 Early Hints\r\n\r\n"), outcome: probe.Reset},
		{why: "1xx and half a header", peer: raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20"), outcome: probe.Reset},
		{why: "1xx and silence", peer: silent("HTTP/1.1 103 Early Hints\r\n\r\n"), outcome: probe.Timeout},
		{why: "1xx and silence, canceled", peer: silent("HTTP/1.1 103 Early Hints\r\n\r\n"), cancel: time.Second, outcome: probe.Canceled},
		{why: "lines that end bare", peer: raw("HTTP/1.1 200 OK\nContent-Length: 11\n\n" + okBody), outcome: good},
		{why: "a folded line", peer: raw(okHead + "X-Request-Id: a\r\n b\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "a folded first line", peer: raw(okHead + " X: a\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: bad},
		{why: "a space before the colon", peer: raw(okHead + "Content-Length : 11\r\n\r\n" + okBody), outcome: good},
		{why: "a zero byte in a value", peer: raw(okHead + "X: a\x00b\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: bad},
		{why: "an empty line before it", peer: raw("\r\n" + okAnswer), outcome: bad},
		{why: "a status without words", peer: raw("HTTP/1.1 200\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "a status of two digits", peer: raw("HTTP/1.1 20 OK\r\n\r\n"), outcome: bad},
		{why: "a status of 099", peer: raw("HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"), outcome: probe.Unknown},
		{why: "a status of 999", peer: raw("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), outcome: probe.Unknown},
		{why: "a status below zero", peer: raw("HTTP/1.1 -20 X\r\n\r\n"), outcome: bad},
		{why: "lower case", peer: raw("http/1.1 200 OK\r\n\r\n"), outcome: bad},
		{why: "HTTP/2 in words", peer: raw("HTTP/2.0 200 OK\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "HTTP/9.9", peer: raw("HTTP/9.9 200 OK\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "no HTTP", peer: raw("220 mail.test ESMTP\r\n"), outcome: bad},
		{why: "a length too small", peer: raw(okHead + "Content-Length: 5\r\n\r\n" + okBody), outcome: good},
		{why: "a length too large", peer: raw(okHead + "Content-Length: 12\r\n\r\n" + okBody), outcome: probe.Truncated},
		{why: "a length too large, reset", peer: cut(okHead + "Content-Length: 12\r\n\r\n" + okBody), outcome: probe.Reset},
		{why: "a length beyond all numbers", peer: raw(okHead + "Content-Length: 99999999999999999999\r\n\r\n" + okBody), outcome: bad},
		{why: "a length with a sign", peer: raw(okHead + "Content-Length: +11\r\n\r\n" + okBody), outcome: bad},
		{why: "an empty length", peer: raw(okHead + "Content-Length: \r\n\r\n" + okBody), outcome: bad},
		{why: "one length twice", peer: raw(okHead + "Content-Length: 11\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "two lengths", peer: raw(okHead + "Content-Length: 11\r\nContent-Length: 5\r\n\r\n" + okBody), outcome: bad},
		{why: "two lengths in one line", peer: raw(okHead + "Content-Length: 11, 11\r\n\r\n" + okBody), outcome: bad},
		{why: "a length and chunks", peer: raw(okHead + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: good},
		{why: "chunked twice", peer: raw(okHead + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), outcome: bad},
		{why: "gzip, chunked", peer: raw(okHead + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), outcome: bad},
		{why: "HTTP/1.0 with chunks", peer: raw("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + okBody + "\r\n0\r\n\r\n")},
		{why: "a long header line", peer: raw(okHead + "X: " + strings.Repeat("x", 300<<10) + "\r\n\r\n"), outcome: bad},
		{why: "many header lines", peer: raw(okHead + strings.Repeat("X: y\r\n", 60_000) + "\r\n"), outcome: bad},
		{why: "a header just below the bound", peer: raw(okHead + "X: " + strings.Repeat("x", 250<<10) + "\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "a long header behind a 1xx", peer: raw("HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("x", 200<<10) + "\r\n\r\n" + okHead + "X: " + strings.Repeat("x", 200<<10) + "\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "a 1xx without end", peer: raw("HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n" + okAnswer), outcome: bad},
		{why: "a status line without end", peer: raw("HTTP/1.1 200 " + strings.Repeat("x", 300<<10)), outcome: bad},
		{why: "no answer", peer: raw(""), outcome: probe.Reset},
		{why: "no answer, reset", peer: cut(""), outcome: probe.Reset},
		{why: "cut in the status line", peer: raw("HTTP/1.1 20"), outcome: probe.Reset},
		{why: "cut in the status line, reset", peer: cut("HTTP/1.1 20"), outcome: probe.Reset},
		{why: "cut in a header line", peer: raw(okHead + "Content-Le"), outcome: probe.Reset},
		{why: "cut in a header line, reset", peer: cut(okHead + "Content-Le"), outcome: probe.Reset},
		{why: "cut in a chunk's size", peer: raw(chunked + "1"), outcome: probe.Truncated},
		{why: "cut behind a chunk's size", peer: raw(chunked + "b\r\n"), outcome: probe.Truncated},
		{why: "cut in a chunk", peer: raw(chunked + "b\r\n{\"ok\""), outcome: probe.Truncated},
		{why: "cut in a chunk, reset", peer: cut(chunked + "b\r\n{\"ok\""), outcome: probe.Reset},
		{why: "cut behind a chunk", peer: raw(chunked + "b\r\n" + okBody), outcome: probe.Truncated},
		{why: "cut before the last chunk", peer: raw(chunked + "b\r\n" + okBody + "\r\n"), outcome: probe.Truncated},
		{why: "cut in the last chunk", peer: raw(chunked + "b\r\n" + okBody + "\r\n0\r\n"), outcome: probe.Truncated},
		{why: "cut in a trailer", peer: raw(chunked + "b\r\n" + okBody + "\r\n0\r\nX-Sum: 1"), outcome: probe.Truncated},
		{why: "a trailer", peer: stays(chunked + "b\r\n" + okBody + "\r\n0\r\nX-Sum: 1\r\n\r\n"), outcome: good},
		{why: "a trailer of nonsense", peer: raw(chunked + "b\r\n" + okBody + "\r\n0\r\nno colon\r\n\r\n")},
		{why: "a chunk's size of nonsense", peer: raw(chunked + "zz\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: probe.Truncated},
		{why: "a chunk's size beyond all numbers", peer: raw(chunked + "fffffffffffffffff\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: probe.Truncated},
		{why: "a chunk with an extension", peer: stays(chunked + "b;x=y\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: good},
		{why: "a chunk longer than it says", peer: raw(chunked + "3\r\n" + okBody + "\r\n0\r\n\r\n"), outcome: probe.Truncated},
		{why: "more behind the answer", peer: raw(okAnswer + okAnswer), outcome: good},
		{why: "gzip unasked", peer: raw(okHead + "Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + okBody), outcome: good},
		{why: "silence", peer: silent(""), outcome: probe.Timeout},
		{why: "silence in the status line", peer: silent("HTTP/1.1 2"), outcome: probe.Timeout},
		{why: "silence in the header", peer: silent(okHead + "X: y"), outcome: probe.Timeout},
		{why: "silence behind the header", peer: silent(chunked), outcome: probe.Timeout},
		{why: "silence between chunks", peer: silent(chunked + "3\r\n{\"o\r\n"), outcome: probe.Timeout},
		{why: "canceled before the answer", peer: silent(""), cancel: time.Second, outcome: probe.Canceled},
		{why: "canceled in the header", peer: silent(okHead + "X: y"), cancel: time.Second, outcome: probe.Canceled},
		{why: "canceled between chunks", peer: silent(chunked + "3\r\n{\"o\r\n"), cancel: time.Second, outcome: probe.Canceled},
		{why: "canceled within a refusal", peer: silent("HTTP/1.1 500 X\r\nContent-Length: 20\r\n\r\n{\"err"), cancel: time.Second, outcome: probe.Canceled},
		{why: "silence within a refusal", peer: silent("HTTP/1.1 500 X\r\nContent-Length: 20\r\n\r\n{\"err")},
		{why: "a stream", stream: true, peer: stays(sseHead + "1d\r\ndata: {\"text\":\"a\",\"x\":\"long\"}\r\n0\r\n\r\n")},
		{why: "a stream that stalls", stream: true, peer: silent(sseHead + "15\r\ndata: {\"text\":\"ab\"}\n\n\r\n"), outcome: probe.Stalled},
		{why: "a stream canceled", stream: true, peer: silent(sseHead + "15\r\ndata: {\"text\":\"ab\"}\n\n\r\n"), cancel: time.Second, outcome: probe.Canceled},
		{why: "a stream cut", stream: true, peer: raw(sseHead + "15\r\ndata: {\"text\":\"ab\"}\n\n\r\n"), outcome: probe.Truncated},
		{why: "a stream reset", stream: true, peer: cut(sseHead + "15\r\ndata: {\"text\":\"ab\"}\n\n\r\n"), outcome: probe.Reset},
		{why: "a body that is never read", size: 4 << 20, peer: func(*fakenet.Conn, io.Writer, io.Reader) bool { time.Sleep(time.Hour); return false }, outcome: probe.Timeout},
		{why: "a body that is never read, canceled", size: 4 << 20, cancel: time.Second, peer: func(*fakenet.Conn, io.Writer, io.Reader) bool { time.Sleep(time.Hour); return false }, outcome: probe.Canceled},
		{why: "a body that is hung up on", size: 4 << 20, peer: func(*fakenet.Conn, io.Writer, io.Reader) bool { time.Sleep(time.Second); return false }, outcome: probe.Reset},
		{why: "a body that is read late", size: 1 << 20, peer: late(time.Millisecond), outcome: good},
		// Whether the writer or the answer is first to say so is chance: the parts of
		// the time are, and that the connection is kept is not.
		{why: "a body that is read late, answered at once", size: 1 << 20, peer: late(0), outcome: good, phases: true},
		{why: "a black hole", link: fakenet.Link{BlackHole: true}, outcome: probe.Timeout, phases: true},
		{why: "a black hole, canceled", link: fakenet.Link{BlackHole: true}, cancel: time.Second, outcome: probe.Canceled, phases: true},
		{why: "a slow link", peer: stays(okAnswer), link: fakenet.Link{Lookup: 20 * time.Millisecond, Connect: 30 * time.Millisecond, Delay: 40 * time.Millisecond, BytesPerSecond: 10_000}, outcome: good},
		{why: "a name that nobody knows", url: "http://nobody.test/", outcome: probe.DNS},
		{why: "a name service that fails", url: "http://a.test/", link: fakenet.Link{LookupErr: &net.DNSError{Err: "server misbehaving", Name: "a.test", IsTemporary: true}}, outcome: probe.DNS},
		{why: "a slow name service", link: fakenet.Link{Lookup: time.Hour}, outcome: probe.Timeout, phases: true},
		{why: "a port that nobody listens on", url: "http://a.test:81/", outcome: probe.Connect},
		{why: "an address of IPv6", url: "http://[2001:db8::1]/", peer: stays(okAnswer), outcome: good},
		{why: "TLS", url: "https://a.test/", peer: stays(okAnswer), outcome: good},
		{why: "TLS, cut in the header", url: "https://a.test/", peer: raw(okHead + "Content-Le"), outcome: probe.Reset},
		{why: "TLS, ended by the connection", url: "https://a.test/", peer: cut(okHead + "\r\n" + okBody), outcome: probe.Reset},
		{why: "TLS that asks for a certificate", url: "https://a.test/", certified: true, peer: stays(okAnswer), outcome: probe.TLS, phases: true},
		{why: "TLS where there is none", url: "https://a.test:80/", peer: stays(okAnswer), outcome: probe.TLS},
		{why: "TLS of another name", url: "https://b.test/", peer: stays(okAnswer), outcome: probe.TLS},
	}
	for _, row := range rows {
		if row.peer != nil && row.url == "" && row.link == (fakenet.Link{}) {
			row.why, row.warm, row.idle = row.why+", over a kept connection", true, time.Second
			rows = append(rows, row)
		}
	}
	hangUp := func(conn *fakenet.Conn) { _ = conn.Close() }
	return append(rows,
		attack{why: "closed while it waits", warm: true, idle: time.Second, idling: hangUp, peer: stays(okAnswer), outcome: good},
		attack{why: "reset while it waits", warm: true, idle: time.Second, idling: func(conn *fakenet.Conn) { conn.Reset() }, peer: stays(okAnswer), outcome: good},
		attack{why: "spoken to while it waits", warm: true, idle: time.Second, idling: func(conn *fakenet.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")
			_ = conn.Close()
		}, peer: stays(okAnswer), outcome: good},
		attack{why: "kept too long", warm: true, idle: 5 * time.Second, peer: stays(okAnswer), outcome: good},
	)
}

// assailant is the server of an attack.
type assailant struct {
	t      *testing.T
	row    attack
	open   sync.WaitGroup
	mu     sync.Mutex
	asked  int
	waited []*fakenet.Conn
}

// serve answers the requests of one connection.
func (s *assailant) serve(conn *fakenet.Conn, over net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(over)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			if s.row.certified {
				// Its alert arrives before the end, whoever runs first.
				time.Sleep(time.Second)
			}
			return
		}
		s.mu.Lock()
		s.asked++
		s.mu.Unlock()
		if req.URL.Path == "/warm" {
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(over, okAnswer)
			s.mu.Lock()
			s.waited = append(s.waited, conn)
			s.mu.Unlock()
			continue
		}
		if !s.row.peer(conn, over, req.Body) {
			return
		}
	}
}

// listen serves on an address until the test ends.
func (s *assailant) listen(n *network, addr string, config *tls.Config) *fakenet.Listener {
	l, err := n.Listen(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.open.Go(func() {
				if config != nil {
					s.serve(conn.(*fakenet.Conn), tls.Server(conn, config))
					return
				}
				s.serve(conn.(*fakenet.Conn), conn)
			})
		}
	})
	return l
}

// told is all that can be told apart of one attack.
type told struct {
	Result       probe.Result
	Answer       probe.Answer
	Dials, Asked int
	// Again is the outcome of a good request after it, and by how many dials.
	Again      probe.Outcome
	AgainDials int
}

// suffer carries out one attack, through net/http or not.
func suffer(t *testing.T, row attack, byTransport bool) told {
	var out told
	synctest.Test(t, func(t *testing.T) {
		cert, authority := certificate(t, "a.test")
		n := newNetwork(t, hf.Options{})
		s := &assailant{t: t, row: row}
		secure := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		if row.certified {
			secure.ClientAuth = tls.RequireAnyClientCert
		}
		listeners := []*fakenet.Listener{
			s.listen(n, "a.test:80", nil), s.listen(n, "[2001:db8::1]:80", nil), s.listen(n, "a.test:443", secure), s.listen(n, "b.test:443", secure),
		}
		n.SetLink("a.test:80", row.link)
		address := row.url
		if address == "" {
			address = "http://a.test/"
		}
		dials := func() int { return n.Dials("a.test:80") + n.Dials("[2001:db8::1]:80") + n.Dials("a.test:443") }
		call := func(address string) probe.Call {
			c := reused(n.call(t, address), true)
			c.Target.Endpoint.TLS.CA = authority
			if byTransport {
				if err := n.client.ByTransport(&c); err != nil {
					t.Fatal(err)
				}
			}
			return c
		}
		if row.warm {
			if got := n.client.Do(t.Context(), call("http://a.test/warm")); got.Outcome != probe.OK {
				t.Fatalf("the request before: %s (%s)", got.Outcome, got.Error)
			}
			synctest.Wait()
			if row.idling != nil {
				row.idling(s.waited[0])
			}
			time.Sleep(row.idle)
		}
		c := call(address)
		c.Ask.Stream = row.stream
		if row.size > 0 {
			c.Request.Body = make([]byte, row.size)
		}
		if c.Limit = 30 * time.Second; row.limit > 0 {
			c.Limit = row.limit
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if row.cancel > 0 {
			time.AfterFunc(row.cancel, cancel)
		}
		out.Result = n.client.Do(ctx, c)
		out.Answer = n.task.answer()
		synctest.Wait()
		out.Dials, out.Asked = dials(), s.asked
		if row.link == (fakenet.Link{}) {
			out.Again = n.client.Do(t.Context(), call("http://a.test/warm")).Outcome
			out.AgainDials = dials()
		}
		n.client.Close()
		for _, l := range listeners {
			_ = l.Close()
		}
		// No connection outlives its client: the bubble fails where a side still reads.
		time.Sleep(2 * time.Hour)
		s.open.Wait()
	})
	return out
}

// TestBothWaysSayTheSame attacks our own exchange over HTTP/1.1 and net/http's, and
// compares every field of the results, the answers that tasks are given, how often
// was dialled and asked, and whether the connection served again.
func TestBothWaysSayTheSame(t *testing.T) {
	for _, row := range attacks() {
		t.Run(row.why, func(t *testing.T) {
			ours, theirs := suffer(t, row, false), suffer(t, row, true)
			if row.outcome != "" && ours.Result.Outcome != row.outcome {
				t.Errorf("outcome %s (%s), want %s", ours.Result.Outcome, ours.Result.Error, row.outcome)
			}
			if row.phases {
				ours.Result.Phases, theirs.Result.Phases = probe.Phases{}, probe.Phases{}
			}
			if diff := cmp.Diff(theirs, ours, cmp.AllowUnexported(probe.Seconds{}, probe.Opt[int]{}, probe.Opt[bool]{}, probe.Opt[float64]{})); diff != "" {
				t.Errorf("-net/http +ours:\n%s", diff)
			}
		})
	}
}
