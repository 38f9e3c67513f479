package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Built returns the path of a program of somebody else that no package of the
// system has: what its variable names (FLYBALL_TRAEFIK), or what
// scripts/test-binaries built into bin.
func Built(t testing.TB, name string) string {
	t.Helper()
	file, err := FindBuilt(name)
	if err != nil {
		Missing(t, err.Error())
	}
	return file
}

// FindBuilt is Built for who is not in a test yet. Its error is the name of
// what is missing.
func FindBuilt(name string) (string, error) {
	variable := "FLYBALL_" + strings.ToUpper(name)
	file := os.Getenv(variable)
	if file == "" {
		here, err := repository()
		if err != nil {
			return "", err
		}
		file = filepath.Join(here, "bin", name)
	}
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("the program %s (scripts/test-binaries %s builds it, or %s names it)", name, name, variable)
	}
	return file, nil
}
