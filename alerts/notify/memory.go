package notify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// Store keeps values by key where a kill -9 does not lose them. Put returns at
// once, and a value of nil deletes its key. Flush returns when what was put is
// safe.
type Store interface {
	All(prefix string) map[string]json.RawMessage
	Put(key string, value json.RawMessage) error
	Flush(ctx context.Context) error
}

const (
	// toldPrefix and addressPrefix stand before keys of the store, and the
	// receiver's name, quoted, follows.
	toldPrefix    = "told/"
	addressPrefix = "receiver/"
	saltKey       = "salt"
	// flushWithin is how long a page waits to be noted before it is sent. A disk
	// that hangs costs a page a second and not its delivery.
	flushWithin = time.Second
)

// nowhere is the Store where none was given.
type nowhere struct{}

func (nowhere) All(string) map[string]json.RawMessage { return nil }
func (nowhere) Put(string, json.RawMessage) error     { return nil }
func (nowhere) Flush(context.Context) error           { return nil }

// note is what a store holds of an entry: what the receiver knows, and what it
// is owed.
type note struct {
	Labels       model.LabelSet `json:"labels"`
	Annotations  model.LabelSet `json:"annotations,omitempty"`
	StartsAt     time.Time      `json:"starts_at"`
	EndsAt       time.Time      `json:"ends_at,omitzero"`
	GeneratorURL string         `json:"generator_url,omitempty"`
	Resolved     bool           `json:"resolved,omitempty"`
	// Told is that it was told that the alert fires, or may have been.
	Told    knowledge `json:"told,omitempty"`
	Pending bool      `json:"pending,omitempty"`
	// Since is since when the state was to be told, ToldAt when it last was.
	Since  time.Time `json:"since,omitzero"`
	ToldAt time.Time `json:"told_at,omitzero"`
}

// kept is the part of an entry whose change makes it be noted anew.
type kept struct {
	worth, resolved, pending bool
	knows                    knowledge
	told, since              time.Time
}

// keep returns what of the entry is to be noted. A message that is about to be
// attempted is as good as told: should the end come meanwhile, nobody would
// know whether it was.
func (e *entry) keep() kept {
	k := kept{resolved: e.resolved, pending: e.pending || e.msg != nil, knows: e.knows, told: e.told, since: e.since}
	if e.msg != nil && e.knows == unaware && !e.resolved {
		k.knows = doubtful
	}
	k.worth = k.knows != unaware || e.resolved
	if !k.worth {
		return kept{}
	}
	return k
}

// note makes the store hold the entry as it is now; gone is an entry that was
// forgotten.
func (b *mailbox) note(e *entry, gone bool) {
	k := kept{}
	if !gone {
		k = e.keep()
	}
	if k == e.noted {
		return
	}
	e.noted = k
	key := toldPrefix + quoted(b.receiver) + e.fp.String()
	var text json.RawMessage
	if k.worth {
		text, _ = json.Marshal(note{
			Labels: e.alert.Labels, Annotations: e.alert.Annotations, StartsAt: e.alert.StartsAt, EndsAt: e.alert.EndsAt,
			GeneratorURL: e.alert.GeneratorURL, Resolved: k.resolved, Told: k.knows, Pending: k.pending, Since: k.since, ToldAt: k.told,
		})
	}
	if err := b.opts.Store.Put(key, text); err != nil {
		b.opts.Logger.Error("what a receiver was told cannot be kept over a restart", "receiver", b.receiver, "err", err)
	}
}

// quoted returns a name so that none is the beginning of another.
func quoted(name string) string { return fmt.Sprintf("%q/", name) }

// recall puts into an empty mailbox what the store holds of it. Firing alerts
// are held back until somebody says again that they fire.
func (b *mailbox) recall() {
	for fp, text := range b.opts.Store.All(toldPrefix + quoted(b.receiver)) {
		var n note
		if err := json.Unmarshal(text, &n); err != nil || n.Labels.Fingerprint().String() != fp {
			b.opts.Logger.Warn("what a receiver was told cannot be read and is forgotten", "receiver", b.receiver, "err", err)
			_ = b.opts.Store.Put(toldPrefix+quoted(b.receiver)+fp, nil)
			continue
		}
		a := &alert.Alert{Alert: model.Alert{
			Labels: n.Labels, Annotations: n.Annotations, StartsAt: n.StartsAt, EndsAt: n.EndsAt, GeneratorURL: n.GeneratorURL,
		}}
		e := &entry{
			fp: a.Fingerprint(), group: a.Name(), alert: a, resolved: n.Resolved, held: !n.Resolved, knows: min(max(n.Told, unaware), aware),
			pending: n.Pending, since: n.Since, told: n.ToldAt, recalled: true,
		}
		e.noted = e.keep()
		b.entries[e.fp] = e
		b.index(e)
	}
}

// reconcile resolves what was told before the start and of which nobody has
// spoken since.
func (b *mailbox) reconcile(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if !e.recalled || e.resolved {
			continue
		}
		a := *e.alert
		a.EndsAt = at
		b.resolves(fact{Routed: Routed{Alert: &a}, fp: e.fp, resolved: true}, at)
	}
}

// flush waits until what the mailbox noted is safe, for a bounded time.
func (b *mailbox) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	// Whether or not it could be written, the page is sent; who writes says what
	// is wrong.
	_ = b.opts.Store.Flush(ctx)
}

// addressIs notes the receiver's address, as a hash that says nothing to whoever
// reads the file, and reports whether it was another one before.
func addressIs(s Store, receiver, address string) (moved bool) {
	key := addressPrefix + quoted(receiver)
	sum := hmac.New(sha256.New, salt(s))
	sum.Write([]byte(address))
	now, _ := json.Marshal(hex.EncodeToString(sum.Sum(nil)))
	was, known := s.All(key)[""]
	_ = s.Put(key, now)
	return known && string(was) != string(now)
}

// salt returns the store's own secret, and makes one where there is none.
func salt(s Store) []byte {
	var text string
	if json.Unmarshal(s.All(saltKey)[""], &text) == nil && len(text) == 64 {
		return []byte(text)
	}
	// It never fails; crypto/rand ends the program instead.
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	text = hex.EncodeToString(random)
	made, _ := json.Marshal(text)
	_ = s.Put(saltKey, made)
	return []byte(text)
}

// forgetReceivers deletes what the store holds of receivers that are not
// configured any more.
func forgetReceivers(s Store, names map[string]bool) {
	for _, prefix := range []string{toldPrefix, addressPrefix, postedPrefix} {
		for rest := range s.All(prefix) {
			known := false
			for name := range names {
				known = known || strings.HasPrefix(rest, quoted(name))
			}
			if !known {
				_ = s.Put(prefix+rest, nil)
			}
		}
	}
}
