package llm

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much of a model's words is kept: of its reasoning, in characters, and of
// its whole answer, in bytes.
const (
	mostReasoning = 200
	mostSaid      = 2 << 10
)

// escapes are sequences that a terminal obeys: CSI, OSC and its kin up to their
// end, and those of two characters.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[ -~])|\u009b[0-?]*[ -/]*[@-~]")

// line is a foreign text in one line that does nothing to a terminal, a log or a
// page but be shown: without escapes, control characters and characters that
// cannot be seen (which turn the direction of writing, say). It may still say
// anything; nobody obeys it.
func line(text string) string {
	text = escapes.ReplaceAllString(strings.ToValidUTF8(text, "?"), "")
	text = strings.Join(strings.Fields(text), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, text)
}

// reasoning is a model's reasoning as it is kept.
func reasoning(text string) string {
	text = line(text)
	if utf8.RuneCountInString(text) <= mostReasoning {
		return text
	}
	return string([]rune(text)[:mostReasoning-1]) + "…"
}

// said is a model's answer as it is kept.
func said(text string) string {
	const more = "…"
	text = line(text[:min(len(text), 4*mostSaid)])
	if len(text) <= mostSaid {
		return text
	}
	return strings.ToValidUTF8(text[:mostSaid-len(more)], "") + more
}
