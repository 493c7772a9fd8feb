package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/internal/doctor"
)

// doctorFlags are the flags of hfwatch doctor.
type doctorFlags struct {
	config          configFlags
	log             logFlags
	json            string
	offline, unpaid bool
}

// doctorCommand says what is wrong with token, models and network.
func (p *process) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with token, models, network and this machine, and what to do",
		Long: `Looks at all that the configuration needs, once: the data directory and its disk, a
daemon that runs there, proxies, names, connections, certificates and receivers, the
token and who pays, the clock, what the router and the Hub have of each model, and the
state of dedicated endpoints. Then one smallest request is sent for each account and
host, of one token where text is generated; what they cost at most is said before.
Each line says what is so and, where that is wrong, what to do.

Where a daemon holds the data directory, the requests go through it and its budget, and
what it has suspended is asked again at once. No receiver is sent anything.

Exit codes: 0 nothing is wrong, as far as could be learned; 1 something is; 2 usage or
configuration.`,
		Example: `  hfwatch doctor
  hfwatch doctor --unpaid                 nothing that could cost money
  hfwatch doctor --json | jq 'select(.grade == "problem")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd, f) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	fileFlag(cmd, &f.json, "json", "write one finding a line as JSON")
	flags.BoolVar(&f.offline, "offline", false, "ask nobody: look at this machine and the configuration alone")
	flags.BoolVar(&f.unpaid, "unpaid", false, "send no request that could cost money")
	return cmd
}

// doctor carries out the command.
func (p *process) doctor(cmd *cobra.Command, f doctorFlags) error {
	cfg, logger, err := p.open(f.config, f.log)
	if err != nil {
		if _, missing := os.Stat(f.config.file); errors.Is(missing, os.ErrNotExist) {
			fmt.Fprintln(p.stderr, "hfwatch: hfwatch init MODEL writes one")
		}
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	for _, w := range cfg.Warnings {
		fmt.Fprintln(p.stderr, "warning:", w)
	}
	out, closeOut, err := p.jsonOut(f.json)
	if err != nil {
		return err
	}
	if !f.offline {
		cfg = daemon.Watched(ctx, cfg, buildVersion(), logger, nil)
	}
	tally := doctor.Tally{}
	var written error
	examined := daemon.Doctor{
		Version: buildVersion(), Logger: logger, Environ: p.environ, Offline: f.offline, Unpaid: f.unpaid,
		Tell: func(found doctor.Finding) {
			tally[found.Grade]++
			written = errors.Join(written, writeFinding(out, found, f.json != ""))
		},
		Announce: func(text string) { fmt.Fprintln(p.stderr, text) },
	}.Examine(ctx, cfg)
	if f.json == "" {
		written = errors.Join(written, tally.Summary(out))
	}
	if err := errors.Join(examined, written, closeOut()); err != nil {
		return exit{exitFailed, err}
	}
	if tally[doctor.Problem] > 0 {
		return exit{exitFailed, nil}
	}
	return nil
}

// writeFinding writes a finding as a line of text or of JSON.
func writeFinding(w io.Writer, f doctor.Finding, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprintln(w, f.Line())
		return err
	}
	return writeJSON(w, f)
}
