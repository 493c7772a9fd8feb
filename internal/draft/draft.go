// Package draft writes a first configuration for models of which only the ids
// are known, from what the Hub and the router say of them.
//
// Facts go in as values, a commented file comes out as text: nothing here asks,
// reads or writes anything. What could not be learned is said in the file, where
// it is guessed, with the word GUESSED. A model that cannot be watched is left
// out as a comment that says why.
package draft

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/probe/task"
)

// Facts are what is known of one model.
type Facts struct {
	// ID is the model's, Provider and Task what was asked for; empty for what
	// fits best.
	ID, Provider, Task string
	// Hub is what the Hub knows; HubErr is why it did not say.
	Hub    hub.Model
	HubErr error
	// Offers are the router's, for chat models; ListErr is why its list could not
	// be had. A model that is not in the list has none.
	Offers  []hub.Offer
	Images  bool
	ListErr error
}

// Choice is how a model is to be watched.
type Choice struct {
	Facts
	// Name is the target's.
	Name string
	// Task and Provider are what was chosen; Provider is empty for hf-inference.
	Task, Provider string
	// ProviderModel is the provider's own id of the model, where it is asked at a
	// path of its own.
	ProviderModel string
	// Guessed is set where the task was told by the id alone.
	Guessed bool
	Stream  bool
	// Schedule is that of its baseline.
	Schedule string
	// Input and Output are US dollars a million tokens.
	Input, Output probe.Opt[float64]
	// Reasons is set for a model that thinks before it answers.
	Reasons bool
	// Skipped says why it cannot be watched; empty where it can.
	Skipped string
	// Notes are further lines for people.
	Notes []string
}

// Choose decides how a model is to be watched.
func Choose(f Facts) Choice {
	c := Choice{Facts: f, Name: nameOf(f.ID), Schedule: "*/5 * * * *"}
	if f.HubErr != nil {
		c.Notes = append(c.Notes, "The Hub did not say what this model is: "+line(f.HubErr.Error()))
	}
	c.Task, c.Guessed = taskOf(f)
	var refused *hub.StatusError
	switch {
	case errors.As(f.HubErr, &refused) && !refused.HTML && (refused.Status == http.StatusNotFound || refused.Status == http.StatusUnauthorized):
		c.Skipped, c.Notes = "the Hub has no model of this id that the token may see; the spelling counts", nil
		return c
	case c.Task == "":
		c.Skipped, c.Notes = "what it does could not be learned"+because(f.HubErr)+"; write task, or run hfwatch init with --task", nil
		return c
	case !slices.Contains(task.Names(), c.Task) || c.Task == "custom":
		c.Skipped = "hfwatch has no task " + line(c.Task) + "; task: custom posts any JSON to an endpoint of your own"
		return c
	case f.Hub.Disabled:
		c.Skipped = "the Hub has disabled it"
		return c
	}
	if c.Guessed {
		c.Notes = append(c.Notes, "GUESSED: the task, by the model's name alone.")
	}
	if f.Hub.Gated {
		c.Notes = append(c.Notes, "Its author must grant access to its files: https://huggingface.co/"+f.ID)
	}
	if task.Chats(c.Task) {
		c.chat()
	} else {
		c.plain()
	}
	c.schedule()
	return c
}

// because returns an error in brackets, and nothing for none.
func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + line(err.Error()) + ")"
}

// chat chooses the provider of a chat model: the one that was asked for, else
// the cheapest of those that are live and name their price, else the first.
func (c *Choice) chat() {
	c.Stream = true
	offers := slices.Clone(c.Offers)
	if len(offers) == 0 {
		// What the list lacks, the Hub may know.
		for _, m := range c.Hub.Providers {
			if m.Task == "conversational" || m.Task == c.Task {
				offers = append(offers, hub.Offer{Provider: m.Provider, Status: m.Status})
			}
		}
	}
	slices.SortStableFunc(offers, func(a, b hub.Offer) int {
		return cmp.Or(order(!a.Live(), !b.Live()), cmp.Compare(price(a), price(b)), strings.Compare(a.Provider, b.Provider))
	})
	i := slices.IndexFunc(offers, func(o hub.Offer) bool { return c.Facts.Provider == "" || o.Provider == c.Facts.Provider })
	switch {
	case i >= 0:
		c.take(offers, i)
	case c.Facts.Provider != "":
		c.Provider = c.Facts.Provider
		note := "That " + c.Provider + " has it could not be learned."
		if len(offers) > 0 {
			note = "It is not known at " + c.Provider + ", but at " + offers[0].Provider + ": hfwatch doctor says what is so now."
		}
		c.Notes = append(c.Notes, note)
	case c.HubErr != nil && c.ListErr != nil:
		c.Provider = "all"
		c.Notes = append(c.Notes, "Which providers have it could not be learned, and so each that the router names once it answers is watched. Pin one to spend less.")
	default:
		c.Skipped = "no provider behind the router has it; deploy an endpoint and write its url"
	}
}

// take takes one of several offers, and tells of the others.
func (c *Choice) take(offers []hub.Offer, i int) {
	o := offers[i]
	c.Provider, c.Input, c.Output = o.Provider, o.USDPerMTokInput, o.USDPerMTokOutput
	if !o.Live() {
		c.Notes = append(c.Notes, fmt.Sprintf("The router says that it is %q at %s.", line(o.Status), o.Provider))
	}
	if n, ok := o.Context.Get(); ok {
		c.Notes = append(c.Notes, fmt.Sprintf("%s gives it %d tokens of context.", o.Provider, n))
	}
	var others []string
	for j, other := range offers {
		if j != i && other.Live() {
			others = append(others, other.Provider+terms(other))
		}
	}
	if len(others) > 0 {
		c.Notes = append(c.Notes, "Also at "+strings.Join(others[:min(8, len(others))], ", ")+"; provider: all watches every one.")
	}
}

// terms returns what a provider asks, in brackets.
func terms(o hub.Offer) string {
	in, has := o.USDPerMTokInput.Get()
	out, also := o.USDPerMTokOutput.Get()
	if !has || !also {
		return ""
	}
	return fmt.Sprintf(" (%g and %g USD)", in, out)
}

// price returns what a provider asks for a token in and one out; what is unknown
// is dearest.
func price(o hub.Offer) float64 {
	in, has := o.USDPerMTokInput.Get()
	out, also := o.USDPerMTokOutput.Get()
	if !has || !also {
		return math.Inf(1)
	}
	return in + out
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// plain chooses who serves a model that is no chat model: the provider that was
// asked for, else hf-inference, else the first that takes the task at a path of its
// own and is live, with its own id of the model.
func (c *Choice) plain() {
	if c.HubErr != nil {
		asked := cmp.Or(c.Facts.Provider, "hf-inference")
		c.Notes = append(c.Notes, "That "+asked+" serves it could not be learned.")
		if asked != "hf-inference" {
			c.Skipped = "the Hub did not say what " + asked + " calls it; write provider and provider_model"
		}
		return
	}
	var fit, others []hub.Mapping
	for _, m := range c.Hub.Providers {
		switch {
		case c.Facts.Provider != "" && m.Provider != c.Facts.Provider:
			others = append(others, m)
		case m.Provider == "hf-inference", task.PlainModel(m.ProviderID) && m.Task == c.Task && slices.Contains(task.PassedThrough(c.Task), m.Provider):
			fit = append(fit, m)
		default:
			others = append(others, m)
		}
	}
	if len(fit) == 0 {
		c.Skipped = c.unserved(others)
		return
	}
	live := func(m hub.Mapping) bool { return m.Status == "" || m.Status == "live" }
	slices.SortStableFunc(fit, func(a, b hub.Mapping) int {
		return cmp.Or(order(a.Provider != "hf-inference", b.Provider != "hf-inference"), order(!live(a), !live(b)))
	})
	taken := fit[0]
	if !live(taken) {
		c.Notes = append(c.Notes, fmt.Sprintf("The Hub says that it is %q at %s.", line(taken.Status), taken.Provider))
	}
	if taken.Provider == "hf-inference" {
		return
	}
	c.Provider, c.ProviderModel = taken.Provider, taken.ProviderID
	var also []string
	for _, m := range fit[1:] {
		if live(m) {
			also = append(also, m.Provider+" ("+line(m.ProviderID)+")")
		}
	}
	if len(also) > 0 {
		c.Notes = append(c.Notes, "Also at "+strings.Join(also[:min(8, len(also))], ", ")+".")
	}
}

// unserved says why no provider can be asked for the task; others are those that
// have the model.
func (c *Choice) unserved(others []hub.Mapping) string {
	names := make([]string, len(others))
	for i, m := range others {
		names[i] = m.Provider
	}
	switch known := strings.Join(names, ", "); {
	case c.Facts.Provider != "" && known != "":
		return c.Facts.Provider + " does not have it, or not as " + c.Task + "; the Hub names " + known
	case known != "":
		return "hf-inference does not serve it, and how " + known + " would be asked for " + c.Task + " is not known; deploy an endpoint and write its url"
	}
	return "no provider behind the router has it; deploy an endpoint and write its url"
}

// schedule chooses how often it is probed: every five minutes where that is
// cheap, and less often what is dear.
func (c *Choice) schedule() {
	c.Reasons = reasons(c.ID)
	switch c.Task {
	case "text-to-image", "text-to-speech":
		c.Schedule = "0 * * * *"
		return
	case "automatic-speech-recognition", "image-to-text", "text-generation":
		c.Schedule = "*/10 * * * *"
		return
	}
	if !task.Chats(c.Task) {
		return
	}
	out := 64.0
	if c.Reasons {
		out = 512
	}
	in, has := c.Input.Get()
	each, also := c.Output.Get()
	if !has || !also {
		c.Schedule = "*/10 * * * *"
		return
	}
	// About what a probe costs: its answer and a hundred tokens before it.
	usd := (in*100 + each*out) / 1e6
	const most = 2.0 // US dollars a month
	for _, every := range []struct {
		minutes int
		spec    string
	}{{5, "*/5 * * * *"}, {10, "*/10 * * * *"}, {15, "*/15 * * * *"}, {30, "*/30 * * * *"}, {60, "0 * * * *"}} {
		c.Schedule = every.spec
		if usd*31*24*60/float64(every.minutes) <= most {
			return
		}
	}
}

// reasons reports whether a model is known to think before it answers, by what
// its id says; as package config does, which leaves it more tokens.
func reasons(id string) bool {
	id = strings.ToLower(id)
	return !strings.Contains(id, "instruct") && slices.ContainsFunc([]string{"deepseek-r1", "qwq", "qwen3-", "gpt-oss", "thinking", "reasoning", "glm-4.", "minimax-m"},
		func(part string) bool { return strings.Contains(id, part) })
}

// nameOf returns a target's name: the model's without its owner, in lower case.
func nameOf(id string) string {
	_, name, found := strings.Cut(id, "/")
	if !found {
		name = id
	}
	return strings.ToLower(name)
}

// Name gives each choice a name of its own.
func Name(all []Choice) {
	seen := map[string]int{}
	for i := range all {
		seen[all[i].Name]++
		if n := seen[all[i].Name]; n > 1 {
			all[i].Name = fmt.Sprintf("%s-%d", all[i].Name, n)
		}
	}
}

// line returns text on one line, bounded and without tokens.
func line(text string) string { return probe.Clean(probe.RedactTokens(text), 200) }
