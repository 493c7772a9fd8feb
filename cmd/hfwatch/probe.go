package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
)

// probeFlags are the flags of hfwatch probe.
type probeFlags struct {
	config   configFlags
	log      logFlags
	json     string
	parallel int
	adhoc    adhoc
}

// probeCommand probes targets once.
func (p *process) probeCommand() *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe [NAME...]",
		Short: "Probe configured targets once, or one that the flags describe",
		Long: `Probes each configured target once, now, through the code that the daemon uses;
with names, only those. Where a daemon holds the data directory, the probes go
through it and are booked in its budget. With --task it probes one target that the
flags describe, in nobody's budget.

Exit codes: 0 all good, or apart by policy; 1 some bad; 2 usage or configuration;
3 none bad, but some unknown or the account's or the monitor's fault.`,
		Example: `  hfwatch probe
  hfwatch probe sentiment assistant --json
  hfwatch probe --task text-classification --model distilbert/distilbert-base-uncased-finetuned-sst-2-english --input "I love it." --token.file ~/.cache/huggingface/token
  hfwatch probe --url http://127.0.0.1:8080 --task chat-completion --stream
  hfwatch probe --task automatic-speech-recognition --model openai/whisper-large-v3 --input-file speech.flac`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.probe(cmd, f, args) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	fileFlag(cmd, &f.json, "json", "write one result a line instead of a table")
	flags.IntVar(&f.parallel, "parallel", 8, "how many targets are probed at a time")
	f.adhoc.add(cmd, "probe")
	flags.StringVar(&f.adhoc.inputFile, "input-file", "", "with --task: a picture or a sound that is the input; for image-text-to-text --input is then the question")
	return cmd
}

// probe carries out the command.
func (p *process) probe(cmd *cobra.Command, f probeFlags, names []string) error {
	logger, err := p.logger(f.log)
	if err != nil {
		return err
	}
	if f.parallel < 1 {
		return exit{exitUsage, fmt.Errorf("--parallel is %d; write 1 or more", f.parallel)}
	}
	cfg, models, err := p.chosen(cmd.Context(), logger, f, names)
	if err != nil {
		return err
	}
	if len(models) == 0 {
		return exit{exitUsage, fmt.Errorf("%s: there is no target to probe", f.config.file)}
	}
	out, closeOut, err := p.jsonOut(f.json)
	if err != nil {
		return err
	}
	// Whoever interrupts still gets what is known, and the budget its books.
	ctx, stop := interruptible(cmd)
	defer stop()
	once := daemon.Once{Version: buildVersion(), Logger: logger, Parallel: f.parallel}
	var results []probe.Result
	var written error
	withheld := false
	probed := once.Probe(ctx, cfg, models, func(o daemon.Outcome) {
		if o.Err != nil {
			withheld = true
			fmt.Fprintf(p.stderr, "hfwatch: %s: not probed: %v\n", o.Target, o.Err)
			return
		}
		results = append(results, o.Result)
		if f.json != "" {
			written = errors.Join(written, writeJSON(out, o.Result))
		}
	})
	if f.json == "" {
		written = printResults(out, results)
	}
	if err := errors.Join(probed, written, closeOut()); err != nil {
		return exit{exitFailed, err}
	}
	return verdict(results, withheld)
}

// verdict turns results into an exit code.
func verdict(results []probe.Result, withheld bool) error {
	unknown := withheld
	for _, r := range results {
		switch {
		case r.Counts == probe.Bad:
			return exit{exitFailed, nil}
		case r.Counts == probe.Apart && r.Fault != probe.FaultNone:
			unknown = true
		}
	}
	if unknown {
		return exit{exitUnknown, nil}
	}
	return nil
}

// chosen returns the models to probe: the named ones of the file, all of them,
// or the one that the flags describe.
func (p *process) chosen(ctx context.Context, logger *slog.Logger, f probeFlags, names []string) (*config.Config, []config.Model, error) {
	if f.adhoc.task != "" || f.adhoc.url != "" {
		if len(names) > 0 {
			return nil, nil, exit{exitUsage, errors.New("give either names or --task and --url, not both")}
		}
		cfg, err := p.adhocConfig(f.config, f.adhoc)
		if err != nil {
			return nil, nil, err
		}
		cfg = daemon.Watched(ctx, cfg, buildVersion(), logger, nil)
		return cfg, cfg.Models, nil
	}
	cfg, err := p.loadOrSay(f.config)
	if err != nil {
		return nil, nil, err
	}
	cfg = daemon.Watched(ctx, cfg, buildVersion(), logger, nil)
	if len(names) == 0 {
		return cfg, cfg.Models, nil
	}
	var models []config.Model
	for _, name := range names {
		if at := targetsAt(cfg.Models, name); len(at) > 0 {
			models = append(models, at...)
			continue
		}
		i := slices.IndexFunc(cfg.Models, func(m config.Model) bool { return m.Target.Name == name })
		if i < 0 {
			return nil, nil, exit{exitUsage, fmt.Errorf("%s has no target %q; it has %s", f.config.file, name, known(cfg.Models))}
		}
		models = append(models, cfg.Models[i])
	}
	return cfg, models, nil
}

// targetsAt returns the targets of a model at all providers.
func targetsAt(models []config.Model, name string) (out []config.Model) {
	for _, m := range models {
		if m.Provided == name {
			out = append(out, m)
		}
	}
	return out
}

// known lists the names of targets, the first dozen of them.
func known(models []config.Model) string {
	const most = 12
	var names []string
	for _, m := range models[:min(most, len(models))] {
		names = append(names, m.Target.Name)
	}
	switch {
	case len(models) == 0:
		return "none"
	case len(models) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(models)-most)
	}
	return strings.Join(names, ", ")
}

// readLimited reads a regular file of at most so many bytes. It looks before it
// opens: opening a named pipe waits for a writer, and a device may never end.
func readLimited(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// storage returns the override of the data directory, where the flag gives one.
func storage(f configFlags) []config.Override {
	if f.storage == "" {
		return nil
	}
	return []config.Override{{Flag: "--storage.path", Path: "data.dir", Value: f.storage}}
}
