package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// simListeners is a scenario with one listener for each way in which a
// connection goes wrong that a machine's own network shows differently than one
// in memory.
const simListeners = `
models: [{name: m, model: org/m, tasks: [chat-completion], backend: vllm, latency: {prefill: 1ms}}]
listeners:
  - {name: plain, address: "127.0.0.1:0"}
  - {name: secure, address: "127.0.0.1:0", tls: valid}
  - {name: two, address: "localhost:0", tls: valid, http2: true}
  - {name: refused, address: "127.0.0.1:0", fault: refuse}
  - {name: reset, address: "127.0.0.1:0", fault: reset}
  - {name: closed, address: "127.0.0.1:0", fault: close}
  - {name: silent, address: "127.0.0.1:0", fault: silent}
  - {name: headers, address: "127.0.0.1:0", fault: slow_headers, delay: 1m}
  - {name: body, address: "127.0.0.1:0", fault: slow_body, delay: 1m}
  - {name: expired, address: "127.0.0.1:0", tls: expired}
  - {name: wronghost, address: "127.0.0.1:0", tls: wrong_host}
  - {name: unknown, address: "127.0.0.1:0", tls: unknown_authority}
  - {name: client, address: "127.0.0.1:0", tls: client_certificate}
  - {name: handshake, address: "127.0.0.1:0", tls: handshake_failure}
  - {name: cut, address: "127.0.0.1:0", tls: valid, fault: reset}
  - {name: goaway, address: "127.0.0.1:0", tls: valid, http2: true, fault: goaway_unprocessed}
  - {name: going, address: "127.0.0.1:0", tls: valid, http2: true, fault: goaway}
  - {name: stream, address: "127.0.0.1:0", tls: valid, http2: true, fault: rst_stream_mid_body}
`

// TestSimListeners runs the simulator as the program that it is, and probes each
// listener over the machine's own network.
func TestSimListeners(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "scenario.yaml", simListeners)
	server := start(t, folder, nil, "hfwatch", "sim", "--scenario", "scenario.yaml", "--listen", "127.0.0.1:0", "--log.format", "json")
	hub := server.err.wait(t, time.Minute, `"url":"(http://127[^"]+)"`)[1]
	resp, err := http.Get(hub + "/_sim/authority")
	if err != nil {
		t.Fatal(err)
	}
	authority, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, folder, "authority.pem", string(authority))

	targets := []struct{ name, scheme, extra, outcome, phase, fault string }{
		{"plain", "http", "", "ok", "", "none"},
		{"secure", "https", "", "ok", "", "none"},
		{"two", "https", "http2: true, ", "ok", "", "none"},
		{"going", "https", "http2: true, ", "ok", "", "none"},
		{"refused", "http", "", "connect", "connect", "target"},
		{"reset", "http", "", "reset", "first_byte", "target"},
		{"closed", "http", "", "reset", "first_byte", "target"},
		{"silent", "http", "baseline: {timeout: 2s}, ", "timeout", "first_byte", "target"},
		{"headers", "http", "baseline: {timeout: 2s}, ", "timeout", "first_byte", "target"},
		{"body", "http", "baseline: {timeout: 2s}, ", "timeout", "total", "target"},
		{"expired", "https", "", "tls", "tls", "target"},
		{"wronghost", "https", "", "tls", "tls", "target"},
		{"unknown", "https", "", "tls", "tls", "target"},
		{"client", "https", "", "tls", "tls", "target"},
		{"handshake", "https", "", "tls", "tls", "target"},
		{"cut", "https", "", "tls", "tls", "target"},
		{"goaway", "https", "http2: true, ", "reset", "first_byte", "target"},
		{"stream", "https", "http2: true, ", "reset", "body", "target"},
	}
	var config strings.Builder
	config.WriteString("defaults: {task: chat-completion, inputs: [\"Hello.\"], baseline: {timeout: 30s}}\nmodels:\n")
	want := map[string]string{}
	for _, target := range targets {
		address := server.err.wait(t, time.Minute, `"listener":"`+target.name+`","address":"([^"]+)"`)[1]
		tls := ""
		if target.scheme == "https" {
			tls = "tls: {ca_file: authority.pem}, "
		}
		config.WriteString("  - {name: " + target.name + ", model: org/m, " + tls + target.extra + "url: \"" + target.scheme + "://" + address + "/e/m\"}\n")
		want[target.name] = target.outcome + " " + target.phase + " " + target.fault
	}
	write(t, folder, "c.yaml", config.String())
	probes := start(t, folder, nil, "hfwatch", "probe", "--config.file", "c.yaml", "--json")
	<-probes.ended
	got := 0
	for lines := bufio.NewScanner(strings.NewReader(probes.out.String())); lines.Scan(); got++ {
		var res struct{ Target, Outcome, Phase, Fault, Error string }
		if err := json.Unmarshal(lines.Bytes(), &res); err != nil {
			t.Fatal(err)
		}
		if is := res.Outcome + " " + res.Phase + " " + res.Fault; is != want[res.Target] {
			t.Errorf("%s is %s (%s), want %s", res.Target, is, res.Error, want[res.Target])
		}
	}
	if got != len(targets) {
		t.Errorf("%d results of %d targets: %s", got, len(targets), probes.err)
	}
	server.stop(t, time.Minute)
}
