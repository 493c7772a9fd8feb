package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// maxAdminBody bounds the body of an admin request, in bytes.
const maxAdminBody = 1 << 20

// adminMux returns the routes by which a running server is read and changed:
//
//	GET  /_sim/scenario       the scenario as it stands now
//	GET  /_sim/faults         the kinds of faults, bad shapes and envelopes
//	GET  /_sim/truth          the ground-truth log, one JSON object a line;
//	                          ?model=NAME and ?after=SEQUENCE narrow it
//	GET  /_sim/cold           every change of phase and replicas of models that
//	                          sleep; ?model=NAME narrows it
//	GET  /_sim/listeners      what each listener is and did so far
//	GET  /_sim/authority      the certificate, in PEM, that signs theirs
//	POST /_sim/models/{name}  a JSON object of behaviour to change
//	POST /_sim/listeners/{name}
//	                          a JSON object of a listener's transport to change
//	POST /_sim/account        a JSON object that replaces the account
//	POST /_sim/reset          back to the scenario as given
func (s *Server) adminMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/scenario", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Scenario()) })
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"kinds": FaultKinds(), "bad_shapes": BadShapes(), "envelopes": Envelopes(), "listeners": TransportFaults()})
	})
	mux.HandleFunc("GET /_sim/truth", s.adminTruth)
	mux.HandleFunc("GET /_sim/cold", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, s.ColdTruth(r.URL.Query().Get("model")))
	})
	mux.HandleFunc("GET /_sim/listeners", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Listeners()) })
	mux.HandleFunc("GET /_sim/authority", func(w http.ResponseWriter, r *http.Request) {
		if s.Authority() == nil {
			http.Error(w, "the scenario has no listeners", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/x-pem-file")
		// Where the client has left there is nobody to tell.
		_, _ = w.Write(s.Authority())
	})
	mux.HandleFunc("POST /_sim/listeners/{name}", changing(func(r *http.Request, body []byte) error {
		return s.PatchListener(r.PathValue("name"), body)
	}))
	mux.HandleFunc("POST /_sim/models/{name}", changing(func(r *http.Request, body []byte) error {
		return s.Patch(r.PathValue("name"), body)
	}))
	mux.HandleFunc("POST /_sim/account", changing(func(_ *http.Request, body []byte) error {
		var account Account
		if err := decodeStrict(body, &account, "account"); err != nil {
			return err
		}
		return s.SetAccount(account)
	}))
	mux.HandleFunc("POST /_sim/reset", changing(func(*http.Request, []byte) error {
		s.Reset()
		return nil
	}))
	return mux
}

// changing wraps a change in what all changes share: a page in a browser may
// not make them, bodies are bounded, a refusal is 400 with its reason.
func changing(change func(r *http.Request, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "requests from web pages are refused", http.StatusForbidden)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
		if err != nil {
			http.Error(w, fmt.Sprintf("body: %v", err), http.StatusBadRequest)
			return
		}
		if err := change(r, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// adminTruth writes the ground-truth log.
func (s *Server) adminTruth(w http.ResponseWriter, r *http.Request) {
	model, after := r.URL.Query().Get("model"), uint64(0)
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			http.Error(w, "after: want a sequence number", http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, rec := range s.Truth() {
		if rec.Sequence <= after || (model != "" && rec.Model != model) {
			continue
		}
		if enc.Encode(rec) != nil {
			return
		}
	}
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	// Where the client has left there is nobody to tell.
	_ = enc.Encode(v)
}
