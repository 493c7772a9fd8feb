package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/internal/draft"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// initFlags are the flags of hfwatch init.
type initFlags struct {
	output, task, tokenFile, router, api string
	force, offline                       bool
}

// initCommand writes a first configuration.
func (p *process) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init MODEL[:PROVIDER]...",
		Short: "Write a first configuration for models, from what the Hub knows of them",
		Long: `Asks the Hub for each model's task and providers and the router for context and
prices, and writes a commented configuration with fitting inputs, schedules, a budget
and what a month comes to at most. Where no answer comes, the file says what could not
be learned and what was guessed. Nothing is asked that costs money, and no file is
overwritten without --force.

The token is taken from --token.file, the variable HF_TOKEN, or where Hugging Face's own
clients keep it. It is not written into the file.

Exit codes: 0 written; 1 not, or no model can be watched; 2 usage.`,
		Example: `  hfwatch init distilbert/distilbert-base-uncased-finetuned-sst-2-english meta-llama/Llama-3.1-8B-Instruct
  hfwatch init meta-llama/Llama-3.1-8B-Instruct:cerebras --output watch.yaml
  hfwatch init my-org/my-model --task text-classification --offline --output -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.init(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.output, "output", "config.yaml", "the file to write; - is standard output")
	flags.BoolVar(&f.force, "force", false, "overwrite a file that is there")
	flags.StringVar(&f.task, "task", "", "the task of every model, in place of what the Hub says")
	flags.BoolVar(&f.offline, "offline", false, "ask nobody")
	flags.StringVar(&f.tokenFile, "token.file", "", "a file that holds the Hugging Face token; a token itself is no argument, since arguments are public")
	flags.StringVar(&f.router, "hub.url", "", "the router's address, where it is not Hugging Face's own")
	flags.StringVar(&f.api, "hub.api-url", "", "the Hub's address; that of --hub.url by default")
	return cmd
}

// init carries out the command.
func (p *process) init(cmd *cobra.Command, f initFlags, models []string) error {
	if f.output != "-" && !f.force {
		if _, err := os.Lstat(f.output); err == nil {
			return exit{exitFailed, fmt.Errorf("%s is there already; write --output with another name, or --force to overwrite it", f.output)}
		}
	}
	if names := task.Names(); f.task != "" && !slices.Contains(names, f.task) {
		return exit{exitUsage, fmt.Errorf("--task: there is no task %q; it is one of %s", f.task, strings.Join(names, ", "))}
	}
	if f.api == "" {
		f.api = f.router
	}
	token, line, err := p.findToken(f.tokenFile)
	if err != nil {
		return exit{exitUsage, err}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	facts, err := p.learn(ctx, f, token, models)
	if err != nil {
		return err
	}
	file := draft.File{Token: line, Router: f.router, API: f.api, Inline: f.output == "-"}
	for _, one := range facts {
		file.Choices = append(file.Choices, draft.Choose(one))
	}
	draft.Name(file.Choices)
	p.sayDraft(file)
	if file.Watched() == 0 {
		return exit{exitFailed, errors.New("none of these models can be watched, and nothing is written")}
	}
	if err := p.estimate(&file, f.output); err != nil {
		return err
	}
	if err := p.writeDraft(file, f); err != nil {
		return exit{exitFailed, err}
	}
	return nil
}

// sayDraft says which models are left out, and of which something is not known.
func (p *process) sayDraft(file draft.File) {
	for _, c := range file.Choices {
		switch {
		case c.Skipped != "":
			fmt.Fprintf(p.stderr, "hfwatch: %s is left out: %s\n", c.ID, c.Skipped)
		case c.HubErr != nil:
			fmt.Fprintf(p.stderr, "hfwatch: %s: the Hub did not say what it is; the file says what is guessed\n", c.ID)
		}
	}
}

// findToken returns the token and the line of a configuration that finds it
// again: of a file that was named, the environment, or where Hugging Face's own
// clients keep it.
func (p *process) findToken(named string) (probe.Secret, string, error) {
	read := func(file string) (probe.Secret, error) {
		text, err := readLimited(file, 64<<10)
		return probe.NewSecret(strings.TrimSpace(string(text))), err
	}
	if named != "" {
		token, err := read(named)
		if err != nil {
			return token, "", fmt.Errorf("--token.file: %w", err)
		}
		whole, err := filepath.Abs(named)
		return token, fmt.Sprintf("token_file: %q", whole), err
	}
	if token := p.variable("HF_TOKEN"); token != "" {
		return probe.NewSecret(token), `token: "${HF_TOKEN}"`, nil
	}
	// HF_TOKEN_PATH, HF_HOME and the default of huggingface_hub's constants.py.
	places := []string{p.variable("HF_TOKEN_PATH")}
	if home := p.variable("HF_HOME"); home != "" {
		places = append(places, filepath.Join(home, "token"))
	}
	if home := p.variable("HOME"); home != "" {
		places = append(places, filepath.Join(home, ".cache", "huggingface", "token"))
	}
	for _, place := range places {
		if place == "" {
			continue
		}
		if token, err := read(place); err == nil && !token.IsZero() {
			return token, fmt.Sprintf("token_file: %q", place), nil
		}
	}
	return probe.Secret{}, "", nil
}

// variable returns a variable of the environment; empty where there is none.
func (p *process) variable(name string) string {
	for _, entry := range p.environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// errOffline is why nothing was learned with --offline.
var errOffline = errors.New("nobody was asked (--offline)")

// learn asks the router and the Hub about each model.
func (p *process) learn(ctx context.Context, f initFlags, token probe.Secret, models []string) ([]draft.Facts, error) {
	o := hub.Options{Version: buildVersion(), Token: token}
	for _, one := range []struct {
		flag, text string
		into       **url.URL
	}{{"--hub.url", f.router, &o.Router}, {"--hub.api-url", f.api, &o.API}} {
		if one.text == "" {
			continue
		}
		u, err := url.Parse(one.text)
		if err != nil || u.Host == "" {
			return nil, exit{exitUsage, fmt.Errorf("%s is not an address; write it whole, as http://host:port", one.flag)}
		}
		*one.into = u
	}
	client := hub.New(o)
	defer client.Close()
	var list []hub.Listed
	listErr := errOffline
	if !f.offline {
		list, listErr = client.Models(ctx)
	}
	var all []draft.Facts
	for _, name := range models {
		id, provider, _ := strings.Cut(name, ":")
		one := draft.Facts{ID: id, Provider: provider, Task: f.task, ListErr: listErr, HubErr: errOffline}
		if !f.offline {
			one.Hub, one.HubErr = client.Model(ctx, id)
		}
		if i := slices.IndexFunc(list, func(l hub.Listed) bool { return l.ID == id }); i >= 0 {
			one.Offers, one.Images = list[i].Providers, slices.Contains(list[i].Input, "image")
		}
		all = append(all, one)
	}
	return all, ctx.Err()
}

// estimate has the configuration read by the code that run uses, and notes what
// a month of it comes to.
func (p *process) estimate(file *draft.File, output string) error {
	cfg, err := p.loadDraft(*file, output)
	if err != nil {
		return err
	}
	parts, total := cfg.Ceiling(time.Now())
	costs := draft.Costs{USD: total.USD}
	costs.Requests, _ = total.Requests.Get()
	for _, c := range append(parts, total) {
		costs.Lines = append(costs.Lines, draft.Cost(c.Name, c.Requests, c.Tokens, c.USD))
	}
	file.Costs = &costs
	_, err = p.loadDraft(*file, output)
	return err
}

// loadDraft reads what would be written.
func (p *process) loadDraft(file draft.File, output string) (*config.Config, error) {
	text, samples := []byte(file.Write()), file.Media()
	cfg, err := config.Load(config.Options{
		File: output, Environ: p.environ, Task: daemon.Task, Available: daemon.Features(),
		Read: func(name string, limit int64) ([]byte, error) {
			if name == output {
				return text, nil
			}
			if sample, ok := samples[filepath.Base(name)]; ok {
				return sample, nil
			}
			return readLimited(name, limit)
		},
	})
	if err != nil {
		return nil, exit{exitFailed, fmt.Errorf("nothing is written, since it would not be right:\n%w", err)}
	}
	return cfg, nil
}

// writeDraft writes the configuration, and beside it the sample media that it
// names. Samples that are there already stay.
func (p *process) writeDraft(file draft.File, f initFlags) error {
	text := file.Write()
	if f.output == "-" {
		_, err := io.WriteString(p.stdout, text)
		return err
	}
	for name, data := range file.Media() {
		if err := create(filepath.Join(filepath.Dir(f.output), name), data, false); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := create(f.output, []byte(text), f.force); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "hfwatch: wrote %s; next: hfwatch check, hfwatch doctor, hfwatch probe, hfwatch run\n", f.output)
	return nil
}

// create writes a file that must not be there yet, or may be with force.
func create(name string, data []byte, force bool) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(name, how, 0o644) // #nosec G302 -- it holds no secret
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(data))
	return errors.Join(err, file.Close())
}
