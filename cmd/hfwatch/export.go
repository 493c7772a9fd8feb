package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
)

// exportFlags are the flags of hfwatch export.
type exportFlags struct {
	config                        configFlags
	log                           logFlags
	since, format, target, output string
	kinds, events                 []string
}

// exportCommand writes the results or events that are kept.
func (p *process) exportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the recorded results as JSON lines, CSV or Parquet, or events",
		Long: `Writes each result that is kept in data.dir, in order of time and streaming, through
the daemon that holds the directory where one does. JSON lines hold everything; CSV
and Parquet the columns of docs/history.md. With --events it writes cold starts
(episode), load windows (window), changes of alerts (alert), drift, reload, account,
clock and report in place of results.

Exit codes: 0 written; 1 it could not be; 2 usage or configuration.`,
		Example: `  hfwatch export --since 7d --format csv --output week.csv
  hfwatch export --target assistant | jq .response_seconds
  hfwatch export --events episode | jq -r .data.words`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.export(cmd, f) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", "", "how far to look back, such as 7d or 4w; everything by default")
	flags.StringVar(&f.format, "format", string(history.FormatJSONL), "jsonl, csv or parquet")
	flags.StringVar(&f.target, "target", "", "the results of one target alone")
	flags.StringSliceVar(&f.kinds, "kind", nil, "results of these kinds alone, such as baseline,window")
	flags.StringSliceVar(&f.events, "events", nil, "events of these kinds in place of results, such as episode,window; as JSON lines")
	flags.StringVar(&f.output, "output", "-", "the file to write; - is standard output")
	return cmd
}

// export carries out the command.
func (p *process) export(cmd *cobra.Command, f exportFlags) error {
	q := daemon.ExportQuery{Format: history.Format(strings.ToLower(f.format)), Target: f.target}
	for _, k := range f.kinds {
		q.Kinds = append(q.Kinds, probe.Kind(k))
	}
	for _, k := range f.events {
		q.Events = append(q.Events, history.EventKind(k))
	}
	if f.since != "" {
		since, err := daemon.ReportSince(f.since)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--%w", err)}
		}
		q.From = time.Now().Add(-since)
	}
	if err := q.Check(); err != nil {
		return exit{exitUsage, fmt.Errorf("--%w", err)}
	}
	cfg, logger, err := p.open(f.config, f.log)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	if err := p.output(f.output, func(w io.Writer) error { return daemon.Export(ctx, w, cfg, q, logger) }); err != nil {
		return exit{exitFailed, err}
	}
	return nil
}
