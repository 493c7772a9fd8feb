package notify

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"github.com/hfwatch/hfwatch/probe"
)

// DeadLetters takes what receivers will not be told. Its methods return at once.
type DeadLetters interface {
	// Put takes letters, and how many more were dropped than there was room to
	// remember.
	Put(letters []Letter, more int)
	// Hide names secrets that no letter may show.
	Hide(secrets []probe.Secret)
}

// Letter is an alert of which a receiver will not be told, as it stands in the
// dead-letter file: one JSON object a line.
type Letter struct {
	Time     time.Time  `json:"time"`
	Receiver string     `json:"receiver"`
	Reason   DropReason `json:"reason"`
	// Alert is the state that was not told, in the form that webhooks have.
	Alert LetterAlert `json:"alert"`
}

// LetterAlert is an alert in the form of Alertmanager's webhook, version 4.
type LetterAlert struct {
	Status       string         `json:"status"`
	Labels       model.LabelSet `json:"labels"`
	Annotations  model.LabelSet `json:"annotations"`
	StartsAt     time.Time      `json:"startsAt"`
	EndsAt       time.Time      `json:"endsAt"`
	GeneratorURL string         `json:"generatorURL"`
	Fingerprint  string         `json:"fingerprint"`
}

// letter returns the alert as a letter.
func letter(receiver string, reason DropReason, a *alert.Alert, resolved bool, at time.Time) Letter {
	l := Letter{Time: at.UTC(), Receiver: receiver, Reason: reason, Alert: LetterAlert{
		Status: string(model.AlertFiring), Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt,
		GeneratorURL: a.GeneratorURL, Fingerprint: a.Fingerprint().String(),
	}}
	if resolved {
		l.Alert.Status, l.Alert.EndsAt = string(model.AlertResolved), a.EndsAt
	}
	return l
}

// nobodys is the DeadLetters where none was given.
type nobodys struct{}

func (nobodys) Put([]Letter, int)   {}
func (nobodys) Hide([]probe.Secret) {}

const (
	// lettersMost bounds the letters that one mailbox remembers between two looks.
	lettersMost = 256
	// letterBytes bounds a value of a letter, lineBytes all of one.
	letterBytes = 2 << 10
	lineBytes   = 64 << 10
	// pathBytes is the length from which the path of a hook is looked for by
	// itself: a shorter one is no secret, and a word of any text.
	pathBytes = 16
)

// dead adds a letter to those of the mailbox, whose lock is held. What was muted
// was not for the receiver, and is only counted.
func (b *mailbox) dead(reason DropReason, a *alert.Alert, resolved bool) {
	b.drops[reason]++
	switch {
	case reason == DropMuted || a == nil:
	case len(b.letters) >= lettersMost:
		b.more++
	default:
		b.letters = append(b.letters, letter(b.receiver, reason, a, resolved, time.Now()))
	}
}

// takeLetters returns the letters since it was last asked, and how many more
// there were.
func (b *mailbox) takeLetters() (letters []Letter, more int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	letters, more = b.letters, b.more
	b.letters, b.more = nil, 0
	return letters, more
}

// line returns the letter as a line of the file, without secrets and within its
// bounds: what is too long is cut, and where all of it is too long the
// annotations are left out.
func (l Letter) line(hide *strings.Replacer) ([]byte, error) {
	l.Alert.Labels = bounded(l.Alert.Labels, hide)
	l.Alert.Annotations = bounded(l.Alert.Annotations, hide)
	l.Alert.GeneratorURL = cut(hide.Replace(l.Alert.GeneratorURL))
	text, err := json.Marshal(l)
	if err == nil && len(text) > lineBytes {
		l.Alert.Annotations, l.Alert.GeneratorURL = model.LabelSet{}, ""
		text, err = json.Marshal(l)
	}
	return append(text, '\n'), err
}

// bounded returns a label set with its values cut and without secrets.
func bounded(set model.LabelSet, hide *strings.Replacer) model.LabelSet {
	out := make(model.LabelSet, len(set))
	for name, value := range set {
		out[name] = model.LabelValue(cut(hide.Replace(string(value))))
	}
	return out
}

// cut returns the text within the bound of one value.
func cut(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), letterBytes)], "")
}

// secrets returns what no text may show of a receiver: its keys, and where its
// address is a secret that too, and the path in it.
func (r Receiver) secrets() []probe.Secret {
	var out []probe.Secret
	hook := func(address probe.Secret) {
		out = append(out, address)
		if u, err := url.Parse(address.Reveal()); err == nil && len(u.RequestURI()) >= pathBytes {
			out = append(out, probe.NewSecret(u.RequestURI()))
		}
	}
	switch {
	case r.Webhook != nil:
		hook(r.Webhook.URL)
		out = append(out, r.Webhook.Secret)
	case r.Service != nil:
		hook(r.Service.URL)
		out = append(out, r.Service.Key)
	case r.Alertmanager != nil:
		out = append(out, r.Alertmanager.AuthValue)
		for _, u := range r.Alertmanager.URLs {
			if password, has := u.User.Password(); has {
				out = append(out, probe.NewSecret(password))
			}
		}
	}
	return slices.DeleteFunc(out, func(s probe.Secret) bool { return len(s.Reveal()) < partBytes })
}
