package load_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/load"
	"github.com/hfwatch/hfwatch/probe"
)

const azure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n" +
	"2023-11-16 18:15:46.6805900,374,44\r\n" +
	"2023-11-16 18:15:50.9951690,396,109\r\n" +
	"2023-11-16 18:15:51.2225670,879,55\r\n"

func TestReadTrace(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for _, tc := range []struct {
		name, text string
		want       []load.TracePoint
	}{
		{"azure", azure, []load.TracePoint{{0, 374, 44}, {4314579 * time.Microsecond, 396, 109}, {4541977 * time.Microsecond, 879, 55}}},
		{"one column", "0\n0.5\n2\n", []load.TracePoint{{}, {At: 500 * ms}, {At: 2000 * ms}}},
		{"named, out of order", "\ufeffinput,at\n7,3\n9,1\n", []load.TracePoint{{0, 9, 0}, {2000 * ms, 7, 0}}},
		{"dates", "time\n2024-01-01T00:00:00Z\n2024-01-01T00:00:00.25Z\n", []load.TracePoint{{}, {At: 250 * ms}}},
	} {
		got, err := load.ReadTrace(strings.NewReader(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	for text, want := range map[string]string{
		"":                        "holds no arrivals",
		"at\n":                    "holds no arrivals",
		"0\nsoon\n":               "line 2",
		"0\nNaN\n":                "out of range",
		"0\n1e300\n":              "out of range",
		"at,input\n0,1\n1,many\n": "line 3",
		"at,input\n0,1\n1,-4\n":   "line 3",
		"0\n99999999\n":           "more than",
		"\"0\n":                   "trace:",
		"input,at\n5\n":           "line 2: it has no time",
	} {
		if _, err := load.ReadTrace(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadTrace(%q) = %v, want %q in it", text, err, want)
		}
	}
}

// TestReplay replays a trace twice as fast, and ends it with its stages.
func TestReplay(t *testing.T) {
	t.Parallel()
	points, err := load.ReadTrace(strings.NewReader(azure))
	if err != nil {
		t.Fatal(err)
	}
	p := draw(t, load.Spec{Process: load.Trace, Trace: points, TimeScale: 0.5}, 1)
	if diff := cmp.Diff([]time.Duration{0, 2157290 * time.Microsecond, 2270989 * time.Microsecond}, times(p)); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	if a := p.Arrivals[1]; a.TokensIn != 396 || a.TokensOut != 109 {
		t.Errorf("arrival 1 has %d and %d tokens, want 396 and 109", a.TokensIn, a.TokensOut)
	}
	p = draw(t, load.Spec{Process: load.Trace, Trace: points, Stages: []load.Stage{stage(0, time.Second, 0), stage(0, 3500*time.Millisecond, 0)}}, 1)
	if len(p.Arrivals) != 2 || p.Arrivals[1].Stage != 1 {
		t.Errorf("%d arrivals, the last of stage %d, want 2 and 1", len(p.Arrivals), p.Arrivals[len(p.Arrivals)-1].Stage)
	}
}

// TestHead stores a plan within its record and gets it back.
func TestHead(t *testing.T) {
	t.Parallel()
	p := draw(t, load.Spec{
		Window: "w", Process: load.Poisson, Stages: []load.Stage{stage(50, 20*time.Second, 5*time.Second)},
		Steps: []load.Step{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}, Lengths: load.Lengths{Kind: load.Uniform, Min: 3, Max: 900},
	}, 8)
	text, err := json.Marshal(p.Head())
	if err != nil {
		t.Fatal(err)
	}
	var head load.PlanHead
	if err := json.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	back, err := head.Plan("w")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("the plan does not come back (-want +got):\n%s", diff)
	}
	if per := float64(len(head.Due)) / float64(len(p.Arrivals)); per > 8 {
		t.Errorf("%.1f bytes for each arrival, want at most 8", per)
	}
	head.Due = ""
	if again, err := head.Plan("w"); err != nil || cmp.Diff(p.Arrivals, again.Arrivals) != "" {
		t.Errorf("drawn again: %v, want the same arrivals", err)
	}
	head.Hash = "00"
	if _, err := head.Plan("w"); err == nil {
		t.Error("a wrong hash gives no error")
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	pool := load.NewPool([]json.RawMessage{[]byte(`"aaaaaaaaaa"`), []byte(`"bbb"`), []byte(`[{"role":"user","content":"ccc"}]`), []byte(`"d"`)})
	for _, tc := range []struct {
		length, number int
		want           string
	}{{1, 0, `"d"`}, {0, 5, `"d"`}, {3, 0, `"bbb"`}, {4, 1, `[{"role":"user","content":"ccc"}]`}, {7, 0, `"aaaaaaaaaa"`}, {9000, 3, `"aaaaaaaaaa"`}} {
		if got := string(pool.Pick(tc.length, tc.number)); got != tc.want {
			t.Errorf("Pick(%d, %d) = %s, want %s", tc.length, tc.number, got, tc.want)
		}
	}
	if got := load.NewPool(nil).Pick(3, 1); got != nil {
		t.Errorf("Pick of nothing = %s, want nil", got)
	}
}

// FuzzReadTrace holds that no trace panics, that what is read is in order, and
// that what can be drawn of it is a plan that its record gives back.
func FuzzReadTrace(f *testing.F) {
	f.Add(azure)
	f.Add("0\n0.5\n2\n")
	f.Add("\ufeffinput,at\n7,3\n9,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		points, err := load.ReadTrace(strings.NewReader(text))
		if err != nil {
			return
		}
		p, err := load.Draw(load.Spec{Window: "w", Process: load.Trace, Trace: points, For: probe.Measured(1)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		back, err := p.Head().Plan("w")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.Arrivals, back.Arrivals); diff != "" {
			t.Fatal(diff)
		}
	})
}
