package exporter

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/series"
)

// everything returns an exporter that publishes every series which it has.
func everything(t testing.TB) *Exporter {
	labelled := plain("plain")
	labelled.Labels = map[string]string{"team": "blue"}
	llm := streaming("llm")
	llm.Objectives = Objectives{Response: time.Second, Availability: 0.99}
	e := newTest(t, llm, labelled)
	for i, name := range []string{"llm", "plain"} {
		r := good(name, i)
		r.Revision = "0123abcd"
		r.FirstAnswer, r.GapMax = probe.Measured(time.Second), probe.Measured(time.Second)
		e.Record(r)
		e.Record(failed(name, i+10, probe.Timeout))
	}
	e.Slot("llm", "baseline", "run")
	e.Suspended("plain", "billing")
	e.Drifted("plain", "shape")
	e.HealthChecked("plain", "healthy", true)
	e.RouterSays("llm", RouterFigures{
		Listed: true, Live: true, FirstToken: probe.Measured(time.Second), TokensPerSecond: probe.Some(100.0), Context: probe.Some(8192),
		USDPerMTokInput: probe.Some(0.1), USDPerMTokOutput: probe.Some(0.2),
	})
	e.RouterListRead(true, time.Unix(1, 0))
	e.SetBudgets(map[Budget]float64{{Period: "month", Unit: "usd"}: 0.5, {"llm", "day", "tokens"}: 0.25})
	e.SetMaintenance(map[string]bool{"weekly": false})
	e.SetMaintained([]string{"plain"})
	e.SetSilences(1, 0)
	e.SetDrills(map[Drill]float64{{"plain", "d1"}: 3})
	e.SetAccounts(map[Account]float64{{Scope: "bill_to my-org", Reason: "billing"}: 1})
	e.SetReceivers([]string{"ops"})
	e.SetWindows([]string{"llm", "plain"}, nil)
	e.WindowEnded(sampleWindow("llm"))
	e.WindowSkipped("plain", series.SkipAlert)
	e.WindowProgress("plain", load.Snapshot{Recent: load.Points{P50: probe.Measured(time.Second)}})
	e.Reloaded(true)
	e.ModelState("llm", "warm", map[string]float64{"warm": 60}, false)
	e.ColdStarted("llm", "natural")
	e.ColdStartTook("llm", "running", time.Minute)
	e.WokeUp("llm", "baseline")
	e.EstimateStuck("llm")
	e.WarmedUp("llm", 29, 14*time.Second)
	return e
}

// scrape returns the answer of the handler to a request.
func scrape(t testing.TB, h http.Handler, accept, encoding string) (http.Header, []byte) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Encoding", encoding)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		t.Fatalf("GET /metrics = %d: %s", rec.Code, rec.Body)
	}
	return rec.Header(), rec.Body.Bytes()
}

// TestGoldenMetrics holds what is really published against a file: names,
// types, help and labels. Values are held by other tests.
func TestGoldenMetrics(t *testing.T) {
	families, err := everything(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		names := map[string]bool{}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
			names[strings.Join(labels, ", ")] = true
		}
		fmt.Fprintf(&b, "%s %s %q\n  %s\n", f.GetName(), strings.ToLower(f.GetType().String()), f.GetUnit(), f.GetHelp())
		for labels := range names {
			fmt.Fprintf(&b, "  {%s}\n", labels)
		}
		if len(names) != 1 {
			t.Errorf("%s is published with %d sets of labels, want one: %v", f.GetName(), len(names), names)
		}
	}
	path := filepath.Join("testdata", "metrics.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("what is published differs from %s (-want +got):\n%s", path, diff)
	}
}

// TestEverySeriesOfTheListIsPublished as the list says, and none beside it.
func TestEverySeriesOfTheListIsPublished(t *testing.T) {
	families, err := everything(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	published := map[string]*dto.MetricFamily{}
	for _, f := range families {
		published[f.GetName()] = f
		if _, ok := series.Series(f.GetName()).Definition(); !ok {
			t.Errorf("%s is published and not on the list", f.GetName())
		}
	}
	for _, d := range series.All() {
		if d.Series == series.AlertHits { // published by whoever counts them
			continue
		}
		f := published[d.Series.Name()]
		if f == nil {
			t.Errorf("%s is on the list and not published", d.Series)
			continue
		}
		if f.GetHelp() != d.Help || strings.ToLower(f.GetType().String()) != string(d.Type) || f.GetUnit() != d.Unit {
			t.Errorf("%s is published as %s in %q: %s; want %s in %q: %s",
				d.Series, f.GetType(), f.GetUnit(), f.GetHelp(), d.Type, d.Unit, d.Help)
		}
		for _, m := range f.GetMetric() {
			var names []string
			for _, l := range m.GetLabel() {
				if d.Series != series.TargetInfo || l.GetName() != "team" {
					names = append(names, l.GetName())
				}
				if set := d.Values(l.GetName()); set != nil && !slices.Contains(set, l.GetValue()) {
					t.Errorf("%s has %s=%q, which is not in the closed set", d.Series, l.GetName(), l.GetValue())
				}
			}
			if want := d.Names(); !slices.Equal(names, want) {
				t.Errorf("%s has the labels %v, want %v", d.Series, names, want)
			}
		}
	}
}

// TestLint holds everything on /metrics against the conventions that the
// client's linter knows, and the registry's pedantic checks.
func TestLint(t *testing.T) {
	e := everything(t)
	problems, err := testutil.GatherAndLint(e.Gatherer())
	if err != nil || len(problems) != 0 {
		t.Errorf("lint: %v, %v; want nothing", problems, err)
	}
	pedantic := prometheus.NewPedanticRegistry()
	pedantic.MustRegister(collector{e}, infos{e})
	if _, err := pedantic.Gather(); err != nil {
		t.Errorf("pedantic registry: %v", err)
	}
	if _, err := e.public.Gather(); err != nil {
		t.Errorf("gathering for /metrics: %v", err)
	}
}

// TestLinesOfATarget counts its lines in text exposition, with every series
// that a baseline can have and the two shipped alerts that count results.
func TestLinesOfATarget(t *testing.T) {
	for _, c := range []struct {
		info TargetInfo
		most int
	}{{streaming("a"), 90}, {plain("a"), 65}} {
		t.Run(c.info.Task, func(t *testing.T) {
			c.info.Objectives = Objectives{Response: time.Second, Availability: 0.99}
			e := newTest(t, c.info)
			hits := prometheus.NewGaugeVec(prometheus.GaugeOpts{
				Name: string(series.AlertHits), Help: "As package alerts has it.",
			}, []string{"alertname", "target", "location"})
			hits.WithLabelValues("AccountBlocked", "a", "here").Set(0)
			hits.WithLabelValues("RateLimited", "a", "here").Set(0)
			e.Registerer().MustRegister(hits)
			for i, o := range []probe.Outcome{probe.OK, probe.ServerError, probe.Timeout, probe.Overloaded, probe.Connect, probe.Billing} {
				r := failed("a", i, o)
				if o == probe.OK {
					r = good("a", i)
					r.FirstAnswer, r.GapMax = probe.Measured(time.Second), probe.Measured(time.Second)
				}
				if !c.info.Stream {
					r.FirstToken, r.TPOT = probe.Seconds{}, probe.Seconds{}
				}
				r.Revision = "0123abcd"
				e.Record(r)
			}
			for _, result := range []string{"run", "missed", "withheld"} {
				e.Slot("a", "baseline", result)
			}
			_, body := scrape(t, e.Handler(), "text/plain", "")
			lines, buckets := 0, 0
			for line := range strings.Lines(string(body)) {
				if strings.Contains(line, `target="a"`) {
					lines++
				}
				if strings.HasPrefix(line, "hfwatch_response_seconds_bucket") && strings.Contains(line, `result="ok"`) {
					buckets++
				}
			}
			if lines > c.most || lines < 40 {
				t.Errorf("%d lines, want at most %d", lines, c.most)
			}
			if buckets != 13 {
				t.Errorf("%d classic buckets, want 12 and the infinite one", buckets)
			}
			t.Logf("%d lines of at most %d", lines, c.most)
		})
	}
}

// TestFormats serves each of the three as it is asked for.
func TestFormats(t *testing.T) {
	h := everything(t).Handler()
	const (
		protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
		openMetrics = "application/openmetrics-text;version=1.0.0"
	)
	response := `hfwatch_response_seconds_bucket{kind="baseline",location="here",result="failed",target="llm",le="30"} 1` + "\n"
	openResponse := strings.Replace(response, `le="30"`, `le="30.0"`, 1)
	for _, c := range []struct{ why, accept, contentType, holds string }{
		{"a person", "*/*", "text/plain; version=0.0.4", response},
		{"a tool that asks for text", "text/plain;version=0.0.4", "text/plain; version=0.0.4", response},
		{"a server without native histograms", openMetrics + ",text/plain;q=0.5", "application/openmetrics-text", openResponse},
		{"a server with them", protobuf + "," + openMetrics + ";q=0.5", "application/vnd.google.protobuf", "hfwatch_response_seconds"},
	} {
		header, body := scrape(t, h, c.accept, "")
		if got := header.Get("Content-Type"); !strings.HasPrefix(got, c.contentType) {
			t.Errorf("%s: content type %q, want %q", c.why, got, c.contentType)
		}
		if !bytes.Contains(body, []byte(c.holds)) {
			t.Errorf("%s: the answer does not hold %q", c.why, c.holds)
		}
	}
	_, body := scrape(t, h, openMetrics, "")
	if !bytes.HasSuffix(body, []byte("# EOF\n")) {
		t.Error("the OpenMetrics answer does not end as it should")
	}
	if !bytes.Contains(body, []byte("go_goroutines")) || !bytes.Contains(body, []byte("process_open_fds")) {
		t.Error("/metrics does not tell of the Go runtime and the process")
	}
}

// TestProtobufHoldsNativeHistograms with the classic buckets beside them where
// they are of the baseline.
func TestProtobufHoldsNativeHistograms(t *testing.T) {
	header, body := scrape(t, everything(t).Handler(),
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "")
	dec := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(header))
	native := map[string]int{}
	for {
		var f dto.MetricFamily
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if !strings.HasPrefix(f.GetName(), "hfwatch_") || h == nil {
				continue
			}
			if h.Schema == nil || h.GetSchema() != 3 || h.GetZeroThreshold() != 1.0/1024 {
				t.Errorf("%s is not a native histogram of schema 3: %v", f.GetName(), h)
			}
			if h.GetCreatedTimestamp().AsTime().Before(time.Unix(1, 0)) {
				t.Errorf("%s does not say when it began", f.GetName())
			}
			native[f.GetName()]++
		}
	}
	want := map[string]int{
		"hfwatch_response_seconds": 4, "hfwatch_first_token_seconds": 4, "hfwatch_first_byte_seconds": 2,
		"hfwatch_first_answer_seconds": 2, "hfwatch_gap_seconds": 2, "hfwatch_queue_seconds": 2, "hfwatch_server_seconds": 2,
		"hfwatch_tpot_seconds": 2, "hfwatch_lag_seconds": 2, "hfwatch_notifications_duration_seconds": 1,
		"hfwatch_notifications_delay_seconds": 1, "hfwatch_scheduler_lag_seconds": 1, "hfwatch_evaluation_duration_seconds": 1,
		"hfwatch_cold_start_seconds": 1, "hfwatch_warm_up_seconds": 1, "hfwatch_warm_up_requests": 1,
	}
	if diff := cmp.Diff(want, native); diff != "" {
		t.Errorf("native histograms (-want +got):\n%s", diff)
	}
}

// TestGzip compresses for those who take it.
func TestGzip(t *testing.T) {
	header, body := scrape(t, everything(t).Handler(), "*/*", "gzip")
	if header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("content encoding %q, want gzip", header.Get("Content-Encoding"))
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || !bytes.Contains(text, []byte("hfwatch_build_info{")) {
		t.Errorf("unpacked %d bytes, %v; want the series", len(text), err)
	}
}

// TestOneBadCollectorTakesNothingWithIt: the rest is served, the failure logged
// and counted.
func TestOneBadCollectorTakesNothingWithIt(t *testing.T) {
	var log bytes.Buffer
	e := New(Options{Location: "here", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := e.SetTargets([]TargetInfo{plain("a")}); err != nil {
		t.Fatal(err)
	}
	e.Registerer().MustRegister(broken{})
	h := e.Handler()
	for range 2 {
		if _, body := scrape(t, h, "*/*", ""); !bytes.Contains(body, []byte(`hfwatch_target_info{`)) {
			t.Errorf("the scrape lost the rest: %s", body)
		}
	}
	if !strings.Contains(log.String(), "a bug elsewhere") {
		t.Errorf("the log does not tell of the failure: %s", log.String())
	}
	if _, body := scrape(t, h, "*/*", ""); !bytes.Contains(body, []byte(`promhttp_metric_handler_errors_total{cause="gathering"} 2`)) {
		t.Error("the failure is not counted")
	}
	families, err := e.Gatherer().Gather()
	if err == nil || !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "hfwatch_target_info" }) {
		t.Errorf("the embedded database is given %d families and the error %v; want the rest, and the error", len(families), err)
	}
}

// broken is a collector with a bug.
type broken struct{}

func (broken) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("broken", "Panics.", nil, nil)
}

func (broken) Collect(chan<- prometheus.Metric) { panic("a bug elsewhere") }

// TestRegistererAndInternals: both are on /metrics, and only the first goes to
// the embedded database.
func TestRegistererAndInternals(t *testing.T) {
	e := newTest(t)
	e.Registerer().MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "stored", Help: "Is stored."}))
	e.Internals().MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "internal", Help: "Is not."}))
	_, body := scrape(t, e.Handler(), "*/*", "")
	for _, name := range []string{"stored 0\n", "internal 0\n"} {
		if !bytes.Contains(body, []byte(name)) {
			t.Errorf("/metrics does not hold %q", name)
		}
	}
	all := gather(t, e)
	if _, ok := all["stored"]; !ok {
		t.Error("the embedded database is not given what was registered for it")
	}
	for _, name := range []string{"internal", "go_goroutines", "promhttp_metric_handler_errors_total"} {
		if names := all.names(name); names != nil {
			t.Errorf("the embedded database is given %v", names)
		}
	}
}

// TestRegisterInBothOrNeither of what is stored and what is shown.
func TestRegisterInBothOrNeither(t *testing.T) {
	e := newTest(t)
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "twice", Help: "Is registered twice."})
	e.Internals().MustRegister(gauge)
	if err := e.Registerer().Register(gauge); err == nil {
		t.Error("a series that is on /metrics already was registered again")
	}
	if names := gather(t, e).names("twice"); names != nil {
		t.Errorf("%v is stored though it could not be shown", names)
	}
	if err := e.Registerer().Register(collector{e}); err == nil {
		t.Error("a series that is stored already was registered again")
	}
	if !e.Registerer().Unregister(gauge) || e.Registerer().Unregister(gauge) {
		t.Error("Unregister does not say whether it had the series")
	}
	if _, body := scrape(t, e.Handler(), "*/*", ""); bytes.Contains(body, []byte("twice")) {
		t.Error("a series that was taken out is still shown")
	}
}
