package hf

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"github.com/hfwatch/hfwatch/probe"
)

// maxSheets bounds the targets whose sheets are kept.
const maxSheets = 256

// sheet is what all requests of one target over reused connections have in
// common: a window sends thousands of them. It is never changed once made.
type sheet struct {
	path, contentType, accept string
	url                       *url.URL
	// addr is what is dialled where there is no proxy.
	addr    string
	header  http.Header
	carrier *carrier
	secrets secrets
	// ownID says that the configuration sets the header of the id itself.
	ownID bool
	// request is what all of them are to net/http, without header and body.
	request *http.Request
	// before and after are the text of the header around the id and the length.
	before, after string
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
		if s != nil && !s.carrier.dropped.Load() && s.path == call.Request.Path && s.contentType == call.Request.ContentType && s.accept == call.Request.Accept {
			return s, nil
		}
	}
	e := &call.Target.Endpoint
	u, err := address(e, call.Ask.Model, call.Ask.Provider, call.Request.Path)
	if err != nil {
		return nil, err
	}
	if call.Request.Query != "" {
		u.RawQuery = call.Request.Query
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
		url: u, addr: hostPort(e), header: h, carrier: carrier, secrets: secretsOf(e),
		request: &http.Request{Method: http.MethodPost, URL: u, Host: h.Get("Host"), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
	}
	h.Del("Host")
	s.ownID = h.Get(traceHeader) != call.ID
	if carrier.pool != nil {
		if err := s.write(); err != nil {
			return nil, err
		}
	}
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

// lengthLine is how net/http writes the length of a request without a body.
const lengthLine = "Content-Length: 0\r\n"

// write fills in the text of the header, as net/http writes it.
func (s *sheet) write() error {
	req := *s.request
	req.Header = s.headerOf(&probe.Call{ID: "0"})
	if !s.ownID {
		req.Header.Del(traceHeader)
	}
	for name, values := range req.Header {
		// net/http's Transport refuses them; its Write leaves them out or mends them.
		if !httpguts.ValidHeaderFieldName(name) || !slices.ContainsFunc(values, httpguts.ValidHeaderFieldValue) {
			return fmt.Errorf("header %q: cannot be sent: its name or value holds what no header may", name)
		}
	}
	var text strings.Builder
	if err := req.Write(&text); err != nil {
		return fmt.Errorf("the request's header: %w", err)
	}
	var ok bool
	if s.before, s.after, ok = strings.Cut(text.String(), "\r\n"+lengthLine); !ok {
		return errors.New("the request's header has no length")
	}
	s.before += "\r\n"
	return nil
}

// head appends the text of one call's header.
func (s *sheet) head(out []byte, call *probe.Call) []byte {
	out = append(out, s.before...)
	if !s.ownID {
		out = append(append(append(out, traceHeader+": "...), call.ID...), "\r\n"...)
	}
	out = strconv.AppendInt(append(out, "Content-Length: "...), int64(len(call.Request.Body)), 10)
	return append(append(out, "\r\n"...), s.after...)
}
