package daemon

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// through has a proxy connect conn to an address, and returns what is spoken
// through from then on, and the proxy's status: for SOCKS5 that of HTTP which says
// the same, 0 where there is none.
func (v *visit) through(ctx context.Context, conn net.Conn, proxy *url.URL, to string) (net.Conn, int, error) {
	switch proxy.Scheme {
	case "socks5":
		status, err := socksThrough(conn, proxy.User, to)
		return conn, status, err
	case "https":
		shaken := tls.Client(conn, &tls.Config{ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12, RootCAs: v.Roots})
		if err := shaken.HandshakeContext(ctx); err != nil {
			return nil, 0, fmt.Errorf("its TLS: %w", err)
		}
		conn = shaken
	}
	status, err := connectThrough(conn, proxy, to)
	return conn, status, err
}

// connectThrough asks a proxy for a tunnel, and returns its status.
func connectThrough(conn net.Conn, proxy *url.URL, to string) (int, error) {
	head := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		return 0, err
	}
	// A byte at a time: what follows the head belongs to the tunnel.
	resp, err := http.ReadResponse(bufio.NewReaderSize(oneByOne{conn}, 16), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0, fmt.Errorf("its answer is not HTTP: %w", err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

// oneByOne reads a byte at a time, so that a buffer before it takes no more
// than was asked for.
type oneByOne struct{ net.Conn }

// Read reads at most one byte.
func (o oneByOne) Read(p []byte) (int, error) { return o.Conn.Read(p[:min(1, len(p))]) }

// The parts of SOCKS5 (RFC 1928) and of its user names (RFC 1929) that are used.
const (
	socksVersion  = 5
	socksNoAuth   = 0
	socksPassword = 2
	socksConnect  = 1
	socksName     = 3
)

// socksThrough asks a SOCKS5 proxy for a connection. The name goes to the proxy,
// which resolves it, as net/http has it.
func socksThrough(conn net.Conn, user *url.Userinfo, to string) (int, error) {
	host, service, err := net.SplitHostPort(to)
	if err != nil {
		return 0, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || len(host) > 255 {
		return 0, fmt.Errorf("%s cannot be asked of a SOCKS5 proxy", to)
	}
	if status, err := socksGreet(conn, user); status != http.StatusOK {
		return status, err
	}
	ask := append([]byte{socksVersion, socksConnect, 0, socksName, byte(len(host))}, host...)
	if _, err := conn.Write(append(ask, byte(port>>8), byte(port))); err != nil {
		return 0, err
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil || head[0] != socksVersion {
		return 0, notSOCKS(err)
	}
	switch head[1] {
	case 0:
		return http.StatusOK, socksSkip(conn, head[3])
	case 2:
		return http.StatusForbidden, nil
	}
	return 0, socksRefusal(head[1])
}

// socksGreet agrees on who asks. The status is 200 where the proxy is content.
func socksGreet(conn net.Conn, user *url.Userinfo) (int, error) {
	hello := []byte{socksVersion, 1, socksNoAuth}
	if user != nil {
		hello = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	chosen := make([]byte, 2)
	if _, err := conn.Write(hello); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(conn, chosen); err != nil || chosen[0] != socksVersion {
		return 0, notSOCKS(err)
	}
	switch {
	case chosen[1] == socksNoAuth:
		return http.StatusOK, nil
	case chosen[1] != socksPassword || user == nil:
		return http.StatusProxyAuthRequired, nil
	}
	name := user.Username()
	password, _ := user.Password()
	if len(name) > 255 || len(password) > 255 {
		return 0, errors.New("its user name and password have at most 255 bytes each")
	}
	said := append(append([]byte{1, byte(len(name))}, name...), byte(len(password)))
	if _, err := conn.Write(append(said, password...)); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(conn, chosen); err != nil {
		return 0, notSOCKS(err)
	}
	if chosen[1] != 0 {
		return http.StatusProxyAuthRequired, nil
	}
	return http.StatusOK, nil
}

// socksSkip reads the address that a proxy connects from, which nobody needs.
func socksSkip(conn net.Conn, kind byte) error {
	length := map[byte]int64{1: 4, 4: 16}[kind]
	if kind == socksName {
		size := make([]byte, 1)
		if _, err := io.ReadFull(conn, size); err != nil {
			return notSOCKS(err)
		}
		length = int64(size[0])
	}
	if _, err := io.CopyN(io.Discard, conn, length+2); err != nil {
		return notSOCKS(err)
	}
	return nil
}

// notSOCKS says that an answer is not of the protocol.
func notSOCKS(err error) error {
	if err == nil {
		return errors.New("its answer is not SOCKS5")
	}
	return fmt.Errorf("its answer is not SOCKS5: %w", err)
}

// socksRefusal names a proxy's reply that is not success.
func socksRefusal(reply byte) error {
	words := map[byte]string{
		1: "a failure of its own", 3: "the network cannot be reached from there", 4: "the host cannot be reached from there, or has no such name",
		5: "the host refuses connections", 6: "it took too long", 7: "it does not connect for others", 8: "it does not take names",
	}[reply]
	if words == "" {
		words = "reply " + strconv.Itoa(int(reply))
	}
	return errors.New("it says: " + words)
}
