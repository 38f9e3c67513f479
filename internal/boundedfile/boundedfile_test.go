package boundedfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/boundedfile"
)

func TestNoMoreThanIsAllowed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := boundedfile.Read(name, 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	for says, read := range map[string]func() ([]byte, error){
		"has more than 4 bytes": func() ([]byte, error) { return boundedfile.Read(name, 4) },
		"is no regular file":    func() ([]byte, error) { return boundedfile.Read(dir, 5) },
	} {
		var path *fs.PathError
		if data, err := read(); data != nil || !errors.As(err, &path) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %q, %v; want an error with the path that says %q", data, err, says)
		}
	}
	if _, err := boundedfile.Read(filepath.Join(dir, "none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
}
