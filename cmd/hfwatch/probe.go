package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// probeFlags are the flags of hfwatch probe.
type probeFlags struct {
	config   configFlags
	log      logFlags
	json     string
	parallel int
	adhoc    adhoc
}

// adhoc is one target that no file configures.
type adhoc struct {
	url, task, model, provider, parameters, tokenFile string
	inputs                                            []string
	stream                                            bool
}

// probeCommand probes targets once.
func (p *process) probeCommand() *cobra.Command {
	var f probeFlags
	cmd := &cobra.Command{
		Use:   "probe [NAME...]",
		Short: "Probe configured targets once, or one that the flags describe",
		Long: `Probes each configured target once, now, through the code that the daemon uses;
with names, only those. With --task it probes one target that the flags describe.
Where a daemon holds the data directory, the probes go through it and are booked
in its budget.

Exit codes: 0 all good, or apart by policy; 1 some bad; 2 usage or configuration;
3 none bad, but some unknown or the account's or the monitor's fault.`,
		Example: `  hfwatch probe
  hfwatch probe sentiment assistant --json
  hfwatch probe --task text-classification --model distilbert/distilbert-base-uncased-finetuned-sst-2-english --input "I love it." --token.file ~/.cache/huggingface/token
  hfwatch probe --url http://127.0.0.1:8080 --task chat-completion --stream`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.probe(cmd, f, args) },
	}
	f.config.add(cmd)
	f.log.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.json, "json", "", "write one result a line instead of a table: to standard output, or with =FILE to a file")
	flags.Lookup("json").NoOptDefVal = "-"
	flags.IntVar(&f.parallel, "parallel", 8, "how many targets are probed at a time")
	flags.StringVar(&f.adhoc.url, "url", "", "an address, used as given; chat is completed as the official clients complete it")
	flags.StringVar(&f.adhoc.task, "task", "", "the task: "+strings.Join(task.Names(), ", "))
	flags.StringVar(&f.adhoc.model, "model", "", "the model's name on the Hub")
	flags.StringVar(&f.adhoc.provider, "provider", "", "the provider behind the router")
	flags.StringArrayVar(&f.adhoc.inputs, "input", nil, "the input: a text, or JSON of what the task takes; a fitting example by default")
	flags.StringVar(&f.adhoc.parameters, "parameters", "", "the task's parameters, as a JSON object")
	flags.BoolVar(&f.adhoc.stream, "stream", false, "ask for a stream")
	flags.StringVar(&f.adhoc.tokenFile, "token.file", "", "a file that holds the Hugging Face token; never give a token as an argument")
	return cmd
}

// probe carries out the command.
func (p *process) probe(cmd *cobra.Command, f probeFlags, names []string) error {
	logger, err := p.logger(f.log)
	if err != nil {
		return err
	}
	cfg, models, err := p.chosen(f, names)
	if err != nil {
		return err
	}
	if len(models) == 0 {
		return exit{exitUsage, fmt.Errorf("%s: there is no target to probe", f.config.file)}
	}
	out := p.stdout
	if f.json != "" && f.json != "-" {
		file, err := os.Create(f.json)
		if err != nil {
			return exit{exitUsage, fmt.Errorf("--json: %w", err)}
		}
		defer func() { _ = file.Close() }()
		out = file
	}
	once := daemon.Once{Version: buildVersion(), Logger: logger, Parallel: f.parallel}
	var results []probe.Result
	withheld := false
	err = once.Probe(cmd.Context(), cfg, models, func(o daemon.Outcome) {
		if o.Err != nil {
			withheld = true
			fmt.Fprintf(p.stderr, "hfwatch: %s: not probed: %v\n", o.Target, o.Err)
			return
		}
		results = append(results, o.Result)
		if f.json != "" {
			err = errors.Join(err, json.NewEncoder(out).Encode(o.Result))
		}
	})
	if err != nil {
		return exit{exitFailed, err}
	}
	if f.json == "" {
		if err := printResults(out, results); err != nil {
			return exit{exitFailed, err}
		}
	}
	return verdict(results, withheld)
}

// verdict turns results into an exit code.
func verdict(results []probe.Result, withheld bool) error {
	unknown := withheld
	for _, r := range results {
		switch {
		case r.Counts == probe.Bad:
			return exit{exitFailed, nil}
		case r.Counts == probe.Apart && r.Fault != probe.FaultNone:
			unknown = true
		}
	}
	if unknown {
		return exit{exitUnknown, nil}
	}
	return nil
}

// chosen returns the models to probe: the named ones of the file, all of them,
// or the one that the flags describe.
func (p *process) chosen(f probeFlags, names []string) (*config.Config, []config.Model, error) {
	if f.adhoc.task != "" || f.adhoc.url != "" {
		if len(names) > 0 {
			return nil, nil, exit{exitUsage, errors.New("give either names or --task and --url, not both")}
		}
		cfg, err := p.adhocConfig(f)
		if err != nil {
			return nil, nil, err
		}
		return cfg, cfg.Models, nil
	}
	cfg, err := p.loadOrSay(f.config)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return cfg, cfg.Models, nil
	}
	var models []config.Model
	for _, name := range names {
		i := slices.IndexFunc(cfg.Models, func(m config.Model) bool { return m.Target.Name == name })
		if i < 0 {
			return nil, nil, exit{exitUsage, fmt.Errorf("%s has no target %q", f.config.file, name)}
		}
		models = append(models, cfg.Models[i])
	}
	return cfg, models, nil
}

// adhocConfig writes the flags as a configuration and loads it, so that they
// are checked by the same rules.
func (p *process) adhocConfig(f probeFlags) (*config.Config, error) {
	a := f.adhoc
	if a.task == "" {
		return nil, exit{exitUsage, errors.New("--url needs --task, one of " + strings.Join(task.Names(), ", "))}
	}
	model := map[string]any{"name": "adhoc", "task": a.task, "inputs": inputs(a)}
	for key, value := range map[string]string{"url": a.url, "model": a.model, "provider": a.provider} {
		if value != "" {
			model[key] = value
		}
	}
	if a.stream {
		model["stream"] = true
	}
	if strings.Contains(a.url, ".endpoints.huggingface.cloud") {
		model["wake"] = "keep_warm"
	}
	switch parameters := task.ExampleParameters(a.task); {
	case a.parameters != "" && json.Valid([]byte(a.parameters)):
		model["parameters"] = json.RawMessage(a.parameters)
	case a.parameters != "":
		return nil, exit{exitUsage, errors.New("--parameters is not JSON")}
	case parameters != nil && len(a.inputs) == 0:
		model["parameters"] = parameters
	}
	doc := map[string]any{"models": []any{model}}
	if a.tokenFile != "" {
		doc["hub"] = map[string]any{"token_file": a.tokenFile}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	const name = "command line"
	cfg, err := config.Load(config.Options{
		File: name, Environ: p.environ, Task: daemon.Task, Available: daemon.Features(),
		Flags: storage(f.config),
		Read: func(file string, limit int64) ([]byte, error) {
			if file == name {
				return text, nil
			}
			return readLimited(file, limit)
		},
	})
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, problem := range problems {
			fmt.Fprintf(p.stderr, "hfwatch: %s: %s; %s\n", strings.TrimPrefix(problem.Path, "models[0]."), problem.What, problem.Remedy)
		}
		return nil, exit{exitUsage, nil}
	}
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return cfg, nil
}

// inputs returns the inputs of the flags as JSON values, or the task's example.
func inputs(a adhoc) []json.RawMessage {
	if len(a.inputs) == 0 {
		return task.Example(a.task)
	}
	var out []json.RawMessage
	for _, text := range a.inputs {
		trimmed := strings.TrimSpace(text)
		if (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid([]byte(trimmed)) {
			out = append(out, json.RawMessage(trimmed))
			continue
		}
		quoted, err := json.Marshal(text)
		if err == nil {
			out = append(out, quoted)
		}
	}
	return out
}

// readLimited reads a file of at most so many bytes.
func readLimited(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

// storage returns the override of the data directory, where the flag gives one.
func storage(f configFlags) []config.Override {
	if f.storage == "" {
		return nil
	}
	return []config.Override{{Flag: "--storage.path", Path: "data.dir", Value: f.storage}}
}
