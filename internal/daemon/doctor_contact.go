package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/doctor"
	"github.com/hfwatch/hfwatch/probe"
)

// reach is one address to be reached.
type reach struct {
	about, check string
	users        []string
	url          *url.URL
	proxy        *url.URL
	tls          probe.TLSOptions
	// hidden is set where the address is a secret.
	hidden bool
	// alertmanager is set for one that is asked whether it is ready, with the
	// header that opens it.
	alertmanager bool
	header       map[string]string
}

// key is the same for what is reached in the same way.
func (r reach) key() string {
	proxy := ""
	if r.proxy != nil {
		proxy = r.proxy.Host
	}
	return fmt.Sprint(r.check, r.about, r.url.Scheme, hostPort(r.url), proxy, r.tls.ServerName, r.tls.Insecure, len(r.tls.CA))
}

// untried returns the contact with an address before anything is tried.
func (r reach) untried() doctor.Contact {
	c := doctor.Contact{About: r.about, Check: r.check, Users: r.users, Hidden: r.hidden}
	if r.proxy != nil {
		c.Proxy, c.ProxyScheme, c.ProxyUser = hostPort(r.proxy), r.proxy.Scheme, r.proxy.User != nil
	}
	return c
}

// hostPort returns the host and port of an address.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	case u.Scheme == "socks5":
		port = "1080"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// addresses returns all that the configuration needs to reach, each once.
func (v *visit) addresses() []reach {
	var all []reach
	seen := map[string]int{}
	add := func(r reach) {
		if i, had := seen[r.key()]; had {
			all[i].users = append(all[i].users, r.users...)
			return
		}
		seen[r.key()] = len(all)
		all = append(all, r)
	}
	managed := false
	for _, m := range v.cfg.Models {
		e := &m.Target.Endpoint
		managed = managed || m.Managed != nil
		add(reach{about: e.URL.Host, users: []string{m.Target.Name}, url: e.URL, proxy: e.Proxy, tls: e.TLS})
	}
	if v.needsHub() {
		add(reach{about: v.cfg.Hub.APIURL.Host, url: v.cfg.Hub.APIURL, proxy: proxyOf(v.cfg)})
	}
	if managed {
		add(reach{about: v.cfg.Hub.EndpointsURL.Host, url: v.cfg.Hub.EndpointsURL, proxy: proxyOf(v.cfg)})
	}
	for _, w := range v.cfg.RemoteWrite {
		add(reach{about: w.Name + " (" + w.URL.Host + ")", check: "receiver", url: w.URL})
	}
	for _, r := range v.cfg.Notify {
		for _, to := range receiverAddresses(r) {
			add(to)
		}
	}
	return all
}

// receiverAddresses returns where a receiver is reached. Nothing is sent to it:
// that would be a page.
func receiverAddresses(r config.Receiver) []reach {
	secret := func(s probe.Secret, scheme string) []reach {
		text := s.Reveal()
		if scheme != "" {
			text = scheme + "://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return nil
		}
		return []reach{{about: r.Name, check: "receiver", url: u, hidden: true}}
	}
	switch {
	case r.Webhook != nil:
		return secret(r.Webhook.URL, "")
	case r.Alertmanager != nil:
		var all []reach
		for _, u := range r.Alertmanager.URLs {
			one := reach{about: r.Name + " (" + u.Host + ")", check: "receiver", url: u, alertmanager: true}
			if r.Alertmanager.AuthHeader != "" {
				one.header = map[string]string{r.Alertmanager.AuthHeader: r.Alertmanager.AuthValue.Reveal()}
			}
			all = append(all, one)
		}
		return all
	case r.Other == nil:
		return nil
	case r.Other.Smarthost != "":
		return secret(probe.NewSecret(r.Other.Smarthost), "smtp")
	case r.Other.URL.IsZero() && r.Other.Kind == "pagerduty":
		return secret(probe.NewSecret("https://events.pagerduty.com"), "")
	}
	return secret(r.Other.URL, "")
}

// contacts reaches every address once, several at a time, and tells of them in
// the order of the configuration.
func (v *visit) contacts(ctx context.Context) {
	all := v.addresses()
	made := make([]doctor.Contact, len(all))
	found := make([]chan []doctor.Finding, len(all))
	slots := make(chan struct{}, 8)
	var running sync.WaitGroup
	for i, r := range all {
		found[i] = make(chan []doctor.Finding, 1)
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			made[i] = v.contact(ctx, r)
			found[i] <- v.judge(ctx, r, made[i])
		})
	}
	for _, c := range found {
		v.tell(<-c...)
	}
	running.Wait()
	v.tell(doctor.Proxies(made)...)
}

// judge says how one address was reached.
func (v *visit) judge(ctx context.Context, r reach, c doctor.Contact) []doctor.Finding {
	if c.Failed != doctor.StageDone {
		v.mu.Lock()
		v.unreached[hostPort(r.url)] = true
		v.mu.Unlock()
	}
	found := doctor.Reach(c, time.Now())
	if !r.alertmanager || c.Failed != doctor.StageDone || (c.TLS != nil && c.TLS.Err != nil) {
		return found
	}
	reply, err := v.plain.Do(ctx, hub.Request{Base: r.url, Path: "/-/ready", Header: r.header})
	v.read(r.url.Host, reply)
	found[0] = doctor.Alertmanager(c.About, err)
	return found
}

// contact resolves, dials, goes through the proxy and shakes hands, and sends no
// request.
func (v *visit) contact(ctx context.Context, r reach) doctor.Contact {
	c := r.untried()
	c.Failed = doctor.StageDone
	ctx, cancel := context.WithTimeout(ctx, 2*controlWithin)
	defer cancel()
	to := hostPort(r.url)
	if r.url.Port() == "" && r.url.Scheme == "smtp" {
		to = net.JoinHostPort(r.url.Hostname(), "25")
	}
	behind := to
	if r.proxy != nil {
		to = hostPort(r.proxy)
	}
	conn, err := v.dial(ctx, to)
	if err != nil {
		c.Failed, c.Err = doctor.StageConnect, err
		var dns *net.DNSError
		if errors.As(err, &dns) {
			c.Failed = doctor.StageDNS
			if c.Proxy != "" {
				c.About = c.Via()
			}
		}
		return c
	}
	defer func(conn net.Conn) { _ = conn.Close() }(conn)
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	if r.proxy != nil {
		// What is not TLS goes to an HTTP proxy as a request, and none is sent here.
		if c.Unseen = r.url.Scheme != "https" && r.proxy.Scheme != "socks5"; c.Unseen {
			return c
		}
		if conn, c.Status, err = v.through(ctx, conn, r.proxy, behind); err != nil || c.Status != http.StatusOK {
			c.Failed, c.Err = doctor.StageProxy, err
			return c
		}
	}
	if r.url.Scheme != "https" {
		return c
	}
	if c.TLS, err = v.shake(ctx, conn, r); err != nil {
		c.Failed, c.Err = doctor.StageTLS, err
	}
	return c
}

// dial makes a connection within its time.
func (v *visit) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	dial := v.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return dial(ctx, "tcp", address)
}

// shake carries out a handshake that takes any certificate, so that one that is
// not trusted can be looked at too, and says whether it is. Nothing is sent over
// the connection.
func (v *visit) shake(ctx context.Context, conn net.Conn, r reach) (*doctor.Chain, error) {
	name := r.url.Hostname()
	if r.tls.ServerName != "" {
		name = r.tls.ServerName
	}
	cfg := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // #nosec G402 -- judged below; nothing is sent
	if len(r.tls.Certificate) > 0 {
		if pair, err := tls.X509KeyPair(r.tls.Certificate, []byte(r.tls.Key.Reveal())); err == nil {
			cfg.Certificates = []tls.Certificate{pair}
		}
	}
	shaken := tls.Client(conn, cfg)
	if err := shaken.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := shaken.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return nil, errors.New("it shows no certificate")
	}
	leaf := state.PeerCertificates[0]
	roots := v.Roots
	if len(r.tls.CA) > 0 {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(r.tls.CA)
	}
	between := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: time.Now()})
	return &doctor.Chain{
		Version: tls.VersionName(state.Version), Issuer: issuerOf(leaf), Length: len(state.PeerCertificates), From: leaf.NotBefore, Until: leaf.NotAfter,
		Err: err, Unchecked: r.tls.Insecure,
	}, nil
}

// issuerOf returns who signed a certificate, in a few words.
func issuerOf(cert *x509.Certificate) string {
	var parts []string
	if len(cert.Issuer.Organization) > 0 {
		parts = append(parts, cert.Issuer.Organization[0])
	}
	if cert.Issuer.CommonName != "" {
		parts = append(parts, cert.Issuer.CommonName)
	}
	if len(parts) == 0 {
		return "nobody named"
	}
	return strings.Join(parts, " ")
}

// proxyOf returns the proxy of the first target behind the router, through which
// the Hub is asked too; nil where there is none.
func proxyOf(cfg *config.Config) *url.URL {
	for _, m := range cfg.Models {
		if m.Target.Endpoint.Route != probe.RouteURL {
			return m.Target.Endpoint.Proxy
		}
	}
	return nil
}

// proxied reports whether any target has a proxy.
func proxied(cfg *config.Config) bool {
	for _, m := range cfg.Models {
		if m.Target.Endpoint.Proxy != nil {
			return true
		}
	}
	return false
}

// parseDate reads a Date header.
func parseDate(text string) (time.Time, error) { return http.ParseTime(text) }
