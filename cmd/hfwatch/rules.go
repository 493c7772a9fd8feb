package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
)

// exitUnsaid is the code where a rule cannot be said in the form asked for.
const exitUnsaid = 3

// rulesCommand prints the alerts for other engines.
func (p *process) rulesCommand() *cobra.Command {
	var f configFlags
	var histograms, form string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Print the alerts as rules for a Prometheus, or objectives for sloth or pyrra",
		Long: `Prints the shipped alerts and the configuration's own as a rule file of
Prometheus, the same expressions and labels that hfwatch evaluates itself, and the
recording rules of its hours. Where a Prometheus evaluates them, set alerting: off here.

Exit codes: 0 all are printed, 2 bad configuration, 3 a rule cannot be said with
these histograms; it is named, and the others are printed.`,
		Example: `  hfwatch rules > hfwatch.rules.yml
  hfwatch rules --histograms classic
  hfwatch rules --form sloth`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			h := alerts.Histograms(histograms)
			if !slices.Contains([]alerts.Histograms{alerts.NativeHistograms, alerts.ClassicHistograms}, h) {
				return exit{exitUsage, fmt.Errorf("--histograms %q: write native or classic", histograms)}
			}
			cfg, err := p.loadOrSay(f)
			if err != nil {
				return err
			}
			return p.printRules(cfg, h, form)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&histograms, "histograms", "native", "the histograms that the Prometheus has: native or classic")
	cmd.Flags().StringVar(&form, "form", "prometheus", "prometheus, or sloth or pyrra, which make rules of the models' objectives")
	return cmd
}

// printRules prints the rules of a configuration in a form.
func (p *process) printRules(cfg *config.Config, h alerts.Histograms, form string) error {
	var text []byte
	var err error
	unsaid := 0
	switch form {
	case "prometheus":
		var said []alerts.Rule
		for _, r := range daemon.Rules(cfg) {
			if why := r.Unsaid(h); why != "" {
				fmt.Fprintf(p.stderr, "%s: %s\n", r.Name, why)
				unsaid++
				continue
			}
			said = append(said, r)
		}
		text, err = alerts.RuleFile(alerts.CompileFor(said, cfg.UserLabels, h), cfg.EvaluationInterval, alerts.Hourly(h, cfg.EvaluationInterval))
	case "sloth":
		text, err = alerts.Sloth(objectives(cfg))
	case "pyrra":
		text, err = alerts.Pyrra(objectives(cfg))
	default:
		return exit{exitUsage, fmt.Errorf("--form %q: write prometheus, sloth or pyrra", form)}
	}
	if err != nil {
		return exit{exitFailed, err}
	}
	if _, err := p.stdout.Write(text); err != nil {
		return exit{exitFailed, err}
	}
	if unsaid > 0 {
		return exit{exitUnsaid, nil}
	}
	return nil
}

// objectives returns the models that have an objective of availability.
func objectives(cfg *config.Config) []alerts.Objective {
	var out []alerts.Objective
	for _, m := range cfg.Models {
		if o := m.Objectives; o != nil && o.Availability > 0 {
			out = append(out, alerts.Objective{
				Target: m.Target.Name, Location: cfg.Location, Labels: m.Target.Labels, Availability: o.Availability, Response: o.Response,
			})
		}
	}
	return out
}
