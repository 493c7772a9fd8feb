package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// Managed is a target at a dedicated endpoint, as it is configured.
type Managed struct {
	Target, Namespace, Name string
	// Host is the host of the target's address.
	Host         string
	Idle         time.Duration
	Wake         probe.WakePolicy
	ExpectPaused bool
}

// Endpoint judges what the management API says of a dedicated endpoint. err is
// why it did not say.
func Endpoint(m Managed, e hub.Endpoint, err error) []Finding {
	f := Finding{Check: "endpoint", About: m.Target}
	what := m.Namespace + "/" + m.Name
	page := endpointsPage + "/" + m.Namespace + "/endpoints/" + m.Name
	if err != nil {
		return []Finding{unread(f, what, err)}
	}
	found := []Finding{state(f, m, e, what, page)}
	if own, err := url.Parse(e.URL); err == nil && own.Host != "" && !strings.EqualFold(own.Hostname(), hostname(m.Host)) {
		found = append(found, Finding{
			Check: "endpoint", About: m.Target, Grade: Problem, Says: fmt.Sprintf("%s answers at %s, and url says %s", what, own.Host, m.Host),
			Do: "write the url that " + page + " shows, or correct endpoint.name",
		})
	}
	if idle := time.Duration(e.IdleMinutes) * time.Minute; e.MinReplicas == 0 && idle > 0 && m.Idle > 0 && idle != m.Idle {
		found = append(found, Finding{
			Check: "endpoint", About: m.Target, Grade: Warning, Says: fmt.Sprintf("%s scales to zero after %s, and endpoint.idle says %s", what, minutes(idle), minutes(m.Idle)),
			Do: "write endpoint: {idle: " + minutes(idle) + "}",
		})
	}
	return found
}

// unread judges why the management API said nothing.
func unread(f Finding, what string, err error) Finding {
	var refused *hub.StatusError
	switch {
	case errors.As(err, &refused) && !refused.HTML && refused.Status == http.StatusNotFound:
		f.Grade, f.Says = Problem, "there is no endpoint "+what+": "+said(err)
		f.Do = "correct endpoint.namespace and endpoint.name, or remove the target if the endpoint was deleted"
	case errors.As(err, &refused) && !refused.HTML && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		f.Grade, f.Says = Problem, "the token may not read the endpoint "+what+": "+said(err)
		f.Do = "write a token that may read inference endpoints of its namespace to endpoint.token_file"
	default:
		f.Grade, f.Says = Unknown, "the management API was asked about "+what+" and did not say: "+said(err)
		f.Do = "see the lines about its host, and " + statusPage
	}
	return f
}

// state judges the state of an endpoint that the management API knows.
func state(f Finding, m Managed, e hub.Endpoint, what, page string) Finding {
	why := ""
	if e.Message != "" {
		why = " (" + e.Message + ")"
	}
	switch e.State {
	case "running":
		f.Grade, f.Says = OK, fmt.Sprintf("%s is running, %d of %d replicas ready", what, e.Ready, e.Target)
		if e.Ready < e.Target || e.Ready == 0 {
			f.Grade, f.Do = Warning, "it is scaling up, or a replica does not come up: see its logs at "+page
		}
	case "paused":
		f.Grade, f.Says, f.Do = Problem, what+" is paused"+why, "resume it at "+page+", or write expect_paused: true"
		if m.ExpectPaused {
			f.Grade, f.Says, f.Do = OK, what+" is paused, as expect_paused says", ""
		}
	case "scaledToZero":
		f.Grade, f.Says = OK, fmt.Sprintf("%s sleeps, as wake: %s allows", what, m.Wake)
		if m.Wake == probe.KeepWarm || m.Wake == "" {
			f.Grade, f.Says = Warning, what+" sleeps, though wake: keep_warm is to keep it awake"
			f.Do = "the next probe wakes it; if it falls asleep between probes, probe more often than it scales to zero"
		}
	case "failed", "updateFailed":
		f.Grade, f.Says, f.Do = Problem, fmt.Sprintf("%s is in state %s%s", what, e.State, why), "read its logs and deploy it again at "+page
	case "pending", "initializing", "updating":
		f.Grade, f.Says, f.Do = Warning, fmt.Sprintf("%s is in state %s%s", what, e.State, why), "wait until it runs, or see its logs at "+page
	default:
		f.Grade, f.Says, f.Do = Unknown, fmt.Sprintf("%s is in a state that hfwatch does not know, %s%s", what, e.State, why), "see "+page
	}
	return f
}

// hostname returns a host without its port.
func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }

// minutes returns a duration without units that are zero, as the configuration
// takes it.
func minutes(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
