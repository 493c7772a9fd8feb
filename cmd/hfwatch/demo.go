package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/internal/daemon"
	"github.com/hfwatch/hfwatch/sim"
)

// demoName is the name of the demo's configuration in messages.
const demoName = "demo.yaml"

// demoConfig is the demo's configuration. SIM and HOOK stand for addresses.
const demoConfig = `
location: demo
hub: {url: "SIM"}
evaluation_interval: 5s
budget: {requests_per_day: 200000}
defaults: {baseline: {schedule: "@every 5s", timeout: 4s}}
models:
  - name: sentiment
    model: distilbert/distilbert-base-uncased-finetuned-sst-2-english
    task: text-classification
    inputs: ["I love this product.", "I adore it."]
    expect: {label: POSITIVE}
  - name: assistant
    model: meta-llama/Llama-3.1-8B-Instruct
    task: chat-completion
    provider: cerebras
    stream: true
    inputs: ["Name three primary colours."]
    price: {usd_per_mtok_input: 0.1, usd_per_mtok_output: 0.1}
    budget: {usd_per_day: 1}
  - name: embeddings
    model: sentence-transformers/all-MiniLM-L6-v2
    task: feature-extraction
    url: "SIM/e/embeddings/embed"
    inputs: ["First text.", "Second text."]
    expect: {dimension: 384}
  - name: summarizer
    model: facebook/bart-large-cnn
    task: summarization
    inputs: ["The tower is 324 metres tall, about the same height as a building of 81 storeys, and the tallest structure in Paris."]
  - name: entities
    model: dbmdz/bert-large-cased-finetuned-conll03-english
    task: token-classification
    url: "SIM/e/entities/"
    inputs: ["My name is Sarah and I live in Berlin."]
  - name: writer
    model: mistralai/Mistral-7B-Instruct-v0.3
    task: text-generation
    url: "SIM/e/writer/generate_stream"
    stream: true
    inputs: ["Write a sentence about the sea."]
    parameters: {max_new_tokens: 24}
notify:
  - {name: demo, webhook: {url_file: "HOOK", secret_file: "KEY"}}
`

// runDemo runs the daemon against the simulator, with a webhook that prints
// what it gets. Everything is on loopback, and nothing is kept.
func (p *process) runDemo(ctx context.Context, f runFlags) error {
	// The simulator outlives the daemon, so that its end is no outage.
	outer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if f.demoLength > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, f.demoLength)
		defer end()
	}
	logger, err := p.logger(f.log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hfwatch-demo-")
	if err != nil {
		return exit{exitFailed, err}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	world, err := p.demoWorld(outer, logger)
	if err != nil {
		return exit{exitFailed, err}
	}
	defer func() { cancel(); world.Wait() }()
	if err := errors.Join(
		os.WriteFile(dir+"/hook", []byte("http://"+world.hook+"/page"), 0o600), os.WriteFile(dir+"/key", []byte("demo-key"), 0o600),
	); err != nil {
		return exit{exitFailed, err}
	}
	l, err := listen(ctx, f.listen)
	if err != nil {
		return err
	}
	text := strings.NewReplacer("SIM", "http://"+world.sim, "HOOK", dir+"/hook", "KEY", dir+"/key").Replace(demoConfig)
	fmt.Fprintf(p.stderr, `hfwatch demo: six models of a simulator are probed every five seconds; one of them,
"sentiment", is overloaded from 25 s to 75 s. A page for it arrives here at about
40 s and resolves at about 90 s. Meanwhile look at http://%s/ and
http://%s/metrics. Ctrl-C ends the demo.
`, l.Addr(), l.Addr())
	f.lifecycle, f.probe = true, true
	f.grace = min(f.grace, 5*time.Second)
	return p.runDaemon(ctx, f, l, func() (*config.Config, error) {
		return config.Load(config.Options{
			File: demoName, Task: daemon.Task, Available: daemon.Features(),
			Flags: []config.Override{{Flag: "--demo", Path: "data.dir", Value: dir}},
			Read: func(name string, limit int64) ([]byte, error) {
				if name == demoName {
					return []byte(text), nil
				}
				return readLimited(name, limit)
			},
		})
	})
}

// world is what the demo watches and pages: it runs until its context ends.
type world struct {
	sync.WaitGroup
	sim, hook string
}

// demoWorld starts the simulator and the webhook's receiver.
func (p *process) demoWorld(ctx context.Context, logger *slog.Logger) (*world, error) {
	scenario, err := sim.Demo()
	if err != nil {
		return nil, err
	}
	models, err := sim.New(scenario, sim.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	hook, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	w := &world{sim: l.Addr().String(), hook: hook.Addr().String()}
	w.Go(func() {
		if err := models.Serve(ctx, l); err != nil {
			logger.Error("the simulator ended", "err", err)
		}
	})
	server := &http.Server{Handler: p.pager(), ReadHeaderTimeout: 5 * time.Second}
	w.Go(func() { _ = server.Serve(hook) })
	w.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	return w, nil
}

// page is what the demo prints of a webhook message.
type page struct {
	Alerts []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"alerts"`
}

// pager is the demo's receiver: it prints each alert of a message.
func (p *process) pager() http.Handler {
	start := time.Now()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var got page
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&got); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, a := range got.Alerts {
			fmt.Fprintf(p.stdout, "%5.1fs  PAGE %-8s  %s (%s): %s\n        fault: %s; last outcomes: %s\n", time.Since(start).Seconds(),
				strings.ToUpper(a.Status), a.Labels["alertname"], a.Labels["severity"], a.Annotations["summary"],
				a.Annotations["fault"], a.Annotations["outcomes"])
		}
	})
}
