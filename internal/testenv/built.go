package testenv

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Built returns the path of a program of somebody else that no package of the
// system has: what its variable names (FLYBALL_TRAEFIK), or what
// scripts/test-binaries built into bin.
func Built(t testing.TB, name string) string {
	t.Helper()
	variable := "FLYBALL_" + strings.ToUpper(name)
	file := os.Getenv(variable)
	if file == "" {
		_, here, _, _ := runtime.Caller(0)
		file = filepath.Join(filepath.Dir(here), "..", "..", "bin", name)
	}
	if _, err := os.Stat(file); err != nil {
		missing(t, "the program "+name+" (scripts/test-binaries "+name+" builds it, or "+variable+" names it)")
	}
	return file
}
