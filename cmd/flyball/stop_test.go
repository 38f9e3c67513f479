package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/app/leftover"
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

// While the engine is away nobody knows how many replicas run: none is not the
// answer, and who looks after them is still known.
func TestStopWhileTheEngineIsAway(t *testing.T) {
	var out strings.Builder
	(&stopFlags{}).printServices(&out, []leftover.Service{{Name: "shop", Controller: "4711", Unseen: "docker engine unreachable"}})
	lines := strings.Split(out.String(), "\n")
	if got := strings.Fields(lines[1]); len(got) != 4 || got[1] != "?" || got[3] != "4711" {
		t.Errorf("got %q, want ? replicas and controller 4711", lines[1])
	}
	if want := "shop: its replicas cannot be seen: docker engine unreachable"; lines[2] != want {
		t.Errorf("got %q, want %q", lines[2], want)
	}
}
