package notify

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	amnotify "github.com/prometheus/alertmanager/notify"

	"github.com/hfwatch/hfwatch/probe"
)

// Receiver is one place to which alerts are delivered, in exactly one way.
type Receiver struct {
	// Name identifies the receiver over reloads and restarts.
	Name string
	// Match selects the alerts that go here, but for those that name their
	// receivers themselves.
	Match probe.Match
	// Webhook is an address that takes signed messages.
	Webhook *Webhook
	// Service is a service that Alertmanager knows how to talk to.
	Service *Service
	// Alertmanager is a cluster of these.
	Alertmanager *Alertmanager
}

// Webhook is an address that takes Alertmanager's webhook messages.
type Webhook struct {
	// URL is an http or https address. All of it is a secret.
	URL probe.Secret
	// Secret is the key of the signature; without one messages are not signed.
	Secret probe.Secret
}

// Kind is a service that takes notifications.
type Kind string

// The services.
const (
	Slack     Kind = "slack"
	MSTeams   Kind = "msteams"
	PagerDuty Kind = "pagerduty"
	Email     Kind = "email"
)

// Service is an account with a service.
type Service struct {
	Kind Kind
	// URL is the hook of Slack or Teams, all of it a secret; for PagerDuty where
	// its events go, by default its own address.
	URL probe.Secret
	// Channel is Slack's, where the hook leaves one to choose.
	Channel string
	// Key is PagerDuty's routing key, or the password of the mail server.
	Key probe.Secret
	// To, From, Smarthost (host:port) and Username are those of e-mail.
	To              []string
	From, Smarthost string
	Username        string
	// Plain lets e-mail go out without STARTTLS.
	Plain bool
}

// Alertmanager is a cluster; alerts go to every member of it.
type Alertmanager struct {
	// URLs are the base addresses.
	URLs []*url.URL
	// AuthHeader and AuthValue are sent with each request; without a header
	// nothing is.
	AuthHeader string
	AuthValue  probe.Secret
}

// address returns everything that decides where the receiver's messages go. It
// holds secrets.
func (r Receiver) address() string {
	switch {
	case r.Webhook != nil:
		return "webhook " + r.Webhook.URL.Reveal()
	case r.Service != nil:
		s := r.Service
		to := []string{string(s.Kind), s.URL.Reveal(), s.Channel, s.Smarthost, strings.Join(s.To, ",")}
		if s.Kind == PagerDuty {
			to = append(to, s.Key.Reveal())
		}
		return strings.Join(to, " ")
	case r.Alertmanager != nil:
		var to []string
		for _, u := range r.Alertmanager.URLs {
			to = append(to, u.String())
		}
		return "alertmanager " + strings.Join(to, " ")
	}
	return ""
}

// credentials returns the secrets that a receiver judges messages by.
func (r Receiver) credentials() string {
	switch {
	case r.Webhook != nil:
		return r.Webhook.Secret.Reveal()
	case r.Service != nil:
		return r.Service.From + " " + r.Service.Username + " " + r.Service.Key.Reveal()
	case r.Alertmanager != nil:
		return r.Alertmanager.AuthHeader + " " + r.Alertmanager.AuthValue.Reveal()
	}
	return ""
}

// check returns what is wrong with a list of receivers.
func check(receivers []Receiver) error {
	seen := map[string]bool{}
	for i, r := range receivers {
		where := fmt.Sprintf("notify[%d] %q", i, r.Name)
		ways := 0
		for _, given := range []bool{r.Webhook != nil, r.Service != nil, r.Alertmanager != nil} {
			if given {
				ways++
			}
		}
		switch {
		case r.Name == "":
			return fmt.Errorf("notify[%d]: has no name", i)
		case seen[r.Name]:
			return fmt.Errorf("%s: another receiver has this name", where)
		case ways == 0:
			return fmt.Errorf("%s: says not how to deliver; add a webhook", where)
		case ways > 1:
			return fmt.Errorf("%s: says several ways to deliver; write one receiver for each", where)
		}
		seen[r.Name] = true
	}
	return nil
}

// notifier returns what delivers the receiver's messages.
func (r Receiver) notifier(o Options) (amnotify.Notifier, error) {
	switch {
	case r.Webhook != nil:
		return NewWebhook(r.Name, *r.Webhook, o)
	case r.Service != nil:
		return newService(r.Name, *r.Service, o)
	default:
		return nil, errors.New("is no receiver of messages")
	}
}
