package config

import (
	"net/url"
	"strings"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/probe"
)

// receivers checks where alerts are sent, and returns the names.
func (c *checker) receivers() []string {
	first := map[string]spot{}
	names := make([]string, 0, len(c.raw.Notify))
	for i := range c.raw.Notify {
		raw := &c.raw.Notify[i]
		if raw.n == nil {
			continue
		}
		c.unique(raw.where, "receiver", raw.Name, first)
		names = append(names, raw.Name)
		var ways []string
		for _, key := range []string{"webhook", "alertmanager", "slack", "pagerduty", "email", "msteams"} {
			if raw.has(key) {
				ways = append(ways, key)
			}
		}
		switch {
		case len(ways) == 0:
			c.problem(raw.here(), "has no way to deliver", "write webhook: {url_file: …}")
		case len(ways) > 1:
			c.problem(raw.at(ways[1]), strings.Join(ways, " and ")+" are given together", "write one receiver for each")
		}
		out := Receiver{Name: raw.Name, Match: c.match(raw.Match, "receiver")}
		if raw.Webhook != nil {
			out.Webhook = c.webhook(raw.Webhook)
		}
		if raw.Alertmanager != nil {
			out.Alertmanager = c.alertmanager(raw.Alertmanager)
		}
		out.Other = c.otherReceiver(raw)
		c.cfg.Notify = append(c.cfg.Notify, out)
	}
	return names
}

// webhook checks a signed webhook.
func (c *checker) webhook(raw *rawWebhook) *notify.Webhook {
	w := &notify.Webhook{URL: c.hookURL(raw.where, raw.URL, raw.URLFile)}
	if raw.has("secret_file") {
		w.Secret = c.secretFile(raw.at("secret_file"), raw.SecretFile)
	}
	if raw.Format != "v4" {
		c.problem(raw.at("format"), "not available yet: the format "+quote(raw.Format), "write v4, or remove format")
	}
	return w
}

// hookURL returns the address of a webhook from url or url_file.
func (c *checker) hookURL(w where, a *address, file string) probe.Secret {
	switch {
	case w.has("url") && w.has("url_file"):
		c.problem(w.at("url_file"), "url and url_file are both given", "keep one")
	case w.has("url"):
		if a != nil && c.hook(w.at("url"), a.u) {
			return probe.NewSecret(a.u.String())
		}
	case w.has("url_file"):
		text := c.secretFile(w.at("url_file"), file)
		if text.IsZero() {
			return text
		}
		var read address
		if what, remedy := read.parse(text.Reveal()); what != "" {
			c.problem(w.at("url_file"), "the file's text "+what, remedy)
			return probe.Secret{}
		}
		if c.hook(w.at("url_file"), read.u) {
			return text
		}
	default:
		c.problem(w.at("url"), "is missing", "write url_file, or url where the address is no secret")
	}
	return probe.Secret{}
}

// hook checks the address of a webhook, of which nothing is shown. Unlike
// others it may hold credentials.
func (c *checker) hook(at spot, u *url.URL) bool {
	if u == nil {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		c.problem(at, "the scheme is not http or https", "write https://host/path")
		return false
	}
	return true
}

// alertmanager checks the members of a cluster.
func (c *checker) alertmanager(raw *rawAlertmanager) *AlertmanagerCluster {
	c.need(FeatureAlertmanager, raw.here(), "write a webhook")
	out := &AlertmanagerCluster{}
	if len(raw.URLs) == 0 && !raw.has("urls") {
		c.problem(raw.at("urls"), "is missing", "write the base address of every member, such as [\"http://127.0.0.1:9093\"]")
	} else if raw.has("urls") && len(raw.URLs) == 0 {
		c.problem(raw.at("urls"), "has no address", "write the base address of every member, such as [\"http://127.0.0.1:9093\"]")
	}
	for i := range raw.URLs {
		if c.web(raw.item("urls", i), &raw.URLs[i]) {
			out.URLs = append(out.URLs, raw.URLs[i].u)
		}
	}
	if raw.Auth != nil {
		out.AuthHeader, out.AuthValue, _ = c.credentials(raw.Auth)
	}
	return out
}

// otherReceiver checks the receivers that are no webhook of ours.
func (c *checker) otherReceiver(raw *rawReceiver) *OtherReceiver {
	switch {
	case raw.Slack != nil:
		c.need(FeatureReceivers, raw.Slack.here(), "write a webhook")
		return &OtherReceiver{Kind: "slack", URL: c.hookURL(raw.Slack.where, raw.Slack.URL, raw.Slack.URLFile), Channel: raw.Slack.Channel}
	case raw.MSTeams != nil:
		c.need(FeatureReceivers, raw.MSTeams.here(), "write a webhook")
		if raw.MSTeams.has("channel") {
			c.problem(raw.MSTeams.at("channel"), "a Teams webhook belongs to one channel", "remove channel")
		}
		return &OtherReceiver{Kind: "msteams", URL: c.hookURL(raw.MSTeams.where, raw.MSTeams.URL, raw.MSTeams.URLFile)}
	case raw.PagerDuty != nil:
		c.need(FeatureReceivers, raw.PagerDuty.here(), "write a webhook")
		return c.pagerDuty(raw.PagerDuty)
	case raw.Email != nil:
		c.need(FeatureReceivers, raw.Email.here(), "write a webhook")
		return c.email(raw.Email)
	default:
		return nil
	}
}

// pagerDuty checks a PagerDuty integration.
func (c *checker) pagerDuty(raw *rawPagerDuty) *OtherReceiver {
	out := &OtherReceiver{Kind: "pagerduty"}
	if raw.has("routing_key_file") {
		out.Key = c.secretFile(raw.at("routing_key_file"), raw.RoutingKeyFile)
	} else {
		c.problem(raw.at("routing_key_file"), "is missing", "name the file that holds the routing key")
	}
	if raw.URL != nil && c.web(raw.at("url"), raw.URL) {
		out.URL = probe.NewSecret(raw.URL.u.String())
	}
	return out
}

// email checks e-mail.
func (c *checker) email(raw *rawEmail) *OtherReceiver {
	out := &OtherReceiver{Kind: "email", To: raw.To, From: raw.From, Smarthost: raw.Smarthost, Username: raw.Username}
	for _, key := range []string{"to", "from", "smarthost"} {
		if !raw.has(key) {
			c.problem(raw.at(key), "is missing", "write it")
		}
	}
	for i, to := range raw.To {
		if !strings.Contains(to, "@") {
			c.problem(raw.item("to", i), quote(to)+" is not an address", "write name@host")
		}
	}
	if raw.has("smarthost") && !strings.Contains(raw.Smarthost, ":") {
		c.problem(raw.at("smarthost"), quote(raw.Smarthost)+" has no port", "write host:587")
	}
	if raw.has("password_file") {
		out.Key = c.secretFile(raw.at("password_file"), raw.PasswordFile)
	}
	return out
}
