package strict

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "EMPTY": "", "NESTED": "${A}"}[name]
		return v, ok
	}
	for _, tc := range []struct{ name, in, want, fault string }{
		{"a set variable", "x${A}y${A}", "x1y1", ""},
		{"a default for an unset one", "${B:-two words}", "two words", ""},
		{"a default for an empty one", "${EMPTY:-z}", "z", ""},
		{"an empty default", "a${B:-}b", "ab", ""},
		{"no default for a set one", "${A:-z}", "1", ""},
		{"empty is set", "[${EMPTY}]", "[]", ""},
		{"values are not expanded again", "${NESTED}", "${A}", ""},
		{"two dollars are one", "$${A} $$$${A}", "${A} $${A}", ""},
		{"a dollar alone stays", "^a$ $5 $(x) $", "^a$ $5 $(x) $", ""},
		{"unset without default", "${B}", "", "variable B is not set"},
		{"another form", "${A-x}", "", "must be ${NAME}"},
		{"no name", "${}", "", "must be ${NAME}"},
		{"two lines", "${A\nB}", "", `got "${A\nB}"`},
		{"no end", "a${A", "", "no closing brace"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := expand(tc.in, env)
			if got != tc.want || (err == nil) != (tc.fault == "") {
				t.Fatalf("%q: got %q, %v; want %q", tc.in, got, err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Errorf("%q: got %v, want it to say %q", tc.in, err, tc.fault)
			}
		})
	}
}
