package daemon

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// TestUnpaidBesideEndpoints: the credit of Inference Providers is spent, and
// dedicated endpoints with the same token, which do not live by it, go on
// answering. They neither refute that the payer is refused nor are they held.
func TestUnpaidBesideEndpoints(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		const endpoint = "abc.us-east-1.aws.endpoints.huggingface.cloud"
		ops := &hook{}
		r.net.Serve(t, "ops.test:80", ops)
		var unpaid atomic.Bool
		var mu sync.Mutex
		var refused []time.Time
		r.serveTLS(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch {
			case req.Host == endpoint:
				good(w, req)
				return
			case req.Method != http.MethodPost:
				http.NotFound(w, req)
				return
			case !unpaid.Load():
				_, _ = io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
				return
			}
			mu.Lock()
			refused = append(refused, time.Now())
			mu.Unlock()
			w.WriteHeader(http.StatusPaymentRequired)
			_, _ = io.WriteString(w, `{"error":"You have depleted your monthly included credits."}`)
		}), endpoint+":443", "router.huggingface.co:443")
		text := "evaluation_interval: 1m\nhub: {token: " + hubToken + "}\n" + `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\nmodels:\n"
		for i, provider := range []string{"hf-inference", "novita", "groq", "together"} {
			text += fmt.Sprintf("  - {name: r%d, model: org/m, provider: %s, task: chat-completion, inputs: [x], tls: {ca_file: ca.pem}, baseline: {schedule: \"@every 5m\"}}\n", i, provider)
			text += strings.Replace(model(fmt.Sprintf("e%d", i), fmt.Sprintf("https://%s/%d", endpoint, i), "@every 5m", "tls: {ca_file: ca.pem}", "wake: keep_warm"),
				"jitter: 0s", "jitter: 60s", 1)
		}
		r.start(text)
		time.Sleep(30 * time.Minute)
		unpaid.Store(true)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		for i, from := range refused {
			if n := slices.IndexFunc(refused[i:], func(at time.Time) bool { return at.Sub(from) >= time.Hour }); n > 5 {
				t.Errorf("%d requests within an hour of %s, want at most 5", n, from)
			}
		}
		if len(refused) < 8 {
			t.Errorf("%d requests in two hours: nobody looks whether it was paid", len(refused))
		}
		r.want(1, "hfwatch_account_suspended", "scope", "bill_to the token's owner", "reason", "billing")
		for i := range 4 {
			if res := r.last(fmt.Sprintf("e%d", i)); res.Outcome != probe.OK || time.Since(res.Sent) > 7*time.Minute {
				t.Errorf("the endpoint e%d was last %s at %s: it is held with those that are not paid", i, res.Outcome, res.Sent)
			}
		}
		unpaid.Store(false)
		time.Sleep(15 * time.Minute)
		if _, there := r.value("hfwatch_account_suspended"); there {
			t.Error("still suspended 15 minutes after it was paid")
		}
		synctest.Wait()
		if got, want := ops.firing(), []string{"AccountBlocked billing"}; !slices.Equal(got, want) {
			t.Errorf("pages = %q, want %q", got, want)
		}
	})
}

// firing returns what was paged, but for the watchdog.
func (h *hook) firing() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, p := range h.pages {
		if p.Status == "firing" && p.Labels["alertname"] != "Watchdog" {
			out = append(out, p.Labels["alertname"]+" "+p.Labels["reason"])
		}
	}
	return out
}
