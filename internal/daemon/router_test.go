package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/config"
	"github.com/hfwatch/hfwatch/history"
	"github.com/hfwatch/hfwatch/hub"
	"github.com/hfwatch/hfwatch/probe"
)

// routerOf answers as the router does: with a list that may change, and chats
// of the providers that are not withdrawn.
type routerOf struct {
	mu sync.Mutex
	// offers are the providers of org/m in the list, as JSON; nil refuses.
	offers    []string
	withdrawn []string
	reads     int
}

func (s *routerOf) set(offers ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers = offers
}

func (s *routerOf) withdraw(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withdrawn = names
}

func (s *routerOf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *routerOf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/v1/models" {
		s.reads++
		if s.offers == nil {
			http.Error(w, `{"error":"Service Temporarily Unavailable"}`, http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(w, `{"object":"list","data":[{"id":"org/other","providers":[]},{"id":"org/m","providers":[%s]}]}`, strings.Join(s.offers, ","))
		return
	}
	var body struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	_, provider, _ := strings.Cut(body.Model, ":")
	w.Header().Set("Content-Type", "application/json")
	if slices.Contains(s.withdrawn, provider) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"message":"The requested model is not supported by any provider you have enabled.","type":"invalid_request_error","code":"model_not_supported"}}`)
		return
	}
	_, _ = io.WriteString(w, `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",`+
		`"message":{"role":"assistant","content":"Red, green, blue."}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`)
}

// live is a provider in the list, with what more is said of it.
func live(name, more string) string {
	return fmt.Sprintf(`{"provider":%q,"status":"live"%s}`, name, more)
}

// fanned is a configuration with one model at all providers.
const fanned = `hub: {url: "http://router.test"}
budget: {usd_per_month: 50}
models:
  - name: chat
    model: org/m
    provider: all
    task: chat-completion
    inputs: ["Name three primary colours."]
    baseline: {schedule: "@every 1m", jitter: 0s, timeout: 5s}
    budget: {requests_per_day: 3000}
`

// names returns the targets that are watched.
func (r *rig) names() []string {
	var out []string
	for _, m := range r.d.now.Load().cfg.Models {
		out = append(out, m.Target.Name)
	}
	return out
}

// TestAllProviders: one model at every provider that the list calls live, each
// a target of its own with a share of the budget; one that appears is watched and
// an event, and one that is withdrawn pages until a reload.
func TestAllProviders(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		router := &routerOf{}
		router.set(live("groq", `,"pricing":{"input":0.1,"output":0.2},"context_length":8192,"first_token_latency_ms":250,"throughput":120`),
			live("novita", ""), `{"provider":"nscale","status":"error"}`)
		r.net.Serve(t, "router.test:80", router)
		r.start(fanned)
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff([]string{"chat:groq", "chat:novita"}, r.names()); diff != "" {
			t.Fatalf("targets: -want +got\n%s", diff)
		}
		if got := r.d.now.Load().models["chat:novita"].Budget.RequestsPerDay; got != 1500 {
			t.Errorf("chat:novita may be asked %d times a day, want a half of 3000", got)
		}
		res := r.last("chat:groq")
		if cost, ok := res.CostUSD.Get(); res.Outcome != probe.OK || res.Provider != "groq" || !ok || cost != 2e-6 || res.PriceSource != "router" {
			t.Errorf("the result at groq = %s of %s for %v of %s (%s), want ok for 0.000002 USD of the router's price", res.Outcome, res.Provider, cost, res.PriceSource, res.Error)
		}
		if res := r.last("chat:novita"); res.Outcome != probe.OK || !res.CostUSD.IsZero() {
			t.Errorf("the result at novita = %s for %v, want ok without a cost", res.Outcome, res.CostUSD)
		}
		r.want(1, "hfwatch_router_live", "target", "chat:groq")
		r.want(0.25, "hfwatch_router_first_token_seconds", "target", "chat:groq")
		r.want(120, "hfwatch_router_tokens_per_second", "target", "chat:groq")
		r.want(8192, "hfwatch_router_context_tokens", "target", "chat:groq")
		r.want(0.1, "hfwatch_router_usd_per_mtok", "target", "chat:groq", "direction", "in")
		r.want(0.2, "hfwatch_router_usd_per_mtok", "target", "chat:groq", "direction", "out")
		if _, ok := r.value("hfwatch_router_tokens_per_second", "target", "chat:novita"); ok {
			t.Error("the router's figure of novita is published, though it has none")
		}
		if text := r.logs.String(); !strings.Contains(text, `"targets":"chat:novita"`) {
			t.Error("nothing is said of the price that nobody has")
		}
		r.want(1, "hfwatch_router_list_reads_total", "result", "ok")

		router.set(live("groq", `,"pricing":{"input":0.3,"output":0.2}`), live("together", ""))
		router.withdraw("novita")
		time.Sleep(10 * time.Minute)
		if diff := cmp.Diff([]string{"chat:groq", "chat:novita", "chat:together"}, r.names()); diff != "" {
			t.Errorf("targets after another came and one went: -want +got\n%s", diff)
		}
		if res := r.last("chat:novita"); res.Outcome != probe.Gone || res.Fault != probe.FaultTarget || res.Counts != probe.Bad {
			t.Errorf("the result at a withdrawn provider = %s, %s, %s (%s)", res.Outcome, res.Fault, res.Counts, res.Error)
		}
		r.want(0, "hfwatch_router_live", "target", "chat:novita")
		r.want(2, "hfwatch_drift_events_total", "target", "chat:groq", "what", "listing")
		r.want(1, "hfwatch_drift_events_total", "target", "chat:novita", "what", "listing")
		r.want(1, "hfwatch_drift_events_total", "target", "chat:together", "what", "listing")
		events, err := r.d.records.Events(t.Context(), history.EventQuery{Kinds: []history.EventKind{history.KindDrift}})
		var told []string
		for _, e := range events {
			var c change
			if err := json.Unmarshal(e.Data, &c); err != nil {
				t.Fatal(err)
			}
			told = append(told, e.Target+": "+c.Before+" -> "+c.After)
		}
		slices.Sort(told)
		want := []string{
			"chat:groq: 0.1 in, 0.2 out USD/Mtok -> 0.3 in, 0.2 out USD/Mtok", "chat:groq: context 8192 tokens -> context not told",
			"chat:novita: live -> not listed", "chat:together: not listed -> live",
		}
		if diff := cmp.Diff(want, told); diff != "" || err != nil {
			t.Errorf("events, %v: -want +got\n%s", err, diff)
		}

		if err := r.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"chat:groq", "chat:together"}, r.names()); diff != "" {
			t.Errorf("targets after a reload: -want +got\n%s", diff)
		}
	})
}

// TestAWithdrawnProviderPages: 400 model_not_supported is the target's, whatever the
// account did, and pages as its alone; the other provider's target goes on.
func TestAWithdrawnProviderPages(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		router, ops := &routerOf{}, &hook{}
		router.set(live("groq", ""), live("novita", ""))
		r.net.Serve(t, "router.test:80", router)
		r.net.Serve(t, "ops.test:80", ops)
		r.start("evaluation_interval: 1m\n" + `notify: [{name: ops, webhook: {url: "http://ops.test/hook"}}]` + "\n" + fanned)
		time.Sleep(10 * time.Minute)
		router.withdraw("novita")
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		ops.mu.Lock()
		defer ops.mu.Unlock()
		var firing []string
		for _, p := range ops.pages {
			if p.Status == "firing" && p.Labels["alertname"] != "Watchdog" {
				firing = append(firing, p.Labels["alertname"]+" "+p.Labels["target"]+" "+p.Annotations["outcomes"]+" "+p.Annotations["fault"])
			}
		}
		if len(firing) != 1 || firing[0] != "TargetFailing chat:novita ok, ok, gone, gone, gone target" {
			t.Errorf("pages = %q, want one of the provider that was withdrawn, the target's fault", firing)
		}
		if _, there := r.value("hfwatch_account_suspended"); there {
			t.Error("the account is suspended for a model that is not to be had")
		}
		if res := r.last("chat:groq"); res.Outcome != probe.OK {
			t.Errorf("the other provider's target is %s", res.Outcome)
		}
	})
}

// TestListCannotBeRead: without a list a model at all providers is blind and says
// why; with one from before a restart it is watched at once.
func TestListCannotBeRead(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		router := &routerOf{}
		r.net.Serve(t, "router.test:80", router)
		r.start(fanned)
		time.Sleep(3*time.Minute + 30*time.Second)
		res := r.last("chat")
		if res.Outcome != probe.Unknown || res.Counts != probe.Apart || !res.Sent.IsZero() ||
			!strings.Contains(res.Error, "the router's list of models was never read: GET router.test/v1/models: status 503") {
			t.Errorf("the result without a list = %s, %s: %s", res.Outcome, res.Counts, res.Error)
		}
		r.want(3, "hfwatch_target_uncounted_slots", "target", "chat")
		// At 0:00:03, then 1 and 2 minutes later, and 4 minutes after that.
		if n := router.count(); n != 3 {
			t.Errorf("the list was asked for %d times, want 3", n)
		}
		r.want(3, "hfwatch_router_list_reads_total", "result", "failed")
		router.set(live("groq", ""))
		time.Sleep(4 * time.Minute)
		if diff := cmp.Diff([]string{"chat:groq"}, r.names()); diff != "" {
			t.Fatalf("targets once there is a list: -want +got\n%s", diff)
		}
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		router.set()
		r.build()
		if diff := cmp.Diff([]string{"chat:groq"}, r.names()); diff != "" {
			t.Errorf("targets after a restart: -want +got\n%s", diff)
		}
		if _, ok := r.value("hfwatch_router_list_timestamp_seconds"); !ok {
			t.Error("when the list was read is not published after a restart")
		}
	})
}

// TestListIsReadForChatAlone: a configuration of which the list says nothing asks
// for none.
func TestListIsReadForChatAlone(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		router := &routerOf{}
		r.net.Serve(t, "router.test:80", router)
		r.start("hub: {url: \"http://router.test\"}\nmodels:\n" + model("a", "http://m.test/a", "@every 10s"))
		time.Sleep(time.Hour)
		if n := router.count(); n != 0 {
			t.Errorf("the list was asked for %d times, want never", n)
		}
	})
}

// TestProvidersOfAList decides at which providers a model is watched.
func TestProvidersOfAList(t *testing.T) {
	t.Parallel()
	list := listingOf([]hub.Listed{
		{ID: "a", Providers: []hub.Offer{{Provider: "z", Status: "live"}, {Provider: "b"}, {Provider: "down", Status: "error"}}},
		{ID: "none", Providers: []hub.Offer{{Provider: "down", Status: "error"}}},
	}, time.Unix(1, 0))
	for _, row := range []struct {
		about string
		r     routing
		model string
		want  []string
		why   config.Vacancy
	}{
		{"live ones", routing{listing: list}, "a", []string{"b", "z"}, config.Vacancy{}},
		{"and those that are watched", routing{listing: list, held: map[string][]string{"a": {"old", "b"}}}, "a", []string{"b", "old", "z"}, config.Vacancy{}},
		{"none is live", routing{listing: list}, "none", nil, config.Vacancy{Outcome: probe.Gone, Why: "no provider of none is live in the router's list of models"}},
		{"none is named", routing{listing: list}, "b", nil, config.Vacancy{Outcome: probe.Gone, Why: "the router's list of models does not name b"}},
		{"no list yet", routing{listing: &listing{}}, "a", nil, config.Vacancy{Outcome: probe.Unknown, Why: "the router's list of models was not read yet"}},
		{
			"no list ever",
			routing{listing: &listing{}, failed: "no route"},
			"a", nil,
			config.Vacancy{Outcome: probe.Unknown, Why: "the router's list of models was never read: no route"},
		},
	} {
		got, why := row.r.Providers(row.model)
		if diff := cmp.Diff(row.want, got); diff != "" || why != row.why {
			t.Errorf("%s: %v: -want +got\n%s", row.about, why, diff)
		}
	}
}

// TestListWait doubles up to the usual pace.
func TestListWait(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for failures := range 7 {
		got = append(got, listWait(failures))
	}
	want := []time.Duration{15 * time.Minute, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listWait: -want +got\n%s", diff)
	}
}
