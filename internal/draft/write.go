package draft

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/media"
	"github.com/hfwatch/hfwatch/probe/task"
)

// File is all that a first configuration is written from.
type File struct {
	Choices []Choice
	// Token is the line of hub's token, such as `token: "${HF_TOKEN}"`; empty
	// where there is none yet.
	Token string
	// Router and API are addresses that are not Hugging Face's own; empty for
	// its own.
	Router, API string
	// Inline puts sample media into the file itself, and not beside it.
	Inline bool
	// Costs are what the whole comes to; nil before that is known.
	Costs *Costs
}

// Costs are the most that 31 days can ask and cost.
type Costs struct {
	// Lines are one for each target, for people.
	Lines    []string
	Requests float64
	// USD is absent where the price of a target is not known.
	USD probe.Opt[float64]
}

// The names of the sample media beside a configuration.
const (
	SamplePicture = "sample-boat.png"
	SampleSound   = "sample-tone.wav"
)

// Media returns the sample files that the choices name, with what is in them.
func (f File) Media() map[string][]byte {
	files := map[string][]byte{}
	for _, c := range f.Choices {
		if c.Skipped != "" || f.Inline {
			continue
		}
		switch task.Media(c.Task) {
		case "image":
			files[SamplePicture] = media.SamplePicture(media.PNG)
		case "audio":
			files[SampleSound] = media.SampleSound()
		}
	}
	return files
}

// Watched returns how many of the choices can be watched.
func (f File) Watched() int {
	n := 0
	for _, c := range f.Choices {
		if c.Skipped == "" {
			n++
		}
	}
	return n
}

// Write returns the configuration as text.
func (f File) Write() string {
	var b strings.Builder
	b.WriteString(`# Written by hfwatch init. What each key means: docs/configuration.md, and for editors
# hfwatch check --schema. Then:
#
#   hfwatch check      is it right, and what does a month of it ask and cost at most
#   hfwatch doctor     what is wrong with token, models and network
#   hfwatch probe      each model once, now
#   hfwatch run        watch

`)
	f.hub(&b)
	f.costs(&b)
	b.WriteString("\nmodels:\n")
	for _, c := range f.Choices {
		f.model(&b, c)
	}
	b.WriteString(`
# The alerts that come shipped are on: hfwatch rules prints them. Your own stand beside
# them, and nobody is told of any until there is a receiver.
#alerts:
#  - {name: Slow, when: "p95(response) > 2s over 12h", severity: warning}
#notify:
#  - {name: ops, webhook: {url_file: /run/secrets/hook, secret_file: /run/secrets/hook-key}}
#  - {name: am, alertmanager: {urls: ["http://127.0.0.1:9093"]}}
`)
	return b.String()
}

// hub writes the account and the addresses.
func (f File) hub(b *strings.Builder) {
	var lines []string
	if f.Token != "" {
		lines = append(lines, f.Token)
	}
	if f.Router != "" {
		lines = append(lines, "url: "+quote(f.Router))
	}
	if f.API != "" {
		lines = append(lines, "api_url: "+quote(f.API))
	}
	if f.Token == "" {
		b.WriteString("# There was no token in HF_TOKEN nor where Hugging Face's own clients keep it, and the router\n# wants one: https://huggingface.co/settings/tokens, with the permission to make calls to\n# Inference Providers.\n")
	}
	if len(lines) == 0 {
		b.WriteString("#hub:\n#  token: \"${HF_TOKEN}\"\n")
		return
	}
	b.WriteString("hub:\n")
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
	if f.Token == "" {
		b.WriteString("  #token: \"${HF_TOKEN}\"\n")
	}
	b.WriteString("  #bill_to: my-org                     # the organisation that pays, in place of the token's owner\n")
}

// costs writes the budget, with what the plan below comes to.
func (f File) costs(b *strings.Builder) {
	if f.Costs == nil {
		return
	}
	b.WriteString("\n# At most in 31 days, as hfwatch check counts it:\n#\n")
	for _, l := range f.Costs.Lines {
		b.WriteString("#   " + l + "\n")
	}
	if slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Skipped == "" && c.Provider == "all" }) {
		b.WriteString("#\n# As many times as much for a model at all providers as it has providers. A budget bounds it:\n#budget: {requests_per_day: 5000, usd_per_month: 10}\n")
		return
	}
	b.WriteString("#\n# The budget leaves half as much again for probes by hand. What exceeds it is not sent.\n")
	perDay := 100 * math.Ceil(f.Costs.Requests*1.5/31/100)
	fmt.Fprintf(b, "budget:\n  requests_per_day: %s\n", strconv.FormatFloat(perDay, 'f', 0, 64))
	switch usd, known := f.Costs.USD.Get(); {
	case known && usd > 0:
		fmt.Fprintf(b, "  usd_per_month: %s\n", strconv.FormatFloat(math.Max(1, math.Ceil(usd*1.5)), 'f', 0, 64))
	default:
		b.WriteString("  #usd_per_month: 10                   # counts what has a price alone; hf-inference bills by computing time\n")
	}
}

// model writes one item of models, as a comment where it cannot be watched.
func (f File) model(b *strings.Builder, c Choice) {
	if c.Skipped != "" {
		fmt.Fprintf(b, "  # %s is left out: %s.\n", c.ID, c.Skipped)
		for _, n := range c.Notes {
			b.WriteString("  # " + n + "\n")
		}
		return
	}
	for _, n := range c.Notes {
		b.WriteString("  # " + n + "\n")
	}
	fmt.Fprintf(b, "  - name: %s\n    model: %s\n    task: %s\n", quote(c.Name), quote(c.ID), c.Task)
	if c.Provider != "" {
		fmt.Fprintf(b, "    provider: %s\n", c.Provider)
	}
	if c.ProviderModel != "" {
		fmt.Fprintf(b, "    provider_model: %s\n", quote(c.ProviderModel))
	}
	if c.Stream {
		b.WriteString("    stream: true                       # for the time to the first token\n")
	}
	f.inputs(b, c)
	f.baseline(b, c)
	if p := task.ExampleParameters(c.Task); p != nil {
		fmt.Fprintf(b, "    parameters: %s\n", p)
	}
	if in, ok := c.Input.Get(); ok {
		if out, ok := c.Output.Get(); ok {
			fmt.Fprintf(b, "    # Of the router's list today; without it the list's price of the day counts.\n    price: {usd_per_mtok_input: %s, usd_per_mtok_output: %s}\n", number(in), number(out))
		}
	}
	b.WriteString(expectations(c))
}

// number returns a price as the configuration takes it.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// baseline writes when it is probed.
func (f File) baseline(b *strings.Builder, c Choice) {
	fmt.Fprintf(b, "    baseline: {schedule: %q}\n", c.Schedule)
}

// inputs writes what is asked.
func (f File) inputs(b *strings.Builder, c Choice) {
	kind := task.Media(c.Task)
	examples := task.Example(c.Task)
	if kind != "" && !f.Inline {
		file := SamplePicture
		if kind == "audio" {
			file = SampleSound
		}
		fmt.Fprintf(b, "    input_file: %s\n", file)
		if c.Task == "automatic-speech-recognition" {
			b.WriteString("    # Nobody speaks in the sample: record a few words, name that file, and expect them.\n")
		}
		if c.Task != "image-text-to-text" {
			return
		}
		examples = []json.RawMessage{json.RawMessage(`"What is in this picture? Answer with one word."`)}
	}
	b.WriteString("    inputs:\n")
	for _, in := range examples {
		text := string(in)
		if c.Task == "fill-mask" && c.Hub.MaskToken != "" {
			text = strings.ReplaceAll(text, "[MASK]", strings.Trim(quote(c.Hub.MaskToken), `"`))
		}
		b.WriteString("      - " + text + "\n")
	}
}

// expectations returns what its answer could be held against, as a comment: what
// is right only whoever knows the model can say.
func expectations(c Choice) string {
	var could string
	switch c.Task {
	case "text-classification", "audio-classification", "image-classification":
		could = "{label: …, min_score: 0.5}"
	case "zero-shot-classification":
		could = "{label: delivery, min_score: 0.5}"
	case "zero-shot-image-classification":
		could = `{label: "a boat", min_score: 0.5}`
	case "object-detection":
		could = "{label: boat}"
	case "feature-extraction":
		could = "{dimension: …}"
	case "question-answering":
		could = `{contains: "1843"}`
	case "table-question-answering":
		could = `{contains: Seaham}`
	case "chat-completion", "text-generation", "summarization", "translation", "image-to-text":
		could = "{min_length: 5, max_length: 2000}"
	case "image-text-to-text":
		could = `{matches: "(?i)boat|ship|sail"}`
	case "automatic-speech-recognition":
		could = "{contains: the words that are spoken}"
	default:
		return ""
	}
	return "    #expect: " + could + "   # once hfwatch probe " + c.Name + " --json has shown its answer\n"
}

// quote returns text as YAML takes it in any place.
func quote(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// A builder takes whatever is written, and any text is JSON.
	_ = encoder.Encode(text)
	return strings.TrimRight(b.String(), "\n")
}

// Cost returns what one target comes to, in a line for people.
func Cost(name string, requests, tokens, usd probe.Opt[float64]) string {
	figure := func(v probe.Opt[float64], unit string) string {
		n, ok := v.Get()
		if !ok {
			return "an unknown number of " + unit
		}
		return grouped(n) + " " + unit
	}
	money := "a price that is not known"
	if v, ok := usd.Get(); ok {
		money = fmt.Sprintf("%.2f USD", math.Ceil(v*100)/100)
	}
	return fmt.Sprintf("%s: %s, %s, %s", name, figure(requests, "requests"), figure(tokens, "tokens"), money)
}

// grouped returns a number with its thousands apart.
func grouped(v float64) string {
	text := strconv.FormatFloat(math.Ceil(v), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
