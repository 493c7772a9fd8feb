package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hfwatch/hfwatch/config"
)

// drillLine is one line of the answer about a drill: a step, or how it ended.
type drillLine struct {
	Step  *DrillStep `json:"step,omitempty"`
	Error string     `json:"error,omitempty"`
	Done  bool       `json:"done,omitempty"`
}

// serveDrill carries out a drill and answers with a line for each step.
func (d *Daemon) serveDrill(w http.ResponseWriter, r *http.Request) {
	timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || timeout <= 0 {
		timeout = 5 * time.Minute
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines, flush := json.NewEncoder(w), http.NewResponseController(w)
	last := drillLine{Done: true}
	err = d.Drill(r.Context(), r.URL.Query().Get("target"), timeout, func(s DrillStep) {
		_ = lines.Encode(drillLine{Step: &s})
		_ = flush.Flush()
	})
	if err != nil {
		last = drillLine{Error: err.Error()}
	}
	_ = lines.Encode(last)
}

// DrillThrough has the daemon of a configuration carry out a drill. Each step is
// told to say. The error says why the page did not arrive.
func DrillThrough(ctx context.Context, cfg *config.Config, target string, timeout time.Duration, say func(DrillStep)) error {
	query := url.Values{"target": {target}, "timeout": {timeout.String()}}
	body, err := inquire(ctx, cfg.Data.Dir, http.MethodPost, "/drill?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		var line drillLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("the hfwatch that holds %s: %w", cfg.Data.Dir, err)
		}
		switch {
		case line.Error != "":
			return errors.New(line.Error)
		case line.Done:
			return nil
		case line.Step != nil:
			say(*line.Step)
		}
	}
	return fmt.Errorf("the hfwatch that holds %s ended before the drill did: %w", cfg.Data.Dir, errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}
