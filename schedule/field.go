package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cronField is one of the five fields of an expression, as far as messages are
// better than the parser's.
type cronField struct {
	name  string
	names []string
	// span is the number of values, which no step may pass.
	span int
	// legal says what may be written.
	legal string
	// unit is that of @every, and length how many of them a step counts; empty
	// where @every has none.
	unit   string
	length int
}

// fieldAt returns the field of a position, minute first.
func fieldAt(i int) cronField {
	return [...]cronField{
		{name: "minute", span: 59, legal: "0 to 59", unit: "m", length: 1},
		{name: "hour", span: 23, legal: "0 to 23", unit: "h", length: 1},
		{name: "day of the month", span: 31, legal: "1 to 31", unit: "h", length: 24},
		{name: "month", span: 12, legal: "1 to 12 or jan to dec", names: []string{
			"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
		}},
		{name: "day of the week", span: 7, legal: "0 to 7 or sun to sat", names: weekdays(), unit: "h", length: 24},
	}[i]
}

// weekdays returns the names of days, that of 0 first.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// check returns an error for what is no number, name or sign of the field, and
// for steps that never come round in it.
func (f cronField) check(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			return fmt.Errorf("%q has an empty part; write for instance 1,15", text)
		}
		values, step, stepped := strings.Cut(part, "/")
		low, high, ranged := strings.Cut(values, "-")
		if (low != "*" && low != "?" || ranged) && !f.known(low) {
			return f.unknown(low, part)
		}
		if ranged && !f.known(high) {
			return f.unknown(high, part)
		}
		if !stepped {
			continue
		}
		n, err := strconv.Atoi(step)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a step of the %s; write for instance */5", step, f.name)
		}
		if n > f.span {
			return f.longStep(n)
		}
	}
	return nil
}

// known reports whether text is a number or a name of the field. Whether the
// number is in range is the parser's to say.
func (f cronField) known(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= 0 || slices.Contains(f.names, strings.ToLower(text))
}

// unknown returns the error of a value that the field does not know.
func (f cronField) unknown(value, part string) error {
	if value == "" {
		value = part
	}
	return fmt.Errorf("%q is not known in the %s; write %s", value, f.name, f.legal)
}

// longStep returns the error of a step that is longer than the field, which cron
// would take for once a round.
func (f cronField) longStep(n int) error {
	remedy := "write at most " + strconv.Itoa(f.span)
	if f.unit != "" && n <= 10_000 {
		remedy = fmt.Sprintf("write @every %d%s", n*f.length, f.unit)
	}
	return fmt.Errorf("the %s has no step of %d: it would fire at the first one only; %s", f.name, n, remedy)
}
