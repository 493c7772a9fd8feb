package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// known returns the keys of T, as an error names them.
func known[T any]() string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// TestLoadScenarioErrors asserts on whole messages.
func TestLoadScenarioErrors(t *testing.T) {
	t.Parallel()
	model := func(more string) string {
		return `{"seed":1,"models":[{"name":"m","model":"org/m","tasks":["text-generation"],"backend":"tgi"` + more + `}]}`
	}
	rows := []struct{ about, text, want string }{
		{"no JSON", "{\n\"seed\":\n}", "no JSON: line 3: invalid character '}' looking for beginning of value"},
		{"nothing", "", "no JSON: EOF"},
		{"two values", model("") + "{}", "more than one JSON value"},
		{"no models", `{"seed":1}`, "models: want at least one"},
		{"unknown key at the top", `{"sed":1}`, "sed: unknown key; known are about, account, listeners, models, record_tokens, seed, timeline"},
		{"unknown key deep down", model(`,"latency":{"prefil":"1s"}`), "models[0].latency.prefil: unknown key; known are jitter, load, per_token, prefill, prefill_per_token, spread"},
		{"case counts", model(`,"Latency":{}`), "models[0].Latency: unknown key; known are " + known[Model]()},
		{"a duration without unit", model(`,"latency":{"prefill":3}`), "models[0].latency.prefill: want a string"},
		{"no duration", model(`,"latency":{"prefill":"soon"}`), `models[0].latency.prefill: "soon" is no duration such as 250ms or 1m30s`},
		{"a negative duration", model(`,"latency":{"prefill":"-1s"}`), `models[0].latency.prefill: "-1s" is negative`},
		{"a string for a number", model(`,"permits":"4"`), "models[0].permits: want a whole number"},
		{"a fraction", model(`,"permits":1.5`), "models[0].permits: want a whole number"},
		{"a number for a string", model(`,"text":4`), "models[0].text: want a string"},
		{"a number for a truth", model(`,"unpooled":1`), "models[0].unpooled: want true or false"},
		{"a string for a list", model(`,"labels":"a"`), "models[0].labels: want a list"},
		{"a list for an object", model(`,"fault":[]`), "models[0].fault: want an object"},
		{"a list for a map", model(`,"fault":{"kind":"gone","headers":[]}`), "models[0].fault.headers: want an object"},
		{"a number in a map", model(`,"fault":{"kind":"gone","headers":{"a":1}}`), "models[0].fault.headers.a: want a string"},
		{"a negative seed", `{"seed":-1}`, "seed: want a whole number from 0 on"},
		{"a string for a ratio", model(`,"latency":{"spread":"a"}`), "models[0].latency.spread: want a number"},
		{"too many permits", model(`,"permits":-1`), "models[0].permits: -1 is not within 0 to 1000000"},
		{"a word out of place", model(`,"overflow":"drop"`), `models[0].overflow: "drop" is none of reject, queue`},
		{"a spread of nothing", model(`,"latency":{"spread":0.1}`), "models[0].latency.spread: wants a jitter"},
		{"one label", model(`,"labels":["a"]`), "models[0].labels: want at least two"},
		{"reasoning without a way", model(`,"sse":{"reasoning_tokens":4}`), "models[0].sse.reasoning_tokens: wants reasoning"},
		{"a fault that is none", model(`,"fault":{"kind":"meteor"}`), `models[0].fault.kind: "meteor" is no kind of fault`},
		{"a fault without kind", model(`,"fault":{"at":3}`), "models[0].fault.kind: is missing"},
		{"a status without number", model(`,"fault":{"kind":"status"}`), "models[0].fault.status: is missing"},
		{"an impossible status", model(`,"fault":{"kind":"status","status":99}`), "models[0].fault.status: 99 is not within 200 to 599"},
		{"a ratio above one", model(`,"fault":{"kind":"gone","ratio":2}`), "models[0].fault.ratio: 2 is not within 0 to 1"},
		{"the server's own header", model(`,"fault":{"kind":"gone","headers":{"connection":"x"}}`), "models[0].fault.headers.connection: the server's own header"},
		{"a good answer's header", model(`,"headers":{"a b":"c"}`), "models[0].headers: a name or value holds what a header cannot"},
		{"a header in two lines", model(`,"fault":{"kind":"gone","headers":{"a":"b\r\nc"}}`), "models[0].fault.headers: a name or value holds what a header cannot"},
		{"no such backend", strings.Replace(model(""), `"tgi"`, `"tgj"`, 1), `models[0].backend: "tgj" is none of hf-inference, tgi, tei, toolkit, vllm, sglang, llama.cpp, provider`},
		{"a task that it cannot", strings.Replace(model(""), "text-generation", "fill-mask", 1), `models[0].tasks[0]: tgi cannot do "fill-mask"; it can text-generation, chat-completion`},
		{"no name", strings.Replace(model(""), `"m"`, `"a/b"`, 1), `models[0].name: "a/b" is empty or has a character that a path cannot bear`},
		{"no id", strings.Replace(model(""), `"org/m"`, `"a/b/c"`, 1), `models[0].model: "a/b/c" is no id such as org/name`},
		{"no provider's name", strings.Replace(model(""), `"tgi"`, `"provider"`, 1), "models[0].provider: backend provider wants the provider's name"},
		{"a provider that is a route", model(`,"provider":"v1"`), `models[0].provider: "v1" cannot be the first part of a path`},
		{"an account fault of a stream", model("")[:len(model(""))-1] + `,"account":{"faults":[{"fault":{"kind":"stream_eof"}}]}}`, `account.faults[0].fault.kind: "stream_eof" is no fault of an account`},
		{"an account fault of nothing", model("")[:len(model(""))-1] + `,"account":{"faults":[{"fault":{}}]}}`, "account.faults[0].fault.kind: is missing"},
		{"a limit of nothing", model(`,"rate_limit":{"window":"1s"}`), "models[0].rate_limit.requests: want at least 1"},
		{"a limit without end", model(`,"rate_limit":{"requests":1}`), "models[0].rate_limit.window: want a duration above 0"},
		{"a limit in unknown headers", model(`,"rate_limit":{"requests":1,"window":"1s","headers":"x"}`), `models[0].rate_limit.headers: "x" is none of draft, ietf, plain, requests, minute`},
		{"a limit that breaks connections", model(`,"rate_limit":{"requests":1,"window":"1s","fault":{"kind":"gzip"}}`), `models[0].rate_limit.fault.kind: "gzip" is no fault of class status`},
		{"a limit of the account of nothing", model("")[:len(model(""))-1] + `,"account":{"rate_limits":[{"limit":{"window":"1s"}}]}}`, "account.rate_limits[0].limit.requests: want at least 1"},
		{"an account without a provider", model("")[:len(model(""))-1] + `,"account":{"disabled":[""]}}`, "account: a provider's name is empty, number 1 of disabled and preferred"},
		{"a negative price", model(`,"listing":{"input_price":-1}`), "models[0].listing: a price is negative"},
		{"a status of nothing", model(`,"listing":{"status":"dead"}`), `models[0].listing.status: "dead" is none of live, staging, error`},
		{"a weight below nothing", model(`,"weight":-1`), "models[0].weight: -1 is not within 0 to 1e+06"},
		{"a provider that is the Hub", model(`,"provider":"hub"`), `models[0].provider: "hub" cannot be the first part of a path`},
		{"a step that changes nothing", model("")[:len(model(""))-1] + `,"timeline":[{"at":"1s"}]}`, "timeline[0]: changes nothing; want model or listener and set, or account"},
		{"a step of nobody", model("")[:len(model(""))-1] + `,"timeline":[{"at":"1s","model":"x","set":{}}]}`, `timeline[0].model: there is no model named "x"`},
		{"a step of something unknown", model("")[:len(model(""))-1] + `,"timeline":[{"at":"1s","model":"m","set":{"name":"n"}}]}`, "timeline[0].set.name: unknown key; known are " + known[Behaviour]()},
		{"a step to something impossible", model("")[:len(model(""))-1] + `,"timeline":[{"at":"1s","model":"m","set":{"permits":-4}}]}`, "timeline[0].set.permits: -4 is not within 0 to 1000000"},
		{"a step without set", model("")[:len(model(""))-1] + `,"timeline":[{"at":"1s","model":"m"}]}`, "timeline[0].set: want a JSON object of behaviour"},
		{"steps out of order", model("")[:len(model(""))-1] + `,"timeline":[{"at":"2s","account":{}},{"at":"1s","account":{}}]}`, "timeline[1].at: is before the step before it"},
		{"the same name twice", `{"models":[{"name":"m","model":"a","tasks":["text-generation"],"backend":"tgi"},{"name":"m","model":"b","tasks":["text-generation"],"backend":"tgi"}]}`, "models[1]: name m is models[0]'s already"},
		{"the same route twice", `{"models":[{"name":"m","model":"a","tasks":["summarization"],"backend":"hf-inference"},{"name":"n","model":"a","tasks":["summarization"],"backend":"hf-inference"}]}`, "models[1]: model a at provider hf-inference is models[0]'s already"},
	}
	for _, row := range rows {
		_, err := LoadScenario(strings.NewReader(row.text))
		if err == nil || err.Error() != "scenario: "+row.want {
			t.Errorf("%s: LoadScenario(%s) = %v, want %s", row.about, row.text, err, row.want)
		}
	}
	broken := errors.New("broken")
	if _, err := LoadScenario(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("LoadScenario of a broken reader = %v", err)
	}
	if _, err := LoadScenario(bytes.NewReader(bytes.Repeat([]byte(" "), maxScenario+1))); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("LoadScenario of too much = %v", err)
	}
}

// TestScenariosShipped loads, writes and loads again what is shipped, and runs
// every step.
func TestScenariosShipped(t *testing.T) {
	t.Parallel()
	demo, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	if len(demo.Models) != 6 || len(demo.Timeline) != 2 {
		t.Errorf("the demo has %d models and %d steps, want 6 and 2", len(demo.Models), len(demo.Timeline))
	}
	example, err := LoadScenario(bytes.NewReader(Example()))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Scenario{demo, example} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := LoadScenario(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compact(t, s), compact(t, again)); diff != "" {
			t.Errorf("written and read again (-want +got):\n%s", diff)
		}
	}
}

// compact returns s with its raw JSON in one spelling.
func compact(t *testing.T, s Scenario) Scenario {
	t.Helper()
	s = s.clone()
	for i, step := range s.Timeline {
		var buf bytes.Buffer
		if step.Set != nil {
			if err := json.Compact(&buf, step.Set); err != nil {
				t.Fatal(err)
			}
			s.Timeline[i].Set = buf.Bytes()
		}
	}
	return s
}

// TestFaultKinds checks that names are unique and have a class and a word about
// them.
func TestFaultKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range FaultKinds() {
		if seen[k.Name] || k.About == "" || !strings.Contains(ClassStatus+ClassStream+ClassAnswer+ClassConnection, k.Class) {
			t.Errorf("kind %+v is there twice or tells too little", k)
		}
		seen[k.Name] = true
	}
}

// FuzzScenario loads any bytes; what loads must run, write itself and load
// again to the same.
func FuzzScenario(f *testing.F) {
	f.Add(Example())
	f.Add(demoScenario)
	f.Add([]byte(`{"seed":1,"models":[{"name":"m","model":"m","tasks":["text-generation"],"backend":"tgi","fault":{"kind":"gone"}}]}`))
	f.Add([]byte(`{"models":[{"hosts":[null],"fault":{"headers":{"a":"b"},"done":null}}],"timeline":[{"set":null}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := LoadScenario(bytes.NewReader(text))
		if err != nil {
			return
		}
		server, err := New(s, Options{})
		if err != nil {
			t.Fatalf("loads but does not run: %v", err)
		}
		again, err := json.Marshal(server.Scenario())
		if err != nil {
			t.Fatalf("runs but does not write: %v", err)
		}
		if _, err := LoadScenario(bytes.NewReader(again)); err != nil {
			t.Fatalf("writes what does not load: %v\n%s", err, again)
		}
	})
}
