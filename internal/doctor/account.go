package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Spending says, before it is done, what the smallest requests cost at most.
// unpriced is how many of them are of targets without a price.
func Spending(requests int, tokens int64, usd float64, unpriced int) string {
	if requests == 0 {
		return "No request is sent that could cost anything."
	}
	text := fmt.Sprintf("%s, one for each account and host, of at most %d tokens in all", several(requests, "smallest request"), tokens)
	switch {
	case unpriced == requests:
		return text + ", whose price is not configured."
	case unpriced > 0:
		return text + fmt.Sprintf(" and %s, and %d whose price is not configured.", dollars(usd), unpriced)
	}
	return text + " and " + dollars(usd) + "."
}

// dollars returns an amount, never rounded to nothing.
func dollars(usd float64) string {
	if usd > 0 && usd < 0.0001 {
		return "less than 0.0001 USD"
	}
	return fmt.Sprintf("%.4f USD", usd)
}

// Asked judges how the smallest request of a scope was answered, by way of the
// target named.
func Asked(scope string, res probe.Result) Finding {
	f := Finding{Check: "account", About: scope, Says: "asked by way of " + res.Target + ": "}
	word := words(res)
	switch res.Outcome {
	case probe.Auth:
		f.Grade, f.Says = Problem, f.Says+"it refuses the credentials: "+word
		switch {
		case strings.HasPrefix(scope, "host "):
			f.Do = "see that its credentials are right: auth of the target, or the hub's token for an endpoint of Hugging Face's"
		case res.Status == http.StatusForbidden:
			f.Do = "give the token the permission to make calls to Inference Providers (" + tokenPage + "), and see that the provider is enabled (" + providersPage + ")"
		default:
			f.Do = "see that the token is right and may make calls to Inference Providers (" + tokenPage + "), and that the provider is enabled (" + providersPage + ")"
		}
	case probe.Billing:
		f.Grade, f.Says, f.Do = Problem, f.Says+"it wants to be paid: "+word, "add credit at "+billingPage+", or write bill_to with an organisation that pays"
	case probe.RateLimited:
		f.Grade, f.Says, f.Do = Warning, f.Says+"it limits the rate: "+word, "wait, and probe less often or share the limit with less else"
	case probe.Gone:
		f.Grade, f.Says, f.Do = Problem, f.Says+"it has no such model: "+word, "correct model and provider, or enable the provider at "+providersPage
	case probe.Paused:
		f.Grade, f.Says, f.Do = Problem, f.Says+"it is paused: "+word, "resume it at "+endpointsPage+", or write expect_paused: true"
	case probe.Asleep, probe.Loading:
		f.Grade, f.Says = OK, f.Says+"it sleeps or loads, and lets us in"
		if res.Counts == probe.Bad {
			f.Grade, f.Do = Warning, "ask again when it is up; keep_warm is to keep it so"
		}
	case probe.OK, probe.NoAnswer, probe.WrongAnswer, probe.Filtered, probe.Cached:
		f.Grade, f.Says = OK, f.Says+"it lets us in and answers"
	case probe.InvalidOutput, probe.Truncated, probe.StreamError, probe.BadRequest:
		f.Grade, f.Says, f.Do = Warning, f.Says+"it lets us in, and the answer is "+string(res.Outcome)+": "+word, "run hfwatch probe "+res.Target
	case probe.Unknown:
		f.Grade, f.Says, f.Do = Unknown, f.Says+"the answer says nothing of the account: "+word, "run hfwatch probe "+res.Target
	case probe.Canceled, probe.Internal, probe.NotSent:
		f.Grade, f.Says = Unknown, f.Says+"nothing was learned: "+word
	default:
		f.Grade, f.Says, f.Do = Problem, f.Says+string(res.Outcome)+": "+word, "run hfwatch probe "+res.Target+", and see docs/outcomes/"+string(res.Outcome)+".md"
	}
	return f
}

// words returns what a result says of its answer.
func words(res probe.Result) string {
	text := res.Error
	if text == "" {
		text = string(res.Outcome)
	}
	return probe.Clean(probe.RedactTokens(text), maxSaid)
}

// NotAsked says why the smallest request of a scope was not sent.
func NotAsked(scope, why string) Finding {
	return Finding{Check: "account", About: scope, Grade: Unknown, Says: "it was not asked: " + why}
}

// Blocked is a scope that a running daemon holds back.
type Blocked struct {
	Scope string
	// Reason is auth, billing or rate_limited.
	Reason probe.Outcome
	// Detail is what the refusal said.
	Detail string
	Since  time.Time
	// Open is set where the check that was asked for now was answered, and the
	// probes go on; Pending where none has come back yet; Unasked where no check
	// was to be asked for.
	Open, Pending, Unasked bool
}

// Suspended judges a scope that a running daemon held back when it was asked
// to check it again.
func Suspended(b Blocked) Finding {
	f := Finding{Check: "account", About: b.Scope}
	since := b.Since.UTC().Format("2006-01-02 15:04 UTC")
	detail := probe.Clean(probe.RedactTokens(b.Detail), maxSaid)
	switch {
	case b.Open:
		f.Grade, f.Says = OK, fmt.Sprintf("the daemon had suspended it for %s since %s; it was asked again now and lets us in, and probing goes on", b.Reason, since)
	case b.Pending:
		f.Grade, f.Says = Warning, fmt.Sprintf("the daemon has suspended it for %s since %s, and asks again now: %s", b.Reason, since, detail)
		f.Do = "run hfwatch doctor again in a minute"
	default:
		how := ", and it refuses still"
		if b.Unasked {
			how = ", and was not asked now"
		}
		f.Grade, f.Says = Problem, fmt.Sprintf("the daemon has suspended it for %s since %s%s: %s", b.Reason, since, how, detail)
		f.Do = "see that the token is right and may call Inference Providers (" + tokenPage + ")"
		if b.Reason == probe.Billing {
			f.Do = "add credit at " + billingPage + ", or write bill_to with an organisation that pays"
		}
	}
	return f
}

// Daemon judges the daemon that holds the data directory. same is whether it
// runs the configuration that was read, err why it did not say.
func Daemon(dir string, same bool, err error) Finding {
	f := Finding{Check: "daemon", About: dir}
	switch {
	case err != nil:
		f.Grade, f.Says = Problem, "an hfwatch holds the directory and does not answer: "+said(err)
		f.Do = "see its log; if it hangs, restart it"
	case !same:
		f.Grade, f.Says = Warning, "the hfwatch that runs here has another configuration in force than this file"
		f.Do = "reload it (kill -HUP, or POST /-/reload), and see its log if that is refused"
	default:
		f.Grade, f.Says = OK, "an hfwatch runs here with this configuration; requests go through it"
	}
	return f
}
