package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Stage is how far a contact with a host came.
type Stage string

// The stages, in their order.
const (
	StageDNS     Stage = "dns"
	StageConnect Stage = "connect"
	StageProxy   Stage = "proxy"
	StageTLS     Stage = "tls"
	StageDone    Stage = "done"
)

// Contact is how one host was reached: no request was sent.
type Contact struct {
	// About names it: a host, or a receiver whose address is a secret.
	About string
	// Check is what the finding is of where all went well; receiver, or connect
	// where empty.
	Check string
	// Users are the targets that need it; none where something else does.
	Users []string
	// Proxy is the host and port of the proxy; empty is none. ProxyScheme is http,
	// https or socks5, and ProxyUser is set where it is told a user's name.
	Proxy, ProxyScheme string
	ProxyUser          bool
	// Unseen is set where the proxy was reached, and what is behind it not looked at.
	Unseen bool
	// Failed is the stage at which it ended; StageDone where it did not, and empty
	// where nothing was tried.
	Failed Stage
	Err    error
	// Status is the proxy's, where it answered with another than 200.
	Status int
	TLS    *Chain
	// Hidden is set where not even errors may name the address.
	Hidden bool
}

// Chain is what a host's certificate says of itself.
type Chain struct {
	// Version is the protocol, such as "TLS 1.3".
	Version string
	// Issuer is who signed the first certificate of the chain, Length how many
	// there are.
	Issuer string
	Length int
	From   time.Time
	Until  time.Time
	// Err is why it is not trusted; nil where it is.
	Err error
	// Unchecked is set where the configuration accepts any certificate.
	Unchecked bool
}

// renewWithin is how long before its end a certificate is a warning. Those of
// public authorities are renewed a month before, by machines.
const renewWithin = 14 * 24 * time.Hour

// Reach judges how a host was reached, at the time given. What is wrong names
// the targets that need it.
func Reach(c Contact, now time.Time) []Finding {
	found := reach(c, now)
	for i := range found {
		if found[i].Grade != OK && len(c.Users) > 0 {
			found[i].About += " (for " + few(c.Users) + ")"
		}
	}
	return found
}

// reach is Reach without the targets.
func reach(c Contact, now time.Time) []Finding {
	f := Finding{Check: or(c.Check, "connect"), About: c.About}
	switch c.Failed {
	case StageDNS:
		return []Finding{c.name(f)}
	case StageConnect:
		return []Finding{c.connect(f)}
	case StageProxy:
		return []Finding{c.proxy(f)}
	case StageTLS:
		f.Check, f.Grade = "tls", Problem
		f.Says = "it took the connection and broke off the handshake" + c.because()
		f.Do = "see that it speaks TLS 1.2 or later on this port, and that nothing between takes https apart; an address in plain text begins with http://"
		return []Finding{f}
	case StageDone:
	}
	f.Grade, f.Says = OK, "it can be reached"
	switch {
	case c.Unseen:
		f.Check, f.Says = "proxy", "the "+c.Via()+" can be reached; whether it lets requests through to here only a request shows"
	case c.Proxy != "":
		f.Says = "it can be reached through the " + c.Via()
	}
	if c.TLS == nil {
		return []Finding{f}
	}
	return []Finding{f, certificate(c, now)}
}

// because returns the error in words, where it may be shown.
func (c Contact) because() string {
	if c.Err == nil || c.Hidden {
		return ""
	}
	return ": " + said(c.Err)
}

// name judges a name that did not resolve.
func (c Contact) name(f Finding) Finding {
	f.Check, f.Grade = "dns", Problem
	var dns *net.DNSError
	switch {
	case errors.As(c.Err, &dns) && dns.IsNotFound:
		f.Says, f.Do = "there is no such name", "correct its spelling; if it is right, ask /etc/resolv.conf's servers for it (getent hosts NAME), or use the proxy that your network has"
	case timedOut(c.Err):
		f.Says, f.Do = "no name server answered in time", "see that the servers in /etc/resolv.conf can be reached"
	default:
		f.Says, f.Do = "the name could not be resolved"+c.because(), "see that the servers in /etc/resolv.conf can be reached and answer"
	}
	return f
}

// connect judges a connection that was not made.
func (c Contact) connect(f Finding) Finding {
	f.Check, f.Grade = or(c.Check, "connect"), Problem
	to, through := "it", ""
	if c.Proxy != "" {
		f.Check, to, through = "proxy", "the "+c.Via(), "correct proxy, or see that the proxy runs"
	}
	switch {
	case errors.Is(c.Err, syscall.ECONNREFUSED):
		f.Says, f.Do = to+" refuses connections", or(through, "see that it runs and listens on this port")
	case timedOut(c.Err):
		f.Says, f.Do = to+" does not answer", or(through, "see that a firewall lets this machine out; if your network has a proxy, write proxy under defaults")
	case errors.Is(c.Err, syscall.ENETUNREACH) || errors.Is(c.Err, syscall.EHOSTUNREACH):
		f.Says, f.Do = "there is no route to "+to, "see that this machine is online; if your network has a proxy, write proxy under defaults"
	default:
		f.Says, f.Do = to+" could not be reached"+c.because(), or(through, "see that this machine is online and that the port is right")
	}
	return f
}

// proxy judges a proxy that did not make the connection.
func (c Contact) proxy(f Finding) Finding {
	f.Check, f.Grade = "proxy", Problem
	f.Says = "the " + c.Via() + " did not connect" + c.because()
	switch {
	case c.Status == http.StatusProxyAuthRequired:
		f.Says, f.Do = "the "+c.Via()+" wants credentials", "write the right ones into proxy, as "+or(c.ProxyScheme, "http")+"://user:password@host:port, from a variable"
	case c.Status == http.StatusForbidden:
		f.Says, f.Do = "the "+c.Via()+" does not allow this host", "have it allowed"
	case c.Status != 0:
		f.Says, f.Do = fmt.Sprintf("the %s answers %d in place of connecting", c.Via(), c.Status), "see that it takes CONNECT for this host and port, and can reach it"
	case c.ProxyScheme == "socks5":
		f.Do = "see that it is a SOCKS5 proxy and can reach this host"
	default:
		f.Do = "see that it is an HTTP proxy and can reach this host"
	}
	return f
}

// certificate judges a host's certificate.
func certificate(c Contact, now time.Time) Finding {
	f := Finding{Check: "tls", About: c.About, Grade: Problem}
	t := c.TLS
	left := t.Until.Sub(now)
	ends := t.Until.UTC().Format("2006-01-02")
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case now.After(t.Until):
		f.Says, f.Do = "its certificate ended on "+ends, "have it renewed; if it was, see that the server has read it, and that this machine's clock is right"
	case now.Before(t.From):
		f.Says, f.Do = "its certificate begins on "+t.From.UTC().Format("2006-01-02"), "see that this machine's clock is right"
	case t.Unchecked:
		f.Grade, f.Says = Warning, "any certificate is accepted (tls.insecure_skip_verify), and so the hub's token is not sent there"
		f.Do = "write tls.ca_file with the certificate of its authority instead"
	case errors.As(t.Err, &unknown):
		f.Says = fmt.Sprintf("its certificate is signed by an authority that this machine does not know, %q", probe.Clean(t.Issuer, 80))
		f.Do = "if that is your own or your proxy's, write its certificate to tls.ca_file; if not, somebody may stand between. A container needs ca-certificates"
	case errors.As(t.Err, &name):
		f.Says, f.Do = "its certificate is of another name", "correct the host in url, or write tls.server_name"
		if !c.Hidden {
			f.Says += ": " + said(t.Err)
		}
	case t.Err != nil:
		f.Says, f.Do = "its certificate is not trusted", "have it replaced, or write tls.ca_file"
		if !c.Hidden {
			f.Says += ": " + said(t.Err)
		}
	case left < renewWithin:
		f.Grade, f.Says, f.Do = Warning, fmt.Sprintf("its certificate ends in %s, on %s", several(int(left.Hours()/24), "day"), ends), "have it renewed"
	default:
		f.Grade, f.Says = OK, fmt.Sprintf("%s, signed by %s, until %s", t.Version, probe.Clean(t.Issuer, 80), ends)
	}
	return f
}

// timedOut reports whether an error is of time.
func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}
