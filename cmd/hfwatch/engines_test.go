package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// faulty is a configuration of targets that fail in ways of their own, with an
// alert of each form that can be seen within seconds.
const faulty = `
evaluation_interval: 1s
defaults: {baseline: {schedule: "@every 1s", timeout: 1s}, labels: {env: test}, objectives: {response: 100ms, availability: 99%}}
models:
  - {name: bad, task: custom, url: "MODEL/bad", inputs: [{a: 1}], labels: {team: x}}
  - {name: cold, task: custom, url: "MODEL/cold", inputs: [{a: 1}]}
  - {name: slow, task: custom, url: "MODEL/slow", inputs: [{a: 1}]}
  - {name: never, task: custom, url: "MODEL/never", inputs: [{a: 1}]}
alerts:
  - {name: Middle, when: "median(response) > 100ms over 5m", severity: warning}
  - {name: Last, when: "response > 100ms in 3 of 3", severity: warning, labels: {page: "no"}}
  - {name: Burn, when: "burn(availability) > 2 over 1h,5m", severity: critical}
  - {name: Errors, when: "bad_ratio > 20% over 30m", severity: critical, for: 2s, keep_firing_for: 10m}
  - {name: Outcomes, when: "outcome(loading|server_error) > 5% over 1h", severity: warning}
  - {name: Goodput, when: "goodput < 99% over 1h", severity: warning}
  - {name: Own, expr: "hfwatch_target_consecutive_bad > 3", severity: info}
`

// sick answers by path, badly while it is to. never fails all the time.
func sick(failing *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/never", failing.Load() && r.URL.Path == "/bad":
			http.Error(w, "out of order", http.StatusInternalServerError)
		case !failing.Load():
		case r.URL.Path == "/cold":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"error":"Model org/m is currently loading","estimated_time":20.0}`))
		case r.URL.Path == "/slow":
			<-time.After(300 * time.Millisecond)
		}
	}
}

// TestBothEnginesFireTheSame: two Prometheus that scrape hfwatch and evaluate the
// printed rules, one with native histograms and one with classic ones, fire
// exactly what hfwatch fires, with the same labels and words, and since the same
// time, while faults of all kinds come and go.
func TestBothEnginesFireTheSame(t *testing.T) {
	t.Parallel()
	binary(t, "HFWATCH_PROMETHEUS")
	var failing atomic.Bool
	model := httptest.NewServer(sick(&failing))
	t.Cleanup(model.Close)
	folder := t.TempDir()
	text := strings.ReplaceAll(faulty, "MODEL", model.URL)
	write(t, folder, "config.yaml", text)
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0")
	address := d.err.wait(t, time.Minute, `"msg":"listening","url":"(http://127\.0\.0\.1:[1-9]\d*)"`)[1]
	others := map[string]string{}
	for _, form := range []string{"native", "classic"} {
		rules, _ := rulesOf(t, folder, 0, "--histograms", form)
		others[form] = central(t, address, rules, form == "native")
	}
	always := []string{"NeverSucceeded never", "Own never", "TargetFailing never", "Watchdog "}
	agree(t, address, others, time.Time{}, always, nil)

	began := time.Now()
	failing.Store(true)
	write(t, folder, "config.yaml", "nonsense")
	if err := d.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	agree(t, address, others, began, append(always, "Burn bad", "Errors bad", "Goodput bad", "HostFailing ", "Last slow", "LoadingTooLong cold",
		"Middle slow", "Outcomes bad", "Outcomes cold", "Own bad", "ReloadFailed ", "TargetFailing bad", "TargetFailing cold"), nil)

	failing.Store(false)
	write(t, folder, "config.yaml", text)
	if err := d.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	agree(t, address, others, began, append(always, "Errors bad", "HostFailing "),
		[]string{"Last slow", "LoadingTooLong cold", "Own bad", "ReloadFailed ", "TargetFailing bad", "TargetFailing cold"})
}

// central starts a Prometheus that scrapes a daemon and evaluates rules, and
// returns its address.
func central(t *testing.T, daemon, rules string, native bool) string {
	t.Helper()
	folder := t.TempDir()
	write(t, folder, "rules.yml", rules)
	write(t, folder, "prometheus.yml", `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: hfwatch
    scrape_native_histograms: `+fmt.Sprint(native)+`
    static_configs: [{targets: ["`+strings.TrimPrefix(daemon, "http://")+`"]}]
`)
	p := start(t, folder, nil, binary(t, "HFWATCH_PROMETHEUS"), "--config.file=prometheus.yml", "--storage.tsdb.path=data",
		"--web.listen-address=127.0.0.1:0", "--log.format=json")
	return "http://" + p.err.wait(t, time.Minute, `"msg":"Listening on".*"address":"(127\.0\.0\.1:[1-9]\d*)"`)[1]
}

// firingAlert is an alert as Prometheus's API shows it.
type firingAlert struct {
	State               string
	Labels, Annotations map[string]string
	ActiveAt            time.Time
}

// agree waits until hfwatch and each Prometheus fire the same, with what must be
// among it and without what must not.
func agree(t *testing.T, daemon string, others map[string]string, since time.Time, with, without []string) {
	t.Helper()
	for form, other := range others {
		var last error
		eventually(t, 90*time.Second, func(ctx context.Context) (failed error) {
			defer func() {
				// What time cut off says less than what came before.
				if ctx.Err() != nil && last != nil {
					failed = last
				}
				last = failed
			}()
			ours, err := firingIn(ctx, daemon)
			if err != nil {
				return err
			}
			theirs, err := firingIn(ctx, other)
			if err != nil {
				return err
			}
			for _, name := range with {
				if _, fires := ours[name]; !fires {
					return fmt.Errorf("%s does not fire, but %v", name, slices.Sorted(maps.Keys(ours)))
				}
			}
			for _, name := range without {
				if _, fires := ours[name]; fires {
					return fmt.Errorf("%s still fires", name)
				}
			}
			return alike(ours, theirs, since)
		})
		t.Logf("%s: %d alerts wanted, %d not", form, len(with), len(without))
	}
}

// alike returns how two engines differ in what fires. The times since when it
// does are compared where it began after since, when both looked on; they lie
// apart by the phases of evaluations and scrapes. Words with values that change
// at each look are not compared.
func alike(ours, theirs map[string]firingAlert, since time.Time) error {
	const apart = 10 * time.Second
	words := func(a firingAlert) map[string]string {
		out := maps.Clone(a.Annotations)
		maps.DeleteFunc(out, func(key, _ string) bool {
			moving := key == "value" || key == "description" && !slices.Contains([]string{"TargetFailing", "LoadingTooLong", "ReloadFailed", "NeverSucceeded", "Watchdog"}, a.Labels["alertname"])
			return moving || slices.Contains([]string{"evidence", "fault", "outcomes", "since"}, key)
		})
		return out
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(theirs))); diff != "" {
		return fmt.Errorf("other alerts fire (-hfwatch +Prometheus):\n%s", diff)
	}
	for name, a := range ours {
		b := theirs[name]
		if diff := cmp.Diff(a.Labels, b.Labels) + cmp.Diff(words(a), words(b)); diff != "" {
			return fmt.Errorf("%s differs (-hfwatch +Prometheus):\n%s", name, diff)
		}
		if off := a.ActiveAt.Sub(b.ActiveAt).Abs(); !since.IsZero() && a.ActiveAt.After(since) && off > apart {
			return fmt.Errorf("%s is active since %v here and %v there", name, a.ActiveAt, b.ActiveAt)
		}
	}
	return nil
}

// firingIn returns what fires in a Prometheus or a daemon, by alert and target.
func firingIn(ctx context.Context, server string) (map[string]firingAlert, error) {
	body, err := fetch(ctx, http.MethodGet, server+"/api/v1/alerts")
	if err != nil {
		return nil, err
	}
	var said struct {
		Data struct{ Alerts []firingAlert }
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, err
	}
	out := map[string]firingAlert{}
	for _, a := range said.Data.Alerts {
		if a.State != "firing" {
			continue
		}
		name := a.Labels["alertname"] + " " + a.Labels["target"]
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s fires twice", name)
		}
		out[name] = a
	}
	return out, nil
}
