// Package testtraces finds the recorded workloads that tests read. They stay
// outside the repository: in the folder that FLYBALL_TRACES names, else in
// shared/traces beside the repository.
package testtraces

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a recorded trace, and skips the test, naming the
// trace, where it is absent.
func Path(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(folder(), name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("trace %s is absent: set FLYBALL_TRACES to the folder that holds it", name)
	}
	return path
}

func folder() string {
	if named := os.Getenv("FLYBALL_TRACES"); named != "" {
		return named
	}
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "traces")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
