package hf

import (
	"maps"
	"net/http"
	"net/url"
	"sync"

	"github.com/hfwatch/hfwatch/probe"
)

// maxSheets bounds the targets whose sheets are kept.
const maxSheets = 256

// sheet is what all requests of one target over reused connections have in
// common: a window sends thousands of them. It is never changed once made.
type sheet struct {
	path, contentType, accept string
	url                       *url.URL
	host                      string
	header                    http.Header
	carrier                   *carrier
	secrets                   secrets
	// ownID says that the configuration sets the header of the id itself.
	ownID bool
}

// sheets keeps the sheets of targets, which are never changed once made.
type sheets struct {
	mu  sync.Mutex
	all map[*probe.Target]*sheet
}

// sheet returns the call's: the one of its target where it fits, else a new one.
func (c *Client) sheet(call *probe.Call) (*sheet, error) {
	keep := call.Reuse && call.Header == nil
	if keep {
		c.sheets.mu.Lock()
		s := c.sheets.all[call.Target]
		c.sheets.mu.Unlock()
		if s != nil && s.path == call.Request.Path && s.contentType == call.Request.ContentType && s.accept == call.Request.Accept {
			return s, nil
		}
	}
	e := &call.Target.Endpoint
	u, err := address(e, call.Ask.Model, call.Request.Path)
	if err != nil {
		return nil, err
	}
	h, err := header(call, u, c.userAgent)
	if err != nil {
		return nil, err
	}
	carrier, err := c.carriers.get(e, call.Reuse)
	if err != nil {
		return nil, err
	}
	u.User = nil
	s := &sheet{
		path: call.Request.Path, contentType: call.Request.ContentType, accept: call.Request.Accept,
		url: u, host: h.Get("Host"), header: h, carrier: carrier, secrets: secretsOf(e),
	}
	h.Del("Host")
	s.ownID = h.Get(traceHeader) != call.ID
	if keep {
		c.sheets.put(call.Target, s)
	}
	return s, nil
}

// put keeps a sheet; where there are too many, all others go.
func (s *sheets) put(t *probe.Target, made *sheet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= maxSheets {
		s.all = map[*probe.Target]*sheet{}
	}
	s.all[t] = made
}

// headerOf returns the header of one call: the sheet's with the call's own id.
func (s *sheet) headerOf(call *probe.Call) http.Header {
	h := maps.Clone(s.header)
	if !s.ownID {
		h[traceHeader] = []string{call.ID}
	}
	return h
}
