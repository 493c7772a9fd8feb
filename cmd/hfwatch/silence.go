package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/internal/daemon"
)

// silenceCommand sets silences in the daemon that runs.
func (p *process) silenceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Hold pages back until an end: add, list, expire",
		Long: `Sets silences in the daemon that holds the data directory. An alert that every
matcher of a silence matches fires on, is recorded and is shown as silenced; its
page is held back until the silence ends. What was paged before is resolved all the
same. Alertmanager's amtool does the same at the daemon's address.

Exit codes: 0 done, 1 it could not be, 2 usage or configuration.`,
		Example: `  hfwatch silence add target=sentiment --comment "moving to another GPU" --duration 2h
  hfwatch silence add 'alertname=~"Target.*"' 'team!="assistants"' --comment "known" --end 2026-12-01T08:00:00Z
  hfwatch silence list
  hfwatch silence expire 2f0c6b1e-…`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.silenceAddCommand(), p.silenceListCommand(), p.silenceExpireCommand())
	return cmd
}

// silenceAddFlags are the flags of hfwatch silence add.
type silenceAddFlags struct {
	config               configFlags
	author, comment      string
	start, end, duration string
}

// silenceAddCommand adds one.
func (p *process) silenceAddCommand() *cobra.Command {
	var f silenceAddFlags
	cmd := &cobra.Command{
		Use:     "add MATCHER...",
		Short:   "Add a silence, and print its identity",
		Example: `  hfwatch silence add target=sentiment severity=warning --comment "known" --duration 2h`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			one, err := f.silence(args, time.Now())
			if err != nil {
				return exit{exitUsage, err}
			}
			cfg, err := p.loadOrSay(f.config)
			if err != nil {
				return err
			}
			id, err := daemon.NewSilenceClient(cfg).Add(cmd.Context(), one)
			if err != nil {
				return exit{exitFailed, err}
			}
			_, err = fmt.Fprintln(p.stdout, id)
			return err
		},
	}
	f.config.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.author, "author", "", "who asks for it; you by default")
	flags.StringVar(&f.comment, "comment", "", "why")
	flags.StringVar(&f.duration, "duration", "1h", "how long it lasts, such as 90m or 2d")
	flags.StringVar(&f.start, "start", "", "when it starts, as 2026-12-01T08:00:00Z; now by default")
	flags.StringVar(&f.end, "end", "", "when it ends, in place of --duration")
	_ = cmd.MarkFlagRequired("comment")
	return cmd
}

// silence returns the silence that the flags and matchers describe.
func (f silenceAddFlags) silence(matchers []string, now time.Time) (alerts.Silence, error) {
	one := alerts.Silence{CreatedBy: f.author, Comment: f.comment, StartsAt: now}
	for _, text := range matchers {
		m, err := alerts.ParseSilenceMatcher(text)
		if err != nil {
			return one, err
		}
		one.Matchers = append(one.Matchers, m)
	}
	if one.CreatedBy == "" {
		u, err := user.Current()
		if err != nil {
			return one, errors.New("nobody knows who you are; write --author")
		}
		one.CreatedBy = u.Username
	}
	if f.start != "" {
		at, err := time.Parse(time.RFC3339, f.start)
		if err != nil {
			return one, fmt.Errorf("--start %q is no time; write for instance 2026-12-01T08:00:00Z", f.start)
		}
		one.StartsAt = at
	}
	if f.end != "" {
		at, err := time.Parse(time.RFC3339, f.end)
		if err != nil {
			return one, fmt.Errorf("--end %q is no time; write for instance 2026-12-01T08:00:00Z", f.end)
		}
		one.EndsAt = at
		return one, nil
	}
	d, err := alerts.ParseDuration(f.duration)
	if err != nil {
		return one, fmt.Errorf("--duration: %w", err)
	}
	one.EndsAt = one.StartsAt.Add(d)
	return one, nil
}

// silenceListCommand lists them.
func (p *process) silenceListCommand() *cobra.Command {
	var f configFlags
	var expired, asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the silences that have not ended", Args: cobra.NoArgs,
		Example: "  hfwatch silence list --expired",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadOrSay(f)
			if err != nil {
				return err
			}
			all, err := daemon.NewSilenceClient(cfg).List(cmd.Context())
			if err != nil {
				return exit{exitFailed, err}
			}
			var shown []alerts.Silence
			for _, one := range all {
				if expired || one.Status.State != "expired" {
					shown = append(shown, one)
				}
			}
			return p.printSilences(shown, asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&expired, "expired", false, "also those that have ended; they are kept for five days")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one silence a line, as Alertmanager's API has it")
	return cmd
}

// printSilences prints silences as a table, or one a line.
func (p *process) printSilences(shown []alerts.Silence, asJSON bool) error {
	if asJSON {
		for _, one := range shown {
			if err := json.NewEncoder(p.stdout).Encode(one); err != nil {
				return exit{exitFailed, err}
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tMATCHERS\tSTARTS\tENDS\tBY\tCOMMENT")
	for _, one := range shown {
		var matchers []string
		for _, m := range one.Matchers {
			matchers = append(matchers, m.String())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Status.State, strings.Join(matchers, " "),
			one.StartsAt.UTC().Format(time.RFC3339), one.EndsAt.UTC().Format(time.RFC3339), plainLine(one.CreatedBy), plainLine(one.Comment))
	}
	return w.Flush()
}

// plainLine returns the text in one line, without what moves a terminal's cursor.
func plainLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// silenceExpireCommand ends one.
func (p *process) silenceExpireCommand() *cobra.Command {
	var f configFlags
	cmd := &cobra.Command{
		Use: "expire ID...", Short: "End silences now", Args: cobra.MinimumNArgs(1),
		Example: "  hfwatch silence expire 2f0c6b1e-…",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.loadOrSay(f)
			if err != nil {
				return err
			}
			for _, id := range args {
				if err := daemon.NewSilenceClient(cfg).Expire(cmd.Context(), id); err != nil {
					return exit{exitFailed, err}
				}
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
