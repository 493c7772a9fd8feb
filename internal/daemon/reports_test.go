package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/fakenet"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/report"
	"github.com/hfwatch/hfwatch/schedule"
)

func spec(t *testing.T, text string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(text, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDueReports are those whose time has passed, each once, and none of before.
func TestDueReports(t *testing.T) {
	monday := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	all := []config.ScheduledReport{
		{Name: "weekly", Schedule: spec(t, "0 7 * * 1")}, {Name: "hourly", Schedule: spec(t, "0 * * * *")},
	}
	for _, tt := range []struct {
		why       string
		last, now time.Time
		want      []string
	}{
		{"before both", monday.Add(-time.Minute), monday.Add(-time.Second), nil},
		{"at the instant", monday.Add(-time.Second), monday, []string{"weekly", "hourly"}},
		{"just after it, once", monday, monday.Add(time.Second), nil},
		{"a day asleep", monday, monday.Add(24 * time.Hour), []string{"hourly"}},
		{"three weeks asleep", monday, monday.Add(21 * 24 * time.Hour), []string{"weekly", "hourly"}},
		{"the clock was set back", monday.Add(time.Hour), monday, nil},
	} {
		var got []string
		for _, r := range dueReports(all, tt.last, tt.now) {
			got = append(got, r.Name)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

// posted is what a receiver of reports got.
type posted struct {
	at     time.Time
	header http.Header
	body   string
}

// receive answers posts with the statuses in turn, the last one again and again.
func receive(t *testing.T, network *fakenet.Network, statuses ...int) *[]posted {
	t.Helper()
	l, err := network.Listen("hooks.example.org:80")
	if err != nil {
		t.Fatal(err)
	}
	var got []posted
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, posted{time.Now(), r.Header, string(body)})
		if status := statuses[min(len(got), len(statuses))-1]; status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "45")
			w.WriteHeader(status)
		} else {
			w.WriteHeader(status)
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return &got
}

// TestReportsAreMadeOnSchedule: written whole, posted with a signature, tried
// again where that may help, and counted.
func TestReportsAreMadeOnSchedule(t *testing.T) {
	for _, tt := range []struct {
		why      string
		statuses []int
		// after are the times of the posts, from when the report was due.
		after  []time.Duration
		failed bool
	}{
		{"at once", []int{200}, []time.Duration{0}, false},
		{"busy, then busy for a time that it names", []int{503, 429, 204}, []time.Duration{0, 10 * time.Second, 55 * time.Second}, false},
		{"refused", []int{400}, []time.Duration{0}, true},
		{"down", []int{500}, []time.Duration{0, 10 * time.Second, 30 * time.Second, 70 * time.Second}, true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				network := fakenet.New()
				got := receive(t, network, tt.statuses...)
				var logs bytes.Buffer
				var outcomes []error
				key := probe.NewSecret("key-of-the-report")
				r := &reporter{
					reports: func() []config.ScheduledReport {
						return []config.ScheduledReport{{
							Name: "daily", Schedule: spec(t, "30 6 * * *"), Since: 28 * 24 * time.Hour, Format: report.JSON,
							File:    filepath.Join(dir, "r-{date}.json"),
							Webhook: &notify.Webhook{URL: probe.NewSecret("http://hooks.example.org/path-that-is-secret"), Secret: key},
						}}
					},
					make: func(_ context.Context, since time.Duration, now time.Time) (report.Report, error) {
						return report.Build(report.Data{Location: "here", To: now, Since: since}), nil
					},
					done: func(_ string, err error) { outcomes = append(outcomes, err) },
					dial: network.DialContext, version: "test", logger: slog.New(slog.NewTextHandler(&logs, nil)),
				}
				ctx, cancel := context.WithCancel(t.Context())
				go r.run(ctx)
				due := time.Date(2000, 1, 1, 6, 30, 0, 0, time.UTC)
				time.Sleep(time.Until(due.Add(10 * time.Minute)))
				synctest.Wait()
				cancel()
				synctest.Wait()

				var after []time.Duration
				for _, p := range *got {
					after = append(after, p.at.Sub(due))
					if err := notify.Verify(key, p.header.Get(notify.HeaderTimestamp), p.header.Get(notify.HeaderSignature), []byte(p.body), p.at, time.Minute); err != nil {
						t.Errorf("the signature: %v", err)
					}
				}
				if diff := cmp.Diff(tt.after, after); diff != "" {
					t.Errorf("times of posts (-want +got):\n%s", diff)
				}
				if len(outcomes) != 1 || (outcomes[0] != nil) != tt.failed {
					t.Errorf("outcomes %v, want one, failed %t", outcomes, tt.failed)
				}
				written, err := os.ReadFile(filepath.Join(dir, "r-2000-01-01.json"))
				if err != nil || string(written) != (*got)[0].body || !strings.Contains(string(written), `"location": "here"`) {
					t.Errorf("the file: %v; want the body that was posted", err)
				}
				if text := logs.String() + wording(outcomes); tt.failed && strings.Contains(text, "secret") {
					t.Errorf("the address is shown: %s", text)
				}
			})
		})
	}
}

// TestReportThatCannotBeMadeIsCounted, leaves no file, and the next is made.
func TestReportThatCannotBeMadeIsCounted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var outcomes []error
		broken := errors.New("the records are not open")
		r := &reporter{
			reports: func() []config.ScheduledReport {
				return []config.ScheduledReport{{Name: "hourly", Schedule: spec(t, "0 * * * *"), Since: 7 * 24 * time.Hour, Format: report.Text, File: filepath.Join(dir, "x")}}
			},
			make: func(context.Context, time.Duration, time.Time) (report.Report, error) {
				if len(outcomes) == 0 {
					return report.Report{}, broken
				}
				return report.Report{}, nil
			},
			done:   func(_ string, err error) { outcomes = append(outcomes, err) },
			logger: slog.New(slog.DiscardHandler),
		}
		ctx, cancel := context.WithCancel(t.Context())
		go r.run(ctx)
		time.Sleep(2*time.Hour + time.Minute)
		cancel()
		synctest.Wait()
		if len(outcomes) != 2 || !errors.Is(outcomes[0], broken) || outcomes[1] != nil {
			t.Errorf("outcomes %v", outcomes)
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 || files[0].Name() != "x" {
			t.Errorf("files %v, want x alone", files)
		}
	})
}

// wording returns the text of all errors.
func wording(errs []error) string {
	if err := errors.Join(errs...); err != nil {
		return err.Error()
	}
	return ""
}
