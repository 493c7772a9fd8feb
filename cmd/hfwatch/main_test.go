package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestLogger: what a log line looks like, by the flags and by where it goes.
func TestLogger(t *testing.T) {
	t.Parallel()
	const escape = "\x1b["
	for _, c := range []struct {
		why      string
		flags    logFlags
		terminal bool
		colour   bool
		want     []string
		without  string
	}{
		{"a terminal gets text in colour", logFlags{"info", "auto"}, true, true, []string{"INF", escape}, "{"},
		{"a terminal whose user wants no colour gets text without", logFlags{"info", "auto"}, true, false, []string{"INF hello target=a"}, escape},
		{"a file gets JSON", logFlags{"info", "auto"}, false, false, []string{`"level":"INFO"`, `"msg":"hello"`, `"target":"a"`}, escape},
		{"a file can have text, and no colour", logFlags{"info", "text"}, false, false, []string{"INF hello target=a"}, escape},
		{"a terminal can have JSON", logFlags{"info", "JSON"}, true, true, []string{`"msg":"hello"`}, escape},
		{"what is below the level is dropped", logFlags{"warn", "auto"}, false, false, nil, "hello"},
	} {
		var out strings.Builder
		p := process{stderr: &out, terminal: c.terminal, colour: c.colour}
		logger, err := p.logger(c.flags)
		if err != nil {
			t.Fatal(err)
		}
		logger.Info("hello", slog.String("target", "a"))
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q, want %q in it", c.why, out.String(), want)
			}
		}
		if strings.Contains(out.String(), c.without) {
			t.Errorf("%s: %q, want no %q in it", c.why, out.String(), c.without)
		}
	}
}

// TestExitCodes: an error that bears its code is found wherever it stands, and
// says no more than it has to.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	cause := io.ErrUnexpectedEOF
	for _, c := range []struct {
		err  error
		text string
	}{
		{exit{exitFailed, cause}, cause.Error()},
		{exit{exitUsage, nil}, "exit code 2"},
		{fmt.Errorf("starting: %w", exit{exitUnknown, cause}), "starting: " + cause.Error()},
	} {
		var e exit
		if !errors.As(c.err, &e) || c.err.Error() != c.text {
			t.Errorf("%v holds no exit code, or does not say %q", c.err, c.text)
		}
		if e.err != nil && !errors.Is(c.err, cause) {
			t.Errorf("%v does not hold its cause", c.err)
		}
	}
}
