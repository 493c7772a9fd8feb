package prom

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// ExprError is a mistake in a PromQL expression.
type ExprError struct {
	// Line and Col say where, from 1; Col counts bytes.
	Line, Col int
	// Msg says what is wrong.
	Msg string
}

// Error returns `line:col: what is wrong`.
func (e *ExprError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg) }

// CheckExpr returns nil if expr is PromQL that a rule can evaluate: an instant
// vector or a scalar. Otherwise it returns the first mistake, an *ExprError.
func CheckExpr(expr string) error {
	_, err := parseRule(expr)
	return err
}

// Metrics returns the names of the metrics that expr selects, sorted, each
// once. A selector that names none exactly, such as {__name__=~"x.*"}, adds
// nothing; an expression that does not parse has none.
func Metrics(expr string) []string {
	e, err := parse(expr)
	if err != nil {
		return nil
	}
	var names []string
	for _, matchers := range parser.ExtractSelectors(e) {
		for _, m := range matchers {
			if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
				names = append(names, m.Value)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// parseRule parses an expression for a rule.
func parseRule(expr string) (parser.Expr, error) {
	e, err := parse(expr)
	if err != nil {
		return nil, err
	}
	switch e.Type() {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
		return e, nil
	case parser.ValueTypeMatrix:
		return nil, errorAt(expr, int(e.PositionRange().Start), "a range vector cannot be compared; wrap it in a function such as rate() or last_over_time()")
	default:
		return nil, errorAt(expr, int(e.PositionRange().Start), fmt.Sprintf("a %s cannot be a rule", e.Type()))
	}
}

// parse parses any expression and gives its mistakes their positions.
func parse(expr string) (parser.Expr, error) {
	if strings.TrimSpace(expr) == "" {
		return nil, &ExprError{1, 1, "the expression is empty"}
	}
	e, err := newParser().ParseExpr(expr)
	if err == nil {
		return e, nil
	}
	var list parser.ParseErrors
	if !errors.As(err, &list) || len(list) == 0 {
		return nil, &ExprError{1, 1, err.Error()}
	}
	// The others are mostly consequences of the first.
	return nil, errorAt(expr, int(list[0].PositionRange.Start), list[0].Err.Error())
}

func errorAt(expr string, offset int, msg string) *ExprError {
	before := expr[:min(max(offset, 0), len(expr))]
	return &ExprError{
		Line: 1 + strings.Count(before, "\n"),
		Col:  len(before) - strings.LastIndexByte(before, '\n'),
		Msg:  msg,
	}
}
