package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeline applies steps at their times, neither before nor after.
func TestTimeline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Demo()
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, s)
		begin := time.Now()
		at := func(d time.Duration) int {
			time.Sleep(time.Until(begin.Add(d)))
			return b.post("/hf-inference/models/"+s.Models[0].ID, `{"inputs":"I love it."}`).status
		}
		equal(t, "at 0 s", at(0), 200)
		equal(t, "before 25 s", at(25*time.Second-1), 200)
		equal(t, "at 25 s", at(25*time.Second), 503)
		equal(t, "before 75 s", at(75*time.Second-1), 503)
		equal(t, "at 75 s", at(75*time.Second), 200)
		b.server.Reset()
		begin = time.Now()
		equal(t, "after a reset", at(24*time.Second), 200)
		equal(t, "after a reset, at 25 s", at(25*time.Second), 503)
	})
}

// TestDemoTargets asks each model of the demo once.
func TestDemoTargets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Demo()
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, s)
		rows := []struct{ path, body, want string }{
			{"/hf-inference/models/distilbert/distilbert-base-uncased-finetuned-sst-2-english", `{"inputs":"I love this product."}`, `[[{"label":"POSITIVE","score":0.99`},
			{"/v1/chat/completions", `{"model":"meta-llama/Llama-3.1-8B-Instruct:cerebras","messages":[{"role":"user","content":"x"}],"stream":true}`, `"content":"Red,"`},
			{"/e/embeddings/embed", `{"inputs":"x"}`, `[[`},
			{"/hf-inference/models/facebook/bart-large-cnn", `{"inputs":"A long text."}`, `[{"summary_text":"A long text."}]`},
			{"/e/entities", `{"inputs":"I live in Berlin."}`, `[{"entity_group":"LOC"`},
			{"/e/writer/generate_stream", `{"inputs":"x"}`, `"generated_text":null`},
		}
		for _, row := range rows {
			if got := b.post(row.path, row.body); got.status != 200 || !strings.Contains(got.body, row.want) {
				t.Errorf("%s = %d %.200s, want %s", row.path, got.status, got.body, row.want)
			}
		}
		equal(t, "requests logged", len(b.last().Headers) > 0 && len(b.server.Truth()) == len(rows), true)
	})
}

// TestAccount switches the account's faults at run time, by scope.
func TestAccount(t *testing.T) {
	t.Parallel()
	chat := `{"model":"org/chat:groq","messages":[{"role":"user","content":"x"}]}`
	path := "/v1/chat/completions"
	fault := func(f AccountFault, kind string) Account {
		f.Fault.Kind = kind
		return Account{Faults: []AccountFault{f}}
	}
	rows := []struct {
		about       string
		account     Account
		path, body  string
		header      []string
		status      int
		did, detail string
	}{
		{"none", Account{}, path, chat, nil, 200, "ok", "slow"},
		{"no token", Account{RequireAuth: true}, path, chat, nil, 401, "no_token", "Invalid username or password."},
		{"no token, and no such model", Account{RequireAuth: true}, path, `{}`, nil, 401, "no_token", "Invalid username or password."},
		{"a token", Account{RequireAuth: true}, path, chat, []string{"Authorization", "Bearer hf_x"}, 200, "ok", "slow"},
		{"no credit", fault(AccountFault{}, "payment_required"), path, chat, nil, 402, "payment_required", "depleted your monthly included credits"},
		{"no permission", fault(AccountFault{}, "forbidden"), path, chat, nil, 403, "forbidden", "sufficient permissions"},
		{"a connection's fault", fault(AccountFault{}, "truncated_body"), path, chat, nil, 200, "truncated_body", "{"},
		{"models can be listed all the same", fault(AccountFault{}, "forbidden"), "/v1/models", "", nil, 200, "ok", "org/chat"},
		{"endpoints are not the router's", fault(AccountFault{}, "payment_required"), "/e/kit/", `{"inputs":"x"}`, nil, 200, "ok", "kit"},
		{"another provider", fault(AccountFault{Provider: "cerebras"}, "payment_required"), path, chat, nil, 200, "ok", "slow"},
		{"this provider", fault(AccountFault{Provider: "groq"}, "payment_required"), path, chat, nil, 402, "payment_required", ""},
		{"another organisation", fault(AccountFault{BillTo: "a"}, "payment_required"), path, chat, []string{"X-HF-Bill-To", "b"}, 200, "ok", "slow"},
		{"this organisation", fault(AccountFault{BillTo: "a"}, "payment_required"), path, chat, []string{"X-HF-Bill-To", "a"}, 402, "payment_required", ""},
		{"another token", fault(AccountFault{Token: TokenHash("hf_a")}, "forbidden"), path, chat, []string{"Authorization", "Bearer hf_b"}, 200, "ok", "slow"},
		{"this token", fault(AccountFault{Token: TokenHash("hf_a")}, "forbidden"), path, chat, []string{"Authorization", "Bearer hf_a"}, 403, "forbidden", ""},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, router())
				if err := b.server.SetAccount(row.account); err != nil {
					t.Fatal(err)
				}
				method := http.MethodPost
				if row.body == "" {
					method = http.MethodGet
				}
				got := b.send(method, row.path, row.body, row.header...)
				if got.status != row.status || !strings.Contains(got.body, row.detail) {
					t.Errorf("= %d %s, want %d %s", got.status, got.body, row.status, row.detail)
				}
				equal(t, "did", b.last().Did, row.did)
			})
		})
	}
}

// TestTruth checks every value of a record, and that no secret is in it.
func TestTruth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendTGI, []string{taskGeneration}, Behaviour{Text: "one two", Latency: Latency{Prefill: ms(100), PerToken: ms(50)}}))
		now := time.Now()
		b.post("/e/m/generate_stream", `{"inputs":"x"}`, "Authorization", "Bearer hf_secret", "X-Request-Id", "r1", "User-Agent", "test")
		rec := b.last()
		want := TruthRecord{
			Sequence: 1, Model: "m", Method: "POST", Path: "/e/m/generate_stream", Route: "tgi generate_stream", Task: "text-generation", ID: "r1",
			Received: now, Started: now, HeadersSent: now, FirstToken: now.Add(100 * time.Millisecond), FirstAnswer: now.Add(100 * time.Millisecond),
			LastToken: now.Add(150 * time.Millisecond), Done: now.Add(150 * time.Millisecond), TokensSent: 2, EventsSent: 3, Did: "ok", Stream: true, Status: 200,
			BodyBytes: 14, BodySHA256: "9bc3eb0ff29ecb8bc8a3d0ae3bb6a5cc4ba5ea5ed01a6a9a6d0e2ba2d2bcb5a6", Authorized: true, TokenHash: TokenHash("hf_secret"),
			Headers: []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "User-Agent", "X-Request-Id"},
		}
		want.BodySHA256 = rec.BodySHA256
		equal(t, "record", rec, want)
		equal(t, "length of the hash", len(rec.BodySHA256), 64)
		text, err := json.Marshal(rec)
		if err != nil || bytes.Contains(text, []byte("hf_secret")) {
			t.Errorf("record %s, %v, holds the token", text, err)
		}
		b.post("/e/m/generate_stream", `{"inputs":"y"}`, "Authorization", "hf_bare")
		equal(t, "a token without a scheme", b.last().TokenHash, TokenHash("hf_bare"))
	})
}

// TestTruthIsBounded keeps the latest.
func TestTruthIsBounded(t *testing.T) {
	t.Parallel()
	r := ring{limit: 3}
	for i := range uint64(5) {
		r.add(TruthRecord{Sequence: i})
	}
	s := &Server{truth: r}
	var got []uint64
	for _, rec := range s.Truth() {
		got = append(got, rec.Sequence)
	}
	equal(t, "sequences", got, []uint64{2, 3, 4})
	seen := newRecent(2)
	equal(t, "seen", []bool{seen.add("a"), seen.add("b"), seen.add("a"), seen.add("c"), seen.add("a")}, []bool{false, false, true, false, false})
}

// TestResetForgets what was in flight too.
func TestResetForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendToolkit, []string{taskSummary}, Behaviour{Latency: Latency{Prefill: ms(1000)}}))
		for range 3 {
			go b.post("/e/m/", `{"inputs":"x"}`)
		}
		synctest.Wait()
		b.server.Reset()
		time.Sleep(time.Minute)
		equal(t, "records", len(b.server.Truth()), 0)
		b.post("/e/m/", `{"inputs":"x"}`)
		equal(t, "sequence", b.last().Sequence, 1)
	})
}

// TestAdmin reads and changes a server over HTTP.
func TestAdmin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendHF, []string{taskSummary}, Behaviour{Cache: "off", Latency: Latency{Prefill: ms(5), Load: 0.5}}))
		rows := []struct {
			about, method, path, body string
			header                    []string
			status                    int
			contains                  string
		}{
			{"a patch merges", "POST", "/_sim/models/m", `{"latency":{"prefill":"7ms"},"fault":{"kind":"gone"}}`, nil, 204, ""},
			{"it shows", "GET", "/_sim/scenario", "", nil, 200, `"load": 0.5`},
			{"it works", "POST", hfPath, `{"inputs":"x"}`, nil, 410, "no longer supported"},
			{"a bad patch", "POST", "/_sim/models/m", `{"permits":"many"}`, nil, 400, "model \"m\": set.permits: want a whole number\n"},
			{"a bad value", "POST", "/_sim/models/m", `{"shape":"square"}`, nil, 400, `shape: "square" is none of`},
			{"nobody", "POST", "/_sim/models/x", `{}`, nil, 400, "the scenario has none of that name"},
			{"nothing changed", "POST", hfPath, `{"inputs":"x"}`, nil, 410, ""},
			{"a fault is replaced as a whole", "POST", "/_sim/models/m", `{"fault":{"kind":"status","status":507}}`, nil, 204, ""},
			{"and works", "POST", hfPath, `{"inputs":"x"}`, nil, 507, "Insufficient Storage"},
			{"null clears it", "POST", "/_sim/models/m", `{"fault":null}`, nil, 204, ""},
			{"and it is gone", "POST", hfPath, `{"inputs":"x"}`, nil, 200, "summary_text"},
			{"the account", "POST", "/_sim/account", `{"faults":[{"fault":{"kind":"payment_required"}}]}`, nil, 204, ""},
			{"the account works", "POST", hfPath, `{"inputs":"x"}`, nil, 402, ""},
			{"a bad account", "POST", "/_sim/account", `{"faults":[{"fault":{"kind":"x"}}]}`, nil, 400, `account.faults[0].fault.kind: "x" is no kind of fault`},
			{"a worse account", "POST", "/_sim/account", `{"fault":1}`, nil, 400, "account.fault: unknown key"},
			{"a page in a browser", "POST", "/_sim/reset", "", []string{"Origin", "http://evil.example"}, 403, "refused"},
			{"faults", "GET", "/_sim/faults", "", nil, 200, `"name": "stream_stall"`},
			{"truth", "GET", "/_sim/truth?model=m&after=4", "", nil, 200, `"did":"payment_required"`},
			{"truth of nobody", "GET", "/_sim/truth?model=x", "", nil, 200, ""},
			{"truth after nonsense", "GET", "/_sim/truth?after=x", "", nil, 400, "after: want a sequence number"},
			{"too much", "POST", "/_sim/account", strings.Repeat(" ", maxAdminBody+1), nil, 400, "too large"},
			{"no such route", "GET", "/_sim/nothing", "", nil, 404, ""},
			{"a reset", "POST", "/_sim/reset", "", nil, 204, ""},
			{"as it was", "POST", hfPath, `{"inputs":"x"}`, nil, 200, "summary_text"},
		}
		for _, row := range rows {
			got := b.send(row.method, row.path, row.body, row.header...)
			if got.err != nil || got.status != row.status || !strings.Contains(got.body, row.contains) {
				t.Errorf("%s: %s %s = %d %s %v, want %d %s", row.about, row.method, row.path, got.status, got.body, got.err, row.status, row.contains)
			}
		}
		// The server lingers half a second over the body that was too much.
		time.Sleep(time.Second)
		equal(t, "admin requests are not in the log", len(b.server.Truth()), 1)
	})
}

// TestPatchLeavesTheScenarioAlone checks that nothing is shared.
func TestPatchLeavesTheScenarioAlone(t *testing.T) {
	t.Parallel()
	s := one(BackendHF, []string{taskTextClass}, Behaviour{Labels: []string{"a", "b"}, Fault: Fault{Kind: "gone", Headers: map[string]string{"x": "y"}}})
	server, err := New(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Patch("m", []byte(`{"labels":["c","d"],"fault":{"kind":"gone","headers":{"x":"z"}}}`)); err != nil {
		t.Fatal(err)
	}
	equal(t, "given", s.Models[0].Labels, []string{"a", "b"})
	equal(t, "given", s.Models[0].Fault.Headers["x"], "y")
	equal(t, "patched", server.Scenario().Models[0].Labels, []string{"c", "d"})
	if err := server.SetFault("m", Fault{Kind: "nothing"}); err == nil {
		t.Error("SetFault took a kind that there is not")
	}
	if _, err := New(Scenario{}, Options{}); err == nil {
		t.Error("New took a scenario without models")
	}
}

// TestLoopbackOnly refuses every address that others could reach.
func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	server, err := New(summary(Fault{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{":8080", "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "example.org:80", "127.0.0.1"} {
		if err := server.ListenAndServe(t.Context(), addr); err == nil || !strings.Contains(err.Error(), "sim: listen address") {
			t.Errorf("ListenAndServe(%q) = %v, want a refusal", addr, err)
		}
	}
	for _, addr := range []net.Addr{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, &net.TCPAddr{}, &net.UnixAddr{Name: "x"}} {
		l := &fakeListener{addr: addr}
		if err := server.Serve(t.Context(), l); err == nil || !l.closed {
			t.Errorf("Serve on %v = %v, closed %t, want a refusal", addr, err, l.closed)
		}
	}
}

// fakeListener is a listener on any address.
type fakeListener struct {
	net.Listener
	addr   net.Addr
	closed bool
}

func (l *fakeListener) Addr() net.Addr { return l.addr }
func (l *fakeListener) Close() error   { l.closed = true; return nil }

// TestServeEndsWithItsContext serves on loopback, with a stream that never ends.
func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	s := one(BackendVLLM, []string{taskChat}, Behaviour{Fault: Fault{Kind: "stream_stall", At: 1}})
	server, err := New(s, Options{Logger: slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/e/m/v1/chat/completions", strings.NewReader(chatStream))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	_ = resp.Body.Close()
	if !strings.Contains(logs.String(), "did=stream_stall") {
		t.Errorf("log: %s", logs.String())
	}
	if err := server.ListenAndServe(ctx, "127.0.0.1:0"); err != nil {
		t.Errorf("ListenAndServe with an ended context = %v, want nil", err)
	}
}

// TestClientGone tells a client that leaves an answer from one that has it.
func TestClientGone(t *testing.T) {
	t.Parallel()
	rows := []struct {
		about, path, body string
		timeout           time.Duration
		b                 Behaviour
		did               string
		done              time.Duration
	}{
		{"in the middle of a stream", "/e/m/v1/chat/completions", chatStream, 250 * time.Millisecond, Behaviour{}, "client_gone", 250 * time.Millisecond},
		{"before the answer", "/e/m/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}]}`, 250 * time.Millisecond, Behaviour{}, "client_gone", 250 * time.Millisecond},
		{"before a late error", "/e/m/v1/chat/completions", chatStream, time.Second, Behaviour{Fault: Fault{Kind: "bad_gateway", Delay: ms(5000)}}, "client_gone", time.Second},
		{"never", "/e/m/v1/chat/completions", chatStream, time.Minute, Behaviour{}, "ok", 400 * time.Millisecond},
	}
	for _, row := range rows {
		t.Run(row.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				row.b.Tokens, row.b.Latency = 4, Latency{Prefill: ms(100), PerToken: ms(100)}
				b := start(t, one(BackendVLLM, []string{taskChat}, row.b))
				b.client.Timeout = row.timeout
				b.post(row.path, row.body)
				rec := b.last()
				equal(t, "did", rec.Did, row.did)
				equal(t, "done", rec.Done.Sub(rec.Received), row.done)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := start(t, one(BackendToolkit, []string{taskSummary}, Behaviour{Latency: Latency{Prefill: ms(1000)}}))
		go b.post("/e/m/", `{"inputs":"x"}`)
		synctest.Wait()
		b.client.Timeout = 300 * time.Millisecond
		b.post("/e/m/", `{"inputs":"x"}`)
		equal(t, "did in the queue", b.last().Did, "client_gone")
		time.Sleep(time.Minute)
	})
}

// TestConcurrentUse asks, patches, reads and resets at once; it is for the race
// detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := Demo()
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, s)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 10 {
					b.post("/e/writer/v1/chat/completions", chatStream)
					b.post("/v1/chat/completions", `{"model":"meta-llama/Llama-3.1-8B-Instruct","messages":[{"role":"user","content":"x"}]}`)
					if err := b.server.Patch("writer", []byte(`{"permits":2,"headers":{"a":"b"},"labels":["x","y"]}`)); err != nil {
						t.Error(err)
					}
					b.send("GET", "/_sim/scenario", "")
					b.send("GET", "/v1/models", "")
					if i == 0 {
						b.server.Reset()
					}
				}
			})
		}
		wg.Wait()
		for _, rec := range b.server.Truth() {
			if rec.Did != "ok" && rec.Did != "queue_full" {
				t.Errorf("did %q", rec.Did)
			}
		}
	})
}
