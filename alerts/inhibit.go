package alerts

import (
	"context"
	"log/slog"

	"github.com/prometheus/alertmanager/alert"
	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/provider"
	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/alerts/notify"
)

// inhibitions returns which alerts hold the new pages of others back: a cause
// those of its members. The account's own alerts, and a drill's,
// are held back by nothing.
func inhibitions() []amcommoncfg.InhibitRule {
	is := func(name, value string) *labels.Matcher {
		return must(labels.NewMatcher(labels.MatchEqual, name, value))
	}
	one := func(name string, equal ...string) amcommoncfg.InhibitRule {
		return amcommoncfg.InhibitRule{
			Name: name, SourceMatchers: amcommoncfg.Matchers{is("alertname", name)}, Equal: append(equal, "location"),
			TargetMatchers: amcommoncfg.Matchers{
				must(labels.NewMatcher(labels.MatchNotEqual, "target", "")),
				must(labels.NewMatcher(labels.MatchNotRegexp, "alertname", "AccountBlocked|RateLimited|BudgetNear|BudgetSpent|Drill")),
			},
		}
	}
	causes := func(name, held string, equal ...string) amcommoncfg.InhibitRule {
		r := one(name, equal...)
		r.TargetMatchers = amcommoncfg.Matchers{must(labels.NewMatcher(labels.MatchRegexp, "alertname", held))}
		return r
	}
	return []amcommoncfg.InhibitRule{
		one(vantageDownName), causes(vantageDownName, hostFailing+"|"+providerFailing),
		one(hostFailing, "url_host"), causes(hostFailing, providerFailing, "url_host"),
		one(providerFailing, "url_host", "provider"),
	}
}

// The alerts that hold others back.
const (
	vantageDownName = "VantageDown"
	hostFailing     = "HostFailing"
	providerFailing = "ProviderFailing"
)

// isCause reports whether an alert of that name holds others back.
func isCause(name string) bool {
	return name == vantageDownName || name == hostFailing || name == providerFailing
}

// must returns the matcher of a constant.
func must(m *labels.Matcher, err error) *labels.Matcher {
	if err != nil {
		panic("alerts: inhibition: " + err.Error())
	}
	return m
}

// holdBack mutes the alerts of which another that fires is the cause. Who
// decides is Alertmanager's own inhibitor, made anew over exactly the alerts of
// one evaluation: kept running, it would learn of a cause some time after its
// members.
func holdBack(ctx context.Context, found []notify.Routed) {
	var sources firing
	for _, r := range found {
		if r.Alert.EndsAt.IsZero() && isCause(string(r.Alert.Labels["alertname"])) {
			sources = append(sources, r.Alert)
		}
	}
	if len(sources) == 0 {
		return
	}
	i := inhibit.NewInhibitor(sources, inhibitions(), slog.New(slog.DiscardHandler), eventrecorder.NopRecorder())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.Run()
	}()
	i.WaitForLoading()
	for n, r := range found {
		// Its rules know no end of their own.
		if r.Alert.EndsAt.IsZero() && i.Mutes(ctx, r.Alert.Labels) {
			found[n].Muted = true
		}
	}
	i.Stop()
	<-ended
}

// firing is a provider of alerts that do not change.
type firing []*alert.Alert

var _ provider.Alerts = firing(nil)

// Subscribe returns an iterator over nothing more.
func (f firing) Subscribe(string) provider.AlertIterator {
	return provider.NewAlertIterator(make(chan *provider.Alert), make(chan struct{}), nil)
}

// SlurpAndSubscribe returns the alerts, and an iterator over nothing more.
func (f firing) SlurpAndSubscribe(name string) ([]*alert.Alert, provider.AlertIterator) {
	return f, f.Subscribe(name)
}

// GetPending returns an iterator over nothing.
func (f firing) GetPending() provider.AlertIterator { return f.Subscribe("") }

// Get finds nothing.
func (f firing) Get(model.Fingerprint) (*alert.Alert, error) { return nil, provider.ErrNotFound }

// Put takes nothing.
func (f firing) Put(context.Context, ...*alert.Alert) error { return nil }
