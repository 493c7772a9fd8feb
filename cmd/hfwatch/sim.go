package main

import (
	"bytes"
	"encoding/json"
	"fmt"
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
vLLM endpoints, with their shapes, streams, faults and queues. GET /_sim/truth says
what it really did; POST /_sim/... changes it while it runs.

Exit codes: 0 after a signal, 1 cannot start, 2 bad scenario.`,
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
			server, err := sim.New(scenario, sim.Options{Logger: logger})
			if err != nil {
				return exit{exitUsage, err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			logger.Info("simulating", "url", "http://"+listen, "models", len(scenario.Models))
			if err := server.ListenAndServe(ctx, listen); err != nil {
				return exit{exitFailed, err}
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:14843", "where to listen, on loopback")
	cmd.Flags().StringVar(&file, "scenario", "", "the scenario, as JSON or YAML; the demo's by default")
	cmd.Flags().BoolVar(&example, "example", false, "print a scenario that shows every part")
	return cmd
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
