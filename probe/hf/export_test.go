package hf

import "github.com/hfwatch/hfwatch/probe"

// ByTransport lets calls like this one go through an http.Transport, whose
// connections are kept as well, in place of our own exchange over HTTP/1.1.
func (c *Client) ByTransport(call *probe.Call) error {
	s, err := c.sheet(call)
	if err == nil {
		s.carrier, err = c.carriers.transporting(&call.Target.Endpoint, true)
	}
	return err
}
