package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/hfwatch/hfwatch/load"
)

// loadRequest is what is asked of a daemon, loadLine one line of its answer.
type loadRequest struct {
	Name  string `json:"name"`
	Shape Shape  `json:"shape"`
}

type loadLine struct {
	Progress *load.Snapshot `json:"progress,omitempty"`
	Window   *load.Window   `json:"window,omitempty"`
	Error    string         `json:"error,omitempty"`
	// Refused says which error of this package Error is; empty is any other.
	Refused string `json:"refused,omitempty"`
}

// refusals are the errors that whoever asked must be able to tell apart.
func refusals() map[string]error {
	return map[string]error{"no_window": ErrNoWindow, "busy": ErrBusy, "budget": ErrUnaffordable}
}

// lineOf returns the last line of an answer.
func lineOf(w load.Window, err error) loadLine {
	if err == nil {
		return loadLine{Window: &w}
	}
	line := loadLine{Error: err.Error()}
	for name, one := range refusals() {
		if errors.Is(err, one) {
			line.Refused = name
		}
	}
	return line
}

// refusal is an error that another process told, and which one it is.
type refusal struct {
	text string
	is   error
}

// Error returns what the other process said.
func (r refusal) Error() string { return r.text }

// Unwrap returns which error of this package it is, nil for any other.
func (r refusal) Unwrap() error { return r.is }

// loadThrough has the daemon that holds dir carry out the window. Where ctx ends
// the daemon is told, and its record awaited.
func loadThrough(ctx context.Context, dir, name string, s Shape, progress func(load.Snapshot)) (load.Window, error) {
	text, err := json.Marshal(loadRequest{name, s})
	if err != nil {
		return load.Window{}, err
	}
	patient := context.WithoutCancel(ctx)
	body, err := inquire(patient, dir, http.MethodPost, "/load", text)
	if err != nil {
		return load.Window{}, err
	}
	defer func() { _ = body.Close() }()
	tell := context.AfterFunc(ctx, func() {
		stop, cancel := context.WithTimeout(patient, lastWords)
		defer cancel()
		if said, err := inquire(stop, dir, http.MethodPost, "/load/stop?name="+url.QueryEscape(name), nil); err == nil {
			_ = said.Close()
		}
	})
	defer tell()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var line loadLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return load.Window{}, fmt.Errorf("the hfwatch that holds %s: %w", dir, err)
		}
		switch {
		case line.Error != "":
			return load.Window{}, refusal{line.Error, refusals()[line.Refused]}
		case line.Window != nil:
			return *line.Window, nil
		case line.Progress != nil && progress != nil:
			progress(*line.Progress)
		}
	}
	return load.Window{}, fmt.Errorf("the hfwatch that holds %s: %w: %w", dir, ErrCutOff, errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}

// inquire makes a request of the daemon that holds dir, and returns the body of an
// answer that is well.
func inquire(ctx context.Context, dir, method, path string, text []byte) (io.ReadCloser, error) {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, ControlName))
		},
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://hfwatch"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("another hfwatch holds %s and does not answer: %w", dir, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	return nil, fmt.Errorf("the hfwatch that holds %s refuses: %s", dir, bytes.TrimSpace(said))
}

// serveLoad carries out a window and tells of it line by line.
func (d *Daemon) serveLoad(w http.ResponseWriter, r *http.Request) {
	var asked loadRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked); err != nil {
		say(w, http.StatusBadRequest, "400: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	// A reader that stands still must not hold up the engine: it misses views.
	views := make(chan load.Snapshot, 1)
	last := make(chan loadLine, 1)
	ctx := r.Context()
	go func() {
		window, err := d.Load(ctx, asked.Name, asked.Shape, func(s load.Snapshot) {
			select {
			case views <- s:
			default:
			}
		})
		last <- lineOf(window, err)
	}()
	for {
		select {
		case s := <-views:
			_ = encoder.Encode(loadLine{Progress: &s})
			_ = flush.Flush()
		case line := <-last:
			_ = encoder.Encode(line)
			return
		}
	}
}

// serveLoadStop ends the windows of a name that run.
func (d *Daemon) serveLoadStop(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	d.windows.stopAll("a person ended it", func(running string) bool { return running != name })
	say(w, http.StatusOK, "Told.")
}

// serveWindow answers with a recorded window.
func (d *Daemon) serveWindow(w http.ResponseWriter, r *http.Request) {
	if d.records == nil {
		say(w, http.StatusNotFound, "404: history is off.")
		return
	}
	found, err := stored(r.Context(), d.records, d.runner.Location, r.URL.Query().Get("name"), r.URL.Query().Get("id"))
	if err != nil {
		say(w, http.StatusNotFound, "404: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(found)
}
