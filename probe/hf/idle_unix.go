//go:build unix

package hf

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// idleCheck looks whether a waiting connection has anything to read.
type idleCheck struct {
	raw  syscall.RawConn
	look func(fd uintptr) bool
	byte [1]byte
	// nothing is what the last look found.
	nothing bool
}

// of prepares the check; one of what is no socket finds it always quiet.
func (c *idleCheck) of(conn net.Conn) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	c.raw = raw
	c.look = func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), c.byte[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		c.nothing = errors.Is(err, unix.EAGAIN)
		return true
	}
}

// quiet reports that there is nothing to read, nor the end.
func (c *idleCheck) quiet() bool {
	if c.raw == nil {
		return true
	}
	return c.raw.Read(c.look) == nil && c.nothing
}
