package config

import "net/url"

// control checks the host that tells whose fault a failed connection is.
func (c *checker) control() {
	text, at := c.raw.Control, c.raw.at("control")
	if text == "off" || text == "false" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		// The text is not shown: it may hold credentials.
		c.problem(at, "is not an address", "write one such as https://huggingface.co, or off")
		return
	}
	if c.web(at, &address{u: u}) {
		c.cfg.Control = u
	}
}
