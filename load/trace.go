package load

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hfwatch/hfwatch/probe"
)

// Bounds of a trace.
const (
	maxTraceRows = 2_000_000
	maxTraceSpan = 400 * 24 * time.Hour
)

// TracePoint is one arrival of a trace.
type TracePoint struct {
	// At counts from the trace's first arrival.
	At time.Duration
	// Input and Output are its lengths in tokens; 0 where it has none.
	Input, Output int
}

// ReadTrace reads a CSV trace: either the format of Azure's LLM inference traces
// (Azure/AzurePublicDataset: TIMESTAMP, ContextTokens, GeneratedTokens), by the
// names in its first line, or one column of seconds, with or without a name. A
// column named time, timestamp, at or seconds is the time; it may hold seconds or
// a date. Arrivals need not be in order. An error names the line.
func ReadTrace(from io.Reader) ([]TracePoint, error) {
	r := csv.NewReader(bufio.NewReaderSize(from, 64<<10))
	r.ReuseRecord, r.FieldsPerRecord, r.TrimLeadingSpace = true, -1, true
	columns := traceColumns{at: 0, input: -1, output: -1}
	var out []TracePoint
	var times []float64
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		if first {
			row[0] = strings.TrimPrefix(row[0], "\ufeff")
			if named, ok := columnsOf(row); ok {
				columns = named
				continue
			}
		}
		line, _ := r.FieldPos(0)
		at, point, err := columns.read(row)
		if err != nil {
			return nil, fmt.Errorf("trace: line %d: %w", line, err)
		}
		if len(out) >= maxTraceRows {
			return nil, fmt.Errorf("trace: line %d: more than %d arrivals", line, maxTraceRows)
		}
		out, times = append(out, point), append(times, at)
	}
	return settleTrace(out, times)
}

// settleTrace orders the arrivals and counts their times from the first.
func settleTrace(out []TracePoint, times []float64) ([]TracePoint, error) {
	if len(out) == 0 {
		return nil, errors.New("trace: it holds no arrivals")
	}
	start := slices.Min(times)
	for i := range out {
		since := times[i] - start
		if since > maxTraceSpan.Seconds() {
			return nil, fmt.Errorf("trace: arrival %d is %.0f s after the first, more than %v", i+1, since, maxTraceSpan)
		}
		out[i].At = time.Duration(math.Round(since*1e6)) * time.Microsecond
	}
	slices.SortStableFunc(out, func(a, b TracePoint) int { return int(a.At/time.Microsecond - b.At/time.Microsecond) })
	return out, nil
}

// traceColumns says where a trace's fields stand; -1 is nowhere.
type traceColumns struct{ at, input, output int }

// columnsOf reads a line of names, and reports that it is one.
func columnsOf(row []string) (traceColumns, bool) {
	c := traceColumns{-1, -1, -1}
	for i, name := range row {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "timestamp", "time", "at", "seconds", "arrival":
			c.at = i
		case "contexttokens", "input", "input_tokens", "input_length", "prompt_tokens":
			c.input = i
		case "generatedtokens", "output", "output_tokens", "output_length":
			c.output = i
		}
	}
	return c, c.at >= 0
}

// read returns a line's time in seconds and its lengths.
func (c traceColumns) read(row []string) (float64, TracePoint, error) {
	if c.at >= len(row) {
		return 0, TracePoint{}, errors.New("it has no time")
	}
	at, err := traceTime(strings.TrimSpace(row[c.at]))
	if err != nil {
		return 0, TracePoint{}, err
	}
	var p TracePoint
	for _, field := range []struct {
		column int
		into   *int
	}{{c.input, &p.Input}, {c.output, &p.Output}} {
		if field.column < 0 || field.column >= len(row) || strings.TrimSpace(row[field.column]) == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(row[field.column]))
		if err != nil || n < 0 || n > 1<<30 {
			return 0, TracePoint{}, fmt.Errorf("%.40q is not a number of tokens", row[field.column])
		}
		*field.into = n
	}
	return at, p, nil
}

// traceTime reads seconds or a date.
func traceTime(text string) (float64, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(f) || math.Abs(f) > 1e11 {
			return 0, fmt.Errorf("%.40q is out of range", text)
		}
		return f, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			// A float64 of seconds since 1970 still tells a quarter of a microsecond.
			return float64(at.Unix()) + float64(at.Nanosecond())/1e9, nil
		}
	}
	return 0, fmt.Errorf("%.40q is neither a number of seconds nor a date such as 2023-11-16 18:15:46.680590", text)
}

// replay fills in the arrivals of a trace. Without stages it is one stage, as
// long as the trace and one mean gap more; with stages it ends with them.
func (p *Plan) replay(spec Spec) error {
	scaled := func(at time.Duration) time.Duration {
		return time.Duration(math.Round(at.Seconds()*spec.timeScale()*1e6)) * time.Microsecond
	}
	if len(p.Stages) == 0 {
		n := len(spec.Trace)
		span := scaled(spec.Trace[n-1].At)
		length := max(span+span/time.Duration(n), time.Second)
		p.Stages = []Stage{{Rate: float64(n) / length.Seconds(), For: probe.Measured(length)}}
	}
	stage, end := 0, lengthOfStage(p.Stages[0])
	for _, point := range spec.Trace {
		at := scaled(point.At)
		for at >= end {
			if stage++; stage == len(p.Stages) {
				return nil
			}
			end += lengthOfStage(p.Stages[stage])
		}
		if len(p.Arrivals) >= MaxArrivals {
			return fmt.Errorf("trace: more than %d arrivals", MaxArrivals)
		}
		p.Arrivals = append(p.Arrivals, Arrival{At: probe.Measured(at), Stage: stage, TokensIn: point.Input, TokensOut: point.Output})
	}
	return nil
}

// lengthOfStage returns how long a stage lasts.
func lengthOfStage(s Stage) time.Duration {
	d, _ := s.For.Get()
	return d
}
