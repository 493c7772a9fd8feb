package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/alertmanager/silence"
	pb "github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// silencePrefix stands before the keys of silences in their store.
	silencePrefix = "silence/"
	// silenceKept is how long a silence is remembered after its end, and
	// silencesMost how many are: Alertmanager's own default, and a bound.
	silenceKept  = 120 * time.Hour
	silencesMost = 1000
	// silenceBytes bounds one silence, silenceLongest how far ahead it may end.
	silenceBytes   = 16 << 10
	silenceLongest = 366 * 24 * time.Hour
	// silenceSweep is how often what ended long ago is forgotten.
	silenceSweep = time.Hour
)

// Errors of silences.
var (
	// ErrNoSilence is that there is no silence of that identity.
	ErrNoSilence = errors.New("there is no such silence, or it has ended")
	// ErrNotSilence is that what was asked for is no silence.
	ErrNotSilence = errors.New("no silence")
)

// SilenceStore is a Store whose Flush returns when what was put is safe.
type SilenceStore interface {
	Store
	Flush(ctx context.Context) error
}

// Silence holds back the pages of alerts that all of its matchers match, from
// its start to its end. Its JSON is that of Alertmanager's API of version 2.
type Silence struct {
	ID        string           `json:"id"`
	Status    SilenceStatus    `json:"status"`
	Matchers  []SilenceMatcher `json:"matchers"`
	StartsAt  time.Time        `json:"startsAt"`
	EndsAt    time.Time        `json:"endsAt"`
	UpdatedAt time.Time        `json:"updatedAt"`
	CreatedBy string           `json:"createdBy"`
	Comment   string           `json:"comment"`
}

// SilenceStatus is where a silence stands: pending, active or expired.
type SilenceStatus struct {
	State string `json:"state"`
}

// SilenceMatcher is one matcher of a silence.
type SilenceMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	// IsEqual is true where it is left out, as in Alertmanager.
	IsEqual *bool `json:"isEqual,omitempty"`
}

// ParseSilenceMatcher returns the matcher that a text in Alertmanager's syntax
// says, such as target="a" or alertname=~"Target.*".
func ParseSilenceMatcher(text string) (SilenceMatcher, error) {
	m, err := labels.ParseMatcher(text)
	if err != nil {
		return SilenceMatcher{}, fmt.Errorf("%q: %w; write for instance target=\"sentiment\"", text, err)
	}
	equal := m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
	return SilenceMatcher{
		Name: m.Name, Value: m.Value, IsEqual: &equal, IsRegex: m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp,
	}, nil
}

// String returns the matcher in Alertmanager's syntax.
func (m SilenceMatcher) String() string {
	op := map[[2]bool]string{{true, false}: "=", {true, true}: "=~", {false, false}: "!=", {false, true}: "!~"}
	return fmt.Sprintf("%s%s%q", m.Name, op[[2]bool{m.equal(), m.IsRegex}], m.Value)
}

// equal reports whether the matcher is a positive one.
func (m SilenceMatcher) equal() bool { return m.IsEqual == nil || *m.IsEqual }

// Silences are the silences of a daemon: Alertmanager's own, with a store that
// keeps them over kill -9. They may be used from several goroutines at once.
type Silences struct {
	inner  *silence.Silences
	store  SilenceStore
	logger *slog.Logger

	mu sync.Mutex
	// stored is what the store holds, by identity.
	stored map[string]string
	swept  time.Time
}

// NewSilences returns the silences that the store holds. What cannot be read is
// logged and forgotten.
func NewSilences(store SilenceStore, l *slog.Logger) (*Silences, error) {
	inner, err := silence.New(silence.Options{
		Retention: silenceKept, Logger: l, Metrics: prometheus.NewRegistry(), EventRecorder: eventrecorder.NopRecorder(),
		Limits: silence.Limits{MaxSilences: func() int { return silencesMost }, MaxSilenceSizeBytes: func() int { return silenceBytes }},
	})
	if err != nil {
		return nil, fmt.Errorf("silences: %w", err)
	}
	s := &Silences{inner: inner, store: store, logger: l, stored: map[string]string{}}
	for id, text := range store.All(silencePrefix) {
		var one Silence
		err := json.Unmarshal(text, &one)
		if err == nil {
			err = s.recall(one)
		}
		if err != nil {
			l.Warn("a stored silence cannot be read and is forgotten", "id", id, "err", err)
			_ = store.Put(silencePrefix+id, nil)
			continue
		}
		s.stored[id] = string(text)
	}
	return s, nil
}

// recall puts back a silence of before the start.
func (s *Silences) recall(one Silence) error {
	inner, err := one.proto()
	if err != nil {
		return err
	}
	inner.Id, inner.UpdatedAt = one.ID, timestamppb.New(one.UpdatedAt)
	var text bytes.Buffer
	_, err = protodelim.MarshalTo(&text, &pb.MeshSilence{Silence: inner, ExpiresAt: timestamppb.New(one.EndsAt.Add(silenceKept))})
	if err != nil {
		return err
	}
	return s.inner.Merge(text.Bytes())
}

// proto returns the silence as Alertmanager's.
func (one Silence) proto() (*pb.Silence, error) {
	out := &pb.Silence{
		StartsAt: timestamppb.New(one.StartsAt), EndsAt: timestamppb.New(one.EndsAt), CreatedBy: one.CreatedBy, Comment: one.Comment,
	}
	if one.StartsAt.IsZero() {
		out.StartsAt = nil
	}
	var set pb.MatcherSet
	for _, m := range one.Matchers {
		kind := map[[2]bool]pb.Matcher_Type{
			{true, false}: pb.Matcher_EQUAL, {true, true}: pb.Matcher_REGEXP, {false, false}: pb.Matcher_NOT_EQUAL, {false, true}: pb.Matcher_NOT_REGEXP,
		}[[2]bool{m.equal(), m.IsRegex}]
		set.Matchers = append(set.Matchers, &pb.Matcher{Type: kind, Name: m.Name, Pattern: m.Value})
	}
	if len(set.Matchers) == 0 {
		return nil, fmt.Errorf("%w: it has no matchers; write for instance target=\"sentiment\"", ErrNotSilence)
	}
	out.MatcherSets = []*pb.MatcherSet{&set}
	return out, nil
}

// of returns Alertmanager's silence as ours.
func of(in *pb.Silence) Silence {
	out := Silence{
		ID: in.GetId(), StartsAt: in.GetStartsAt().AsTime(), EndsAt: in.GetEndsAt().AsTime(), UpdatedAt: in.GetUpdatedAt().AsTime(),
		CreatedBy: in.GetCreatedBy(), Comment: in.GetComment(), Matchers: []SilenceMatcher{},
		Status: SilenceStatus{string(silence.CurrentState(in.GetStartsAt().AsTime(), in.GetEndsAt().AsTime()))},
	}
	for _, set := range in.GetMatcherSets() {
		for _, m := range set.GetMatchers() {
			equal := m.GetType() == pb.Matcher_EQUAL || m.GetType() == pb.Matcher_REGEXP
			regex := m.GetType() == pb.Matcher_REGEXP || m.GetType() == pb.Matcher_NOT_REGEXP
			out.Matchers = append(out.Matchers, SilenceMatcher{Name: m.GetName(), Value: m.GetPattern(), IsRegex: regex, IsEqual: &equal})
		}
	}
	return out
}

// Set adds a silence, or changes the one whose identity it bears, and returns
// its identity once it is safe. An error that wraps ErrNotSilence or
// ErrNoSilence says that nothing has changed; any other, that the silence is in
// force and not on the disk yet.
func (s *Silences) Set(ctx context.Context, one Silence) (string, error) {
	now := time.Now()
	switch {
	case strings.TrimSpace(one.CreatedBy) == "":
		return "", fmt.Errorf("%w: createdBy is empty; say who asks for it", ErrNotSilence)
	case strings.TrimSpace(one.Comment) == "":
		return "", fmt.Errorf("%w: the comment is empty; say why", ErrNotSilence)
	case !one.EndsAt.After(now):
		return "", fmt.Errorf("%w: it ends in the past; a silence needs an end", ErrNotSilence)
	case one.EndsAt.Sub(now) > silenceLongest:
		return "", fmt.Errorf("%w: it ends more than a year ahead; take the alert out instead", ErrNotSilence)
	}
	inner, err := one.proto()
	if err != nil {
		return "", err
	}
	inner.Id = one.ID
	switch err := s.inner.Set(ctx, inner); {
	case errors.Is(err, silence.ErrNotFound):
		return "", ErrNoSilence
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNotSilence, err)
	}
	s.logger.Info("silence set", "id", inner.GetId(), "by", one.CreatedBy, "ends", one.EndsAt.UTC().Format(time.RFC3339), "matchers", fmt.Sprint(one.Matchers))
	return inner.GetId(), s.save(ctx)
}

// Expire ends a silence now. Errors are as of Set.
func (s *Silences) Expire(ctx context.Context, id string) error {
	if err := s.inner.Expire(ctx, id); err != nil {
		return fmt.Errorf("%q: %w", id, ErrNoSilence)
	}
	s.logger.Info("silence expired", "id", id)
	return s.save(ctx)
}

// List returns the silences, those that end last first.
func (s *Silences) List(ctx context.Context) ([]Silence, error) {
	all, _, err := s.inner.Query(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Silence, 0, len(all))
	for _, one := range all {
		out = append(out, of(one))
	}
	slices.SortFunc(out, func(a, b Silence) int {
		if c := b.EndsAt.Compare(a.EndsAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// Count returns how many silences are active and pending.
func (s *Silences) Count(ctx context.Context) (active, pending int) {
	active, _ = s.inner.CountState(ctx, silence.SilenceStateActive)
	pending, _ = s.inner.CountState(ctx, silence.SilenceStatePending)
	return active, pending
}

// Of returns the active silences that hold back an alert of these labels.
func (s *Silences) Of(ctx context.Context, set model.LabelSet) []Silence {
	found, _, err := s.inner.Query(ctx, silence.QState(silence.SilenceStateActive), silence.QMatches(set))
	if err != nil {
		// An alert that might be silenced is told.
		s.logger.Error("silences cannot be looked up", "err", err)
		return nil
	}
	var out []Silence
	for _, one := range found {
		out = append(out, of(one))
	}
	return out
}

// Sweep forgets what ended long ago, once an hour.
func (s *Silences) Sweep(ctx context.Context, now time.Time) {
	s.mu.Lock()
	due := now.Sub(s.swept) >= silenceSweep
	if due {
		s.swept = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	if n, err := s.inner.GC(); err != nil || n > 0 {
		err = errors.Join(err, s.note(ctx))
		if err != nil {
			s.logger.Error("silences that ended cannot be forgotten", "err", err)
		}
	}
}

// save makes the store hold the silences as they are, and waits for it.
func (s *Silences) save(ctx context.Context) error {
	if err := errors.Join(s.note(ctx), s.store.Flush(ctx)); err != nil {
		return fmt.Errorf("the change is in force and not on the disk yet: %w", err)
	}
	return nil
}

// note puts what has changed into the store.
func (s *Silences) note(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	now := map[string]string{}
	for _, one := range all {
		// It follows from the times.
		one.Status = SilenceStatus{}
		text, err := json.Marshal(one)
		if err != nil {
			return err
		}
		if now[one.ID] = string(text); s.stored[one.ID] != string(text) {
			err = s.store.Put(silencePrefix+one.ID, text)
		}
		if err != nil {
			return err
		}
	}
	for id := range s.stored {
		if _, there := now[id]; !there {
			if err := s.store.Put(silencePrefix+id, nil); err != nil {
				return err
			}
		}
	}
	s.stored = now
	return nil
}
