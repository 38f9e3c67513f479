package cli_test

import (
	"testing"

	"github.com/flyball-io/flyball/internal/cli"
)

func TestOneLineKeepsWhatCanBeSeen(t *testing.T) {
	for text, want := range map[string]string{
		"shop → größer 👍":       "shop → größer 👍",
		"a\nb\r\tc":             "a b  c",
		"\x1b[2Ja\x7f\u009bb":   " [2Ja  b",
		"a\u0085b\u2028c\u2029": "a b c ",
		"exe\u202etxt\u200b":    "exe txt ",
		"\xff":                  "\ufffd",
	} {
		if got := cli.OneLine(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
