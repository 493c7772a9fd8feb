package prom

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestCheckExpr(t *testing.T) {
	for _, tt := range []struct{ name, expr, want string }{
		{"a comparison is a rule", `increase(x_total[1h]) > 3`, ""},
		{"a scalar is a rule", `1`, ""},
		{"nothing is not", " \n", "1:1: the expression is empty"},
		{"a place is given by line and column", "up ==\n  sum(x", `2:8: unclosed left parenthesis`},
		{"an unknown function is named", `foo(x)`, `1:1: unknown function with name "foo"`},
		{"a range vector cannot be compared", `x[5m]`, "1:1: a range vector cannot be compared; wrap it in a function such as rate() or last_over_time()"},
		{"a string cannot be a rule", `"x"`, "1:1: a string cannot be a rule"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckExpr(tt.expr)
			got := ""
			if err != nil {
				got = err.Error()
				var e *ExprError
				if !errors.As(err, &e) {
					t.Errorf("CheckExpr(%q) is not an *ExprError: %v", tt.expr, err)
				}
			}
			if got != tt.want {
				t.Errorf("CheckExpr(%q) = %q, want %q", tt.expr, got, tt.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	for expr, want := range map[string][]string{
		`b / on(x) a + rate(b[5m]) > scalar(c)`:   {"a", "b", "c"},
		`{__name__="a", x="y"} or {"b.c"}`:        {"a", "b.c"},
		`max_over_time((a > 1)[1h:1m] offset 1w)`: {"a"},
		`{__name__=~"a.*"}`:                       nil,
		`1`:                                       nil,
		`a +`:                                     nil,
	} {
		if diff := cmp.Diff(want, Metrics(expr)); diff != "" {
			t.Errorf("Metrics(%q) (-want +got):\n%s", expr, diff)
		}
	}
}

func TestQueryKinds(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"target"})
		g.WithLabelValues("a").Set(2)
		reg.MustRegister(g)
		start := time.Now().UTC()
		add(t, db, start, reg)
		time.Sleep(15 * time.Second)
		g.WithLabelValues("a").Set(3)
		now := time.Now().UTC()
		add(t, db, now, reg)

		labels := map[string]string{"__name__": "g", "target": "a"}
		for _, tt := range []struct {
			name, expr, kind, json string
			step                   time.Duration
			want                   []Series
		}{
			{
				"a vector", "g", "vector", `{"resultType":"vector","result":[{"metric":{"__name__":"g","target":"a"},"value":[946684815,"3"]}]}`, 0,
				[]Series{{labels, []Point{{At: now, Value: 3}}}},
			},
			{
				"a range", "g", "matrix", `{"resultType":"matrix","result":[{"metric":{"__name__":"g","target":"a"},"values":[[946684800,"2"],[946684815,"3"]]}]}`, 15 * time.Second,
				[]Series{{labels, []Point{{At: start, Value: 2}, {At: now, Value: 3}}}},
			},
			{
				"a scalar", "1 + 1", "scalar", `{"resultType":"scalar","result":[946684815,"2"]}`, 0,
				[]Series{{map[string]string{}, []Point{{At: now, Value: 2}}}},
			},
			{"a string", `"s"`, "string", `{"resultType":"string","result":[946684815,"s"]}`, 0, nil},
			{"nothing", "nothing", "vector", `{"resultType":"vector","result":[]}`, 0, []Series{}},
		} {
			res, err := db.Query(t.Context(), tt.expr, now)
			if tt.step != 0 {
				res, err = db.QueryRange(t.Context(), tt.expr, start, now, tt.step)
			}
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if res.Type() != tt.kind {
				t.Errorf("%s: Type() = %s, want %s", tt.name, res.Type(), tt.kind)
			}
			if diff := cmp.Diff(tt.want, res.Series()); diff != "" {
				t.Errorf("%s: Series() (-want +got):\n%s", tt.name, diff)
			}
			got, err := json.Marshal(res)
			if err != nil || string(got) != tt.json {
				t.Errorf("%s: json = %s, %v, want %s", tt.name, got, err, tt.json)
			}
		}
	})
}

func TestQueryWarnings(t *testing.T) {
	in(t, func(t *testing.T, db *DB) {
		reg := prometheus.NewRegistry()
		reg.MustRegister(gauge("g"))
		add(t, db, time.Now(), reg)
		time.Sleep(time.Second)
		add(t, db, time.Now(), reg)
		res, err := db.Query(t.Context(), "rate(g[1m])", time.Now())
		if err != nil || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "might not be a counter") {
			t.Errorf("Warnings = %q, %v, want one on the gauge", res.Warnings, err)
		}
	})
}

func TestQueryLimits(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir, MaxSamples: 10, QueryTimeout: time.Minute, MaxQueries: 1})
		reg := prometheus.NewRegistry()
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "h"}, []string{"i"})
		for i := range 11 {
			g.WithLabelValues(string(rune('a' + i)))
		}
		reg.MustRegister(g)
		now := time.Now()
		add(t, db, now, reg)
		for _, tt := range []struct{ name, want string }{
			{"g", "query: query processing would load too many samples into memory in query execution"},
			{"g +", "query: 1:4: unexpected end of input"},
		} {
			if _, err := db.Query(t.Context(), tt.name, now); err == nil || err.Error() != tt.want {
				t.Errorf("Query(%s) = %v, want %s", tt.name, err, tt.want)
			}
		}
		for _, tt := range []struct {
			end  time.Time
			step time.Duration
			want string
		}{
			{now.Add(11_000 * time.Second), time.Second, "query: more than 11000 points; use a step of at least 2s"},
			{now, 0, "query: a step of 0s is below one millisecond"},
			{now.Add(-1), time.Second, "query: the end lies before the start"},
		} {
			if _, err := db.QueryRange(t.Context(), "1", now, tt.end, tt.step); err == nil || err.Error() != tt.want {
				t.Errorf("QueryRange(…, %s) = %v, want %s", tt.step, err, tt.want)
			}
		}
		if _, err := db.QueryRange(t.Context(), "1", now, now.Add(10_999*time.Second), time.Second); err == nil {
			t.Error("11000 points of one sample each = nil, want the bound on samples")
		}

		// The only turn is taken: a query waits no longer than its timeout.
		db.slots <- struct{}{}
		start := time.Now()
		if _, err := db.Query(t.Context(), "1", now); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("Query() = %v after %s, want the deadline after 1m0s", err, time.Since(start))
		}
		<-db.slots
		if got := one(t, db, "1", now); got != 1 {
			t.Errorf("a query with a turn = %v, want 1", got)
		}
	})
}

func TestCloseEndsWaitingQueries(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, Options{Dir: dir, MaxQueries: 1})
		db.slots <- struct{}{}
		done := make(chan error, 1)
		go func() {
			_, err := db.Query(t.Context(), "1", time.Now())
			done <- err
		}()
		synctest.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("the waiting query = %v, want ErrClosed", err)
		}
	})
}
