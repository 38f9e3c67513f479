package webclient

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
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

// redact hides secrets in a text that came from elsewhere.
func redact(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 { // one that is shorter would hide half the text
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	return text
}

// Excerpt is the beginning of a foreign text, at most limit bytes in one line,
// for use in a message.
func Excerpt(text string, limit int) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
