package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
)

// Endpoint is what the management API says of a dedicated endpoint: what a
// monitor needs of it. Absent is empty or zero. (huggingface_hub,
// _inference_endpoints.py and hf_api.py.)
type Endpoint struct {
	Name string
	// State is pending, initializing, updating, updateFailed, running, paused,
	// failed or scaledToZero, or a word that is new.
	State string
	// Message is the API's own on the state, bounded and on one line.
	Message string
	// Ready and Target are replicas: fewer ready than wanted is scaling up.
	Ready, Target int
	// URL is the address of the endpoint; empty until it is deployed and while it
	// is paused.
	URL string
	// HealthRoute is where its engine tells its health; empty is not known.
	HealthRoute string
	// IdleMinutes is scaleToZeroTimeout; 0 is never, or not known.
	IdleMinutes int
	// MinReplicas and MaxReplicas bound the replicas.
	MinReplicas, MaxReplicas int
}

// rawEndpoint is an endpoint on the wire.
type rawEndpoint struct {
	Name        string `json:"name"`
	HealthRoute string `json:"healthRoute"`
	Compute     struct {
		Scaling struct {
			MinReplica         int      `json:"minReplica"`
			MaxReplica         int      `json:"maxReplica"`
			ScaleToZeroTimeout *float64 `json:"scaleToZeroTimeout"`
		} `json:"scaling"`
	} `json:"compute"`
	Status *struct {
		State         string `json:"state"`
		Message       string `json:"message"`
		URL           string `json:"url"`
		ReadyReplica  int    `json:"readyReplica"`
		TargetReplica int    `json:"targetReplica"`
	} `json:"status"`
}

// Endpoint reads one endpoint. A token that is not zero is sent in place of the
// client's. The error is a *StatusError where the answer is not 2xx.
func (c *Client) Endpoint(ctx context.Context, namespace, name string, token probe.Secret) (Endpoint, error) {
	path, err := endpointPath(namespace, name)
	if err != nil {
		return Endpoint{}, err
	}
	reply, err := c.Do(ctx, Request{Base: c.endpoints, Path: path, Token: token})
	if err != nil {
		return Endpoint{}, err
	}
	e, err := readEndpoint(reply.Body)
	if err != nil {
		return Endpoint{}, fmt.Errorf("endpoint %s/%s: %w", namespace, name, err)
	}
	return e, nil
}

// Endpoints lists those of a namespace.
func (c *Client) Endpoints(ctx context.Context, namespace string, token probe.Secret) ([]Endpoint, error) {
	path, err := endpointPath(namespace, "")
	if err != nil {
		return nil, err
	}
	reply, err := c.Do(ctx, Request{Base: c.endpoints, Path: path, Token: token})
	if err != nil {
		return nil, err
	}
	all, err := readEndpoints(reply.Body)
	if err != nil {
		return nil, fmt.Errorf("endpoints of %s: %w", namespace, err)
	}
	return all, nil
}

// Well asks the health route of the engine at an address and reports whether it
// answered 200; a failing server or gateway, or one that is too busy, is not well.
// The error says why there was no answer, or none that says anything: a redirect, a
// refusal, or nothing at that route.
func (c *Client) Well(ctx context.Context, engine *url.URL, route string, token probe.Secret) (bool, error) {
	if route == "" {
		route = "/health"
	}
	base := *engine
	route = strings.TrimRight(base.Path, "/") + "/" + strings.TrimPrefix(route, "/")
	base.Path, base.RawPath = "", ""
	_, err := c.Do(ctx, Request{Base: &base, Path: route, Token: token})
	var refused *StatusError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusTooManyRequests):
		return false, nil
	default:
		return false, fmt.Errorf("health route: %w", err)
	}
}

// endpointPath returns the path of an endpoint, or of a namespace's list.
func endpointPath(namespace, name string) (string, error) {
	for _, part := range []string{namespace, name} {
		if strings.ContainsAny(part, "/?#%\\") || part == ".." || part == "." {
			return "", fmt.Errorf("endpoint %q/%q: not a name of the management API; write it as in its address", namespace, name)
		}
	}
	if namespace == "" {
		return "", errors.New("endpoint: the namespace is missing")
	}
	path := "/v2/endpoint/" + namespace
	if name != "" {
		path += "/" + name
	}
	return path, nil
}

// readEndpoint reads one endpoint of an answer. One without a state is an
// error, since everything rests on it.
func readEndpoint(body []byte) (Endpoint, error) {
	var raw rawEndpoint
	if err := json.Unmarshal(body, &raw); err != nil {
		return Endpoint{}, fmt.Errorf("not an endpoint in JSON: %w", err)
	}
	state := ""
	if raw.Status != nil {
		state = probe.Clean(raw.Status.State, 64)
	}
	if state == "" {
		return Endpoint{}, errors.New("the answer names no state")
	}
	scaling := raw.Compute.Scaling
	e := Endpoint{
		Name: raw.Name, State: state, Message: probe.Clean(probe.RedactTokens(raw.Status.Message), maxReason),
		Ready: max(0, raw.Status.ReadyReplica), Target: max(0, raw.Status.TargetReplica), URL: raw.Status.URL, HealthRoute: raw.HealthRoute,
		MinReplicas: scaling.MinReplica, MaxReplicas: scaling.MaxReplica,
	}
	if t := scaling.ScaleToZeroTimeout; t != nil && *t > 0 && *t < 1e6 {
		e.IdleMinutes = int(*t)
	}
	return e, nil
}

// readEndpoints reads a list: {"items": [...]}, or the bare list.
func readEndpoints(body []byte) ([]Endpoint, error) {
	var wrapped struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		if json.Unmarshal(body, &wrapped.Items) != nil {
			return nil, fmt.Errorf("not a list of endpoints in JSON: %w", err)
		}
	}
	out := make([]Endpoint, 0, len(wrapped.Items))
	for i, item := range wrapped.Items {
		e, err := readEndpoint(item)
		if err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
		out = append(out, e)
	}
	return out, nil
}
