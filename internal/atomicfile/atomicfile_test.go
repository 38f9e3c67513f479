package atomicfile

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestWriteReplacesContentAndMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, write := range []struct {
		data string
		mode os.FileMode
	}{{"long content", 0o644}, {"short", 0o600}, {"", 0o664}} {
		if err := Write(path, []byte(write.data), write.mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != write.data {
			t.Errorf("read %q, %v, want %q", got, err, write.data)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != write.mode {
			t.Errorf("mode %v, %v, want %v whatever the umask", info.Mode(), err, write.mode)
		}
	}
}

// What an end in the middle of a write left there stands in nobody's way.
func TestWriteGoesOverWhatWasNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path+".new", []byte("half of something longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("whole"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "whole" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("the unfinished file is left: %v", err)
	}
}

// A write that fails leaves nothing beside the file: on a full disk it would keep
// the space that is missing.
func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("content"), 0o644); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("the unfinished file is left: %v", err)
	}
}

func TestReaderFindsTheOldOrTheNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	contents := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<15)}
	if err := Write(path, contents[0], 0o644); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 50 {
			if err := Write(path, contents[i%2], 0o644); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 200 {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d bytes, %v: neither the old nor the new", len(got), err)
		}
	}
	writer.Wait()
}
