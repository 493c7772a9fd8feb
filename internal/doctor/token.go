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

// The pages of Hugging Face on which an account is put right.
const (
	tokenPage     = "https://huggingface.co/settings/tokens"
	billingPage   = "https://huggingface.co/settings/billing"
	providersPage = "https://huggingface.co/settings/inference-providers"
	endpointsPage = "https://endpoints.huggingface.co"
	statusPage    = "https://status.huggingface.co"
)

// TokenFacts are what is known of the hub's token.
type TokenFacts struct {
	// Set is whether there is one, Prefixed whether it begins with hf_.
	Set, Prefixed bool
	// Users are the targets that send it, Routed those of them that go through
	// the router, and Nowhere those behind the router to whose address it may not
	// go.
	Users, Routed, Nowhere []string
	// Asked is whether the Hub was asked whose it is; Err is why it did not say.
	Asked    bool
	Identity hub.Identity
	Err      error
}

// Refused reports whether the Hub said that the token is none.
func (t TokenFacts) Refused() bool {
	var refused *hub.StatusError
	return t.Asked && errors.As(t.Err, &refused) && !refused.HTML && refused.Status == http.StatusUnauthorized
}

// Token judges the hub's token.
func Token(t TokenFacts) []Finding {
	f := Finding{Check: "token", About: "hub.token"}
	switch {
	case !t.Set && len(t.Users) > 0:
		f.Grade, f.Says = Problem, "there is none, and "+few(t.Users)+" cannot do without"
		f.Do = "make one at " + tokenPage + " with the permission to make calls to Inference Providers, and write hub: {token: \"${HF_TOKEN}\"}, or hub.token_file"
		return []Finding{f}
	case !t.Set:
		f.Grade, f.Says = OK, "there is none, and no target needs one"
		return []Finding{f}
	case len(t.Users) == 0 && len(t.Nowhere) > 0:
		f.Grade, f.Says = Warning, "it goes only over https to huggingface.co and its endpoints, and so not to the address of "+few(t.Nowhere)
		f.Do = "nothing, if that is a simulator; else correct hub.url"
		return []Finding{f}
	case len(t.Users) == 0:
		f.Grade, f.Says = OK, "it is set, and no target sends it"
		return []Finding{f}
	case !t.Asked:
		f.Grade, f.Says = Unknown, "the Hub was not asked whose it is"
		return []Finding{f}
	}
	found := []Finding{whose(f, t)}
	if !t.Prefixed {
		found = append(found, Finding{
			Check: "token", About: "hub.token", Grade: Warning, Says: "it does not begin with hf_, as the tokens of Hugging Face do",
			Do: "if it is a provider's own key, write it as auth of a target with that provider's url",
		})
	}
	return found
}

// whose judges what the Hub says of the token.
func whose(f Finding, t TokenFacts) Finding {
	var refused *hub.StatusError
	switch {
	case t.Refused():
		f.Grade, f.Says = Problem, "the Hub refuses it: "+said(t.Err)
		f.Do = "it is revoked, expired or cut short: make another at " + tokenPage + ", and reload"
		return f
	case errors.As(t.Err, &refused) && (refused.HTML || refused.Status == http.StatusForbidden):
		f.Grade, f.Says = Unknown, "the Hub was asked and an edge before it refused, which says nothing of the token: "+said(t.Err)
		f.Do = "see whether a proxy or firewall stands between, and ask again"
		return f
	case t.Err != nil:
		f.Grade, f.Says = Unknown, "the Hub was asked whose it is and did not say: "+said(t.Err)
		f.Do = "see the lines about its host, and " + statusPage
		return f
	}
	f.Says = fmt.Sprintf("it is a %stoken of %s", roleOf(t.Identity), probe.Clean(t.Identity.Name, 64))
	may, known := t.Identity.MayInfer().Get()
	switch {
	case known && !may && len(t.Routed) > 0:
		f.Grade, f.Says = Problem, f.Says+" and may not call Inference Providers, which "+few(t.Routed)+" need"
		f.Do = "give it the permission to make calls to Inference Providers at " + tokenPage
	case known && may:
		f.Grade, f.Says = OK, f.Says+" and may call Inference Providers"
	case known:
		f.Grade = OK
	default:
		f.Grade, f.Says = OK, f.Says+"; the Hub does not say what it may do"
	}
	return f
}

// roleOf returns the kind of a token, with a blank behind it.
func roleOf(id hub.Identity) string {
	switch id.Role {
	case "":
		return ""
	case "fineGrained":
		return "fine-grained "
	}
	return probe.Clean(id.Role, 32) + " "
}

// BillTo judges an organisation that is to pay for the targets named.
func BillTo(org string, targets []string, id hub.Identity) Finding {
	f := Finding{Check: "bill_to", About: probe.Clean(org, 64)}
	switch {
	case id.Name == "":
		f.Grade, f.Says = Unknown, "whether the token may spend its money is not known, as the Hub did not say whose the token is"
	case strings.EqualFold(org, id.Name), slices.ContainsFunc(id.Orgs, func(o string) bool { return strings.EqualFold(o, org) }):
		f.Grade, f.Says = OK, "the token's owner belongs to it"
	default:
		f.Grade, f.Says = Warning, fmt.Sprintf("%s is no member of it as far as the Hub says, so that %s may be refused", probe.Clean(id.Name, 64), few(targets))
		f.Do = "write one of " + few(append([]string{id.Name}, id.Orgs...)) + "; the id of a resource group is in order too"
	}
	return f
}
