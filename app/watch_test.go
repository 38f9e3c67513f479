package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/internal/clock"
)

func TestWatchTellsOfChangedContentOnly(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "a")
	changed, err := app.Watch(t.Context(), clock.System, []string{file})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, want bool, within time.Duration) {
		t.Helper()
		select {
		case <-changed:
			if !want {
				t.Errorf("%s: told of a change", what)
			}
		case <-time.After(within):
			if want {
				t.Errorf("%s: not told", what)
			}
		}
	}
	write(filepath.Join(dir, "other.txt"), "noise")
	write(filepath.Join(dir, "other.yaml"), "not ours")
	write(file, "a")
	expect("a neighbour and a rewrite of the same content", false, 600*time.Millisecond)
	write(file, "b")
	expect("new content", true, 20*time.Second)
	write(filepath.Join(dir, "new"), "c")
	if err := os.Rename(filepath.Join(dir, "new"), file); err != nil {
		t.Fatal(err)
	}
	expect("a file moved over it, as editors do", true, 20*time.Second)
	expect("once is enough", false, 500*time.Millisecond)
}
