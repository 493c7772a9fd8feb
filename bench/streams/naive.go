package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// naive reads with net/http and looks for nothing but the ends of lines. It
// knows by heart that the first data line is the role and the last two are the
// end, which a monitor has to find out.
func naive(c clientFlags) reader {
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	return func(ctx context.Context, address string, n, tokens int) seen {
		const body = `{"model":"org/name","messages":[{"role":"user","content":"Count."}],"stream":true,"max_tokens":64}`
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			return seen{Error: err.Error()}
		}
		s := seen{}
		if c.stamps {
			s.lags = make([]int64, 0, tokens)
		}
		sent := time.Now()
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return seen{Error: err.Error()}
		}
		defer func() { _ = resp.Body.Close() }()
		s.Sent = sent.UnixNano()
		lines := bufio.NewReader(resp.Body)
		for count := 0; ; {
			line, err := lines.ReadSlice('\n')
			if err == io.EOF {
				if count != tokens+3 {
					s.Error = fmt.Sprintf("stream %d: %d lines of data, want %d", n, count, tokens+3)
				}
				return s
			}
			if err != nil {
				return seen{Error: err.Error()}
			}
			if !bytes.HasPrefix(line, []byte("data:")) {
				continue
			}
			now := time.Now()
			if count++; count == 2 {
				s.First = sent.Add(now.Sub(sent)).UnixNano()
			}
			if c.stamps {
				if at, ok := stamp(line); ok {
					s.lags = append(s.lags, now.UnixNano()-at)
				}
			}
		}
	}
}
