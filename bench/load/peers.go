package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// test is one thing that every program is asked to do.
type test struct {
	path string
	// rate is in requests a second; 0 is as fast as bound closed loops go.
	rate   float64
	bound  int
	length time.Duration
}

// outcome is what a program says of it, and what it cost.
type outcome struct {
	requests      int
	p50, p90, p99 float64 // milliseconds; NaN-free, 0 where it does not say
	cpu           time.Duration
	peak          int64 // bytes resident
	verdict       string
	lag50, lag99  float64
}

// program is one load generator.
type program struct {
	name, version string
	// args returns its arguments for a test that writes to dir, nil where it cannot
	// do it.
	args func(t test, url, dir string) []string
	// read reads its own words on the test.
	read func(stdout []byte, dir string) outcome
	// paced says that it can keep a rate.
	paced bool
}

// peers are the others. Versions are those of go install, Debian and pip that the
// README names.
func peers() []program {
	return []program{
		{"vegeta", "12.13.0", vegetaArgs, vegetaRead, true},
		{"k6", "1.8.1", k6Args, k6Read, true},
		{"fortio", "1.68.2", fortioArgs, fortioRead, true},
		{"hey", "0.1.5", heyArgs, heyRead, true},
		{"bombardier", "1.2.6", bombardierArgs, bombardierRead, true},
		{"wrk", "4.1.0", wrkArgs, wrkRead, false},
		{"locust", "2.32.4", locustArgs, locustRead, false},
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func seconds(d time.Duration) string { return number(d.Seconds()) + "s" }

func vegetaArgs(t test, url, dir string) []string {
	targets, payload := filepath.Join(dir, "targets"), filepath.Join(dir, "body")
	_ = os.WriteFile(payload, []byte(body), 0o600)
	_ = os.WriteFile(targets, []byte("POST "+url+"\nContent-Type: application/json\n@"+payload+"\n"), 0o600)
	args := []string{"attack", "-targets=" + targets, "-duration=" + seconds(t.length), "-output=" + filepath.Join(dir, "out"), "-rate=" + number(t.rate) + "/1s"}
	if t.bound > 0 {
		args = append(args, fmt.Sprintf("-max-workers=%d", t.bound), fmt.Sprintf("-workers=%d", t.bound), fmt.Sprintf("-connections=%d", t.bound))
	}
	return args
}

func vegetaRead(_ []byte, dir string) outcome {
	text, err := os.ReadFile(filepath.Join(dir, "report"))
	if err != nil {
		return outcome{}
	}
	var r struct {
		Requests  int `json:"requests"`
		Latencies map[string]float64
	}
	_ = json.Unmarshal(text, &r)
	return outcome{requests: r.Requests, p50: r.Latencies["50th"] / 1e6, p90: r.Latencies["90th"] / 1e6, p99: r.Latencies["99th"] / 1e6}
}

func k6Args(t test, url, dir string) []string {
	scenario := fmt.Sprintf(`{executor:'constant-vus',vus:%d,duration:'%s'}`, t.bound, seconds(t.length))
	if t.rate > 0 {
		first, most := 600, 600
		if t.bound > 0 {
			first, most = t.bound, t.bound
		}
		scenario = fmt.Sprintf(`{executor:'constant-arrival-rate',rate:%g,timeUnit:'1s',duration:'%s',preAllocatedVUs:%d,maxVUs:%d}`, t.rate, seconds(t.length), first, most)
	}
	script := fmt.Sprintf("import http from 'k6/http';\nexport const options={scenarios:{a:%s},summaryTrendStats:['p(50)','p(90)','p(99)']};\n"+
		"export default function(){http.post('%s','%s',{headers:{'Content-Type':'application/json'}});}\n", scenario, url, body)
	path := filepath.Join(dir, "script.js")
	_ = os.WriteFile(path, []byte(script), 0o600)
	return []string{"run", "--quiet", "--no-usage-report", "--summary-export=" + filepath.Join(dir, "out"), path}
}

func k6Read(_ []byte, dir string) outcome {
	text, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		return outcome{}
	}
	var r struct {
		Metrics map[string]map[string]any `json:"metrics"`
	}
	_ = json.Unmarshal(text, &r)
	of := func(metric, key string) float64 { v, _ := r.Metrics[metric][key].(float64); return v }
	return outcome{
		requests: int(of("http_reqs", "count")), p50: of("http_req_duration", "p(50)"),
		p90: of("http_req_duration", "p(90)"), p99: of("http_req_duration", "p(99)"),
	}
}

func fortioArgs(t test, url, dir string) []string {
	return []string{
		"load", "-quiet", "-qps", number(t.rate), "-c", strconv.Itoa(max(t.bound, 16)), "-t", seconds(t.length), "-p", "50,90,99", "-r", "0.0001",
		"-payload", body, "-content-type", "application/json", "-json", filepath.Join(dir, "out"), url,
	}
}

func fortioRead(_ []byte, dir string) outcome {
	text, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		return outcome{}
	}
	var r struct {
		DurationHistogram struct {
			Count       int
			Percentiles []struct{ Percentile, Value float64 }
		}
	}
	_ = json.Unmarshal(text, &r)
	o := outcome{requests: r.DurationHistogram.Count}
	for _, p := range r.DurationHistogram.Percentiles {
		o.set(p.Percentile, p.Value*1e3)
	}
	return o
}

// set takes one quantile in milliseconds.
func (o *outcome) set(p, v float64) {
	switch p {
	case 50:
		o.p50 = v
	case 90:
		o.p90 = v
	case 99:
		o.p99 = v
	}
}

func heyArgs(t test, url, _ string) []string {
	bound := max(t.bound, 16)
	args := []string{"-z", seconds(t.length), "-c", strconv.Itoa(bound), "-m", "POST", "-T", "application/json", "-d", body}
	if t.rate > 0 {
		args = append(args, "-q", number(t.rate/float64(bound)))
	}
	return append(args, url)
}

func heyRead(out []byte, _ string) outcome {
	var o outcome
	for _, m := range regexp.MustCompile(`(\d+)%+ in ([\d.]+) secs`).FindAllStringSubmatch(string(out), -1) {
		p, _ := strconv.ParseFloat(m[1], 64)
		v, _ := strconv.ParseFloat(m[2], 64)
		o.set(p, v*1e3)
	}
	for _, m := range regexp.MustCompile(`\[\d+\]\s+(\d+) responses`).FindAllStringSubmatch(string(out), -1) {
		n, _ := strconv.Atoi(m[1])
		o.requests += n
	}
	return o
}

func bombardierArgs(t test, url, _ string) []string {
	args := []string{"-c", strconv.Itoa(max(t.bound, 16)), "-d", seconds(t.length), "-m", "POST", "-H", "Content-Type: application/json", "-b", body, "-l", "-p", "r", "-o", "json"}
	if t.rate > 0 {
		args = append(args, "-r", number(t.rate))
	}
	return append(args, url)
}

func bombardierRead(out []byte, _ string) outcome {
	var r struct {
		Result struct {
			Req2xx  int `json:"req2xx"`
			Latency struct {
				Percentiles map[string]float64 `json:"percentiles"`
			} `json:"latency"`
		} `json:"result"`
	}
	if at := bytes.IndexByte(out, '{'); at >= 0 {
		_ = json.Unmarshal(out[at:], &r)
	}
	p := r.Result.Latency.Percentiles
	return outcome{requests: r.Result.Req2xx, p50: p["50"] / 1e3, p90: p["90"] / 1e3, p99: p["99"] / 1e3}
}

func wrkArgs(t test, url, dir string) []string {
	if t.rate > 0 {
		return nil
	}
	script := filepath.Join(dir, "post.lua")
	_ = os.WriteFile(script, []byte("wrk.method='POST'\nwrk.body='"+body+"'\nwrk.headers['Content-Type']='application/json'\n"), 0o600)
	return []string{"-t", "1", "-c", strconv.Itoa(t.bound), "-d", seconds(t.length), "--latency", "-s", script, url}
}

func wrkRead(out []byte, _ string) outcome {
	var o outcome
	for _, m := range regexp.MustCompile(`(\d+)%\s+([\d.]+)(us|ms|s)`).FindAllStringSubmatch(string(out), -1) {
		p, _ := strconv.ParseFloat(m[1], 64)
		v, _ := strconv.ParseFloat(m[2], 64)
		o.set(p, v*map[string]float64{"us": 1e-3, "ms": 1, "s": 1e3}[m[3]])
	}
	if m := regexp.MustCompile(`(\d+) requests in`).FindSubmatch(out); m != nil {
		o.requests, _ = strconv.Atoi(string(m[1]))
	}
	return o
}

func locustArgs(t test, url, dir string) []string {
	if t.rate > 0 {
		return nil
	}
	host, path := url[:strings.LastIndexByte(url, '/')], url[strings.LastIndexByte(url, '/'):]
	script := fmt.Sprintf("from locust import FastHttpUser, task\nclass U(FastHttpUser):\n    host = '%s'\n    @task\n    def a(self):\n"+
		"        self.client.post('%s', data='%s', headers={'Content-Type': 'application/json'})\n", host, path, body)
	file := filepath.Join(dir, "locustfile.py")
	_ = os.WriteFile(file, []byte(script), 0o600)
	return []string{"-f", file, "--headless", "-u", strconv.Itoa(t.bound), "-r", "1000", "-t", seconds(t.length), "--json", "--skip-log-setup"}
}

func locustRead(out []byte, _ string) outcome {
	var r []struct {
		Requests int            `json:"num_requests"`
		Times    map[string]int `json:"response_times"`
	}
	at := strings.IndexByte(string(out), '[')
	if at < 0 || json.Unmarshal(out[at:], &r) != nil || len(r) == 0 {
		return outcome{}
	}
	return outcome{requests: r[0].Requests}
}
