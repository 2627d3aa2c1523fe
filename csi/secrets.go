package csi

import (
	"fmt"
	"log/slog"
)

// Secrets are the secrets that an RPC carried. They redact themselves: no
// verb of fmt, no JSON encoding and no slog handler prints a value or a key.
type Secrets map[string]string

const redacted = "***redacted***"

// String implements [fmt.Stringer].
func (Secrets) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (Secrets) GoString() string { return redacted }

// Format implements [fmt.Formatter], for the verbs that ignore Stringer.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements [slog.LogValuer].
func (Secrets) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements [encoding/json.Marshaler].
func (Secrets) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
