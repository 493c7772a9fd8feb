package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a duration that may not have been measured. The zero value is
// absent, which is not the same as a measured zero. In JSON it is a number of
// seconds with up to nine decimals, exact to the nanosecond.
type Seconds struct {
	d     time.Duration
	known bool
}

// Measured returns d as a measured duration.
func Measured(d time.Duration) Seconds { return Seconds{d: d, known: true} }

// Get returns the duration and whether it was measured.
func (s Seconds) Get() (time.Duration, bool) { return s.d, s.known }

// IsZero reports that s is absent, so that `omitzero` leaves it out.
func (s Seconds) IsZero() bool { return !s.known }

// Equal reports that both are absent, or both measured and equal.
func (s Seconds) Equal(o Seconds) bool { return s == o }

// String returns the duration as text, or "-" where it is absent.
func (s Seconds) String() string {
	if !s.known {
		return "-"
	}
	return s.d.String()
}

// Short returns the duration as people read it, with about three digits, or "-"
// where it is absent.
func (s Seconds) Short() string {
	switch {
	case !s.known:
		return "-"
	case s.d < time.Millisecond:
		return s.d.Round(time.Microsecond).String()
	case s.d < time.Second:
		return s.d.Round(100 * time.Microsecond).String()
	default:
		return s.d.Round(10 * time.Millisecond).String()
	}
}

// MarshalJSON returns the seconds as a JSON number, or null where absent.
func (s Seconds) MarshalJSON() ([]byte, error) {
	if !s.known {
		return []byte("null"), nil
	}
	sign, d := "", s.d
	if d < 0 {
		sign, d = "-", -d
	}
	whole, frac := d/time.Second, d%time.Second
	if frac == 0 {
		return fmt.Appendf(nil, "%s%d", sign, whole), nil
	}
	text := fmt.Sprintf("%s%d.%09d", sign, whole, frac)
	return bytes.TrimRight([]byte(text), "0"), nil
}

// UnmarshalJSON reads a JSON number of seconds; null is absent.
func (s *Seconds) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*s = Seconds{}
		return nil
	}
	f, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("seconds %q: %w", data, err)
	}
	ns := math.Round(f * float64(time.Second))
	if math.IsNaN(ns) || math.Abs(ns) >= math.MaxInt64 {
		return fmt.Errorf("seconds %q: out of range", data)
	}
	*s = Measured(time.Duration(ns))
	return nil
}

// Opt is a value that may be absent. The zero value is absent. In JSON it is
// the value itself.
type Opt[T comparable] struct {
	v  T
	ok bool
}

// Some returns v as a present value.
func Some[T comparable](v T) Opt[T] { return Opt[T]{v: v, ok: true} }

// Get returns the value and whether it is present.
func (o Opt[T]) Get() (T, bool) { return o.v, o.ok }

// IsZero reports that o is absent, so that `omitzero` leaves it out.
func (o Opt[T]) IsZero() bool { return !o.ok }

// Equal reports that both are absent, or both present and equal.
func (o Opt[T]) Equal(p Opt[T]) bool { return o == p }

// String returns the value as text, or "-" where it is absent.
func (o Opt[T]) String() string {
	if !o.ok {
		return "-"
	}
	return fmt.Sprint(o.v)
}

// MarshalJSON returns the value, or null where absent.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.ok {
		return []byte("null"), nil
	}
	return json.Marshal(o.v)
}

// UnmarshalJSON reads the value; null is absent.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*o = Opt[T]{}
		return nil
	}
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*o = Some(v)
	return nil
}
