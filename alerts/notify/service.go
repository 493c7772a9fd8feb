package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	amnotify "github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/notify/email"
	"github.com/prometheus/alertmanager/notify/msteamsv2"
	"github.com/prometheus/alertmanager/notify/pagerduty"
	"github.com/prometheus/alertmanager/notify/slack"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"

	"github.com/hfwatch/hfwatch/probe"
)

// pagerDutyURL is where PagerDuty takes events of its API version 2.
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// hangingMost bounds the attempts of one receiver that have passed their time
// and not ended: Alertmanager's e-mail does not end with its context.
const hangingMost = 4

// service is one of Alertmanager's own notifiers, with a bound on its time and
// on what its errors show.
type service struct {
	name      string
	kind      Kind
	inner     amnotify.Notifier
	hide      *redactor
	opts      Options
	maxAlerts int
	hanging   chan struct{}
}

// newService returns a notifier for an account with a service. Its errors show
// no secret.
func newService(name string, s Service, o Options) (*service, error) {
	o = o.withDefaults()
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		return nil, err
	}
	tmpl.ExternalURL = o.ExternalURL
	u, err := s.hook()
	if err != nil {
		return nil, err
	}
	out := &service{
		name: name, kind: s.Kind, opts: o, maxAlerts: o.MaxAlerts, hide: newRedactor(u, s.Key), hanging: make(chan struct{}, hangingMost),
	}
	// What they log repeats their errors, addresses included.
	quiet := slog.New(slog.DiscardHandler)
	client := &commoncfg.HTTPClientConfig{FollowRedirects: false}
	dial := commoncfg.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		return o.Dial(ctx, network, address)
	})
	resolves := amcommoncfg.NotifierConfig{VSendResolved: true}
	switch s.Kind {
	case Slack:
		c := config.DefaultSlackConfig
		c.NotifierConfig, c.HTTPConfig, c.Channel = resolves, client, s.Channel
		c.APIURL = &amcommoncfg.SecretURL{URL: u}
		c.Text = `{{ range .Alerts }}*{{ .Status }}* {{ .Annotations.summary }}{{ with .Annotations.evidence }}: {{ . }}{{ end }}` +
			`{{ with .Annotations.runbook_url }} <{{ . }}|runbook>{{ end }}` + "\n{{ end }}"
		out.inner, err = slack.New(&c, tmpl, quiet, dial)
	case MSTeams:
		c := msteamsv2.DefaultMSTeamsV2Config
		c.NotifierConfig, c.HTTPConfig = resolves, client
		c.WebhookURL = &amcommoncfg.SecretURL{URL: u}
		out.inner, err = msteamsv2.New(&c, tmpl, quiet, dial)
	case PagerDuty:
		c := pagerduty.DefaultPagerdutyConfig
		c.NotifierConfig, c.HTTPConfig, c.Details = resolves, client, pagerduty.DefaultPagerdutyDetails
		c.RoutingKey, c.URL = commoncfg.Secret(s.Key.Reveal()), &amcommoncfg.URL{URL: u}
		c.Severity = `{{ if .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}`
		out.inner, err = pagerduty.New(&c, tmpl, quiet, dial)
	case Email:
		out.inner, err = newEmail(s, tmpl, quiet)
	default:
		err = fmt.Errorf("there is no service %q", s.Kind)
	}
	if err != nil {
		return nil, errors.New(out.hide.text(err.Error()))
	}
	return out, nil
}

// hook returns the address of the service.
func (s Service) hook() (*url.URL, error) {
	text := s.URL.Reveal()
	switch {
	case s.Kind == Email:
		return &url.URL{}, nil
	case s.Kind == PagerDuty && text == "":
		text = pagerDutyURL
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The error of package net/url quotes the address.
		return nil, fmt.Errorf("%s.url: not an http or https address", s.Kind)
	}
	return u, nil
}

// newEmail returns Alertmanager's e-mail.
func newEmail(s Service, tmpl *template.Template, l *slog.Logger) (amnotify.Notifier, error) {
	host, port, err := net.SplitHostPort(s.Smarthost)
	if err != nil {
		return nil, fmt.Errorf("email.smarthost: %w; write host:587", err)
	}
	c := config.DefaultEmailConfig
	secure := !s.Plain
	c.NotifierConfig = amcommoncfg.NotifierConfig{VSendResolved: true}
	c.To, c.From, c.Smarthost = strings.Join(s.To, ", "), s.From, config.HostPort{Host: host, Port: port}
	c.AuthUsername, c.AuthPassword = s.Username, commoncfg.Secret(s.Key.Reveal())
	c.RequireTLS, c.TLSConfig, c.Headers = &secure, &commoncfg.TLSConfig{}, map[string]string{}
	c.Text = `{{ range .Alerts }}[{{ .Status }}] {{ .Annotations.summary }}` + "\n" +
		`{{ range .Annotations.SortedPairs }}  {{ .Name }}: {{ .Value }}` + "\n{{ end }}{{ end }}"
	return email.New(&c, tmpl, l), nil
}

// Notify sends one message, and returns whether it may succeed if tried again,
// and why it failed: a *DeliveryError. It returns within the time of an
// attempt, whatever the library below does.
func (s *service) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	select {
	case s.hanging <- struct{}{}:
	default:
		return true, s.failure(Timeout, "earlier attempts still hang")
	}
	attempt, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	type answer struct {
		again bool
		err   error
	}
	came := make(chan answer, 1)
	go func() {
		defer func() { <-s.hanging }()
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a = answer{false, s.failure(Internal, fmt.Sprintf("panic of type %T", p))}
			}
			came <- a
		}()
		a.again, a.err = s.inner.Notify(attempt, alerts[:min(len(alerts), s.maxAlerts)]...)
	}()
	var a answer
	select {
	case a = <-came:
	case <-attempt.Done():
		a = answer{true, attempt.Err()}
	}
	if a.err == nil {
		return false, nil
	}
	reason, again := s.judge(ctx, attempt, a.again, a.err)
	return again, s.failure(reason, s.hide.cause(a.err))
}

// judge returns why an attempt failed and whether to try again. A refusal for a
// rate passes, whatever the library says of it.
func (s *service) judge(ctx, attempt context.Context, again bool, err error) (Reason, bool) {
	if own, ok := errors.AsType[*DeliveryError](err); ok {
		return own.Reason, again
	}
	if ctx.Err() != nil {
		return Canceled, true
	}
	if attempt.Err() != nil {
		return Timeout, true
	}
	if e, ok := errors.AsType[*amnotify.ErrorWithReason](err); ok {
		switch e.Reason {
		case amnotify.RateLimitedReason:
			return RateLimited, true
		case amnotify.AuthErrorReason:
			return AuthError, again
		case amnotify.ClientErrorReason:
			return ClientError, again
		case amnotify.ServerErrorReason:
			return ServerError, true
		default:
			// The rest is told from the error itself.
		}
	}
	switch {
	case again:
		return Network, true
	case strings.Contains(err.Error(), "status code 3"):
		return Redirect, false
	default:
		return ClientError, false
	}
}

// failure returns an error of this receiver.
func (s *service) failure(reason Reason, text string) *DeliveryError {
	return &DeliveryError{Reason: reason, text: fmt.Sprintf("%s %s: %s", s.kind, s.name, s.hide.text(text))}
}

var _ amnotify.Notifier = (*service)(nil)

// secrets returns the texts of secrets.
func secrets(list []probe.Secret) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Reveal())
	}
	return out
}
