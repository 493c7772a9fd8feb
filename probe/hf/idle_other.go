//go:build !unix

package hf

import "net"

// idleCheck cannot look at a waiting connection here.
type idleCheck struct{}

func (idleCheck) of(net.Conn) {}

func (idleCheck) quiet() bool { return true }
