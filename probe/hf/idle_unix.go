//go:build unix

package hf

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// idleCheck looks whether a waiting connection has anything to read.
type idleCheck struct {
	raw  syscall.RawConn
	fds  [1]unix.PollFd
	look func(fd uintptr) bool
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
		c.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN} //nolint:gosec // A descriptor is an int32.
		n, err := unix.Poll(c.fds[:], 0)
		if n != 0 || err != nil {
			c.fds[0].Revents |= unix.POLLIN
		}
		return true
	}
}

// quiet reports that there is nothing to read, nor the end.
func (c *idleCheck) quiet() bool {
	if c.raw == nil {
		return true
	}
	return c.raw.Read(c.look) == nil && c.fds[0].Revents == 0
}
