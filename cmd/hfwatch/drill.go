package main

import (
	"encoding/json"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/internal/daemon"
)

// drillCommand sees whether pages arrive.
func (p *process) drillCommand() *cobra.Command {
	var f configFlags
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "drill [NAME]",
		Short: "Inject a fault and follow its page until every receiver has acknowledged it",
		Long: `Has the daemon that holds the data directory make synthetic results of a target fail,
marked as a drill, and follows them through the rule, the alert named Drill and its
delivery until each receiver that takes critical alerts of the target has
acknowledged the page with a 2xx, and then its resolve. Each step is printed with
its time. Rules, records and trends of real results are not touched.

Exit codes: 0 all of it arrived, 1 it did not, 2 usage or configuration.`,
		Example: `  hfwatch drill
  hfwatch drill sentiment --timeout 2m --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 || timeout > daemon.DrillTimeout {
				return exit{exitUsage, fmt.Errorf("--timeout is %s; write at most %s", timeout, daemon.DrillTimeout)}
			}
			cfg, err := p.loadOrSay(f)
			if err != nil {
				return err
			}
			target := ""
			if len(args) > 0 {
				target = args[0]
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			err = daemon.DrillThrough(ctx, cfg, target, timeout, func(s daemon.DrillStep) { p.printStep(s, asJSON) })
			if err != nil {
				return exit{exitFailed, err}
			}
			if !asJSON {
				fmt.Fprintln(p.stdout, "The page and its resolve have arrived everywhere.")
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long to wait for all of it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one step a line as JSON")
	return cmd
}

// printStep prints a step of a drill.
func (p *process) printStep(s daemon.DrillStep, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(p.stdout).Encode(s)
		return
	}
	who := ""
	if s.Receiver != "" {
		who = s.Receiver + ": "
	}
	fmt.Fprintf(p.stdout, "%s  %8.3fs  %-12s  %s%s\n", s.At.Format(time.TimeOnly), s.Seconds, s.Step, who, plainLine(s.Detail))
}
