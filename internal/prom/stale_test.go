package prom

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

func newMatcher(t *testing.T, name string) []*labels.Matcher {
	t.Helper()
	m, err := labels.NewMatcher(labels.MatchEqual, model.MetricNameLabel, name)
	if err != nil {
		t.Fatal(err)
	}
	return []*labels.Matcher{m}
}

func TestVanishedSeriesEndAtTheNextAppend(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"target"})
		his := prometheus.NewHistogramVec(native("h"), []string{"target"})
		reg.MustRegister(vec, his)
		for _, target := range []string{"a", "b"} {
			vec.WithLabelValues(target).Set(1)
			his.WithLabelValues(target).Observe(1)
		}
		add(t, db, time.Now(), reg)
		vec.DeleteLabelValues("a")
		his.DeleteLabelValues("a")
		time.Sleep(15 * time.Second)
		if got := add(t, db, time.Now(), reg); got.Stale != 2 || got.Series != 2 || got.Samples != 2 {
			t.Errorf("Append() = %+v, want two ended and two alive", got)
		}
		for _, expr := range []string{"g", "h"} {
			got := ask(t, db, expr, time.Now())
			if len(got) != 1 || got[0].Labels["target"] != "b" {
				t.Errorf("%s = %v, want target b alone", expr, got)
			}
		}
		time.Sleep(15 * time.Second)
		if got := add(t, db, time.Now(), reg); got.Stale != 0 {
			t.Errorf("the next Append() ended %d series, want none twice", got.Stale)
		}
	})
}

func TestClosingEndsNoSeries(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir})
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		add(t, db, time.Now(), reg)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := count(t, open(t, Options{Dir: dir}), "g", time.Now()); got != 1 {
			t.Errorf("%d series after a restart, want 1", got)
		}
	})
}

func TestSeriesThatComesBackDidNotBeginAnew(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		c := counter("c_total")
		reg.MustRegister(c)
		time.Sleep(time.Second)
		c.Add(57)
		for range 10 {
			add(t, db, time.Now(), reg)
			time.Sleep(15 * time.Second)
		}
		// One collector fails once.
		if got := add(t, db, time.Now(), prometheus.NewRegistry()); got.Stale != 1 || got.Series != 0 {
			t.Errorf("Append() of nothing = %+v, want one ended", got)
		}
		time.Sleep(15 * time.Second)
		if got := add(t, db, time.Now(), reg); got.Series != 1 {
			t.Errorf("Append() = %+v, want it alive again", got)
		}
		if got := one(t, db, "increase(c_total[1m])", time.Now()); got != 0 {
			t.Errorf("increase = %v, want 0: the counter did not move", got)
		}
	})
}

// brokenLog is an appender whose commit fails, as on a full disk.
type brokenLog struct{ storage.AppenderV2 }

var errDiskFull = errors.New("no space left on device")

func (b brokenLog) Commit() error {
	return errors.Join(errDiskFull, b.Rollback())
}

func TestFailedCommitIsMadeUpForByTheNext(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		old := prometheus.NewRegistry()
		old.MustRegister(gauge("gone"))
		add(t, db, time.Now(), old)

		reg := prometheus.NewRegistry()
		time.Sleep(10 * time.Second)
		c := counter("c_total")
		reg.MustRegister(c)
		c.Inc()
		time.Sleep(5 * time.Second)
		_, err := db.feed.append(brokenLog{db.store.AppenderV2(t.Context())}, time.Now().UnixMilli(), 0, gather(t, reg))
		if !errors.Is(err, errDiskFull) {
			t.Fatalf("append() = %v, want the commit's error", err)
		}
		time.Sleep(15 * time.Second)
		if got := add(t, db, time.Now(), reg); got.Stale != 1 || got.Samples != 1 {
			t.Errorf("Append() = %+v, want the vanished series ended now", got)
		}
		if got := one(t, db, "increase(c_total[5m])", time.Now()); got != 1 {
			t.Errorf("increase = %v, want 1: the start was offered again", got)
		}
		if got := count(t, db, "gone", time.Now()); got != 0 {
			t.Errorf("%d series of what is gone, want 0", got)
		}
	})
}

func TestFeedForgetsWhatVanishedLongAgo(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		add(t, db, time.Now(), reg)
		for _, tt := range []struct {
			after time.Duration
			want  int
		}{{15 * time.Second, 1}, {forgetAfter - 15*time.Second, 1}, {time.Second, 0}} {
			time.Sleep(tt.after)
			add(t, db, time.Now(), prometheus.NewRegistry())
			if got := len(db.feed.series); got != tt.want {
				t.Errorf("the feed remembers %d series after %s more, want %d", got, tt.after, tt.want)
			}
		}
	})
}

func TestCanceledAppendWritesNothing(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		if _, err := db.Append(ctx, time.Now(), gather(t, reg)); !errors.Is(err, context.Canceled) {
			t.Errorf("Append() = %v, want context.Canceled", err)
		}
		if got := count(t, db, "g", time.Now()); got != 0 {
			t.Errorf("%d series, want 0", got)
		}
	})
}
