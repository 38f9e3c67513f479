package webclient

import (
	"strings"

	"github.com/flyball-io/flyball/scale"
)

// hidden is what is shown of a secret.
const hidden = "(hidden)"

// Secret is a value that is used but never shown.
type Secret = scale.Secret

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
