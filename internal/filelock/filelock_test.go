package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flyball-io/flyball/internal/filelock"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func TestOneHolderAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path), open(t, path)
	if err := filelock.Lock(first); err != nil {
		t.Fatalf("nobody has it: got %v", err)
	}
	if err := filelock.Lock(second); !errors.Is(err, filelock.ErrLocked) {
		t.Errorf("the first has it: got %v, want %v", err, filelock.ErrLocked)
	}
	if _, err := first.WriteString("held by me\n"); err != nil {
		t.Errorf("the holder writes: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "held by me\n" {
		t.Errorf("others read %q, %v, while it is held", text, err)
	}
	first.Close()
	if err := filelock.Lock(second); err != nil {
		t.Errorf("the first gave it back: got %v", err)
	}
}

func TestWhatCannotBeLockedIsNoLock(t *testing.T) {
	file := open(t, filepath.Join(t.TempDir(), "lock"))
	file.Close()
	if err := filelock.Lock(file); err == nil || errors.Is(err, filelock.ErrLocked) {
		t.Errorf("a closed file: got %v, want another error than %v", err, filelock.ErrLocked)
	}
}
