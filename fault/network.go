package fault

import (
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

const (
	// fresh is how long what one host showed says something of the network.
	fresh = 20 * time.Second
	// recent is how long a target's last result says something of the location.
	recent = 15 * time.Minute
)

// Network remembers whether connections could be made of late. The zero value
// is ready to use.
type Network struct {
	mu    sync.Mutex
	hosts map[string]contact
	// targets is whether the last result of each was put down to the network.
	targets map[string]contact
}

// contact is whether something worked, and when.
type contact struct {
	at time.Time
	ok bool
}

// ConnectionFailed reports whether a result is one that a dead network could
// have caused: its name, connection or handshake failed, or it was reset before
// any answer.
func ConnectionFailed(res probe.Result) bool {
	switch res.Outcome {
	case probe.DNS, probe.Connect, probe.TLS:
		return true
	case probe.Reset:
		return res.FirstByte.IsZero()
	case probe.Timeout:
		return res.Phase == probe.PhaseProxy || res.Phase == probe.PhaseDNS || res.Phase == probe.PhaseConnect || res.Phase == probe.PhaseTLS
	default:
		return false
	}
}

// Contact notes whether a connection to a host could be made.
func (n *Network) Contact(host string, ok bool, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]contact{}
	}
	for name, c := range n.hosts {
		if at.Sub(c.at) > recent {
			delete(n.hosts, name)
		}
	}
	n.hosts[host] = contact{at, ok}
}

// Others returns how many other hosts than the one given could be reached in
// the last moments, and how many could not.
func (n *Network) Others(host string, now time.Time) (reached, failed int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, c := range n.hosts {
		switch {
		case name == host || now.Sub(c.at) > fresh:
		case c.ok:
			reached++
		default:
			failed++
		}
	}
	return reached, failed
}

// Record notes a judged result of a target.
func (n *Network) Record(res probe.Result, at time.Time) {
	if res.Outcome == probe.Canceled || res.Outcome == probe.Internal || res.Outcome == probe.NotSent {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.targets == nil {
		n.targets = map[string]contact{}
	}
	n.targets[res.Target] = contact{at, res.Fault != probe.FaultNetwork}
}

// Keep forgets every target for which keep is false.
func (n *Network) Keep(keep func(target string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.targets {
		if !keep(name) {
			delete(n.targets, name)
		}
	}
}

// Down reports whether more than half of the targets that had a result of late
// failed last because of the network.
func (n *Network) Down(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all, failed := 0, 0
	for _, c := range n.targets {
		if now.Sub(c.at) > recent {
			continue
		}
		all++
		if !c.ok {
			failed++
		}
	}
	return failed*2 > all
}
