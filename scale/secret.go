package scale

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// hidden is what is shown of a secret.
const hidden = "(hidden)"

// Secret is a value that is used but never shown: no way of printing, logging
// or encoding it tells what it is. Reveal does.
type Secret string

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// Format shows neither the value nor its length, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// LogValue is what a log shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes that there is a secret.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
