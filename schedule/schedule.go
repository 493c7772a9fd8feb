// Package schedule decides when: it turns schedule expressions into slots, and
// slots into runs, at most one at a time in each lane of each target.
//
// # Expressions
//
// Parse takes five-field cron (minute hour day-of-month month day-of-week; names
// of months and days; 7 is Sunday as 0 is), the names @hourly, @daily,
// @midnight, @weekly, @monthly and @yearly, and @every with a whole number of
// seconds. CRON_TZ=Europe/Berlin before the fields names their time zone. As in
// every cron, a day matches where either the day of the month or the day of the
// week does, if both are restricted. @every is aligned to the Unix epoch, so
// that a restart keeps its phase.
//
// # Daylight saving time
//
// An expression with fixed hours runs once for each time of day that it names,
// every day: where clocks go forward over that time it runs at the first moment
// after the gap, and where they go back over it, at its first occurrence. An
// expression whose hour is * runs whenever the clock on the wall shows a
// matching minute, so that */30 goes on every half hour of real time through
// both changes.
//
// # Slots
//
// A slot that finds its lane busy, held or excluded is skipped and counted, with
// the reason; there are no bursts to catch up. A slot that is found too late
// (after a suspended machine, or a step of the clock) is missed, or run and
// counted as late where it is nearly on time.
//
// The package refuses to know what a run does. A Schedule and a Maintenance are
// plain values; the methods of a Scheduler may be called from several goroutines,
// and all but Stop from a run.
package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a parsed expression. The zero value never fires. It is a plain
// value; two of them are the same schedule if their String and Zone are equal.
type Schedule struct {
	spec  string
	loc   *time.Location
	every time.Duration
	// fields matches times of day as if they were in UTC.
	fields *cron.SpecSchedule
	// anyHour is true where the hour is *.
	anyHour bool
}

// Parse returns the schedule of an expression; loc is its time zone where the
// expression names none. An expression that never fires is an error.
func Parse(spec string, loc *time.Location) (Schedule, error) {
	s := Schedule{spec: spec, loc: loc}
	if s.loc == nil {
		s.loc = time.UTC
	}
	rest, err := s.zone(strings.TrimSpace(spec))
	if err != nil {
		return Schedule{}, err
	}
	if text, ok := strings.CutPrefix(rest, "@every"); ok {
		s.every, err = every(strings.TrimSpace(text))
		return s, err
	}
	rest, err = named(rest)
	if err != nil {
		return Schedule{}, err
	}
	if err := s.cron(rest); err != nil {
		return Schedule{}, err
	}
	if s.fields.Next(time.Unix(0, 0).UTC()).IsZero() {
		return Schedule{}, fmt.Errorf("%q never fires; correct the day and the month", spec)
	}
	return s, nil
}

// String returns the expression as written.
func (s Schedule) String() string { return s.spec }

// Zone returns the name of the schedule's time zone.
func (s Schedule) Zone() string {
	if s.loc == nil {
		return ""
	}
	return s.loc.String()
}

// IsZero reports that s is not a schedule.
func (s Schedule) IsZero() bool { return s.every == 0 && s.fields == nil }

// zone takes CRON_TZ= or TZ= off the front of text.
func (s *Schedule) zone(text string) (string, error) {
	name, ok := strings.CutPrefix(text, "CRON_TZ=")
	if !ok {
		if name, ok = strings.CutPrefix(text, "TZ="); !ok {
			return text, nil
		}
	}
	name, rest, _ := strings.Cut(name, " ")
	if rest = strings.TrimSpace(rest); rest == "" || name == "" {
		return "", errors.New(`a time zone without a schedule; write for instance "CRON_TZ=Europe/Berlin 0 3 * * *"`)
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return "", fmt.Errorf("there is no time zone %q; write one such as Europe/Berlin or UTC", name)
	}
	s.loc = loc
	return rest, nil
}

// every reads the duration of @every.
func every(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("@every %s: %q is not a duration; write for instance @every 30s", text, text)
	}
	if d < time.Second || d%time.Second != 0 {
		return 0, fmt.Errorf("@every %s: it must be a whole number of seconds, at least one; write for instance @every 30s", text)
	}
	return d, nil
}

// named returns the fields that a name such as @daily stands for, or text
// itself where it is none.
func named(text string) (string, error) {
	if !strings.HasPrefix(text, "@") {
		return text, nil
	}
	switch strings.ToLower(text) {
	case "@hourly":
		return "0 * * * *", nil
	case "@daily", "@midnight":
		return "0 0 * * *", nil
	case "@weekly":
		return "0 0 * * 0", nil
	case "@monthly":
		return "0 0 1 * *", nil
	case "@yearly", "@annually":
		return "0 0 1 1 *", nil
	default:
		return "", fmt.Errorf("there is no schedule named %q; use @hourly, @daily, @weekly, @monthly, @yearly, or @every 30s", text)
	}
}

// cron reads five fields.
func (s *Schedule) cron(text string) error {
	fields := strings.Fields(text)
	switch n := len(fields); {
	case n == 6 || n == 7:
		return fmt.Errorf("%q has %d fields; write five: minute hour day month weekday (for seconds there is @every)", text, n)
	case n != 5:
		return fmt.Errorf("%q has %d fields; write five: minute hour day month weekday, such as */5 * * * *", text, n)
	}
	for i, field := range fields {
		if err := fieldAt(i).check(field); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	}
	weekday, err := sunday(fields[4])
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	s.anyHour = fields[1] == "*" || fields[1] == "?" || fields[1] == "*/1"
	fields[4] = weekday
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse("CRON_TZ=UTC " + strings.Join(fields, " "))
	if err != nil {
		return fmt.Errorf("%q: %w; write five fields such as */5 * * * *", text, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return fmt.Errorf("%q is not five fields", text)
	}
	s.fields = spec
	return nil
}

// sunday rewrites a day-of-week field in which 7 stands for Sunday, which the
// parser does not know, as a list of days from 0 to 6.
func sunday(field string) (string, error) {
	if !strings.Contains(field, "7") {
		return field, nil
	}
	var days []string
	for part := range strings.SplitSeq(field, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		if !strings.Contains(span, "7") {
			days = append(days, part)
			continue
		}
		low, high, ranged := strings.Cut(span, "-")
		if !ranged {
			high = low
			if stepped {
				high = "7"
			}
		}
		step := 1
		from, errLow := weekdayNumber(low)
		to, errHigh := weekdayNumber(high)
		if stepped {
			var err error
			if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
				return "", fmt.Errorf("%q is not a step", stepText)
			}
		}
		if errLow != nil || errHigh != nil || from > to {
			return "", fmt.Errorf("%q is not a day of the week; write 0 to 7 or sun to sat", span)
		}
		for day := from; day <= to; day += step {
			days = append(days, strconv.Itoa(day%7))
		}
	}
	return strings.Join(days, ","), nil
}

// weekdayNumber returns the number of a day, 0 to 7.
func weekdayNumber(text string) (int, error) {
	for i, name := range weekdays() {
		if strings.EqualFold(text, name) {
			return i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 7 {
		return 0, fmt.Errorf("%q is not a day of the week", text)
	}
	return n, nil
}
