package coldstart

import (
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Source is who gave an evidence.
type Source string

// The sources.
const (
	// FromAnswer is an exchange with the model.
	FromAnswer Source = "answer"
	// FromManagement is a reading of the management API.
	FromManagement Source = "management"
	// FromHealth is an exchange with the health route.
	FromHealth Source = "health"
	// FromHub is the Hub's own word on a serverless model: its inference is warm or
	// absent, and the mapping of a provider live, staging or error (huggingface_hub,
	// hf_api.py). What is absent or staging says nothing.
	FromHub Source = "hub"
)

// The states of the management API (huggingface_hub, _inference_endpoints.py).
const (
	ManagedPending      = "pending"
	ManagedInitializing = "initializing"
	ManagedUpdating     = "updating"
	ManagedUpdateFailed = "updateFailed"
	ManagedRunning      = "running"
	ManagedPaused       = "paused"
	ManagedFailed       = "failed"
	ManagedScaledToZero = "scaledToZero"
)

// Reading is what the management API says of an endpoint: its state, and how
// many replicas are ready of how many it wants.
type Reading struct {
	State  string `json:"state"`
	Ready  int    `json:"ready"`
	Target int    `json:"target"`
}

// Asleep reports that no request would be answered and none is on its way to
// be: scaled to zero, or paused.
func (r Reading) Asleep() bool { return r.State == ManagedScaledToZero || r.State == ManagedPaused }

// sign returns what the reading says. Updating keeps its replicas, so that with
// one it is running.
func (r Reading) sign() Sign {
	switch r.State {
	case ManagedScaledToZero, ManagedPaused:
		return SignAsleep
	case ManagedPending, ManagedInitializing:
		return pick(r.Ready > 0, SignRunning, SignLoading)
	case ManagedRunning, ManagedUpdating, ManagedUpdateFailed:
		return pick(r.Ready > 0, SignRunning, SignLoading)
	case ManagedFailed:
		return SignFailing
	}
	return SignNone
}

// Evidence is one thing that was seen of a model.
type Evidence struct {
	Source Source
	// Began is when the request or the reading was begun, At when it was known.
	Began, At time.Time
	// Experiment is set for what an experiment itself did, so that it belongs to
	// its episode.
	Experiment bool

	// Outcome, Latency (service time), FirstToken, Estimate and Queue are an
	// answer's. A timeout that the model's silence caused has its Phase.
	Outcome             probe.Outcome
	Latency, FirstToken probe.Seconds
	Estimate            probe.Seconds
	// Server is the other side's own account of its time: what was not spent
	// there was spent before it, in a proxy that held the request.
	Server probe.Seconds
	// Kind is why an answer was asked for.
	Kind probe.Kind

	// Reading is the management API's.
	Reading Reading
	// Well is what a health route or the Hub says; Failing is the Hub's word that
	// the provider fails its check.
	Well, Failing bool
}

// OfResult returns the evidence that a result is; false where nothing was sent,
// which is evidence of nothing.
func OfResult(r probe.Result) (Evidence, bool) {
	if r.Sent.IsZero() || r.Kind == probe.Drill {
		return Evidence{}, false
	}
	service, _ := r.Service.Get()
	return Evidence{
		Source: FromAnswer, Began: r.Sent, At: r.Sent.Add(service), Outcome: r.Outcome, Latency: r.Service, FirstToken: r.FirstToken,
		Estimate: r.Estimate, Server: r.Server, Kind: r.Kind, Experiment: r.Kind == probe.ColdStart,
	}, true
}

// sign returns what the evidence says, of a model whose usual latency is known
// so well, and which may have fallen asleep before it or not.
func (e Evidence) sign(usual Usual, maySleep bool) Sign {
	switch e.Source {
	case FromManagement:
		return e.Reading.sign()
	case FromHealth:
		return pick(e.Well, SignRunning, SignLoading)
	case FromHub:
		switch {
		case e.Failing:
			return SignFailing
		case e.Well:
			return SignRunning
		}
		return SignNone
	case FromAnswer:
	}
	switch e.Outcome {
	case probe.OK, probe.WrongAnswer, probe.Cached, probe.Filtered, probe.NoAnswer:
		return e.answered(usual, maySleep)
	case probe.Asleep, probe.Paused:
		return SignAsleep
	case probe.Loading:
		return SignLoading
	case probe.Overloaded, probe.ServerError, probe.GatewayTimeout, probe.Timeout, probe.Stalled, probe.StreamError,
		probe.Truncated, probe.InvalidOutput, probe.Reset:
		return SignFailing
	case probe.DNS, probe.Connect, probe.TLS, probe.Gone, probe.Auth, probe.Billing, probe.RateLimited, probe.BadRequest,
		probe.NotSent, probe.Unknown, probe.Canceled, probe.Internal:
		return SignNone
	}
	return SignNone
}

// heldAtLeast is the shortest time that a request is taken to have been held
// for: replicas start in tens of seconds.
const heldAtLeast = 5 * time.Second

// answered tells held, slow and quick answers apart.
func (e Evidence) answered(usual Usual, maySleep bool) Sign {
	took, ok := e.Latency.Get()
	if !ok || e.Outcome == probe.Cached {
		return SignQuick
	}
	outside := took
	if server, ok := e.Server.Get(); ok && server <= took {
		outside -= server
	}
	if maySleep && outside >= heldAtLeast && (!usual.Known() || usual.Cold(took)) {
		return SignHeld
	}
	return pick(usual.Known() && usual.Cold(took), SignSlow, SignQuick)
}

// Valid reports whether the evidence is a valid answer of the model.
func (e Evidence) Valid() bool {
	return e.Source == FromAnswer && (e.Outcome == probe.OK || e.Outcome == probe.WrongAnswer)
}
