package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// binary returns the program that a variable of the environment names. Without
// it the test is skipped, but not where everything is to be tested.
func binary(t *testing.T, variable string) string {
	t.Helper()
	name := os.Getenv(variable)
	switch {
	case name != "":
		return name
	case os.Getenv("CI") == "true":
		t.Fatalf("%s names no program, and CI wants it", variable)
	default:
		t.Skipf("%s names no program", variable)
	}
	return ""
}

// watching starts a daemon that probes a good target and a streaming one each
// second, and returns its address once each has answered twice.
func watching(t *testing.T) string {
	t.Helper()
	folder, models := t.TempDir(), simulated(t, twoModels)
	write(t, folder, "config.yaml", `
hub: {url: "`+models+`"}
defaults: {baseline: {schedule: "@every 1s", timeout: 1s}, labels: {env: test}}
models:
  - {name: good, model: org/good, task: text-classification, inputs: ["I love it."]}
  - {name: chat, task: chat-completion, url: "`+models+`/e/chat", stream: true, inputs: ["Hello."]}
`)
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0")
	address := d.err.wait(t, 10*time.Second, `"msg":"listening","url":"(http://127\.0\.0\.1:[1-9]\d*)"`)[1]
	for _, target := range []string{"good", "chat"} {
		eventually(t, 20*time.Second, atLeast(address, 2, "hfwatch_probes_total", "target", target, "kind", "baseline", "outcome", "ok"))
	}
	return address
}

// answer is what Prometheus's API returns of a query.
type answer struct {
	Data struct {
		Result []struct {
			Metric    map[string]string
			Value     []any
			Histogram []json.RawMessage
		}
	}
	Warnings, Infos []string
}

// query asks Prometheus, as things were at a time, and wants no warning.
func query(ctx context.Context, prometheus, expr string, at time.Time) (answer, error) {
	var a answer
	body, err := fetch(ctx, http.MethodGet, prometheus+"/api/v1/query?"+url.Values{
		"query": {expr}, "time": {at.Format(time.RFC3339Nano)},
	}.Encode())
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, err
	}
	if len(a.Warnings)+len(a.Infos) > 0 {
		return a, fmt.Errorf("%s: warnings %q, infos %q", expr, a.Warnings, a.Infos)
	}
	if len(a.Data.Result) == 0 {
		return a, fmt.Errorf("%s: no series", expr)
	}
	return a, nil
}

// scalar asks for one number.
func scalar(ctx context.Context, prometheus, expr string, at time.Time) (string, error) {
	a, err := query(ctx, prometheus, expr, at)
	if err != nil {
		return "", err
	}
	if len(a.Data.Result) != 1 || len(a.Data.Result[0].Value) != 2 {
		return "", fmt.Errorf("%s: %d series, want one number", expr, len(a.Data.Result))
	}
	return fmt.Sprint(a.Data.Result[0].Value[1]), nil
}

// readme returns the block of the README that begins with these words.
func readme(t *testing.T, fence, words string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```"+fence+"\n"+words)
	block, _, ended := strings.Cut(rest, "```")
	if !ok || !ended {
		t.Fatalf("the README has no block of %s that begins with %q", fence, words)
	}
	return words + block
}

// TestPrometheus has a real Prometheus scrape a daemon with the README's job,
// and with two others: one that keeps both forms of the histograms, one that
// asks for neither.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	program := binary(t, "HFWATCH_PROMETHEUS")
	daemon := watching(t)
	target := strings.TrimPrefix(daemon, "http://")
	job := strings.ReplaceAll(readme(t, "yaml", "scrape_configs:\n"), "127.0.0.1:14842", target)
	job = regexp.MustCompile(`scrape_interval: \w+`).ReplaceAllString(job, "scrape_interval: 1s")
	folder := t.TempDir()
	write(t, folder, "prometheus.yml", job+`
  - job_name: both
    scrape_interval: 1s
    scrape_native_histograms: true
    always_scrape_classic_histograms: true
    static_configs: [{targets: ["`+target+`"]}]
  - job_name: classic
    scrape_interval: 1s
    static_configs: [{targets: ["`+target+`"]}]
`)
	p := start(t, folder, nil, program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0", "--log.format=json")
	prometheus := "http://" + p.err.wait(t, 30*time.Second, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]

	const series = `hfwatch_response_seconds{job=%q,target="good",kind="baseline",result="ok"}`
	var at time.Time
	eventually(t, 60*time.Second, func(ctx context.Context) error {
		at = time.Now()
		if _, err := query(ctx, prometheus, `histogram_quantile(0.5, increase(hfwatch_response_seconds{job="hfwatch",target="good",result="ok"}[10s])) > 0`, at); err != nil {
			return err
		}
		for _, job := range []string{"hfwatch", "both", "classic"} {
			if _, err := query(ctx, prometheus, `hfwatch_results_total{target="chat",counts="good"} > 3 and on(job) up{job="`+job+`"} == 1`, at); err != nil {
				return err
			}
		}
		return nil
	})
	// A scrape of before that instant may still be on its way into the database:
	// it is in once each job has a later one.
	eventually(t, 30*time.Second, func(ctx context.Context) error {
		_, err := query(ctx, prometheus, fmt.Sprintf(`count(timestamp(up) > %f) == 3`, float64(at.UnixMilli())/1000), time.Now())
		return err
	})
	t.Run("the README's job gets native histograms with the right count", func(t *testing.T) {
		a, err := query(t.Context(), prometheus, fmt.Sprintf(series, "hfwatch"), at)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Data.Result) != 1 || len(a.Data.Result[0].Histogram) != 2 {
			t.Fatalf("%s = %v, want one native histogram", series, a.Data.Result)
		}
		var h struct {
			Count, Sum string
			Buckets    []any
		}
		if err := json.Unmarshal(a.Data.Result[0].Histogram[1], &h); err != nil {
			t.Fatal(err)
		}
		counted, err := scalar(t.Context(), prometheus, `hfwatch_results_total{job="hfwatch",target="good",kind="baseline",counts="good"}`, at)
		if err != nil || h.Count != counted || len(h.Buckets) == 0 || h.Sum == "0" {
			t.Errorf("the histogram has count %s, sum %s and %d buckets, want the %s good results (%v)", h.Count, h.Sum, len(h.Buckets), counted, err)
		}
		for _, name := range []string{"hfwatch_first_token_seconds", "hfwatch_first_byte_seconds", "hfwatch_tpot_seconds", "hfwatch_lag_seconds"} {
			if a, err := query(t.Context(), prometheus, name+`{job="hfwatch",target="chat"}`, at); err != nil || len(a.Data.Result[0].Histogram) != 2 {
				t.Errorf("%s is no native histogram, %v", name, err)
			}
		}
		if a, err := query(t.Context(), prometheus, `hfwatch_response_seconds_bucket{job="hfwatch"}`, at); err == nil {
			t.Errorf("%d classic buckets beside the native form, want none", len(a.Data.Result))
		}
	})
	t.Run("classic buckets of the baseline are there for the others", func(t *testing.T) {
		for _, job := range []string{"both", "classic"} {
			counted, err := scalar(t.Context(), prometheus, `hfwatch_results_total{job="`+job+`",target="good",kind="baseline",counts="good"}`, at)
			if err != nil {
				t.Fatal(err)
			}
			labels := fmt.Sprintf(strings.TrimPrefix(series, "hfwatch_response_seconds"), job)
			all := strings.Replace(labels, "{", `{le="+Inf",`, 1)
			if got, err := scalar(t.Context(), prometheus, "hfwatch_response_seconds_bucket"+all, at); err != nil || got != counted {
				t.Errorf("%s: the last bucket holds %s, %v, want %s", job, got, err, counted)
			}
			if got, err := scalar(t.Context(), prometheus, "count(hfwatch_response_seconds_bucket"+labels+")", at); err != nil || got != "13" {
				t.Errorf("%s: %s buckets, %v, want 12 and +Inf", job, got, err)
			}
			if got, err := scalar(t.Context(), prometheus, "hfwatch_response_seconds_count"+labels, at); err != nil || got != counted {
				t.Errorf("%s: the count is %s, %v, want %s", job, got, err, counted)
			}
		}
	})
	t.Run("the README's queries give numbers", func(t *testing.T) {
		queries := readme(t, "promql", "histogram_quantile(")
		first, second, ok := strings.Cut(queries, "\n")
		if !ok {
			t.Fatalf("the README's queries are %q, want two", queries)
		}
		for _, expr := range []string{first, second} {
			if a, err := query(t.Context(), prometheus, expr, at); err != nil || a.Data.Result[0].Value == nil {
				t.Errorf("%s: %v", expr, err)
			}
		}
	})
	t.Run("every scrape went well", func(t *testing.T) {
		a, err := query(t.Context(), prometheus, `min_over_time(up[1m])`, at)
		if err != nil || len(a.Data.Result) != 3 {
			t.Fatalf("up = %v, %v, want three jobs", a.Data.Result, err)
		}
		for _, r := range a.Data.Result {
			if r.Value[1] != "1" {
				t.Errorf("up = %v of job %s, want 1 all the time", r.Value[1], r.Metric["job"])
			}
		}
		if odd := regexp.MustCompile(`.*"level":"(WARN|ERROR)".*`).FindString(p.err.String()); odd != "" {
			t.Errorf("Prometheus logged %s", odd)
		}
	})
}
