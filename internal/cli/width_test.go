package cli

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestColumnsSayHowWideAPipeIs(t *testing.T) {
	t.Setenv("COLUMNS", "")
	if known, screen := KnownWidth(io.Discard), ScreenWidth(io.Discard); known != 0 || screen != 120 {
		t.Errorf("a pipe: got %d known and %d, want 0 and 120", known, screen)
	}
	t.Setenv("COLUMNS", "60")
	if known, screen := KnownWidth(io.Discard), ScreenWidth(io.Discard); known != 60 || screen != 60 {
		t.Errorf("COLUMNS=60: got %d known and %d, want 60 and 60", known, screen)
	}
}

func TestTextIsBrokenAtSpaces(t *testing.T) {
	for _, tc := range []struct {
		rule, text    string
		width, indent int
		want          []string
	}{
		{"what fits stays as it is", "a  b", 4, 2, []string{"a  b"}},
		{"further lines are indented", "one two three", 7, 2, []string{"one two", "  three"}},
		{"its own indent stays", "  one two", 6, 4, []string{"  one", "    two"}},
		{"letters count, not bytes", "ää öö üü", 5, 0, []string{"ää öö", "üü"}},
		{"a long word stays whole", "a abcdefgh b", 4, 0, []string{"a", "abcdefgh", "b"}},
		{"no width breaks nothing", "one two three", 0, 2, []string{"one two three"}},
	} {
		if diff := cmp.Diff(tc.want, Wrap(tc.text, tc.width, tc.indent)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.rule, diff)
		}
	}
}
