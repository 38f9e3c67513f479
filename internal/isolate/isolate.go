// Package isolate runs a package's tests apart from the machine they are on.
//
// The test program runs once more in network, mount and process namespaces of
// its own. There it is root, may start servers on any port, mount, and write
// packet rules, and reaches no network beyond. When it ends, however it ends,
// processes, links, rules and mounts end with the namespaces; control groups,
// which no namespace holds, are taken away after it.
package isolate

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// The roles of the test program; the test's own is the last.
const (
	roleVariable = "FLYBALL_ISOLATED"
	dirVariable  = "FLYBALL_ISOLATED_DIR"
	roleInit     = "init"
	roleTests    = "tests"
)

// Rig is what a package gives to tests that run apart.
type Rig struct {
	// Name is that package's, in messages.
	Name string
	// Missing says what the rig lacks here, "" is nothing: the tests then run
	// where they are, and those that need it are skipped by testenv.Missing.
	Missing func() string
	// Prepare, where there is one, mounts what the rig wants mounted, before
	// the tests begin. The folder is the rig's own: it has a short path and
	// goes when the tests are over.
	Prepare func(dir string) error
	// Start starts what the tests share, and returns what ends it.
	Start func(dir string) (end func() error, err error)
}

// Main runs the tests of a package with a rig, where there can be one, and
// ends the program. The inner loop (-short) goes without.
func Main(m *testing.M, rig Rig) {
	flag.Parse()
	switch {
	case testing.Short():
		os.Exit(m.Run())
	case os.Getenv(roleVariable) == roleInit:
		os.Exit(rig.runInit())
	case os.Getenv(roleVariable) == roleTests:
		os.Exit(rig.runTests(m))
	case rig.Missing() != "":
		os.Exit(m.Run())
	default:
		os.Exit(rig.isolate())
	}
}

// runTests is the program that really tests.
func (r Rig) runTests(m *testing.M) int {
	end, err := r.Start(os.Getenv(dirVariable))
	if err != nil {
		return r.fault(err)
	}
	code := m.Run()
	if err := end(); err != nil {
		_ = r.fault(err) // it ends with this program
	}
	return code
}

func (r Rig) fault(err error) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", r.Name, err)
	return 1
}

// Inside is true in tests that run apart: whatever else runs there is theirs.
func Inside() bool { return os.Getenv(roleVariable) == roleTests }

// Find is the path of a program, also where the path lacks sbin.
func Find(program string) (string, error) {
	for _, candidate := range []string{program, "/usr/sbin/" + program, "/sbin/" + program} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", program)
}
