package main

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
)

// logFlags are the flags of every command that logs.
type logFlags struct{ level, format string }

// add declares the flags.
func (f *logFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.level, "log.level", "info", "least level to log: debug, info, warn, error")
	cmd.Flags().StringVar(&f.format, "log.format", "auto", "auto (text on a terminal, JSON elsewhere), text, json")
}

// logger returns the logger of a command: one line a record on standard error.
func (p *process) logger(f logFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, exit{exitUsage, fmt.Errorf("--log.level: %q is none of debug, info, warn, error", f.level)}
	}
	format := strings.ToLower(f.format)
	if format == "auto" {
		format = "json"
		if p.terminal {
			format = "text"
		}
	}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: level})), nil
	case "text":
		return slog.New(tint.NewTextHandler(p.stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !p.colour})), nil
	default:
		return nil, exit{exitUsage, fmt.Errorf("--log.format: %q is none of auto, text, json", f.format)}
	}
}
