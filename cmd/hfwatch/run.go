package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
)

// defaultListen is on loopback, at a port that no exporter is known to use.
const defaultListen = "127.0.0.1:14842"

// stopAfter is how long stopping may take beyond the grace time of probes.
const stopAfter = 15 * time.Second

// runFlags are the flags of hfwatch run.
type runFlags struct {
	config     configFlags
	log        logFlags
	listen     string
	external   string
	webConfig  string
	lifecycle  bool
	probe      bool
	grace      time.Duration
	demo       bool
	demoLength time.Duration
}

// runCommand is the daemon.
func (p *process) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch: probe, export, page, until told to stop",
		Long: `Watches what the configuration names until SIGTERM or SIGINT. SIGHUP reloads the
configuration; on any mistake the one before stays in force.

Exit codes: 0 after a signal, 1 cannot start, 2 bad configuration.`,
		Example: `  hfwatch run --demo
  hfwatch run --config.file /etc/hfwatch/config.yaml --storage.path /var/lib/hfwatch`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.demo {
				return p.runDemo(cmd.Context(), f)
			}
			if _, err := p.logger(f.log); err != nil {
				// Before the address: a flag that is wrong is so wherever that is taken.
				return err
			}
			l, err := listen(cmd.Context(), f.listen)
			if err != nil {
				return err
			}
			return p.runDaemon(cmd.Context(), f, l, func() (*config.Config, error) { return p.load(f.config) })
		},
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "web.listen-address", defaultListen, "where /metrics and pages are served; beyond loopback most of it needs --web.config.file")
	flags.StringVar(&f.external, "web.external-url", "", "where people reach this hfwatch; links in notifications begin with it")
	flags.StringVar(&f.webConfig, "web.config.file", "", "TLS and passwords, in the format of the Prometheus exporter toolkit")
	flags.BoolVar(&f.lifecycle, "web.enable-lifecycle", false, "let POST /-/reload reload the configuration")
	flags.BoolVar(&f.probe, "web.enable-probe", false, "let /probe?target=NAME probe a configured target; it spends that target's budget")
	flags.DurationVar(&f.grace, "shutdown.grace", 30*time.Second, "how long probes in flight may go on when stopping")
	flags.BoolVar(&f.demo, "demo", false, "watch the built-in simulator: no token, no network, nothing kept")
	flags.DurationVar(&f.demoLength, "demo.length", 0, "end the demo by itself after this time; 0 is never")
	return cmd
}

// listen opens the address at which the daemon serves.
func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, exit{exitFailed, fmt.Errorf("--web.listen-address: %w", err)}
	}
	return l, nil
}

// runDaemon runs the daemon until a signal. It closes the listener.
func (p *process) runDaemon(ctx context.Context, f runFlags, l net.Listener, load func() (*config.Config, error)) error {
	logger, err := p.logger(f.log)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	// Half the default: a monitor is to be small rather than quick. GOGC wins.
	if !p.has("GOGC") {
		debug.SetGCPercent(50)
	}
	external := f.external
	if external == "" {
		external = "http://" + l.Addr().String()
	}
	d, err := daemon.New(ctx, daemon.Options{
		Load: load, Version: buildVersion(), Logger: logger, Listener: l, ExternalURL: external,
		WebConfigFile: f.webConfig, Lifecycle: f.lifecycle, Probe: f.probe, Grace: f.grace,
	})
	if err != nil {
		return errors.Join(p.cannotStart(err), l.Close())
	}
	return p.watch(ctx, f, d, logger)
}

// watch starts a daemon and waits for signals.
func (p *process) watch(ctx context.Context, f runFlags, d *daemon.Daemon, logger *slog.Logger) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := d.Start(ctx); err != nil {
		return exit{exitFailed, errors.Join(err, d.Stop(ctx))}
	}
	logger.Info("listening", "url", "http://"+d.Addr().String())
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				// What went wrong is logged and counted, and probing goes on.
				_ = d.Reload(ctx)
				continue
			}
			logger.Info("stopping", "signal", s.String())
		case <-ctx.Done():
		}
		break
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.grace+stopAfter)
	defer cancel()
	go func() {
		// A second signal ends the waiting.
		select {
		case <-signals:
			cancel()
		case <-stop.Done():
		}
	}()
	if err := d.Stop(stop); err != nil {
		logger.Warn("stopped, but not cleanly", "err", err)
	}
	return nil
}

// cannotStart turns what kept the daemon from starting into an exit code.
func (p *process) cannotStart(err error) error {
	var problems config.Problems
	if !errors.As(err, &problems) {
		return exit{exitFailed, err}
	}
	for _, problem := range problems {
		fmt.Fprintln(p.stderr, problem)
	}
	return exit{exitUsage, nil}
}

// has reports whether an environment variable is set.
func (p *process) has(name string) bool {
	for _, pair := range p.environ {
		if strings.HasPrefix(pair, name+"=") {
			return true
		}
	}
	return false
}
