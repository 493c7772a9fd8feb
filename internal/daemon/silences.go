package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	prommodel "github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
)

// silenceBody bounds what is read of a silence that is asked for.
const silenceBody = 64 << 10

// silenced reports whether a silence holds back an alert of these labels.
func (d *Daemon) silenced(ctx context.Context, set prommodel.LabelSet) bool {
	return d.silences != nil && len(d.silences.Of(ctx, set)) > 0
}

// silencesOf returns the identities of the silences that hold back an alert of
// these labels.
func (d *Daemon) silencesOf(ctx context.Context, labels map[string]string) []string {
	if d.silences == nil {
		return nil
	}
	var ids []string
	for _, one := range d.silences.Of(ctx, labelSet(labels)) {
		ids = append(ids, one.ID)
	}
	return ids
}

// labelSet returns labels as a set of Alertmanager's.
func labelSet(labels map[string]string) prommodel.LabelSet {
	set := make(prommodel.LabelSet, len(labels))
	for name, value := range labels {
		set[prommodel.LabelName(name)] = prommodel.LabelValue(value)
	}
	return set
}

// refreshSilences forgets what ended long ago, and publishes how many there are.
func (d *Daemon) refreshSilences(ctx context.Context, now time.Time) {
	if d.silences == nil {
		return
	}
	d.silences.Sweep(ctx, now)
	d.exporter.SetSilences(d.silences.Count(ctx))
}

// silencePages adds the silences to the pages, at the addresses and in the form
// of Alertmanager's API of version 2, so that amtool works here too. change opens
// what changes them.
func (d *Daemon) silencePages(mux *http.ServeMux, change bool) {
	set, expire := d.serveSilenceSet, d.serveSilenceExpire
	if !change {
		set, expire = off("--web.enable-lifecycle"), off("--web.enable-lifecycle")
	}
	mux.HandleFunc("GET /api/v2/silences", d.serveSilences)
	mux.HandleFunc("POST /api/v2/silences", set)
	mux.HandleFunc("GET /api/v2/silence/{id}", d.serveSilences)
	mux.HandleFunc("DELETE /api/v2/silence/{id}", expire)
}

// serveSilences answers with all silences, or with the one of an identity.
func (d *Daemon) serveSilences(w http.ResponseWriter, r *http.Request) {
	if d.silences == nil {
		d.noSilences(w)
		return
	}
	all, err := d.silences.List(r.Context())
	if err != nil {
		answer(w, http.StatusInternalServerError, err.Error())
		return
	}
	id := r.PathValue("id")
	if id == "" {
		answer(w, http.StatusOK, all)
		return
	}
	for _, one := range all {
		if one.ID == id {
			answer(w, http.StatusOK, one)
			return
		}
	}
	answer(w, http.StatusNotFound, alerts.ErrNoSilence.Error())
}

// serveSilenceSet adds a silence, or changes one.
func (d *Daemon) serveSilenceSet(w http.ResponseWriter, r *http.Request) {
	if d.silences == nil {
		d.noSilences(w)
		return
	}
	var one alerts.Silence
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, silenceBody)).Decode(&one); err != nil {
		answer(w, http.StatusBadRequest, "the body is not a silence: "+err.Error())
		return
	}
	id, err := d.silences.Set(r.Context(), one)
	if err != nil {
		answer(w, statusOf(err), err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{"silenceID": id})
}

// serveSilenceExpire ends a silence.
func (d *Daemon) serveSilenceExpire(w http.ResponseWriter, r *http.Request) {
	if d.silences == nil {
		d.noSilences(w)
		return
	}
	if err := d.silences.Expire(r.Context(), r.PathValue("id")); err != nil {
		answer(w, statusOf(err), err.Error())
		return
	}
	w.WriteHeader(http.StatusOK)
}

// noSilences says why there are none.
func (d *Daemon) noSilences(w http.ResponseWriter) {
	answer(w, http.StatusNotFound, "alerting is off here; silence the alerts in the Alertmanager that is told of them")
}

// statusOf returns the status of an answer that an error of silences is.
func statusOf(err error) int {
	switch {
	case errors.Is(err, alerts.ErrNoSilence):
		return http.StatusNotFound
	case errors.Is(err, alerts.ErrNotSilence):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// SilenceClient sets silences in the daemon that holds a data directory.
type SilenceClient struct{ dir string }

// NewSilenceClient returns a client of the daemon of a configuration.
func NewSilenceClient(cfg *config.Config) SilenceClient { return SilenceClient{cfg.Data.Dir} }

// ask makes a request and decodes its answer into to, where to is not nil.
func (c SilenceClient) ask(ctx context.Context, method, path string, body, to any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://hfwatch"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := controlClient(c.dir).Do(req)
	if err != nil {
		return fmt.Errorf("no hfwatch runs on %s, or it does not answer: %w", c.dir, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		said := string(bytes.TrimSpace(answer))
		_ = json.Unmarshal(answer, &said)
		return errors.New(said)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(answer, to)
}

// Add adds a silence and returns its identity.
func (c SilenceClient) Add(ctx context.Context, one alerts.Silence) (string, error) {
	var said struct{ SilenceID string }
	err := c.ask(ctx, http.MethodPost, "/api/v2/silences", one, &said)
	return said.SilenceID, err
}

// List returns all silences, those that end last first.
func (c SilenceClient) List(ctx context.Context) ([]alerts.Silence, error) {
	var all []alerts.Silence
	return all, c.ask(ctx, http.MethodGet, "/api/v2/silences", nil, &all)
}

// Expire ends a silence now.
func (c SilenceClient) Expire(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, "/api/v2/silence/"+url.PathEscape(id), nil, nil)
}
