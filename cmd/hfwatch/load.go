package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/alerts"
	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/windows"
)

// loadFlags are the flags of hfwatch load.
type loadFlags struct {
	config                               configFlags
	log                                  logFlags
	adhoc                                adhoc
	rate, lasts, ramp, think, find, seed string
	users, maxInFlight                   int
	assert, against                      string
	json, html, junit                    string
}

// loadCommand carries out one load window.
func (p *process) loadCommand() *cobra.Command {
	var f loadFlags
	cmd := &cobra.Command{
		Use:   "load [NAME]",
		Short: "Carry out one load window now, and judge it",
		Long: `Carries out the load window of a configured target or mix once, now, or another
one that the flags describe; with --task it loads one target that no file
configures, in nobody's budget. Where a daemon holds the data directory, the
window goes through it and is booked in its budget. Ctrl-C ends it in order, with
its record.

Exit codes: 0 complete, and all that was asserted holds; 1 an assertion was
crossed, or --against found it worse; 2 usage or configuration; 3 no verdict: the
client or a budget was the limit, it was aborted, or too few requests tell.`,
		Example: `  hfwatch load sentiment
  hfwatch load sentiment --rate 10/s --ramp 30s --for 2m --assert 'p95(response) < 2s, bad_ratio < 1%' --junit=load.xml
  hfwatch load sentiment --against=last --html=load.html
  hfwatch load assistant --find 'p95(first_token) < 1s' --max-in-flight 64
  hfwatch load --url http://127.0.0.1:8080 --task chat-completion --stream --users 8 --think-time 1s-4s --for 1m`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runLoad(cmd, f, strings.Join(args, "")) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.rate, "rate", "", "open arrivals: how many, as 5/s or 30/m")
	flags.StringVar(&f.lasts, "for", "", "with --rate or --users: how long, the ramp included")
	flags.StringVar(&f.ramp, "ramp", "", "with --rate: how long the rate takes to rise from 0")
	flags.IntVar(&f.users, "users", 0, "closed loops in place of arrivals: how many")
	flags.StringVar(&f.think, "think-time", "", "with --users: the pause between requests, as 2s or 1s-4s")
	flags.IntVar(&f.maxInFlight, "max-in-flight", 0, "the most requests at a time; the window's own by default, or 32")
	flags.StringVar(&f.find, "find", "", "search the capacity under a condition, such as 'p95(first_token) < 1s'")
	flags.StringVar(&f.seed, "seed", "", "a whole number from which everything random is drawn")
	flags.StringVar(&f.assert, "assert", "", "what must hold, separated by commas: 'p95(response) < 2s, bad_ratio < 1%'")
	flags.StringVar(&f.against, "against", "", "an earlier window to be no worse than: a file that --json wrote, the id of a recorded one, or last")
	fileFlag(cmd, &f.json, "json", "write the window as JSON in place of text")
	flags.StringVar(&f.html, "html", "", "write a report with charts to a file")
	flags.StringVar(&f.junit, "junit", "", "write JUnit XML to a file")
	f.adhoc.add(cmd, "load")
	return cmd
}

// runLoad carries out the command.
func (p *process) runLoad(cmd *cobra.Command, f loadFlags, name string) error {
	logger, err := p.logger(f.log)
	if err != nil {
		return err
	}
	shape, assertions, err := f.parse()
	if err != nil {
		return exit{exitUsage, err}
	}
	cfg, name, err := p.loaded(f, name)
	if err != nil {
		return err
	}
	cfg = daemon.Watched(cmd.Context(), cfg, buildVersion(), logger, nil)
	once := daemon.Once{Version: buildVersion(), Logger: logger}
	var before *load.Window
	if f.against != "" {
		w, err := earlier(cmd.Context(), once, cfg, name, f.against)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--against: %w", err)}
		}
		before = &w
	}
	ctx, stop := interruptible(cmd)
	defer stop()
	shown := p.newProgress()
	w, err := once.Load(ctx, cfg, name, shape, shown.show)
	shown.end()
	if err != nil && w.ID == "" {
		return exit{loadRefused(err), err}
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "hfwatch: the window is not recorded:", err)
	}
	findings := windows.Assert(w, assertions)
	var warnings []string
	if before != nil {
		c, err := windows.Compare(*before, w)
		if err != nil {
			return errors.Join(p.writeWindow(f, w, findings, nil), exit{exitUsage, fmt.Errorf("--against: %w", err)})
		}
		findings, warnings = append(findings, c.Findings...), c.Warnings
	}
	if err := p.writeWindow(f, w, findings, warnings); err != nil {
		return exit{exitUsage, err}
	}
	if code := windows.Judge(w, findings); code != windows.Pass {
		return exit{int(code), nil}
	}
	return nil
}

// loadRefused returns the exit code of a window of which there is no record: that
// there is no budget or no room for it now, or that the daemon ended before it did,
// is no verdict; anything else was asked wrongly.
func loadRefused(err error) int {
	for _, one := range []error{daemon.ErrBusy, daemon.ErrUnaffordable, daemon.ErrCutOff} {
		if errors.Is(err, one) {
			return exitUnknown
		}
	}
	return exitUsage
}

// parse reads the flags that describe the load and what must hold of it.
func (f loadFlags) parse() (daemon.Shape, []windows.Assertion, error) {
	s := daemon.Shape{Users: f.users, Find: f.find, MaxInFlight: f.maxInFlight}
	var problems []error
	lasts, err := flagDuration("for", f.lasts)
	problems = append(problems, err)
	ramp, err := flagDuration("ramp", f.ramp)
	problems = append(problems, err)
	if errors.Join(problems...) == nil {
		problems = append(problems, f.fit(lasts, ramp))
	}
	if f.rate != "" {
		rate, err := config.ParseRate(f.rate)
		if err != nil {
			problems = append(problems, fmt.Errorf("--rate: %w", err))
		}
		s.Stages = []config.Stage{{Rate: rate, For: lasts, Ramp: ramp}}
	}
	if f.users > 0 {
		s.For = lasts
	}
	if f.think != "" {
		if s.ThinkMin, s.ThinkMax, err = config.ParseSpan(f.think); err != nil {
			problems = append(problems, fmt.Errorf("--think-time: %w", err))
		}
	}
	if f.seed != "" {
		var n int64
		if _, err := fmt.Sscan(f.seed, &n); err != nil {
			problems = append(problems, fmt.Errorf("--seed: %q is not a whole number", f.seed))
		}
		s.Seed = &n
	}
	assertions, err := windows.ParseAssertions(f.assert)
	if err != nil {
		problems = append(problems, fmt.Errorf("--assert: %w", err))
	}
	return s, assertions, errors.Join(problems...)
}

// flagDuration reads the duration of a flag; empty is none.
func flagDuration(flag, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := alerts.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("--%s: %w", flag, err)
	}
	return d, nil
}

// fit returns how the flags of a load's shape do not go together.
func (f loadFlags) fit(lasts, ramp time.Duration) error {
	var problems []error
	given := 0
	for _, set := range []bool{f.rate != "", f.users != 0, f.find != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		problems = append(problems, errors.New("--rate, --users and --find exclude each other: give one"))
	}
	if (f.rate != "" || f.users != 0) && lasts == 0 && len(problems) == 0 {
		problems = append(problems, errors.New("--for is missing: say how long, such as --for 2m"))
	}
	if f.users < 0 || f.maxInFlight < 0 {
		problems = append(problems, errors.New("--users and --max-in-flight are numbers above 0"))
	}
	if f.rate == "" && ramp > 0 || given == 0 && lasts > 0 {
		problems = append(problems, errors.New("--for and --ramp belong to --rate or --users"))
	}
	return errors.Join(problems...)
}

// loaded returns the configuration, and the name of what is to be loaded.
func (p *process) loaded(f loadFlags, name string) (*config.Config, string, error) {
	if f.adhoc.task == "" && f.adhoc.url == "" {
		if name == "" {
			return nil, "", exit{exitUsage, errors.New("say what to load: the name of a target or mix, or --task and --url")}
		}
		cfg, err := p.loadOrSay(f.config)
		return cfg, name, err
	}
	if name != "" {
		return nil, "", exit{exitUsage, errors.New("give either a name or --task and --url, not both")}
	}
	cfg, err := p.adhocConfig(f.config, f.adhoc)
	if err != nil {
		return nil, "", err
	}
	if len(cfg.Models) == 0 {
		return nil, "", exit{exitUsage, errors.New("--provider all is no single target: name one provider")}
	}
	return cfg, cfg.Models[0].Target.Name, nil
}

// maxWindowFile bounds a file that --against reads.
const maxWindowFile = 64 << 20

// earlier returns the window to compare with.
func earlier(ctx context.Context, once daemon.Once, cfg *config.Config, name, which string) (load.Window, error) {
	data, err := readLimited(which, maxWindowFile)
	switch {
	case err == nil:
		var w load.Window
		if err := json.Unmarshal(data, &w); err != nil {
			return w, fmt.Errorf("%s: %w", which, err)
		}
		if w.Schema != load.WindowSchema || w.ID == "" {
			return w, fmt.Errorf("%s holds no window of schema %d; write one with --json=FILE", which, load.WindowSchema)
		}
		return w, nil
	case strings.ContainsAny(which, "./"):
		return load.Window{}, err
	default:
		return once.Stored(ctx, cfg, name, which)
	}
}

// judged is a window with what was found of it, as --json writes it.
type judged struct {
	load.Window
	Findings []windows.Finding `json:"findings,omitempty"`
	Warnings []string          `json:"warnings,omitempty"`
}

// writeWindow writes the window in every form that was asked for.
func (p *process) writeWindow(f loadFlags, w load.Window, findings []windows.Finding, warnings []string) error {
	inJSON := func(out io.Writer) error { return writeJSON(out, judged{w, findings, warnings}) }
	var errs []error
	if f.json == "-" {
		errs = append(errs, inJSON(p.stdout))
	} else {
		errs = append(errs, windows.Text(p.stdout, w, findings, warnings))
	}
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{
		{"json", strings.TrimPrefix(f.json, "-"), inJSON},
		{"html", f.html, func(out io.Writer) error { return windows.HTML(out, w, findings, warnings) }},
		{"junit", f.junit, func(out io.Writer) error { return windows.JUnit(out, w, findings) }},
	} {
		if err := p.output(file.name, file.write); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", file.flag, err))
		}
	}
	return errors.Join(errs...)
}
