package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// builtProgram names the variable with the path of the program under test.
const builtProgram = "E2E_PROGRAM"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds the program once for all tests.
func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "flyball-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flyball")
	build := exec.Command("go", slices.Concat([]string{"build", "-o", path}, buildFlags(), []string{"github.com/flyball-io/flyball/cmd/flyball"})...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	os.Setenv(builtProgram, path)
	return m.Run()
}
