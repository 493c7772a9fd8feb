// Command hfwatch watches Hugging Face inference models around the clock. See
// `hfwatch help`.
//
// It is the only place that touches the process: arguments, environment,
// standard streams, signals and exit codes. Data goes to standard output,
// everything else to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	// Schedules name time zones, and a minimal container has none.
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// version is set by the linker; without it the build's own information is used.
var version string

func main() {
	os.Exit(newProcess().run(context.Background()))
}

// process is everything outside the program that a command may touch.
type process struct {
	args           []string
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	// terminal is whether standard error is one, colour whether it may be used
	// there.
	terminal, colour bool
	// width returns the width of that terminal now, 0 where it is not known.
	width func() int
}

// newProcess returns the real one.
func newProcess() *process {
	stderr := int(os.Stderr.Fd()) // #nosec G115 -- a descriptor is small
	terminal := term.IsTerminal(stderr)
	return &process{
		args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == "",
		width: func() int {
			width, _, err := term.GetSize(stderr)
			if err != nil {
				return 0
			}
			return width
		},
	}
}

// exit is an error with an exit code. A nil err says nothing more: the command
// has printed what there is to say.
type exit struct {
	code int
	err  error
}

// Error returns the error's text.
func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the error itself.
func (e exit) Unwrap() error { return e.err }

// The exit codes; what each means for a command stands in its help.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitUnknown = 3
)

// run carries out the command line and returns its exit code.
func (p *process) run(ctx context.Context) int {
	root := p.root()
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		if e.err != nil {
			fmt.Fprintln(p.stderr, "hfwatch:", e.err)
		}
		return e.code
	default:
		fmt.Fprintln(p.stderr, "hfwatch:", err)
		fmt.Fprintln(p.stderr, "Run hfwatch help for the commands.")
		return exitUsage
	}
}

// root returns the command line.
func (p *process) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hfwatch",
		Short: "Watches Hugging Face inference models around the clock",
		Long: `hfwatch probes Hugging Face inference models on cron schedules, checks each
answer, exports latency histograms and error counters to Prometheus, and pages
through webhooks when a threshold is breached.`,
		Example: `  hfwatch run --demo                      see all of it in three minutes, without a token
  hfwatch check config.yaml               is the configuration right, what will it cost
  hfwatch probe sentiment --json          probe one target now
  hfwatch run --config.file config.yaml   watch`,
		SilenceErrors: true, SilenceUsage: true,
		Version: buildVersion(),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("hfwatch {{.Version}}\n")
	root.AddCommand(p.runCommand(), p.checkCommand(), p.rulesCommand(), p.verifyWebhookCommand(), p.silenceCommand(), p.drillCommand(), p.initCommand(), p.probeCommand(), p.doctorCommand(), p.loadCommand(), p.reportCommand(), p.exportCommand(), p.simCommand(), p.versionCommand())
	return root
}

// buildVersion returns the version that the linker set, else what the Go
// toolchain recorded: the module's version, or the revision it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-dirty"
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision[:min(12, len(revision))] + modified
}

// versionCommand prints what was built, from what and with what.
func (p *process) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  hfwatch version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			_, err := fmt.Fprintf(p.stdout, "hfwatch %s (%s)\n", buildVersion(), goVersion)
			return err
		},
	}
}
