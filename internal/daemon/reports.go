package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/alerts/notify"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/report"
)

const (
	// reportWait is how long the loop of reports sleeps at most, so that a step
	// of the clock is seen.
	reportWait = 30 * time.Second
	// postTries is how often a report is posted at most, and postWithin how long
	// one attempt may take.
	postTries  = 4
	postWithin = 30 * time.Second
	// postPause is the wait before the second attempt; it doubles.
	postPause = 10 * time.Second
	// mostPostPause bounds the wait that a receiver may ask for.
	mostPostPause = 5 * time.Minute
)

// dueReports returns the reports that fell due after last and by now. Nothing
// is made up for: of several times of one report that passed, it is due once.
func dueReports(all []config.ScheduledReport, last, now time.Time) []config.ScheduledReport {
	var due []config.ScheduledReport
	for _, r := range all {
		if next := r.Schedule.Next(last); !next.IsZero() && !next.After(now) {
			due = append(due, r)
		}
	}
	return due
}

// reporter makes the scheduled reports of the configuration in force.
type reporter struct {
	reports func() []config.ScheduledReport
	make    func(ctx context.Context, since time.Duration, now time.Time) (report.Report, error)
	done    func(name string, err error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	version string
	logger  *slog.Logger
}

// run makes reports until ctx ends. A report that hangs delays other reports
// and nothing else.
func (r *reporter) run(ctx context.Context) {
	last := time.Now()
	wait := time.NewTimer(reportWait)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		now := time.Now()
		for _, due := range dueReports(r.reports(), last, now) {
			err := r.one(ctx, due, now)
			if ctx.Err() != nil {
				return
			}
			r.done(due.Name, err)
			if err != nil {
				r.logger.Error("report was not delivered", "report", due.Name, "err", err)
			}
		}
		last = now
		wait.Reset(r.pause(now))
	}
}

// pause returns how long there is nothing to do, at most reportWait.
func (r *reporter) pause(now time.Time) time.Duration {
	pause := reportWait
	for _, one := range r.reports() {
		if next := one.Schedule.Next(now); !next.IsZero() {
			pause = min(pause, next.Sub(now))
		}
	}
	return max(pause, time.Millisecond)
}

// one makes a report and delivers it to where it goes. Where both a file and a
// webhook are named, a failure of one does not spare the other.
func (r *reporter) one(ctx context.Context, s config.ScheduledReport, now time.Time) error {
	made, err := r.make(ctx, s.Since, now)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := report.Write(&body, made, s.Format); err != nil {
		return err
	}
	var errs []error
	if s.File != "" {
		if err := replaceFile(strings.ReplaceAll(s.File, "{date}", now.UTC().Format(time.DateOnly)), body.Bytes()); err != nil {
			errs = append(errs, fmt.Errorf("report: %w", err))
		}
	}
	if s.Webhook != nil {
		errs = append(errs, r.post(ctx, s, body.Bytes()))
	}
	return errors.Join(errs...)
}

// replaceFile writes a file whole or not at all.
func replaceFile(name string, body []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(body)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// contentType returns the media type of a format.
func contentType(f report.Format) string {
	switch f {
	case report.Text:
		return "text/plain; charset=utf-8"
	case report.Markdown:
		return "text/markdown; charset=utf-8"
	case report.HTML:
		return "text/html; charset=utf-8"
	case report.JSON:
		return "application/json"
	default:
		return "application/octet-stream"
	}
}

// post delivers a report, with a signature like an alert's. What may succeed
// later is tried again: an answer of 429 or 5xx, and none at all.
func (r *reporter) post(ctx context.Context, s config.ScheduledReport, body []byte) error {
	transport := &http.Transport{DialContext: r.dial, DisableKeepAlives: true, DisableCompression: true}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	pause := postPause
	for try := 1; ; try++ {
		asked, again, err := r.attempt(ctx, client, s, body)
		if err == nil || !again || try == postTries {
			return err
		}
		wait := time.NewTimer(min(max(pause, asked), mostPostPause))
		select {
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(err, ctx.Err())
		case <-wait.C:
		}
		pause *= 2
	}
}

// attempt posts once. It returns the wait that the receiver asked for, whether
// another attempt may succeed, and what went wrong, without the address, which
// may be a secret.
func (r *reporter) attempt(ctx context.Context, client *http.Client, s config.ScheduledReport, body []byte) (time.Duration, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, postWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Webhook.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return 0, false, errors.New("report: webhook.url is not an address that can be posted to")
	}
	req.GetBody = nil
	req.Header.Set("Content-Type", contentType(s.Format))
	req.Header.Set("User-Agent", "hfwatch/"+r.version)
	req.Header.Set("X-Hfwatch-Report", s.Name)
	if !s.Webhook.Secret.IsZero() {
		now := time.Now()
		req.Header.Set(notify.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		req.Header.Set(notify.HeaderSignature, notify.Sign(s.Webhook.Secret, now, body))
	}
	resp, err := client.Do(req)
	if err != nil {
		reason := "no answer"
		if errors.Is(err, context.DeadlineExceeded) {
			reason = "no answer within " + postWithin.String()
		}
		return 0, true, fmt.Errorf("report: webhook: %s", reason)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 == 2 {
		return 0, false, nil
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	again := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode/100 == 5
	return time.Duration(max(seconds, 0)) * time.Second, again, fmt.Errorf("report: webhook: the receiver answered %d", resp.StatusCode)
}
