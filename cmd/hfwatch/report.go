package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/report"
)

// reportFlags are the flags of hfwatch report.
type reportFlags struct {
	config               configFlags
	log                  logFlags
	since                string
	json, html, markdown string
}

// reportCommand tells what weeks came to.
func (p *process) reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Say what the last weeks came to, and what moved",
		Long: `Compares for each target this week with the last and with the same hours of past
weeks, each with its interval, and says when a level changed and what else changed
then; percentiles, errors by cause, cold starts, load windows, and money. It reads
the records of data.dir, through the daemon that holds them where one does.

Exit codes: 0 the report was made; 1 it could not be; 2 usage or configuration.`,
		Example: `  hfwatch report --since 4w
  hfwatch report --html=report.html
  hfwatch report --json | jq '.targets[].headline'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.report(cmd, f) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	cmd.Flags().StringVar(&f.since, "since", "4w", "the period to look back over, such as 2w or 60d")
	for _, one := range []struct {
		name  string
		value *string
		form  string
	}{{"json", &f.json, "JSON"}, {"markdown", &f.markdown, "Markdown"}, {"html", &f.html, "one HTML page with charts"}} {
		fileFlag(cmd, one.value, one.name, "write "+one.form+" instead of text")
	}
	return cmd
}

// report carries out the command.
func (p *process) report(cmd *cobra.Command, f reportFlags) error {
	since, err := daemon.ReportSince(f.since)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--%w", err)}
	}
	cfg, logger, err := p.open(f.config, f.log)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	made, err := daemon.ReportOf(ctx, cfg, buildVersion(), since, logger)
	if err != nil {
		return exit{exitFailed, err}
	}
	outputs := map[report.Format]string{report.JSON: f.json, report.Markdown: f.markdown, report.HTML: f.html}
	if f.json == "" && f.markdown == "" && f.html == "" {
		outputs[report.Text] = "-"
	}
	for _, format := range report.Formats() {
		if err := p.output(outputs[format], func(w io.Writer) error { return report.Write(w, made, format) }); err != nil {
			return exit{exitFailed, err}
		}
	}
	return nil
}
