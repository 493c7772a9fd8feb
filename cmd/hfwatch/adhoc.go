package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/probe/task"
)

// adhoc is one target that no file configures.
type adhoc struct {
	url, task, model, provider, parameters, tokenFile string
	inputs                                            []string
	stream                                            bool
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
		return nil, exit{exitUsage, errors.New("--parameters is not JSON; write an object such as '{\"top_k\": 3}'")}
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
			if flagOf(problem.Path) == "--input" && len(a.inputs) == 0 && len(problems) > 1 {
				// The example is at odds only with what the others are about.
				continue
			}
			fmt.Fprintf(p.stderr, "hfwatch: %s: %s; %s\n", flagOf(problem.Path), problem.What, problem.Remedy)
		}
		return nil, exit{exitUsage, nil}
	}
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	return cfg, nil
}

// flagOf returns the flag that a path of adhocConfig's document was made from,
// or the path where there is none.
func flagOf(path string) string {
	key := strings.TrimPrefix(path, "models[0].")
	name, _, _ := strings.Cut(strings.TrimPrefix(key, "hub."), "[")
	name, _, _ = strings.Cut(name, ".")
	switch name {
	case "url", "task", "model", "provider", "parameters", "stream":
		return "--" + name
	case "inputs":
		return "--input"
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
