package config

import (
	"testing"
	"time"

	"github.com/hfwatch/hfwatch/schedule"
)

// TestScalars: the notations of values, and what is not one of them.
func TestScalars(t *testing.T) {
	for _, row := range []struct {
		text string
		into value
		// want is the value, or nil where the text is refused.
		want any
	}{
		{"90s", new(duration), duration(90 * time.Second)},
		{"1h30m", new(duration), duration(90 * time.Minute)},
		{"60d", new(duration), duration(60 * 24 * time.Hour)},
		{"4w", new(duration), duration(28 * 24 * time.Hour)},
		{"1w2d3h", new(duration), duration((9*24 + 3) * time.Hour)},
		{"0s", new(duration), duration(0)},
		{"30", new(duration), nil},
		{"-5s", new(duration), nil},
		{"soon", new(duration), nil},
		{"", new(duration), nil},
		{"9999999999999h", new(duration), nil},
		{"5/s", new(rate), rate(5)},
		{"30/m", new(rate), rate(0.5)},
		{"36/h", new(rate), rate(0.01)},
		{"8640/d", new(rate), rate(0.1)},
		{"5", new(rate), nil},
		{"5/x", new(rate), nil},
		{"-5/s", new(rate), nil},
		{"NaN/s", new(rate), nil},
		{"2GiB", new(size), size(2 << 30)},
		{"512 MiB", new(size), size(512 << 20)},
		{"10GB", new(size), size(10_000_000_000)},
		{"1.5KiB", new(size), size(1536)},
		{"8", new(size), nil},
		{"8GiBB", new(size), nil},
		{"9999999TiB", new(size), nil},
		{"0.2", new(ratio), ratio(0.2)},
		{"20%", new(ratio), ratio(0.2)},
		{"100%", new(ratio), ratio(1)},
		{"1.2", new(ratio), nil},
		{"101%", new(ratio), nil},
		{"-1%", new(ratio), nil},
		{"2s", new(span), span{2 * time.Second, 2 * time.Second}},
		{"1s-4s", new(span), span{time.Second, 4 * time.Second}},
		{"4s-1s", new(span), nil},
		{"1-4", new(span), nil},
		{"2", new(counts), counts{2, 2}},
		{"1-3", new(counts), counts{1, 3}},
		{"0-3", new(counts), nil},
		{"3-1", new(counts), nil},
		{"1-9999", new(counts), nil},
		{"host:8080", new(address), nil},
		{"https://", new(address), nil},
		{" https://x", new(address), nil},
	} {
		what, remedy := row.into.parse(row.text)
		if (what == "") != (row.want != nil) || (what == "") != (remedy == "") {
			t.Errorf("%T.parse(%q) = %q, %q", row.into, row.text, what, remedy)
			continue
		}
		if row.want == nil {
			continue
		}
		var got any
		switch v := row.into.(type) {
		case *duration:
			got = *v
		case *rate:
			got = *v
		case *size:
			got = *v
		case *ratio:
			got = *v
		case *span:
			got = *v
		case *counts:
			got = *v
		}
		if got != row.want {
			t.Errorf("%T.parse(%q) = %v, want %v", row.into, row.text, got, row.want)
		}
	}
}

// TestShort: durations as a person writes them.
func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "5m": 5 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "4h55m": 295 * time.Minute,
		"24h": 24 * time.Hour, "2d": 48 * time.Hour, "60d": 60 * 24 * time.Hour, "4w": 28 * 24 * time.Hour, "1m30s": 90 * time.Second,
		"250ms": 250 * time.Millisecond,
	} {
		if got := short(d); got != want {
			t.Errorf("short(%d) = %s, want %s", d, got, want)
		}
	}
}

// TestNearest: what a person probably meant.
func TestNearest(t *testing.T) {
	keys := []string{"schedule", "timeout", "jitter", "window", "wake"}
	for text, want := range map[string]string{
		"shedule": "schedule", "timeot": "timeout", "itmeout": "timeout", "Jitter": "jitter", "windows": "window", "walk": "wake",
		"parameters": "", "x": "", "": "", "schedulers": "schedule",
	} {
		if got := nearest(text, keys); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestEditDistance by hand.
func TestEditDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"ab", "abc", 1}, {"kitten", "sitting", 3}, {"a", "xyz12345678", 10},
	} {
		if got := editDistance(row.a, row.b, 10); got != row.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", row.a, row.b, got, row.want)
		}
	}
}

// TestPlan: what schedules come to in 31 days from a Wednesday at noon.
func TestPlan(t *testing.T) {
	from := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		spec             string
		perMonth, perDay int
		gap              time.Duration
	}{
		{"*/5 * * * *", 8928, 288, 5 * time.Minute},
		{"0 3 * * *", 31, 1, 24 * time.Hour},
		{"@every 1h", 744, 24, time.Hour},
		{"@every 1s", 2678400, 86400, time.Second},
		{"* * * * *", 44640, 1440, time.Minute},
		{"0 9 * * 1-5", 22, 1, 24 * time.Hour},
		{"0 0 29 2 *", 0, 0, (4*365 + 1) * 24 * time.Hour},
	} {
		s, err := schedule.Parse(row.spec, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		p := planOf(s, from)
		if p.perMonth != row.perMonth || p.perDay != row.perDay || p.gap != row.gap {
			t.Errorf("planOf(%q) = %d a month, %d a day, gap %v; want %d, %d, %v", row.spec, p.perMonth, p.perDay, p.gap, row.perMonth, row.perDay, row.gap)
		}
	}
	s, err := schedule.Parse("0,30 9-11 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(s, from)
	if got := p.most(2 * time.Hour); got != 4 {
		t.Errorf("most in 2h = %d, want 4", got)
	}
	if got, ok := p.shortest(6); !ok || got != 24*time.Hour {
		t.Errorf("shortest for 6 = %v, %v, want a day", got, ok)
	}
	if _, ok := p.shortest(1000); ok {
		t.Error("shortest for 1000 exists")
	}
}

// TestReasons: models that are known to think before they answer.
func TestReasons(t *testing.T) {
	for model, want := range map[string]bool{
		"deepseek-ai/DeepSeek-R1": true, "openai/gpt-oss-120b": true, "Qwen/QwQ-32B": true, "Qwen/Qwen3-8B": true,
		"Qwen/Qwen3-30B-A3B-Instruct-2507": false, "Qwen/Qwen3-30B-A3B-Thinking-2507": true, "meta-llama/Llama-3.1-8B-Instruct": false,
		"mistralai/Magistral-Small-2506": true, "microsoft/Phi-4-mini-reasoning": true, "google/gemma-3-27b-it": false,
	} {
		if got := reasons(model); got != want {
			t.Errorf("reasons(%s) = %v, want %v", model, got, want)
		}
	}
}
