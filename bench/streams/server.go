package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// stampStart stands before the stamp of a token, in the text of the chunk: 19
	// digits, nanoseconds since 1970.
	stampStart = `"content":" `
	stampSize  = 19
	// warmTokens is the length of a stream that is read before the measurement.
	warmTokens = 2

	roleChunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1742565776,"model":"org/name",` +
		`"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	chunkStart = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1742565776,"model":"org/name",` +
		`"choices":[{"index":0,"delta":{` + stampStart
	chunkEnd  = `"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	lastChunk = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1742565776,"model":"org/name",` +
		`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}` + "\n\n" + "data: [DONE]\n\n"
)

// truth is what really happened to one stream, in nanoseconds since 1970.
type truth struct {
	Arrived int64 `json:"arrived"`
	First   int64 `json:"first"`
}

// source serves streams and remembers the truth of each.
type source struct {
	plan   plan
	mu     sync.Mutex
	truths []truth
}

// serve prints its address and serves until ctx ends.
func serve(ctx context.Context, p plan, stdout io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &source{plan: p, truths: make([]truth, p.streams)}
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// routes are POST /streams/{n} for a stream, POST /warm-up/{n} for a very short
// one, and GET /truth for all that is
// known of the last of each number.
func (s *source) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /streams/{n}", s.stream)
	mux.HandleFunc("POST /streams/{n}/v1/chat/completions", s.stream)
	mux.HandleFunc("POST /warm-up/{n}", s.stream)
	mux.HandleFunc("POST /warm-up/{n}/v1/chat/completions", s.stream)
	mux.HandleFunc("GET /truth", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(s.truths)
	})
	return mux
}

// stream writes the role chunk at once, then a token each interval, each
// flushed and with the time just before it was written, and the end.
func (s *source) stream(w http.ResponseWriter, r *http.Request) {
	t := truth{Arrived: time.Now().UnixNano()}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(s.truths) {
		http.Error(w, "no such stream", http.StatusNotFound)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_, _ = io.WriteString(w, roleChunk)
	if out.Flush() != nil {
		return
	}
	start := time.Unix(0, t.Arrived).Add(s.plan.first)
	timer := time.NewTimer(time.Until(start))
	defer timer.Stop()
	tokens := s.plan.tokens
	if strings.HasPrefix(r.URL.Path, "/warm-up/") {
		tokens = warmTokens
	}
	var chunk []byte
	for i := range tokens {
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
		now := time.Now().UnixNano()
		if i == 0 {
			t.First = now
		}
		chunk = append(strconv.AppendInt(append(chunk[:0], chunkStart...), now, 10), chunkEnd...)
		_, _ = w.Write(chunk)
		if out.Flush() != nil {
			return
		}
		timer.Reset(time.Until(start.Add(time.Duration(i+1) * time.Second / time.Duration(s.plan.rate))))
	}
	_, _ = io.WriteString(w, lastChunk)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truths[n] = t
}
