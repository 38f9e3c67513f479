package main

import (
	"strings"
	"testing"
)

func TestGymRefuses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--max-copies 0":        "--connections and --max-copies: must be at least 1, got 16 and 0",
		"--max-copies 1000000":  "--max-copies: must be 1 to 120266, for a step of all copies is one frame",
		"--listen 0.0.0.0:7090": "--listen: ",
	} {
		_, errOut, status := execute(t.Context(), append([]string{"gym"}, strings.Fields(args)...)...)
		if status != 2 || !strings.Contains(errOut, want) {
			t.Errorf("%s: status %d, %q; want 2 and %q", args, status, errOut, want)
		}
	}
}
