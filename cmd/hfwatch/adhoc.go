package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe/task"
)

// adhoc is one target that no file configures.
type adhoc struct {
	url, task, model, provider, parameters, tokenFile, inputFile string
	inputs                                                       []string
	stream                                                       bool
}

// add declares the flags; does is what the command does with the target.
func (a *adhoc) add(cmd *cobra.Command, does string) {
	flags := cmd.Flags()
	flags.StringVar(&a.url, "url", "", "with --task: an address, used as given; chat is completed as the official clients complete it")
	flags.StringVar(&a.task, "task", "", does+" no configured target but the one of these flags, of this task: "+strings.Join(task.Names(), ", "))
	flags.StringVar(&a.model, "model", "", "with --task: the model's name on the Hub")
	flags.StringVar(&a.provider, "provider", "", "with --task: the provider behind the router")
	flags.StringArrayVar(&a.inputs, "input", nil, "with --task: the input: a text, or JSON of what the task takes; a fitting example by default")
	flags.StringVar(&a.parameters, "parameters", "", "with --task: the task's parameters, as a JSON object")
	flags.BoolVar(&a.stream, "stream", false, "with --task: ask for a stream")
	flags.StringVar(&a.tokenFile, "token.file", "", "with --task: a file that holds the Hugging Face token, in place of the variable HF_TOKEN; a token itself is no argument, since arguments are public")
}

// adhocConfig writes the flags as a configuration and loads it, so that they
// are checked by the same rules.
func (p *process) adhocConfig(f configFlags, a adhoc) (*config.Config, error) {
	doc, err := p.document(a)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	const name = "command line"
	cfg, err := config.Load(config.Options{
		File: name, Environ: p.environ, Task: daemon.Task, Available: daemon.Features(),
		Flags: storage(f),
		Read: func(file string, limit int64) ([]byte, error) {
			if file == name {
				return text, nil
			}
			return readLimited(file, limit)
		},
	})
	var problems config.Problems
	switch {
	case err == nil && f.storage == "" && cfg.Budget.IsZero():
		// No budget covers what no file configures, and a daemon that holds
		// ./data would know no such target.
		cfg.Data.Dir = ""
		return cfg, nil
	case err == nil:
		return cfg, nil
	case !errors.As(err, &problems):
		return nil, exit{exitUsage, err}
	}
	p.sayFlags(a, problems)
	return nil, exit{exitUsage, nil}
}

// sayFlags prints problems by the flags that they are in, each once. Where no
// input was given, the example is at odds only with what the others are about.
func (p *process) sayFlags(a adhoc, problems config.Problems) {
	var said, ofExample []string
	for _, problem := range problems {
		flag := flagOf(problem.Path)
		line := fmt.Sprintf("hfwatch: %s: %s; %s", flag, problem.What, problem.Remedy)
		if flag == "--input" && len(a.inputs) == 0 {
			ofExample = append(ofExample, line)
			continue
		}
		said = append(said, line)
	}
	if said == nil {
		said = ofExample
	}
	for _, line := range slices.Compact(said) {
		fmt.Fprintln(p.stderr, line)
	}
}

// document returns the configuration that the flags describe.
func (p *process) document(a adhoc) (map[string]any, error) {
	if a.task == "" {
		return nil, errors.New("--url needs --task, one of " + strings.Join(task.Names(), ", "))
	}
	model := map[string]any{"name": "adhoc", "task": a.task}
	if a.inputFile == "" || len(a.inputs) > 0 {
		model["inputs"] = inputs(a)
	}
	for key, value := range map[string]string{"url": a.url, "model": a.model, "provider": a.provider, "input_file": a.inputFile} {
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
		return nil, errors.New("--parameters is not JSON; write an object such as '{\"top_k\": 3}'")
	case parameters != nil && len(a.inputs) == 0:
		model["parameters"] = parameters
	}
	doc := map[string]any{"models": []any{model}}
	switch {
	case a.tokenFile != "":
		doc["hub"] = map[string]any{"token_file": a.tokenFile}
	case p.has("HF_TOKEN"):
		// The variable of Hugging Face's own clients.
		doc["hub"] = map[string]any{"token": "${HF_TOKEN:-}"}
	}
	return doc, nil
}

// flagOf returns the flag that a path of adhocConfig's document was made from,
// or the path where there is none.
func flagOf(path string) string {
	key := strings.TrimPrefix(path, "models[0].")
	name, _, _ := strings.Cut(strings.TrimPrefix(key, "hub."), "[")
	name, below, _ := strings.Cut(name, ".")
	switch name {
	case "parameters":
		return strings.TrimSuffix("--parameters: "+below, ": ")
	case "url", "task", "model", "provider", "stream":
		return "--" + name
	case "inputs":
		return "--input"
	case "input_file":
		return "--input-file"
	case "token_file":
		return "--token.file"
	}
	return key
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
