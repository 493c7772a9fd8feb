// Package fakenet is a network in memory, for tests only: buffered connections
// with deadlines, half-close and reset, a name service, refusal, black holes,
// and links whose delays and bandwidth are set. It starts no goroutines and
// waits only on channels and timers, so in a testing/synctest bubble its time
// is exact and a blocked read counts as durably blocked.
//
// It refuses to be a real network: addresses are names of listeners here, and
// nothing leaves the process. All methods may be called from any goroutine.
package fakenet

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Link is what lies between a client and one address.
type Link struct {
	// Lookup is how long the name service takes. It is not asked for addresses
	// that are numbers already.
	Lookup time.Duration
	// Connect is how long a connection takes to be made or refused.
	Connect time.Duration
	// Delay is how long data and closing marks travel, in each direction.
	Delay time.Duration
	// BytesPerSecond limits each direction; 0 is no limit.
	BytesPerSecond int
	// Buffer is how many bytes a direction holds before a write blocks; 0 is
	// 64 KiB.
	Buffer int
	// BlackHole makes connecting take for ever.
	BlackHole bool
	// LookupErr fails the name service. It should be a *net.DNSError; any other
	// is wrapped in one.
	LookupErr error
}

// Network is a set of names, listeners and links.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*Listener
	links     map[string]Link
	addresses map[string]net.IP
	dials     map[string]int
	nextPort  int
}

// New returns an empty network.
func New() *Network {
	return &Network{
		listeners: map[string]*Listener{}, links: map[string]Link{},
		addresses: map[string]net.IP{}, dials: map[string]int{}, nextPort: 40000,
	}
}

// SetLink sets what lies before addr, "host:port" as it is dialled.
// Connections that exist keep their link.
func (n *Network) SetLink(addr string, link Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[addr] = link
}

// Dials returns how often addr was dialled, in vain or not.
func (n *Network) Dials(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[addr]
}

// Listen returns a listener on addr, "host:port". Port 0 picks a free one. The
// host is thereby known to the name service.
func (n *Network) Listen(addr string) (*Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("listen %s: port: %w", addr, err)
	}
	if number == 0 {
		n.nextPort++
		number = n.nextPort
		addr = net.JoinHostPort(host, strconv.Itoa(number))
	}
	if n.listeners[addr] != nil {
		return nil, opError("listen", nil, nil, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	l := &Listener{
		net: n, name: addr, addr: &net.TCPAddr{IP: n.resolve(host), Port: number},
		backlog: make(chan *Conn, 1024), closed: make(chan struct{}),
	}
	n.listeners[addr] = l
	return l, nil
}

// resolve returns the address of host, which it invents from 192.0.2.0/24
// and on at the first asking. The caller holds n.mu.
func (n *Network) resolve(host string) net.IP {
	if ip := net.ParseIP(host); ip != nil {
		return ip
	}
	if host == "localhost" {
		return net.IPv4(127, 0, 0, 1)
	}
	ip, ok := n.addresses[host]
	if !ok {
		count := len(n.addresses) + 1
		ip = net.IPv4(192, 0, byte(2+count/250), byte(count%250+1))
		n.addresses[host] = ip
	}
	return ip
}

// DialContext connects to addr. It calls the hooks for name service and
// connecting of ctx's httptrace.ClientTrace as net.Dialer does. Its errors are
// those that net.Dialer gives: *net.OpError around a *net.DNSError, a refusal,
// a passed deadline or the context's end. Where nobody listens, known names
// refuse and unknown ones are not found.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, opError("dial", nil, nil, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, opError("dial", nil, nil, err)
	}
	n.mu.Lock()
	n.dials[addr]++
	n.nextPort++
	source := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: n.nextPort}
	link := n.links[addr]
	n.mu.Unlock()

	ip, err := n.lookup(ctx, host, link)
	if err != nil {
		return nil, opError("dial", nil, nil, err)
	}
	target := &net.TCPAddr{IP: ip, Port: number}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart(network, target.String())
	}
	conn, err := n.connect(ctx, addr, source, target, link)
	if err != nil {
		err = opError("dial", nil, target, err)
	}
	if trace != nil && trace.ConnectDone != nil {
		trace.ConnectDone(network, target.String(), err)
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// lookup asks the name service.
func (n *Network) lookup(ctx context.Context, host string, link Link) (net.IP, error) {
	if ip := net.ParseIP(host); ip != nil {
		return ip, nil
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.DNSStart != nil {
		trace.DNSStart(httptrace.DNSStartInfo{Host: host})
	}
	ip, err := n.answer(ctx, host, link)
	if trace != nil && trace.DNSDone != nil {
		info := httptrace.DNSDoneInfo{Err: err}
		if err == nil {
			info.Addrs = []net.IPAddr{{IP: ip}}
		}
		trace.DNSDone(info)
	}
	return ip, err
}

// answer is the name service's answer for host, after its time.
func (n *Network) answer(ctx context.Context, host string, link Link) (net.IP, error) {
	if err := wait(ctx, link.Lookup); err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: host, IsTimeout: os.IsTimeout(err), UnwrapErr: err}
	}
	if err := link.LookupErr; err != nil {
		if dns, ok := err.(*net.DNSError); ok { //nolint:errorlint // The contract asks for this very type.
			return nil, dns
		}
		return nil, &net.DNSError{Err: err.Error(), Name: host, UnwrapErr: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for addr := range n.links {
		if known, _, err := net.SplitHostPort(addr); err == nil && known == host {
			return n.resolve(host), nil
		}
	}
	if _, known := n.addresses[host]; !known && host != "localhost" {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return n.resolve(host), nil
}

// connect makes the connection, or says why not.
func (n *Network) connect(ctx context.Context, addr string, source, target *net.TCPAddr, link Link) (*Conn, error) {
	if link.BlackHole {
		<-ctx.Done()
		return nil, contextError(ctx)
	}
	if err := wait(ctx, link.Connect); err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	client, server := pair(source, target, link)
	select {
	case l.backlog <- server:
		return client, nil
	default:
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
}

// wait returns after d, or earlier with the error of ctx as a dialler says it.
func wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextError returns what net.Dialer makes of an ended context: a timeout or
// a cancellation.
func contextError(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded {
		return os.ErrDeadlineExceeded
	}
	return ctx.Err()
}

// opError returns err as package net wraps it.
func opError(op string, source, addr net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: source, Addr: addr, Err: err}
}
