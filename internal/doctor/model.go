package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// Wanted is a target and what it asks of a model.
type Wanted struct {
	Target, Model, Task, Provider string
	// ProviderModel is the provider's own id of the model, where it is asked at a
	// path of its own; else empty.
	ProviderModel string
}

// about returns the finding of a target, before it is judged.
func (w Wanted) about() Finding { return Finding{Check: "model", About: w.Target} }

// Routed judges a chat target by the router's list. err is why the list could
// not be had.
func Routed(w Wanted, list []hub.Listed, err error) Finding {
	f := w.about()
	if err != nil {
		f.Grade, f.Says, f.Do = Unknown, "the router's list of models could not be read: "+said(err), "see the lines about its host, and "+statusPage
		return f
	}
	i := slices.IndexFunc(list, func(l hub.Listed) bool { return l.ID == w.Model })
	if i < 0 {
		f.Grade, f.Says = Problem, "the router lists no model "+w.Model
		f.Do = "correct model, whose spelling counts, or choose one at https://huggingface.co/models?inference_provider=all"
		if near := like(list, w.Model); near != "" {
			f.Do = "did you mean " + near + "? The spelling counts"
		}
		return f
	}
	var live []string
	for _, o := range list[i].Providers {
		if o.Live() && o.Provider != w.Provider {
			live = append(live, o.Provider)
		}
	}
	other := "no other provider has it; look at https://huggingface.co/" + w.Model
	if len(live) > 0 {
		other = "pin one of those that have it: " + few(live)
	}
	j := slices.IndexFunc(list[i].Providers, func(o hub.Offer) bool { return o.Provider == w.Provider })
	if j < 0 {
		f.Grade, f.Says, f.Do = Problem, w.Provider+" does not have "+w.Model+" any more, or never had", other
		return f
	}
	offer := list[i].Providers[j]
	if !offer.Live() {
		f.Grade, f.Says = Warning, fmt.Sprintf("the router says that %s at %s is %q", w.Model, w.Provider, probe.Clean(offer.Status, 32))
		f.Do = "its own check fails, as your probes may too; " + other
		return f
	}
	f.Grade, f.Says = OK, w.Provider+" has "+w.Model+terms(offer)
	return f
}

// Vacant judges a target that is to be watched at all providers of its model,
// and has none. gone is whether the router's list says so.
func Vacant(target, why string, gone bool) Finding {
	f := Finding{Check: "model", About: target, Grade: Unknown, Says: "its providers are not known: " + probe.Clean(why, maxSaid), Do: "see the lines about the router's host"}
	if gone {
		f.Grade, f.Says = Problem, "no provider has it: "+probe.Clean(why, maxSaid)
		f.Do = "correct model, whose spelling counts, or choose one at https://huggingface.co/models?inference_provider=all"
	}
	return f
}

// terms returns what a provider asks and gives.
func terms(o hub.Offer) string {
	var parts []string
	if in, ok := o.USDPerMTokInput.Get(); ok {
		if out, ok := o.USDPerMTokOutput.Get(); ok {
			parts = append(parts, fmt.Sprintf("%g and %g USD a million tokens in and out", in, out))
		}
	}
	if n, ok := o.Context.Get(); ok {
		parts = append(parts, fmt.Sprintf("%d tokens of context", n))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// like returns the listed model that differs from id in case or owner alone.
func like(list []hub.Listed, id string) string {
	_, own, _ := strings.Cut(id, "/")
	for _, l := range list {
		_, name, _ := strings.Cut(l.ID, "/")
		if strings.EqualFold(l.ID, id) || (own != "" && strings.EqualFold(name, own)) {
			return l.ID
		}
	}
	return ""
}

// OnHub judges a target behind the router, by what the Hub knows of its model.
// err is why the Hub did not say.
func OnHub(w Wanted, m hub.Model, err error) Finding {
	f := w.about()
	var refused *hub.StatusError
	switch {
	case errors.As(err, &refused) && !refused.HTML && (refused.Status == http.StatusNotFound || refused.Status == http.StatusUnauthorized):
		f.Grade, f.Says = Problem, "the Hub has no model "+w.Model+" that this token may see"
		f.Do = "correct model, or use a token that may read it"
		return f
	case err != nil:
		f.Grade, f.Says, f.Do = Unknown, "the Hub was asked about "+w.Model+" and did not say: "+said(err), "see the lines about its host, and "+statusPage
		return f
	case m.Disabled:
		f.Grade, f.Says, f.Do = Problem, "the Hub has disabled "+w.Model, "choose another model"
		return f
	}
	i := slices.IndexFunc(m.Providers, func(p hub.Mapping) bool { return p.Provider == w.Provider })
	if i < 0 {
		f.Grade, f.Says = Problem, w.Provider+" does not serve "+w.Model
		f.Do = "no provider does: deploy an endpoint of its own and write its url"
		if others := providers(m); len(others) > 0 {
			f.Do = "these do: " + few(others)
		}
		return f
	}
	p := m.Providers[i]
	switch {
	case p.Status == "error":
		f.Grade, f.Says = Warning, "the Hub's own check of "+w.Model+" at "+w.Provider+" fails"
		f.Do = "your probes may fail too; see https://huggingface.co/" + w.Model
	case p.Status != "" && p.Status != "live":
		f.Grade, f.Says = Warning, fmt.Sprintf("the Hub says that %s at %s is %q", w.Model, w.Provider, probe.Clean(p.Status, 32))
		f.Do = "wait until it is live, or see https://huggingface.co/" + w.Model
	case w.ProviderModel != "" && p.ProviderID != "" && w.ProviderModel != p.ProviderID:
		f.Grade, f.Says = Warning, fmt.Sprintf("%s calls %s %q, and the target asks for %q", w.Provider, w.Model, probe.Clean(p.ProviderID, 120), probe.Clean(w.ProviderModel, 120))
		f.Do = "correct provider_model, unless another variant is meant"
	case !sameTask(w.Task, p.Task, m.Task):
		f.Grade, f.Says = Warning, fmt.Sprintf("%s does %s at %s, and the target asks for %s", w.Model, or(p.Task, m.Task), w.Provider, w.Task)
		f.Do = "correct task, unless its probes are answered"
	case m.Gated:
		f.Grade, f.Says = OK, w.Provider+" serves "+w.Model+", to whose files its author must grant access"
	default:
		f.Grade, f.Says = OK, w.Provider+" serves "+w.Model
	}
	return f
}

// providers returns those that serve a model.
func providers(m hub.Model) []string {
	var names []string
	for _, p := range m.Providers {
		if p.Status == "" || p.Status == "live" {
			names = append(names, p.Provider)
		}
	}
	return names
}

// sameTask reports whether a model that does task for a provider, and bears the
// tag, can be asked for the task wanted. What the Hub does not say is no
// objection, and neither are tasks that one model does for another's sake.
func sameTask(wanted, task, tag string) bool {
	task = or(task, tag)
	if task == "" || wanted == "custom" || wanted == task || wanted == tag {
		return true
	}
	for _, alike := range [][]string{
		{"chat-completion", "text-generation", "image-text-to-text", "conversational"},
		{"feature-extraction", "sentence-similarity"},
		{"summarization", "translation", "text2text-generation"},
		{"text-classification", "text-ranking"},
		{"sentence-similarity", "text-ranking"},
	} {
		if slices.Contains(alike, wanted) && slices.Contains(alike, task) {
			return true
		}
	}
	return false
}

// or returns the first of two that is not empty.
func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
