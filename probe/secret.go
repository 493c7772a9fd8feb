package probe

import (
	"fmt"
	"log/slog"
)

// Redacted is what stands in place of a secret wherever one would be printed.
const Redacted = "<secret>"

// Secret is a text that must not be printed: every way to print it gives
// Redacted, and only Reveal gives the text. The zero value is no secret at all
// and prints as nothing.
type Secret struct{ v string }

// NewSecret returns v as a secret.
func NewSecret(v string) Secret { return Secret{v: v} }

// Reveal returns the text itself. Call it only where the secret is sent.
func (s Secret) Reveal() string { return s.v }

// IsZero reports that there is no secret.
func (s Secret) IsZero() bool { return s.v == "" }

// Equal reports that both hold the same text.
func (s Secret) Equal(o Secret) bool { return s.v == o.v }

// String returns Redacted, or nothing where there is no secret.
func (s Secret) String() string {
	if s.v == "" {
		return ""
	}
	return Redacted
}

// Format keeps every verb of package fmt from printing the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue keeps package log/slog from printing the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the encoders of JSON and YAML from printing the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
