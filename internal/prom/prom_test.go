package prom

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a database and closes it with the test.
func open(t testing.TB, opts Options) *DB {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = t.TempDir()
	}
	db, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return db
}

// in runs f in a bubble with an open database, closed before the bubble ends.
func in(t *testing.T, f func(t *testing.T, db *DB)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f(t, open(t, Options{Dir: dir}))
	})
}

func gather(t testing.TB, g prometheus.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// add appends what g gathers and fails on any error or refusal.
func add(t testing.TB, db *DB, at time.Time, g prometheus.Gatherer) Appended {
	t.Helper()
	out, err := db.Append(t.Context(), at, gather(t, g))
	if err != nil {
		t.Fatalf("Append() = %v, want no error", err)
	}
	if len(out.Refused) != 0 {
		t.Fatalf("Append() refused %v (%v), want none", out.Refused, out.Example)
	}
	return out
}

// one returns the only value of an instant query.
func one(t testing.TB, db *DB, expr string, at time.Time) float64 {
	t.Helper()
	got := ask(t, db, expr, at)
	if len(got) != 1 {
		t.Fatalf("Query(%s) has %d series, want 1: %v", expr, len(got), got)
	}
	return got[0].Points[0].Value
}

// count returns the number of series an instant query returns.
func count(t testing.TB, db *DB, expr string, at time.Time) int {
	t.Helper()
	return len(ask(t, db, expr, at))
}

func ask(t testing.TB, db *DB, expr string, at time.Time) []Series {
	t.Helper()
	res, err := db.Query(t.Context(), expr, at)
	if err != nil {
		t.Fatalf("Query(%s) = %v", expr, err)
	}
	return res.Series()
}

func TestOpenRefusesASecondOnTheSameDirectory(t *testing.T) {
	dir := t.TempDir()
	db := open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	want := "time series database in " + dir + ": in use by another process; stop it or choose another directory"
	if !errors.Is(err, ErrLocked) || err.Error() != want {
		t.Fatalf("Open() = %v, want %s", err, want)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Dir: dir})
}

func TestOpenWithoutADirectoryIsRefused(t *testing.T) {
	if _, err := Open(Options{}); err == nil {
		t.Fatal("Open() = nil, want an error: the working directory is not a default")
	}
}

func TestPrometheusOwnMetricsAppearOnlyWhereARegistererIsGiven(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	db := open(t, Options{Registerer: reg})
	if _, err := NewRules(db, nil, RulesOptions{Registerer: reg}); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range gather(t, reg) {
		names[f.GetName()] = true
	}
	for _, name := range []string{"prometheus_tsdb_head_series", "prometheus_engine_queries", "prometheus_rule_evaluation_duration_seconds"} {
		if !names[name] {
			t.Errorf("the registerer has no %s", name)
		}
	}
	// A second database without one would panic if it used the first's names.
	open(t, Options{})
}

func TestClosedDatabaseRefusesEverything(t *testing.T) {
	db := open(t, Options{})
	rules, err := NewRules(db, nil, RulesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatalf("Close() = %v, want nil every time", err)
		}
	}
	_, appendErr := db.Append(t.Context(), time.Now(), nil)
	_, queryErr := db.Query(t.Context(), "1", time.Now())
	_, evalErr := rules.Eval(t.Context(), time.Now())
	for name, err := range map[string]error{"Append": appendErr, "Query": queryErr, "Eval": evalErr} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", name, err)
		}
	}
}

func TestNewestSurvivesAReopen(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir})
		if got := db.Newest(); !got.IsZero() {
			t.Fatalf("Newest() of an empty database = %v, want the zero time", got)
		}
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		at := time.Now().UTC()
		add(t, db, at, reg)
		if got := db.Newest(); !got.Equal(at) {
			t.Fatalf("Newest() = %v, want %v", got, at)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if got := open(t, Options{Dir: dir}).Newest(); !got.Equal(at) {
			t.Errorf("Newest() after a reopen = %v, want %v", got, at)
		}
	})
}

func gauge(name string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: name})
}

func counter(name string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: name})
}
