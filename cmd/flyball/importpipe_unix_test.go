//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is no file stays what it is: a pipe, or a device such as /dev/null.
func TestImportWritesToAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		content, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- string(content)
	}()
	if _, errOut, status := execute(t.Context(), "import", "trace", "--from-log", writeFile(t, "access.log", logOf(1, 2)), "--out", pipe, "--force"); status != 0 {
		t.Fatal(errOut)
	}
	if got := <-read; got != "t_seconds,requests_per_second\n0,1\n1,2\n" {
		t.Errorf("came through the pipe: %q", got)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe became %v, %v", info.Mode(), err)
	}
}
