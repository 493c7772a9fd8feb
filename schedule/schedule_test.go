package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hfwatch/hfwatch/probe"
	"github.com/hfwatch/hfwatch/schedule"
)

func parse(t *testing.T, spec string, zone string) schedule.Schedule {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schedule.Parse(spec, loc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNext gives the next times of each kind of expression.
func TestNext(t *testing.T) {
	from := at(t, "2026-11-01T10:07:30Z") // a Sunday
	for _, tt := range []struct{ spec, zone, want string }{
		{"*/5 * * * *", "UTC", "2026-11-01T10:10:00Z 2026-11-01T10:15:00Z"},
		{"0 3 * * *", "UTC", "2026-11-02T03:00:00Z 2026-11-03T03:00:00Z"},
		{"CRON_TZ=Asia/Tokyo 0 3 * * *", "UTC", "2026-11-01T18:00:00Z 2026-11-02T18:00:00Z"},
		{"TZ=Asia/Tokyo  0 3 * * *", "UTC", "2026-11-01T18:00:00Z 2026-11-02T18:00:00Z"},
		{"0 3 * * *", "Asia/Tokyo", "2026-11-01T18:00:00Z 2026-11-02T18:00:00Z"},
		{"0 2 * * 7", "UTC", "2026-11-08T02:00:00Z 2026-11-15T02:00:00Z"},
		{"0 2 * * 5-7", "UTC", "2026-11-06T02:00:00Z 2026-11-07T02:00:00Z"},
		{"0 2 * * fri-7/2", "UTC", "2026-11-06T02:00:00Z 2026-11-08T02:00:00Z"},
		{"0 2 * * 1,7", "UTC", "2026-11-02T02:00:00Z 2026-11-08T02:00:00Z"},
		{"0 9 13 * 5", "UTC", "2026-11-06T09:00:00Z 2026-11-13T09:00:00Z"},
		{"0 0 29 2 *", "UTC", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"@hourly", "UTC", "2026-11-01T11:00:00Z 2026-11-01T12:00:00Z"},
		{"@Daily", "UTC", "2026-11-02T00:00:00Z 2026-11-03T00:00:00Z"},
		{"@weekly", "UTC", "2026-11-08T00:00:00Z 2026-11-15T00:00:00Z"},
		{"@monthly", "UTC", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"},
		{"@yearly", "UTC", "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"},
		{"@every 30s", "UTC", "2026-11-01T10:08:00Z 2026-11-01T10:08:30Z"},
		{"@every 7m", "Asia/Tokyo", "2026-11-01T10:08:00Z 2026-11-01T10:15:00Z"},
		{"*/30 9-10 * * *", "UTC", "2026-11-01T10:30:00Z 2026-11-02T09:00:00Z"},
	} {
		var got []string
		for _, next := range parse(t, tt.spec, tt.zone).NextN(from, 2) {
			got = append(got, next.UTC().Format(time.RFC3339))
		}
		if want := strings.Fields(tt.want); !cmp.Equal(want, got) {
			t.Errorf("Parse(%q, %s).NextN() = %v, want %v", tt.spec, tt.zone, got, want)
		}
	}
	if next := (schedule.Schedule{}).Next(from); !next.IsZero() {
		t.Errorf("the zero schedule fires at %v", next)
	}
}

// TestParseRefuses says what is wrong and what would be right, and never
// panics.
func TestParseRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                               "has 0 fields; write five",
		"* * * *":                        "has 4 fields",
		"0 0 3 * * *":                    "has 6 fields; write five: minute hour day month weekday (for seconds there is @every)",
		"0 0 31 2 *":                     "never fires; correct the day and the month",
		"61 * * * *":                     "write five fields",
		"* * * * 8":                      "write five fields",
		"* * * * 7-3":                    "is not a day of the week",
		"* * * * 7/0":                    "is not a step",
		"1,,2 * * * *":                   "has an empty part",
		", * * * *":                      "has an empty part",
		"L * * * *":                      `"L" is not known in the minute; write 0 to 59`,
		"0 0 L * *":                      `"0 0 L * *": "L" is not known in the day of the month; write 1 to 31`,
		"0 0 15W * *":                    `"15W" is not known in the day of the month; write 1 to 31`,
		"0 0 * foo *":                    `"foo" is not known in the month; write 1 to 12 or jan to dec`,
		"0 0 * * 5#3":                    `"5#3" is not known in the day of the week; write 0 to 7 or sun to sat`,
		"-5 * * * *":                     `"-5" is not known in the minute`,
		"1-x * * * *":                    `"x" is not known in the minute`,
		"5- * * * *":                     `"5-" is not known in the minute`,
		"*/x * * * *":                    `"x" is not a step of the minute; write for instance */5`,
		"*/0 * * * *":                    `"0" is not a step of the minute`,
		"*/90 * * * *":                   `"*/90 * * * *": the minute has no step of 90: it would fire at the first one only; write @every 90m`,
		"*/60 * * * *":                   "write @every 60m",
		"0 */36 * * *":                   "the hour has no step of 36: it would fire at the first one only; write @every 36h",
		"0 0 */45 * *":                   "write @every 1080h",
		"0 0 1 */13 *":                   "write at most 12",
		"*/99999 * * * *":                "write at most 59",
		"@reboot":                        `there is no schedule named "@reboot"`,
		"@every":                         "is not a duration",
		"@every 500ms":                   "a whole number of seconds, at least one",
		"@every 1500ms":                  "a whole number of seconds",
		"@every -5s":                     "at least one",
		"@every 5":                       "is not a duration",
		"TZ=America/New_York":            "a time zone without a schedule",
		"CRON_TZ=UTC":                    "a time zone without a schedule",
		"CRON_TZ= 0 3 * * *":             "a time zone without a schedule",
		"CRON_TZ=Mars/Olympus 0 3 * * *": `there is no time zone "Mars/Olympus"`,
		"CRON_TZ=Local 0 3 * * *":        `there is no time zone "Local"`,
		"CRON_TZ=../../etc/x 0 3 * * *":  "there is no time zone",
	} {
		if _, err := schedule.Parse(spec, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %q in it", spec, err, want)
		}
	}
}

// TestDaylightSavingTime walks the days on which clocks change.
func TestDaylightSavingTime(t *testing.T) {
	for _, tt := range []struct{ why, spec, zone, from, want string }{
		{"02:30 is skipped in New York: at the end of the gap", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T03:00:00-04:00 2026-03-09T02:30:00-04:00"},
		{"01:30 comes twice in New York: once", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00"},
		{"fixed hours around the gap, each once", "0 1-4 * * *", "America/New_York", "2026-03-08T05:30:00Z", "2026-03-08T01:00:00-05:00 2026-03-08T03:00:00-04:00 2026-03-08T04:00:00-04:00"},
		{"every half hour goes on through the repeat", "*/30 * * * *", "America/New_York", "2026-11-01T05:15:00Z", "2026-11-01T01:30:00-04:00 2026-11-01T01:00:00-05:00 2026-11-01T01:30:00-05:00 2026-11-01T02:00:00-05:00"},
		{"and through the gap", "*/30 * * * *", "America/New_York", "2026-03-08T06:15:00Z", "2026-03-08T01:30:00-05:00 2026-03-08T03:00:00-04:00 2026-03-08T03:30:00-04:00"},
		{"midnight is skipped in Beirut: the day is not lost", "15 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00+03:00 2026-03-30T00:15:00+03:00"},
		{"midnight was skipped in São Paulo", "0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T01:00:00-02:00 2018-11-05T00:00:00-02:00"},
		{"Lord Howe changes by half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T02:30:00+11:00 2026-10-05T02:15:00+11:00"},
		{"and back", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-05T01:45:00+11:00 2026-04-06T01:45:00+10:30"},
		{"Berlin in autumn, from within the second pass", "15,45 2 * * *", "Europe/Berlin", "2026-10-25T01:20:00Z", "2026-10-26T02:15:00+01:00"},
	} {
		s := parse(t, tt.spec, tt.zone)
		want := strings.Fields(tt.want)
		var got []string
		for _, next := range s.NextN(at(t, tt.from), len(want)) {
			got = append(got, next.Format(time.RFC3339))
		}
		if !cmp.Equal(want, got) {
			t.Errorf("%s: %q in %s = %v, want %v", tt.why, tt.spec, tt.zone, got, want)
		}
	}
}

// TestNoDayIsLost shows for whole years and many zones that a daily job runs
// once on each date and an hourly one each real hour.
func TestNoDayIsLost(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tehran", "Asia/Kathmandu"} {
		for _, spec := range []string{"0 0 * * *", "30 1 * * *", "30 2 * * *", "15 0 * * *", "59 23 * * *"} {
			s := parse(t, spec, zone)
			dates := map[string]int{}
			last := at(t, "2016-12-31T00:00:00Z")
			end := at(t, "2020-01-02T00:00:00Z")
			for {
				next := s.Next(last)
				if !next.After(last) {
					t.Fatalf("%q in %s: Next(%v) = %v", spec, zone, last, next)
				}
				if next.After(end) {
					break
				}
				dates[next.Format(time.DateOnly)]++
				last = next
			}
			for day := at(t, "2017-01-02T00:00:00Z"); day.Before(at(t, "2020-01-01T00:00:00Z")); day = day.AddDate(0, 0, 1) {
				if n := dates[day.Format(time.DateOnly)]; n != 1 {
					t.Errorf("%q in %s ran %d times on %s, want once", spec, zone, n, day.Format(time.DateOnly))
				}
			}
		}
		every := parse(t, "*/30 * * * *", zone)
		last := at(t, "2018-01-01T00:00:00Z")
		for range 2 * 24 * 366 {
			next := every.Next(last)
			if gap := next.Sub(last); gap != 30*time.Minute && gap != 15*time.Minute {
				t.Fatalf("*/30 in %s: %v after %v is %v, want half an hour", zone, next, last, gap)
			}
			last = next
		}
	}
}

// TestGapAndSpread measure the shortest gap, and spread targets within it.
func TestGapAndSpread(t *testing.T) {
	from := at(t, "2026-11-01T00:00:00Z")
	for spec, want := range map[string]time.Duration{
		"*/5 * * * *": 5 * time.Minute, "0 9,17 * * *": 8 * time.Hour, "@every 7s": 7 * time.Second, "0 0 29 2 *": 1461 * 24 * time.Hour,
	} {
		if got := parse(t, spec, "UTC").Gap(from, 20); got != want {
			t.Errorf("Gap(%q) = %v, want %v", spec, got, want)
		}
	}
	buckets := [6]int{}
	for i := range 600 {
		name := fmt.Sprintf("target-%d", i)
		got := schedule.Offset(name, "local", 5*time.Minute, schedule.MaxSpread)
		if got != schedule.Offset(name, "local", 5*time.Minute, schedule.MaxSpread) {
			t.Fatalf("Offset(%s) changes", name)
		}
		if got < 0 || got >= time.Minute {
			t.Fatalf("Offset(%s) = %v, want within a minute", name, got)
		}
		buckets[got/(10*time.Second)]++
		if small := schedule.Offset(name, "local", time.Second, schedule.MaxSpread); small < 0 || small >= time.Second {
			t.Fatalf("Offset(%s) within a second = %v", name, small)
		}
	}
	for i, n := range buckets {
		if n < 60 || n > 140 {
			t.Errorf("%d of 600 targets are in the %d. ten seconds, want about 100: %v", n, i, buckets)
		}
	}
	if schedule.Offset("a", "x", time.Minute, time.Minute) == schedule.Offset("a", "y", time.Minute, time.Minute) {
		t.Error("two locations have the same offset")
	}
	if got := schedule.Offset("a", "x", time.Minute, 0); got != 0 {
		t.Errorf("Offset() without spread = %v, want 0", got)
	}
}

// TestCount agrees with counting one by one, also over days on which clocks
// change, and from and to any moment.
func TestCount(t *testing.T) {
	for _, spec := range []string{
		"*/5 * * * *", "* * * * *", "0 3 * * *", "30 2 * * *", "*/30 1-4 * * *", "0 9 13 * 5", "15 0 * * 7", "0 0 29 2 *", "@every 7m", "@every 90s", "@hourly",
	} {
		for _, zone := range []string{"UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kathmandu"} {
			s := parse(t, spec, zone)
			for _, span := range [][2]string{
				{"2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
				{"2026-10-17T13:07:30Z", "2026-11-04T13:05:00Z"},
				{"2026-11-04T13:05:00Z", "2026-11-04T13:05:00Z"},
				{"2026-11-04T13:05:00Z", "2026-11-04T13:10:01Z"},
				{"2026-11-05T13:05:00Z", "2026-11-04T13:05:00Z"},
				{"1969-12-30T12:00:01Z", "1970-01-02T00:00:00Z"},
			} {
				from, to := at(t, span[0]), at(t, span[1])
				want := int64(0)
				for next := s.Next(from); next.Before(to); next = s.Next(next) {
					want++
				}
				if got := s.Count(from, to); got != want {
					t.Errorf("%q in %s: Count(%s, %s) = %d, want %d", spec, zone, span[0], span[1], got, want)
				}
			}
		}
	}
	if got := (schedule.Schedule{}).Count(time.Unix(0, 0), time.Unix(1e9, 0)); got != 0 {
		t.Errorf("the zero schedule fires %d times", got)
	}
}

// TestMaintenance is active from its start for its length, in real time.
func TestMaintenance(t *testing.T) {
	ms := schedule.Maintenances{
		{Name: "weekly", Schedule: parse(t, "0 2 * * 0", "Europe/Berlin"), For: 2 * time.Hour, Mute: true, Probe: true, Match: probe.Match{Labels: map[string]string{"env": "prod"}}},
		{Name: "stop", Schedule: parse(t, "0 5 * * *", "UTC"), For: time.Hour},
	}
	prod := probe.Identity{Name: "a", Labels: map[string]string{"env": "prod"}}
	for _, tt := range []struct {
		why                  string
		at                   string
		id                   probe.Identity
		muted, stops, window bool
	}{
		{"a moment before", "2026-11-01T00:59:59Z", prod, false, false, false},
		{"its first moment", "2026-11-01T01:00:00Z", prod, true, false, true},
		{"its last moment", "2026-11-01T02:59:59Z", prod, true, false, true},
		{"its end", "2026-11-01T03:00:00Z", prod, false, false, false},
		{"another target", "2026-11-01T01:00:00Z", probe.Identity{Name: "b"}, false, false, false},
		{"the day on which 02:00 is skipped: from the end of the gap", "2026-03-29T01:00:00Z", prod, true, false, true},
		{"and for its length in real time", "2026-03-29T02:59:59Z", prod, true, false, true},
		{"no longer", "2026-03-29T03:00:00Z", prod, false, false, false},
		{"the day on which 02:00 comes twice: at the first", "2026-10-25T00:00:00Z", prod, true, false, true},
		{"and for its length in real time, through the second", "2026-10-25T01:59:59Z", prod, true, false, true},
		{"which begins it no second time", "2026-10-25T02:00:00Z", prod, false, false, false},
		{"one that stops probing and mutes nothing", "2026-11-03T05:30:00Z", prod, false, true, true},
	} {
		now := at(t, tt.at)
		if m, s, w := ms.Muted(tt.id, now), ms.StopsProbing(tt.id, now), ms.SkipsWindows(tt.id, now); m != tt.muted || s != tt.stops || w != tt.window {
			t.Errorf("%s: muted %v, stops probing %v, skips windows %v, want %v, %v, %v", tt.why, m, s, w, tt.muted, tt.stops, tt.window)
		}
	}
}

// FuzzParse never panics; what is taken fires, strictly later each time.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"*/5 * * * *", "@every 3s", "CRON_TZ=Europe/Berlin 0 2 * * 7", "TZ=UTC", "0 0 31 2 *", "@daily", "1-5/2,7 * ? jan-mar 6-7"} {
		f.Add(s, int64(1_790_000_000))
	}
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string, unix int64) {
		s, err := schedule.Parse(spec, zone)
		if err != nil {
			return
		}
		from := time.Unix(unix%4_000_000_000, 0)
		for range 3 {
			next := s.Next(from)
			if next.IsZero() {
				return
			}
			if !next.After(from) {
				t.Fatalf("Parse(%q).Next(%v) = %v, want a later time", spec, from, next)
			}
			from = next
		}
	})
}
