package prom

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// requests are what both APIs are asked, with %d for the newest second.
func requests() []string {
	return []string{
		"query?query=c_total&time=%d",
		"query?query=rate(c_total[5m])&time=%d",
		"query?query=sum by (target) (increase(c_total[10m]))&time=%d",
		"query?query=h&time=%d",
		"query?query=histogram_quantile(0.95, rate(h[10m]))&time=%d",
		"query?query=histogram_fraction(0, 0.1, h)&time=%d",
		"query?query=c_total[2m]&time=%d",
		"query?query=h[2m]&time=%d",
		"query?query=1&time=%d", "query?query=\"text\"&time=%d", "query?query=g / 0&time=%d", "query?query=-g/0&time=%d",
		"query?query=0/0&time=%d", "query?query=nothing&time=%d", "query?query=rate(g[5m])&time=%d", "query?query=c_total&time=%d&limit=1",
		"query?query=c_total offset 3m&time=%d", "query?query=c_total @ end()&time=%d", "query?query=count_over_time(g[10m:1m])&time=%d",
		"query?query=g&time=%d&lookback_delta=1s", "query?query={__name__=~\".+\",target=\"a\"}&time=%d",
		"query?query=sum without (target) (g)&time=%d", "query?query=topk(1, g)&time=%d",
		"query?query=g / 1e9&time=%d", "query?query=h / 1e9&time=%d", "query?query=g * 1e25&time=%d",
		"query?query=label_replace(g,\"x\",\"$1\",\"target\",\"(.*)\")&time=%d",
		// What is wrong is said in the same words.
		"query?query=", "query?query=sum(&time=%d", "query?query=g&time=never", "query?query=g&timeout=0s", "query?query=g&timeout=x",
		"query?query=g&limit=-1", "query?query=g&limit=x", "query?query=foo(g)", "query?query=g * on(x) c_total&time=%d",
		"query?query=g&lookback_delta=x", "query?query=g%%2Bc_total[5m]", "query?query={}",
		"query_range?query=rate(c_total[5m])&start=%[1]d&end=%[1]d&step=15", "query_range?query=g&start=%[2]d&end=%[1]d&step=30s",
		"query_range?query=h&start=%[2]d&end=%[1]d&step=60", "query_range?query=histogram_quantile(0.5, rate(h[5m]))&start=%[2]d&end=%[1]d&step=60",
		"query_range?query=g&start=%[2]d&end=%[1]d&step=0", "query_range?query=g&start=%[1]d&end=%[2]d&step=1",
		"query_range?query=g&start=%[2]d&end=%[1]d&step=0.01", "query_range?query=g&start=x&end=%[1]d&step=1",
		"query_range?query=g&start=1&end=x&step=1", "query_range?query=g&start=1&end=2&step=x", "query_range?query=g[5m]&start=%[2]d&end=%[1]d&step=60",
		"labels", "labels?match[]=g", "labels?match[]=g&match[]=h", "labels?limit=1", "labels?match[]={}", "labels?start=x", "labels?match[]=g{",
		"label/target/values", "label/__name__/values", "label/target/values?match[]=g&match[]=c_total", "label/nothing/values",
		"label/target/values?limit=1", "label/target/values?start=1&end=2",
		"series?match[]=g", "series?match[]=g&match[]=c_total", "series?match[]={__name__=~\".%%2B\"}", "series", "series?match[]=g{", "series?match[]={}",
		"series?match[]=g&limit=1", "series?match[]=nothing",
		"format_query?query=sum(rate(c_total[5m]))by(target)", "format_query?query=sum(",
		"query_exemplars?query=c_total", "query_exemplars?query=1", "query_exemplars?query=(",
		"rules?type=x", "rules", "alerts",
	}
}

// TestAnswersEqualPrometheus compares the API with that of a Prometheus on the
// same blocks and log, body by body, over GET and POST.
func TestAnswersEqualPrometheus(t *testing.T) {
	program := os.Getenv("HFWATCH_PROMETHEUS")
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("HFWATCH_PROMETHEUS names no program, and CI wants it")
		}
		t.Skip("HFWATCH_PROMETHEUS names no program")
	}
	dir, copied := t.TempDir(), t.TempDir()
	newest := time.Now().Add(-time.Minute).Truncate(time.Second)
	fillForComparison(t, dir, newest)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(copied, "lock"))
	db := open(t, Options{Dir: dir, MaxExemplars: 100})
	ours := httptest.NewServer(NewAPI(db, APIOptions{}))
	defer ours.Close()
	theirs := prometheusOn(t, program, copied)
	for _, request := range requests() {
		path, query, _ := strings.Cut(request, "?")
		if strings.Contains(query, "%[") {
			query = fmt.Sprintf(query, newest.Unix(), newest.Add(-10*time.Minute).Unix())
		} else if strings.Contains(query, "%d") {
			query = fmt.Sprintf(query, newest.Unix())
		} else {
			query = strings.ReplaceAll(query, "%%", "%")
		}
		values, err := url.ParseQuery(strings.ReplaceAll(query, "%%2B", "%2B"))
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if method == http.MethodPost && (strings.HasPrefix(path, "label/") || path == "rules" || path == "alerts") {
				continue // Prometheus answers GET alone there.
			}
			want, wantStatus := asked(t, theirs, method, path, values)
			got, status := asked(t, ours.URL, method, path, values)
			if diff := cmp.Diff(want, got); diff != "" || status != wantStatus {
				t.Errorf("%s %s: status %d, want %d (-theirs +ours):\n%s", method, request, status, wantStatus, diff)
			}
		}
	}
	t.Logf("%d requests are answered alike", len(requests()))
}

// fillForComparison writes counters, gauges, native and classic histograms and
// an exemplar, half an hour of them.
func fillForComparison(t *testing.T, dir string, newest time.Time) {
	t.Helper()
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "A counter."}, []string{"target"})
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "A gauge."}, []string{"target"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "A native histogram.", NativeHistogramBucketFactor: 1.1})
	k := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "k", Help: "A classic histogram.", Buckets: []float64{0.1, 1}})
	reg.MustRegister(c, g, h, k)
	db, err := Open(Options{Dir: dir, MaxExemplars: 100})
	if err != nil {
		t.Fatal(err)
	}
	const ticks = 120
	for i := range ticks {
		c.WithLabelValues("a").Add(float64(i % 3))
		if adder, ok := c.WithLabelValues("b/c").(prometheus.ExemplarAdder); ok && i == ticks-1 {
			adder.AddWithExemplar(1, prometheus.Labels{"id": "last"})
		}
		g.WithLabelValues("a").Set(math.Sin(float64(i)))
		g.WithLabelValues("b/c").Set(float64(i) / 3)
		h.Observe(0.001 * math.Exp(float64(i)/20))
		k.Observe(0.01 * float64(i))
		add(t, db, newest.Add(time.Duration(i-ticks+1)*15*time.Second), reg)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// prometheusOn starts a Prometheus that scrapes nothing on a directory, and
// returns its address.
func prometheusOn(t *testing.T, program, dir string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte("storage: {tsdb: {out_of_order_time_window: 24h}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+file, "--storage.tsdb.path="+dir, "--web.listen-address="+address,
		"--storage.tsdb.retention.time=10y", "--enable-feature=exemplar-storage", "--web.enable-remote-write-receiver", "--log.level=error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	base := "http://" + address
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case <-tick.C:
			if res, err := http.Get(base + "/-/ready"); err == nil {
				_ = res.Body.Close()
				if res.StatusCode == http.StatusOK {
					return base
				}
			}
		case <-deadline.C:
			t.Fatal("Prometheus is not ready after 30 s")
		}
	}
}

// asked returns the decoded body of an answer, and its status.
func asked(t *testing.T, base, method, path string, values url.Values) (any, int) {
	t.Helper()
	target, body := base+"/api/v1/"+path, io.Reader(nil)
	if method == http.MethodGet {
		target += "?" + values.Encode()
	} else {
		body = strings.NewReader(values.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if len(text) == 0 {
		return nil, res.StatusCode
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s %s answers %q: %v", method, path, text, err)
	}
	return out, res.StatusCode
}

// TestAPITellsOfItself: metadata, rules and alerts, whose content is ours.
func TestAPITellsOfItself(t *testing.T) {
	db := open(t, Options{})
	reg := prometheus.NewRegistry()
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "A gauge."})
	reg.MustRegister(g)
	g.Set(7)
	at := time.Now().Truncate(time.Second)
	add(t, db, at, reg)
	rules, err := NewRules(db, []Rule{{Name: "High", Expr: "g > 1", Labels: map[string]string{"severity": "info"}}, {Name: "Low", Expr: "g < 1", For: time.Minute}}, RulesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.Eval(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(NewAPI(db, APIOptions{
		Rules: rules, Version: "test", Metadata: func() ([]*dto.MetricFamily, error) { return reg.Gather() },
		Interval: func() time.Duration { return 15 * time.Second },
	}))
	defer api.Close()
	for path, want := range map[string][]string{
		"metadata":         {`"g":[{"help":"A gauge.","type":"gauge","unit":""}]`},
		"rules":            {`"interval":15`, `"name":"High"`, `"state":"firing"`, `"state":"inactive"`, `"duration":60`, `"health":"ok"`, `"query":"g < 1"`, `"type":"alerting"`},
		"alerts":           {`"alertname":"High"`, `"value":"7e+00"`, `"state":"firing"`},
		"status/buildinfo": {`"version":"3.16.0"`, `"application":"hfwatch"`},
	} {
		body, status := asked(t, api.URL, http.MethodGet, path, nil)
		text, err := json.Marshal(body)
		if err != nil || status != http.StatusOK {
			t.Errorf("%s: status %d, %v", path, status, err)
		}
		for _, part := range want {
			plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
			if !strings.Contains(plain, part) {
				t.Errorf("%s answers %s, want %s in it", path, plain, part)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, status := asked(t, api.URL, http.MethodGet, "query", url.Values{"query": {"g"}}); status != http.StatusServiceUnavailable {
		t.Errorf("a closed database answers %d, want 503", status)
	}
}
