package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Identity is whose the token is and what it may do. (huggingface_hub,
// hf_api.py, whoami: GET /api/whoami-v2.)
type Identity struct {
	Name string
	// Kind is "user" or "org".
	Kind string
	Orgs []string
	// Role is "read", "write" or "fineGrained"; empty where the Hub does not say.
	Role string
	// TokenName is what its owner called the token.
	TokenName string
	// Scopes are the permissions of a fine-grained token, sorted, for the user
	// and all organisations together.
	Scopes []string
}

// MayInfer reports whether the token may call the inference providers, as far
// as the Hub says: read and write tokens may, a fine-grained one needs
// inference.serverless.write. Absent is not known. Only a call shows it.
func (i Identity) MayInfer() probe.Opt[bool] {
	switch i.Role {
	case "read", "write":
		return probe.Some(true)
	case "fineGrained":
		return probe.Some(slices.Contains(i.Scopes, "inference.serverless.write"))
	}
	return probe.Opt[bool]{}
}

// WhoAmI returns whose the token is. date is the Hub's clock, zero where it did
// not say.
func (c *Client) WhoAmI(ctx context.Context) (id Identity, date time.Time, err error) {
	if c.token.IsZero() {
		return Identity{}, time.Time{}, errors.New("there is no hub token; set hub.token or hub.token_file")
	}
	reply, err := c.Do(ctx, Request{Base: c.api, Path: "/api/whoami-v2"})
	date = dateOf(reply)
	if err != nil {
		return Identity{}, date, err
	}
	id, err = ParseIdentity(reply.Body)
	if err != nil {
		return Identity{}, date, fmt.Errorf("whose the token is: %w", err)
	}
	return id, date, nil
}

// dateOf returns an answer's Date header.
func dateOf(r Reply) time.Time {
	for _, layout := range []string{time.RFC1123, "Mon, 02 Jan 2006 15:04:05 GMT"} {
		if at, err := time.Parse(layout, r.Header.Get("Date")); err == nil {
			return at
		}
	}
	return time.Time{}
}

// ParseIdentity reads the Hub's answer to who this is.
func ParseIdentity(body []byte) (Identity, error) {
	type scoped struct {
		Permissions list[text] `json:"permissions"`
	}
	var raw struct {
		Name text                      `json:"name"`
		Type text                      `json:"type"`
		Orgs list[struct{ Name text }] `json:"orgs"`
		Auth struct {
			AccessToken struct {
				DisplayName text `json:"displayName"`
				Role        text `json:"role"`
				FineGrained struct {
					Global list[text]   `json:"global"`
					Scoped list[scoped] `json:"scoped"`
				} `json:"fineGrained"`
			} `json:"accessToken"`
		} `json:"auth"`
	}
	if err := decode(body, &raw); err != nil {
		return Identity{}, err
	}
	if raw.Name == "" {
		return Identity{}, errors.New("the answer names nobody")
	}
	token := raw.Auth.AccessToken
	id := Identity{Name: string(raw.Name), Kind: string(raw.Type), Role: string(token.Role), TokenName: string(token.DisplayName)}
	for _, o := range raw.Orgs {
		if o.Name != "" {
			id.Orgs = append(id.Orgs, string(o.Name))
		}
	}
	id.Scopes = texts(token.FineGrained.Global)
	for _, s := range token.FineGrained.Scoped {
		id.Scopes = append(id.Scopes, texts(s.Permissions)...)
	}
	slices.Sort(id.Scopes)
	id.Scopes = slices.Compact(id.Scopes)
	return id, nil
}
