package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
)

// configFlags are the flags that say what the configuration is.
type configFlags struct {
	file    string
	storage string
}

// add declares the flags.
func (f *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "config.file", "config.yaml", "the configuration file")
	cmd.Flags().StringVar(&f.storage, "storage.path", "", "where records, series and budgets are kept, in place of data.dir")
}

// load reads the configuration with the code that every command shares. Where
// something is wrong the error holds all of it, a problem a line.
func (p *process) load(f configFlags) (*config.Config, error) {
	return config.Load(config.Options{File: f.file, Environ: p.environ, Flags: storage(f), Task: daemon.Task, Available: daemon.Features()})
}

// open reads what the flags of a command that logs name.
func (p *process) open(c configFlags, l logFlags) (*config.Config, *slog.Logger, error) {
	logger, err := p.logger(l)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := p.loadOrSay(c)
	if err != nil {
		return nil, nil, err
	}
	return cfg, logger, nil
}

// interruptible returns the context of a command that takes a while, which a signal
// ends too.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
}

// loadOrSay loads the configuration and prints its problems as they are, one a
// line, with nothing before them, so that editors can jump to them.
func (p *process) loadOrSay(f configFlags) (*config.Config, error) {
	cfg, err := p.load(f)
	if err == nil {
		return cfg, nil
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, problem := range problems {
			fmt.Fprintln(p.stderr, problem)
		}
		return nil, exit{exitUsage, nil}
	}
	return nil, exit{exitUsage, err}
}
