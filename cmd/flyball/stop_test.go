package main

import (
	"path/filepath"
	"testing"
)

func TestStopListsAndRefusesToGuess(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none")) // that of whoever runs the tests is not to be asked
	out, _, status := execute(t.Context(), "stop", "--state-dir", dir)
	if want := "Nothing runs in " + dir + "\n"; status != 0 || out != want {
		t.Errorf("status %d and %q, want 0 and %q", status, out, want)
	}
	out, _, _ = execute(t.Context(), "stop", "--state-dir", dir, "--json")
	if out != "[]\n" {
		t.Errorf("got %q, want an empty list", out)
	}
	for _, args := range [][]string{{"shop"}, {"shop", "--all"}, {"a", "b"}, {"hpa/web", "--taken-over"}, {"--all", "--taken-over"}, {"--taken-over"}, {"hpa/web"}} {
		_, errOut, status := execute(t.Context(), append([]string{"stop", "--state-dir", dir}, args...)...)
		if status != 2 {
			t.Errorf("%q: status %d and %q, want 2", args, status, errOut)
		}
	}
}
