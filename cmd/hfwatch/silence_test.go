package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/alerts"
)

// hfwatchIn runs hfwatch in a folder and returns what it printed and its exit
// code.
func hfwatchIn(t *testing.T, folder string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "hfwatch", args...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &said
	var ended *exec.ExitError
	if err := cmd.Run(); errors.As(err, &ended) {
		code = ended.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), said.String(), code
}

// TestSilences are set, listed and expired by the command, and outlast kill -9.
func TestSilences(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "config.yaml", `
models:
  - {name: a, task: custom, url: "http://127.0.0.1:1/", inputs: [{a: 1}], baseline: {schedule: "@every 1h"}}
`)
	if _, said, code := hfwatchIn(t, folder, "silence", "list"); code != exitFailed || !strings.Contains(said, "no hfwatch runs on") {
		t.Errorf("without a daemon it exits with %d: %s", code, said)
	}
	d := start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0")
	d.err.wait(t, 30*time.Second, `"msg":"watching"`)
	id, said, code := hfwatchIn(t, folder, "silence", "add", "target=a", `alertname=~"Target.*"`, "--author", "me", "--comment", "a new GPU", "--end", time.Now().Add(time.Hour).Format(time.RFC3339))
	id = strings.TrimSpace(id)
	if code != exitOK || id == "" {
		t.Fatalf("it exits with %d: %s", code, said)
	}
	second, said, code := hfwatchIn(t, folder, "silence", "add", "target=b", "--comment", "later", "--start", time.Now().Add(time.Hour).Format(time.RFC3339), "--duration", "2d")
	if code != exitOK {
		t.Fatalf("it exits with %d: %s", code, said)
	}
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	d = start(t, folder, nil, "hfwatch", "run", "--web.listen-address", "127.0.0.1:0")
	d.err.wait(t, 30*time.Second, `"msg":"watching"`)
	out, _, _ := hfwatchIn(t, folder, "silence", "list")
	for _, want := range []string{id, `target="a" alertname=~"Target.*"`, "active", "pending", "me", "a new GPU"} {
		if !strings.Contains(out, want) {
			t.Errorf("after kill -9 the list does not hold %q:\n%s", want, out)
		}
	}
	if _, said, code := hfwatchIn(t, folder, "silence", "expire", id, strings.TrimSpace(second)); code != exitOK {
		t.Errorf("expire exits with %d: %s", code, said)
	}
	if out, _, _ := hfwatchIn(t, folder, "silence", "list"); strings.Count(out, "\n") != 1 {
		t.Errorf("what has expired is listed:\n%s", out)
	}
	out, _, _ = hfwatchIn(t, folder, "silence", "list", "--expired", "--json")
	var one alerts.Silence
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &one); err != nil || one.Status.State != "expired" || strings.Count(out, "\n") != 2 {
		t.Errorf("with --expired --json it prints %s, %v", out, err)
	}
	for _, args := range [][]string{
		{"add", "--comment", "c"},
		{"add", "target=a"},
		{"add", "target", "--comment", "c"},
		{"add", "target=a", "--comment", "c", "--duration", "x"},
		{"add", "target=a", "--comment", "c", "--end", "x"},
		{"add", "target=a", "--comment", "c", "--start", "x"},
		{"expire"},
	} {
		if _, _, code := hfwatchIn(t, folder, append([]string{"silence"}, args...)...); code != exitUsage {
			t.Errorf("%v exits with %d, want %d", args, code, exitUsage)
		}
	}
	if _, said, code := hfwatchIn(t, folder, "silence", "expire", "x"); code != exitFailed || !strings.Contains(said, "no such silence") {
		t.Errorf("expire of none exits with %d: %s", code, said)
	}
}
