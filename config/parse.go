package config

import (
	"errors"
	"time"
)

// ParseRate returns the requests a second of a text such as 5/s or 30/m, as
// stages are written. The error says what to write.
func ParseRate(text string) (float64, error) {
	var r rate
	if what, remedy := r.parse(text); what != "" {
		return 0, errors.New(what + "; " + remedy)
	}
	return float64(r), nil
}

// ParseSpan returns the bounds of a text such as 2s or 1s-4s, as think_time is
// written. The error says what to write.
func ParseSpan(text string) (low, high time.Duration, err error) {
	var s span
	if what, remedy := s.parse(text); what != "" {
		return 0, 0, errors.New(what + "; " + remedy)
	}
	return s.min, s.max, nil
}
