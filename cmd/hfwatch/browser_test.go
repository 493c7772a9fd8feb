package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser returns a browser of Chromium's family, which HFWATCH_BROWSER names;
// without one the test is skipped.
func browser(t *testing.T) string {
	t.Helper()
	path := os.Getenv("HFWATCH_BROWSER")
	if path == "" {
		t.Skip("HFWATCH_BROWSER names no browser")
	}
	return path
}

// look has a browser load a page, and returns the page as it then stands and what
// the browser says of it: of errors, and of what its policy refused to load.
func look(t *testing.T, path, url string) (page, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--user-data-dir="+t.TempDir(),
		"--enable-logging=stderr", "--window-size=1300,1400", "--dump-dom", url)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", path, url, err, &errs)
	}
	for _, line := range strings.Split(errs.String(), "\n") {
		if strings.Contains(line, "CONSOLE") || strings.Contains(line, "Refused to") {
			said += line + "\n"
		}
	}
	return out.String(), said
}

// TestPagesInABrowser opens the pages of a demo that has probed for a while in a
// real browser: it finds nothing to complain of, fetches nothing from elsewhere,
// and shows what the page is for.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	path := browser(t)
	demo := start(t, t.TempDir(), nil, "hfwatch", "run", "--demo", "--demo.length", "5m", "--web.listen-address", "127.0.0.1:0")
	url := demo.err.wait(t, 10*time.Second, `look at (http://127\.0\.0\.1:[1-9]\d*)/`)[1]
	eventually(t, time.Minute, atLeast(url, 3, "hfwatch_results_total", "target", "assistant", "kind", "baseline", "counts", "good"))
	for _, row := range []struct{ at, want string }{
		{"/", `<td>chat-completion</td>`},
		{"/weeks", "Weeks of all models"},
		{"/cold-starts", "No cold start was seen."},
		{"/report?since=1w", "assistant"},
	} {
		if _, err := fetch(t.Context(), http.MethodGet, url+row.at); err != nil {
			t.Errorf("%s: %v", row.at, err)
			continue
		}
		page, said := look(t, path, url+row.at)
		if said != "" {
			t.Errorf("%s: the browser says\n%s", row.at, said)
		}
		if !strings.Contains(page, row.want) || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
			t.Errorf("%s: the page lacks %q, or its end:\n%s", row.at, row.want, page)
		}
		if scripts := regexp.MustCompile(`(?i)<script|(src|href)="(https?:)?//`).FindAllString(page, -1); len(scripts) > 0 {
			t.Errorf("%s loads or leads elsewhere: %q", row.at, scripts)
		}
	}
	// The browser tells of what a policy refuses, and of errors: else none of this
	// would be seen.
	_, said := look(t, path, "data:text/html,<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\"><img src=x:y><script>alert(1)</script>")
	if !strings.Contains(said, "CONSOLE") {
		t.Error("the browser does not say what it refuses, so that the pages above were not tried")
	}
	demo.stop(t, 15*time.Second)
}
