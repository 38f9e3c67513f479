//go:build unix

package syslogd_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/syslogd"
)

// The file of a socket is in nobody's way: not after an end, and not after a
// kill, which leaves it behind.
func TestASocketIsBoundAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	left, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	left.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("nothing was left, so nothing is tested: %v", err)
	}
	for _, before := range []string{"a kill", "an end"} {
		r, err := syslogd.Listen(t.Context(), path)
		if err != nil {
			t.Fatalf("after %s: %v", before, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("after %s: %v, %v, want a socket that everybody may write to", before, info, err)
		}
		r.Close()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("closed after %s: its file is left (%v)", before, err)
		}
	}
}

// Whoever reads a socket keeps it, and a file that is none stays.
func TestASocketOfSomebodyElseIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	first, err := syslogd.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := syslogd.Listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), path+": somebody else reads it") {
		t.Errorf("got %v, %v, want a refusal", second, err)
	}
	first.Close()
	next, err := syslogd.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("closed twice, it took the next one's file: %v", err)
	}

	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := syslogd.Listen(t.Context(), text); err == nil {
		t.Errorf("got %v in the place of a file", r)
	}
	if kept, err := os.ReadFile(text); err != nil || string(kept) != "kept" {
		t.Errorf("the file holds %q (%v)", kept, err)
	}
}
