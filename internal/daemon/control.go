package daemon

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"github.com/hfwatch/hfwatch/fault"
	"github.com/hfwatch/hfwatch/probe"
)

// controlWithin bounds one dial of the control.
const controlWithin = 5 * time.Second

// run carries out a call and judges it by what other targets show too.
func (d *Daemon) run(ctx context.Context, call probe.Call) probe.Result {
	gaveUp := d.asked(call.Shot)
	return d.runner.RunIn(ctx, call, func(res *probe.Result) probe.Circumstances {
		c := probe.Circumstances{OKBefore: d.memos.okBefore(call.Target.Name, call.ParamsHash), GaveUp: gaveUp}
		if d.accounts.AcceptedElsewhere(*res) {
			res.Outcome = probe.Unknown
			res.Error = "refused, though the same token is accepted elsewhere: " + res.Error
		}
		host, failed := via(&call.Target.Endpoint), fault.ConnectionFailed(*res)
		if failed {
			c.ControlFails = d.controlFails(ctx, &call.Target.Endpoint)
		}
		if failed || res.Status != 0 {
			d.network.Contact(host, !failed, time.Now())
		}
		return c
	})
}

// via returns the host that an endpoint's connections go to.
func via(e *probe.Endpoint) string {
	if e.Proxy != nil {
		return e.Proxy.Host
	}
	return e.URL.Host
}

// controlFails reports whether the network is to blame for a connection to an
// endpoint that failed: more other hosts failed in the last moments than could
// be reached or, where nothing is known of others, the control cannot be
// reached either. Behind a proxy the control, which is dialled directly, says
// nothing.
func (d *Daemon) controlFails(ctx context.Context, e *probe.Endpoint) bool {
	d.controlling.Lock()
	defer d.controlling.Unlock()
	own := via(e)
	if reached, failed := d.network.Others(own, time.Now()); reached != failed {
		return failed > reached
	}
	control := d.controlFor(e.URL.Host)
	if control == nil || e.Proxy != nil || ctx.Err() != nil {
		return false
	}
	err := d.dialControl(ctx, control)
	d.exporter.ControlDialled(err == nil)
	d.network.Contact(control.Host, err == nil, time.Now())
	if err != nil {
		d.logger.Warn("the control cannot be reached either", "control", control.Host, "err", err)
	}
	return err != nil
}

// controlFor returns the control for a target's host: the configured one, or
// the router where the target is the control itself; nil where there is none.
func (d *Daemon) controlFor(host string) *url.URL {
	cfg := d.now.Load().cfg
	switch {
	case cfg.Control == nil:
		return nil
	case cfg.Control.Host != host:
		return cfg.Control
	case cfg.Hub.URL != nil && cfg.Hub.URL.Host != host:
		return cfg.Hub.URL
	}
	return nil
}

// dialControl makes one connection to the control, over https with its
// handshake, and closes it.
func (d *Daemon) dialControl(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	dial := d.opts.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme != "https" {
		return nil
	}
	return tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}).HandshakeContext(ctx)
}
