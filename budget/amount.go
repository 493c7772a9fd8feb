package budget

import "math"

// Bounds of one request's amounts and of a block, so that sums stay far from
// the end of int64.
const (
	maxAmount = 1 << 40
	maxBlock  = 1 << 16
	maxSum    = 1 << 62
)

// Amount is what requests take: how many they are, their tokens in and out,
// and their price in millionths of a US dollar.
type Amount struct {
	Requests int64 `json:"requests,omitzero"`
	Tokens   int64 `json:"tokens,omitzero"`
	MicroUSD int64 `json:"micro_usd,omitzero"`
}

// IsZero reports whether the amount is nothing.
func (a Amount) IsZero() bool { return a == Amount{} }

// plus returns the sum, field by field, which stops at maxSum.
func (a Amount) plus(b Amount) Amount {
	add := func(x, y int64) int64 { return min(min(x, maxSum)+min(y, maxSum-1), maxSum) }
	return Amount{add(a.Requests, b.Requests), add(a.Tokens, b.Tokens), add(a.MicroUSD, b.MicroUSD)}
}

// minus returns the difference, field by field, at least 0.
func (a Amount) minus(b Amount) Amount {
	return Amount{max(0, a.Requests-b.Requests), max(0, a.Tokens-b.Tokens), max(0, a.MicroUSD-b.MicroUSD)}
}

// times returns the amount of n requests, for an amount and an n within their
// bounds.
func (a Amount) times(n int) Amount {
	k := int64(n)
	return Amount{a.Requests * k, a.Tokens * k, a.MicroUSD * k}
}

// clamped returns the amount with each field between 0 and the bound.
func (a Amount) clamped(bound int64) Amount {
	return Amount{
		min(max(a.Requests, 0), bound), min(max(a.Tokens, 0), bound), min(max(a.MicroUSD, 0), bound),
	}
}

// exceeds reports whether any field of a is larger than that of b.
func (a Amount) exceeds(b Amount) bool {
	return a.Requests > b.Requests || a.Tokens > b.Tokens || a.MicroUSD > b.MicroUSD
}

// of returns the field of a unit.
func (a Amount) of(u unit) int64 {
	switch u {
	case tokens:
		return a.Tokens
	case usd:
		return a.MicroUSD
	default:
		return a.Requests
	}
}

// Limits is what may be spent in a UTC day and in a UTC month. 0 is no limit.
type Limits struct {
	RequestsPerDay, RequestsPerMonth int64
	TokensPerDay, TokensPerMonth     int64
	USDPerDay, USDPerMonth           float64
}

// IsZero reports whether nothing is limited.
func (l Limits) IsZero() bool { return l == Limits{} }

// of returns the limit for a period and unit, in the unit of Amount; 0 is none.
func (l Limits) of(p period, u unit) int64 {
	switch {
	case u == requests && p == daily:
		return l.RequestsPerDay
	case u == requests:
		return l.RequestsPerMonth
	case u == tokens && p == daily:
		return l.TokensPerDay
	case u == tokens:
		return l.TokensPerMonth
	case p == daily:
		return micro(l.USDPerDay)
	default:
		return micro(l.USDPerMonth)
	}
}

// micro returns dollars in millionths. A limit too small for one is still a
// limit, since 0 would be none.
func micro(dollars float64) int64 {
	if !(dollars > 0) {
		return 0
	}
	return int64(min(max(math.Round(dollars*1e6), 1), maxSum))
}

// period is a stretch of time for which a limit holds.
type period string

const (
	daily   period = "day"
	monthly period = "month"
)

// unit is what a limit counts.
type unit string

const (
	requests unit = "requests"
	tokens   unit = "tokens"
	usd      unit = "usd"
)

// natural returns an amount's number in the unit that people read: dollars
// instead of their millionths.
func (u unit) natural(n int64) float64 {
	if u == usd {
		return float64(n) / 1e6
	}
	return float64(n)
}

// Class is why something is spent.
type Class string

// The classes, in spending order: a class after the first is admitted only if
// the period's remaining baselines stay funded.
const (
	Baseline  Class = "baseline"
	ColdStart Class = "coldstart"
	Window    Class = "window"
	Manual    Class = "manual"
)

// Classes returns the closed set of classes, in spending order.
func Classes() []Class { return []Class{Baseline, ColdStart, Window, Manual} }
