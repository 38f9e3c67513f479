// Package testenv says what a test needs beyond Go. Where it is missing the
// test is skipped by name; in CI (CI=true) it fails, so that nothing there is
// skipped in silence.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Command returns the path of a program the test needs.
func Command(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, filepath.Join("/usr/sbin", name)} {
		if found, err := exec.LookPath(candidate); err == nil {
			return found
		}
	}
	Missing(t, "the program "+name)
	return ""
}

// Trace returns the path of a recorded workload: a file of the folder
// FLYBALL_TRACES, by default shared/traces beside the repository.
func Trace(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("FLYBALL_TRACES")
	if dir == "" {
		here, err := repository()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(here, "..", "shared", "traces")
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		Missing(t, "the recorded workload "+name+" (folder FLYBALL_TRACES)")
	}
	return file
}

// repository is the folder of the sources: the first above the test's own whose
// module is Flyball. Paths in the program do not tell: -trimpath cuts them.
func repository() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		module, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if strings.HasPrefix(string(module), "module github.com/flyball-io/flyball\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in the sources of Flyball", here)
		}
	}
}

// SmallDisk returns a folder on a file system of its own, of a size as mount
// has it ("2m"). It needs root, and a kernel that lets it mount.
func SmallDisk(t testing.TB, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		Missing(t, "root, to mount a small file system,")
	}
	dir, mount := t.TempDir(), Command(t, "mount")
	if out, err := exec.Command(mount, "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		Missing(t, "the right to mount a small file system ("+string(out)+")")
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// Long skips a test that takes long when the inner loop is run (-short).
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("long test, left out by -short")
	}
}

// Missing skips a test by the name of what it lacks; in CI it fails.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and in CI nothing may be skipped", what)
	}
	t.Skipf("%s is missing", what)
}
