package hf

import (
	"net/http"

	"github.com/hfwatch/hfwatch/probe"
)

// classify returns what an answer with a status that is not 2xx means, or
// one with a 2xx status that carries an error. The rules are those of
// docs/outcomes; wire facts are from the sources of TGI, TEI, huggingface_hub,
// the inference toolkit and api-inference-community.
func classify(status int, h http.Header, e envelope, route probe.Route) probe.Outcome {
	switch {
	case status >= 200 && status < 300:
		return inBody(e)
	case status < 400 || status > 599:
		return probe.Unknown
	case status >= 500:
		return serverStatus(status, e, route)
	case status == http.StatusTooManyRequests:
		return tooMany(h, e)
	default:
		return clientStatus(status, e)
	}
}

// clientStatus judges a 4xx but 429. The words of the answer go before its
// status, since the toolkit says 400 to its own faults, and a paused endpoint
// and a withdrawn provider say 400 as well.
func clientStatus(status int, e envelope) probe.Outcome {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return refused(e)
	case plainStatus(status) != "":
		return plainStatus(status)
	case paused(e):
		return probe.Paused
	case asleep(e):
		return probe.Asleep
	case status == http.StatusNotFound || withdrawn(e):
		return probe.Gone
	case outOfMoney(e):
		return probe.Billing
	case badCredentials(e):
		return probe.Auth
	case confesses(e):
		return probe.ServerError
	case loading(e):
		return probe.Loading
	case overloaded(e):
		return probe.Overloaded
	}
	if blames(status) || rejected(e) {
		return probe.BadRequest
	}
	return probe.Unknown
}

// plainStatus returns the outcome of a 4xx that means one thing whatever it
// says, or nothing.
func plainStatus(status int) probe.Outcome {
	switch status {
	case http.StatusPaymentRequired:
		return probe.Billing
	case http.StatusGone, http.StatusMisdirectedRequest:
		return probe.Gone
	case http.StatusRequestTimeout:
		return probe.Overloaded
	case http.StatusFailedDependency:
		return probe.ServerError
	}
	return ""
}

// blames reports a 4xx that calls the request wrong.
func blames(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusLengthRequired,
		http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnsupportedMediaType, http.StatusExpectationFailed, http.StatusUnprocessableEntity,
		http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

// serverStatus judges a 5xx.
func serverStatus(status int, e envelope, route probe.Route) probe.Outcome {
	switch {
	case status == http.StatusGatewayTimeout:
		return probe.GatewayTimeout
	case paused(e):
		return probe.Paused
	case asleep(e):
		return probe.Asleep
	case e.estimate >= 0:
		return probe.Loading
	case overloaded(e):
		return probe.Overloaded
	case confesses(e):
		return probe.ServerError
	case loading(e):
		return probe.Loading
	case status == http.StatusServiceUnavailable && starting(e):
		return probe.Loading
	case status == http.StatusServiceUnavailable && route == probe.RouteURL && wakingProxy(e):
		return probe.Loading
	case status == statusOverloaded:
		return probe.Overloaded
	}
	return probe.ServerError
}

// statusOverloaded is no registered status; several providers answer it when
// they have no capacity.
const statusOverloaded = 529

// refused judges a 401 or 403. A page for people comes from the edge, which
// knows nothing of the account.
func refused(e envelope) probe.Outcome {
	switch {
	case e.html || edgeBlock(e):
		return probe.Unknown
	case outOfMoney(e):
		return probe.Billing
	}
	return probe.Auth
}

// tooMany judges a 429: of capacity, of money or of a rate. One that says
// nothing is an engine that has no permit left, as TGI's and TEI's is.
func tooMany(h http.Header, e envelope) probe.Outcome {
	switch {
	case overloaded(e):
		return probe.Overloaded
	case outOfMoney(e) || has(e.words, "credit", "credits", "balance", "prepaid", "pre paid"):
		return probe.Billing
	case rateNamed(e):
		return probe.RateLimited
	case has(e.words, "plan", "plans", "billing", "payment", "subscribe", "subscription", "upgrade", "purchase", "paid"):
		return probe.Billing
	case has(e.words, "concurrent requests", "concurrency", "pending requests") &&
		!has(e.words, "your account", "your organization", "user"):
		return probe.Overloaded
	case rateHinted(e), rateInHeaders(h):
		return probe.RateLimited
	}
	return probe.Overloaded
}

// inBody judges an error within a 2xx answer that is no stream. What says
// nothing of a cause is no answer of the task.
func inBody(e envelope) probe.Outcome {
	if o := inWords(e); o != probe.StreamError {
		return o
	}
	if confesses(e) {
		return probe.ServerError
	}
	return probe.InvalidOutput
}

// inStream judges an error event within a 200 stream.
func inStream(data []byte) (probe.Outcome, envelope) {
	e := readEnvelope(nil, data)
	return inWords(e), e
}

// inWords judges an error that has no status but its words. TGI's chat route
// writes http_status_code 422 whatever the cause, so that is not read; vLLM's
// code is the status that it would have sent.
func inWords(e envelope) probe.Outcome {
	switch {
	case overloaded(e):
		return probe.Overloaded
	case confesses(e):
		return probe.StreamError
	case e.estimate >= 0 || loading(e):
		return probe.Loading
	case e.code == "404" || withdrawn(e):
		return probe.Gone
	case e.code == "402" || outOfMoney(e):
		return probe.Billing
	case rateNamed(e):
		return probe.RateLimited
	case e.code == "429":
		return tooMany(nil, e)
	case e.code == "401" || e.code == "403" || badCredentials(e):
		return probe.Auth
	case rejected(e):
		return probe.BadRequest
	}
	return probe.StreamError
}
