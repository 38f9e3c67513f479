package cli

import (
	"strings"
	"unicode"
)

// OneLine is words of others as they may be printed or stand in a comment:
// what is no visible character becomes a space. That is more than newlines: a
// terminal obeys escape sequences and eight-bit controls, YAML breaks lines at
// U+0085 and U+2028, and marks of direction show a text as another.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
