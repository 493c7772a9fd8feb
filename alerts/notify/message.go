package notify

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amnotify "github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// message is one notification on its way.
type message struct {
	group string
	// made is when it was decided on; flush is its number.
	made  time.Time
	flush uint64
	// news are the states that it is to tell. They do not change any more.
	news  []carried
	tries tries
	// due is when its next attempt is.
	due time.Time
	// readdressed is that the receiver's settings changed during an attempt.
	readdressed bool
	// said is the last failure that was logged.
	said Reason
}

// carried is the state of an alert as a message tells it.
type carried struct {
	e        *entry
	alert    *alert.Alert
	resolved bool
	reminder bool
	since    time.Time
}

// value returns the alert as Alertmanager's templates must see it. They judge
// by the wall clock and by EndsAt whether it has resolved, while it was the
// evaluation that decided: an end still ahead, as firing alerts bear, is taken
// away, and the end of a resolved alert is at now at the latest.
func (c carried) value(now time.Time) *alert.Alert {
	v := *c.alert
	switch {
	case !c.resolved:
		v.EndsAt = time.Time{}
	case v.EndsAt.After(now):
		v.EndsAt = now.In(v.EndsAt.Location())
	}
	return &v
}

// alerts returns what a message says at now, and why it is sent: its news, and
// after them what the receiver was told before and still fires in the group, as
// Alertmanager shows a group whole.
func (b *mailbox) alerts(m *message, now time.Time) ([]*alert.Alert, amnotify.NotifyReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var company []carried
	for _, e := range b.entries {
		if e.group == m.group && e.msg != m && !e.resolved && e.knows != unaware {
			company = append(company, e.snapshot())
		}
	}
	news := slices.Clone(m.news)
	slices.SortFunc(news, func(x, y carried) int { return byLabels(x.alert, y.alert) })
	// There may be thousands of them, and labels are slow to compare.
	slices.SortFunc(company, func(x, y carried) int { return cmp.Compare(x.e.fp, y.e.fp) })
	out := make([]*alert.Alert, 0, len(news)+len(company))
	for _, c := range slices.Concat(news, company) {
		out = append(out, c.value(now))
	}
	return out, why(news, len(company) > 0)
}

// byLabels orders alerts as Alertmanager does.
func byLabels(a, b *alert.Alert) int {
	switch {
	case a.Labels.Before(b.Labels):
		return -1
	case b.Labels.Before(a.Labels):
		return 1
	default:
		return 0
	}
}

// why returns the reason of a notification in Alertmanager's words. company is
// whether the group has alerts that fire and are no news.
func why(news []carried, company bool) amnotify.NotifyReason {
	var fresh, reminders, resolves bool
	for _, c := range news {
		fresh = fresh || !c.resolved && !c.reminder
		reminders = reminders || c.reminder
		resolves = resolves || c.resolved
	}
	switch {
	case fresh && (company || reminders):
		return amnotify.ReasonNewAlertsInGroup
	case fresh:
		return amnotify.ReasonFirstNotification
	case resolves && (company || reminders):
		return amnotify.ReasonNewResolvedAlerts
	case resolves:
		return amnotify.ReasonAllAlertsResolved
	default:
		return amnotify.ReasonRepeatIntervalElapsed
	}
}

// groupLabels returns the labels by which alerts are grouped.
func (m *message) groupLabels() model.LabelSet {
	return model.LabelSet{model.AlertNameLabel: model.LabelValue(m.group)}
}

// groupKey returns the group's name as Alertmanager forms it: the key of the
// route, here the root's, and the labels.
func (m *message) groupKey() string { return "{}:" + m.groupLabels().String() }

// context returns ctx with what Alertmanager's notifiers take from it.
func (m *message) context(ctx context.Context, receiver string, reason amnotify.NotifyReason) context.Context {
	ctx = amnotify.WithReceiverName(ctx, receiver)
	ctx = amnotify.WithGroupLabels(ctx, m.groupLabels())
	ctx = amnotify.WithGroupKey(ctx, m.groupKey())
	ctx = amnotify.WithNow(ctx, m.made)
	ctx = amnotify.WithFlushID(ctx, m.flush)
	return amnotify.WithNotificationReason(ctx, reason)
}
