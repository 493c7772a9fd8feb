package config

// remoteWrite checks where series are sent to.
func (c *checker) remoteWrite() {
	first := map[string]spot{}
	for i := range c.raw.RemoteWrite {
		raw := &c.raw.RemoteWrite[i]
		if raw.n == nil {
			continue
		}
		c.unique(raw.where, "remote_write receiver", raw.Name, first)
		if raw.URL == nil {
			c.problem(raw.at("url"), "is missing", "write the whole address, such as http://prometheus:9090/api/v1/write")
			continue
		}
		if !c.web(raw.at("url"), raw.URL) {
			continue
		}
		out := RemoteWrite{Name: raw.Name, URL: raw.URL.u}
		if raw.Auth != nil {
			out.AuthHeader, out.AuthValue, _ = c.credentials(raw.Auth)
		}
		c.cfg.RemoteWrite = append(c.cfg.RemoteWrite, out)
	}
	if len(c.cfg.RemoteWrite) > 0 && !c.cfg.History {
		c.problem(c.raw.at("remote_write"), "needs history, which is off", "turn history on, or remove remote_write")
	}
}
