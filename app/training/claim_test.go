package training

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two trainings in one folder would write over each other's checkpoints: the second
// is refused and told who is there.
func TestOneTrainingAtATimeInAFolder(t *testing.T) {
	c, dir := small(t, "a2c"), t.TempDir()
	g := ground(t, c)
	var second error
	ctx, stop := context.WithCancel(t.Context())
	first := Job{Config: c, Dir: dir, Ground: g, Progress: func(Status) {
		if second == nil {
			_, second = Train(t.Context(), Job{Config: c, Dir: dir, Ground: g})
			stop()
		}
	}}
	if _, err := Train(ctx, first); !errors.Is(err, ErrStopped) {
		t.Fatalf("the first: got %v, want that it was stopped", err)
	}
	who := fmt.Sprintf("%s: %v: process %d since ", dir, ErrInUse, os.Getpid())
	if !errors.Is(second, ErrInUse) || !strings.Contains(second.Error(), who) {
		t.Errorf("the second: got %v, want %q in it", second, who)
	}
	if _, err := Train(t.Context(), Job{Config: c, Dir: dir, Ground: g, Resume: true}); err != nil {
		t.Errorf("after its end: got %v", err)
	}
}

// What an end in the middle left does not keep others out, and a folder in which
// nobody has trained stays as it is until one does.
func TestAClaimEndsWithItsHolder(t *testing.T) {
	dir := t.TempDir()
	if c, err := ClaimIfThere(dir); c != nil || err != nil {
		t.Errorf("nobody has trained there: got %v, %v", c, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v: it left %v", err, entries)
	}
	path := filepath.Join(dir, claimFile)
	if err := os.WriteFile(path, []byte("process 1 since the power went, and more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ClaimIfThere(dir)
	if err != nil || c == nil {
		t.Fatalf("left by one that is gone: got %v, %v", c, err)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), fmt.Sprintf("process %d since ", os.Getpid())) || strings.Contains(string(text), "power") {
		t.Errorf("it says %q, %v, want who has it now", text, err)
	}
	c.Release()
	if text, err := os.ReadFile(path); err != nil || string(text) != claimFree {
		t.Errorf("released: it says %q, %v, want %q", text, err, claimFree)
	}
}
