package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
)

// checkCommand validates a configuration with the code that run uses.
func (p *process) checkCommand() *cobra.Command {
	var f configFlags
	var show, schema bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Say all that is wrong with a configuration, or what it comes to",
		Long: `Reads the configuration with the code that run uses. Every problem is printed at
once, as file:line:col: key: what is wrong; remedy. Where there is none, it prints
the next three fire times of each schedule and the most that a month can ask and
cost.

Exit codes: 0 nothing is wrong, 2 something is.`,
		Example: `  hfwatch check
  hfwatch check --print staging.yaml
  hfwatch check --schema > config.schema.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if schema {
				_, err := p.stdout.Write(config.Schema())
				return err
			}
			if len(args) == 1 {
				f.file = args[0]
			}
			cfg, err := p.loadOrSay(f)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintln(p.stderr, "warning:", w)
			}
			if show {
				return cfg.Print(p.stdout)
			}
			return cfg.Report(p.stdout, time.Now())
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&show, "print", false, "print the merged configuration with the origin of each value")
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file, for editors")
	return cmd
}
