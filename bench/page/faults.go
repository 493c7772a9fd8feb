package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tooMany is how many bad results in a row after good ones are a breach, and
// how many good ones after it are its end: TargetFailing is 3 of the last 5.
const tooMany = 3

// The ways from a breach to a page.
const (
	alone      = "hfwatch"
	through    = "hfwatch, Alertmanager"
	prometheus = "Prometheus, Alertmanager"
)

// ways returns them in the order of the table.
func ways() []string { return []string{alone, through, prometheus} }

// delay is how long one message took.
type delay struct {
	way      string
	resolved bool
	run      int
	took     time.Duration
}

// target is a model's server that fails or does not, and knows since when that
// is a breach, or the end of one.
type target struct {
	url     string
	failing bool
	row     int
	turned  time.Time
	// told are the ways by which the turn was told.
	told map[string]bool
}

// stage serves the targets and takes the messages.
type stage struct {
	mu      sync.Mutex
	targets []*target
	delays  []delay
	odd     []string
	hook    string
	closers []io.Closer
}

// newStage listens for a number of targets and for messages, on loopback.
func newStage(n int) (*stage, error) {
	s := &stage{}
	for range n {
		t := &target{}
		url, err := s.listen(func(w http.ResponseWriter, _ *http.Request) { s.answer(t, w) })
		if err != nil {
			return nil, err
		}
		t.url = url
		s.targets = append(s.targets, t)
	}
	var err error
	s.hook, err = s.listen(s.take)
	return s, err
}

// listen serves a handler on a port of its own.
func (s *stage) listen(h http.HandlerFunc) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.closers = append(s.closers, server)
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

// close ends all serving.
func (s *stage) close() {
	for _, c := range s.closers {
		_ = c.Close()
	}
}

// answer answers a probe, and notes when it is the one that turns the alert.
func (s *stage) answer(t *target, w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.failing {
		w.WriteHeader(http.StatusInternalServerError)
	}
	if t.row++; t.row == tooMany {
		t.turned = time.Now()
	}
}

// turn makes a target fail or answer well from now on.
func (s *stage) turn(i int, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.targets[i]
	t.failing, t.row, t.turned, t.told = failing, 0, time.Time{}, map[string]bool{}
}

// take takes a message of one of the ways, which its path names.
func (s *stage) take(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var message struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	way := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&message); err != nil {
		s.odd = append(s.odd, fmt.Sprintf("%s: %v", way, err))
		return
	}
	for _, a := range message.Alerts {
		var i int
		if _, err := fmt.Sscanf(a.Labels["target"], "t%d", &i); err != nil || a.Labels["alertname"] != "TargetFailing" || i >= len(s.targets) {
			continue
		}
		t := s.targets[i]
		if firing := a.Status == "firing"; firing != t.failing || t.turned.IsZero() {
			// A message that groups alerts repeats those told before.
			if !t.told[way] && firing != t.failing && t.row > tooMany {
				s.odd = append(s.odd, fmt.Sprintf("%s: t%d is %s after %d answers", way, i, a.Status, t.row))
			}
			continue
		}
		if !t.told[way] {
			t.told[way] = true
			s.delays = append(s.delays, delay{way: way, resolved: !t.failing, took: now.Sub(t.turned)})
		}
	}
}

// told reports whether every way has told of every turn.
func (s *stage) told() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.targets {
		if len(t.told) < len(ways()) {
			return false
		}
	}
	return true
}

// settled reports whether every target has answered often enough since it
// turned for the last five to say only that.
func (s *stage) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.targets {
		if t.row < 5 {
			return false
		}
	}
	return true
}
