package fakenet

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// SOCKS5 is a proxy by RFC 1928 that connects within its network.
type SOCKS5 struct {
	// Credentials, as "user:word", are asked for (RFC 1929) where they are not empty.
	Credentials string
	// Reply is what it answers in place of connecting; 0 connects.
	Reply byte
}

// ServeSOCKS5 runs a proxy on addr until the test ends. Call it inside the bubble
// whose time it shall share.
func (n *Network) ServeSOCKS5(tb testing.TB, addr string, proxy SOCKS5) {
	tb.Helper()
	l, err := n.Listen(addr)
	if err != nil {
		tb.Fatalf("fakenet: %v", err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				n.socks(tb, conn, proxy)
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
}

// socksClient is one client of a proxy.
type socksClient struct{ net.Conn }

// read returns so many bytes, or nil where they do not come.
func (c socksClient) read(count int) []byte {
	data := make([]byte, count)
	if _, err := io.ReadFull(c, data); err != nil {
		return nil
	}
	return data
}

// counted returns as many bytes as the first one says.
func (c socksClient) counted() []byte {
	if size := c.read(1); size != nil {
		return c.read(int(size[0]))
	}
	return nil
}

// say writes data; a client that has gone is noticed as it is read from.
func (c socksClient) say(data ...byte) { _, _ = c.Write(data) }

// greet agrees on who asks, and reports whether it may.
func (c socksClient) greet(credentials string) bool {
	hello := c.read(1)
	methods := c.counted()
	if hello == nil || hello[0] != 5 || len(methods) == 0 {
		return false
	}
	if credentials == "" {
		c.say(5, 0)
		return true
	}
	if methods[len(methods)-1] != 2 {
		c.say(5, 0xff)
		return false
	}
	c.say(5, 2)
	_ = c.read(1)
	user, word := c.counted(), c.counted()
	if string(user)+":"+string(word) != credentials {
		c.say(1, 1)
		return false
	}
	c.say(1, 0)
	return true
}

// socks speaks with one client, and ends as soon as that says something wrong.
func (n *Network) socks(tb testing.TB, conn net.Conn, proxy SOCKS5) {
	tb.Helper()
	c := socksClient{conn}
	if !c.greet(proxy.Credentials) {
		return
	}
	if head := c.read(4); head == nil || head[1] != 1 || head[3] != 3 {
		return
	}
	host, port := c.counted(), c.read(2)
	if port == nil {
		return
	}
	answer := []byte{5, proxy.Reply, 0, 1, 0, 0, 0, 0, 0, 0}
	if proxy.Reply != 0 {
		c.say(answer...)
		return
	}
	to, err := n.DialContext(tb.Context(), "tcp", net.JoinHostPort(string(host), strconv.Itoa(int(port[0])<<8|int(port[1]))))
	if err != nil {
		answer[1] = 5
		c.say(answer...)
		return
	}
	defer func() { _ = to.Close() }()
	c.say(answer...)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(to, conn)
		_ = to.Close()
	})
	_, _ = io.Copy(conn, to)
	_ = conn.Close()
	back.Wait()
}
