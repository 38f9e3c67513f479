package clustertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programs are those that were built for the tests of this process.
var programs sync.Map

// Program builds a command of this module, once and linked statically, and
// returns its file, which goes with the cluster.
func Program(t testing.TB, pkg string) (file string) {
	t.Helper()
	file, err := program(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func program(pkg string) (string, error) {
	build, _ := programs.LoadOrStore(pkg, sync.OnceValues(func() (string, error) { return compile(pkg) }))
	return build.(func() (string, error))()
}

func compile(pkg string) (string, error) {
	if shared == nil {
		return "", fmt.Errorf("build %s: there is no cluster; call clustertest.Start first", pkg)
	}
	dir, err := os.MkdirTemp(shared.dir, "program")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", pkg, err, out)
	}
	return file, nil
}
