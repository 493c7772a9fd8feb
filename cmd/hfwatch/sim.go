package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"github.com/hfwatch/hfwatch/sim"
)

// maxScenario bounds a scenario file.
const maxScenario = 4 << 20

// simCommand is the simulator alone.
func (p *process) simCommand() *cobra.Command {
	var f logFlags
	var listen, file string
	var example bool
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run the simulator of Hugging Face endpoints alone",
		Long: `Serves a scenario on loopback: the router, its providers, and TGI, TEI, toolkit and
vLLM, SGLang and llama.cpp endpoints, with their shapes, streams, faults and queues. GET /_sim/truth says
what it really did; POST /_sim/... changes it while it runs.

Exit codes: 0 after a signal, 1 cannot start, 2 usage or a bad scenario.`,
		Example: `  hfwatch sim --example > scenario.json
  hfwatch sim --scenario scenario.json --listen 127.0.0.1:14843`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if example {
				_, err := p.stdout.Write(sim.Example())
				return err
			}
			logger, err := p.logger(f)
			if err != nil {
				return err
			}
			scenario, err := scenario(file)
			if err != nil {
				return exit{exitUsage, err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return simulate(ctx, logger, scenario, listen)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:14843", "where to listen, on loopback")
	cmd.Flags().StringVar(&file, "scenario", "", "the scenario, as JSON or YAML; the demo's by default")
	cmd.Flags().BoolVar(&example, "example", false, "print a scenario that shows every part")
	return cmd
}

// simulate serves a scenario until ctx ends, and says where once it listens.
func simulate(ctx context.Context, logger *slog.Logger, scenario sim.Scenario, listen string) error {
	server, err := sim.New(scenario, sim.Options{Logger: logger})
	if err != nil {
		return exit{exitUsage, err}
	}
	addr, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--listen: %w", err)}
	}
	if !addr.IP.IsLoopback() {
		return exit{exitUsage, fmt.Errorf("--listen: %s is not on loopback; write 127.0.0.1:%d", listen, addr.Port)}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr.String())
	if err != nil {
		return exit{exitFailed, fmt.Errorf("--listen: %w", err)}
	}
	logger.Info("simulating", "url", "http://"+l.Addr().String(), "models", len(scenario.Models))
	if err := server.Serve(ctx, l); err != nil {
		return exit{exitFailed, err}
	}
	return nil
}

// scenario reads a scenario file. YAML is turned into JSON, which is what the
// simulator reads.
func scenario(file string) (sim.Scenario, error) {
	if file == "" {
		return sim.Demo()
	}
	data, err := readLimited(file, maxScenario)
	if err != nil {
		return sim.Scenario{}, fmt.Errorf("--scenario: %w", err)
	}
	if !json.Valid(data) {
		var tree any
		if err := yaml.Load(data, &tree); err != nil {
			return sim.Scenario{}, fmt.Errorf("%s: %w", file, err)
		}
		if data, err = json.Marshal(tree); err != nil {
			return sim.Scenario{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	s, err := sim.LoadScenario(bytes.NewReader(data))
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}
