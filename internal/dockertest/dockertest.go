// Package dockertest gives tests a Docker engine of their own.
//
// Tests in it see nothing of the machine's engine and leave nothing behind:
// the test program runs once more in network, mount and process namespaces of
// its own, where it starts dockerd by hand. When the program ends, however it
// ends, containers, bridges, rules and mounts end with the namespaces. In
// there tests reach containers by their addresses, and no network beyond.
//
//	func TestMain(m *testing.M) { dockertest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		engine := dockertest.Engine(t)
//		...
package dockertest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/flyball-io/flyball/internal/testenv"
)

// The roles of the test program; the test's own is the last.
const (
	roleVariable = "FLYBALL_DOCKERTEST"
	roleInit     = "init"
	roleTests    = "tests"
	dirVariable  = "FLYBALL_DOCKERTEST_DIR"
)

// shared is the engine of the test program; nil where there can be none.
var shared *Daemon

// Main runs the tests of a package beside an engine, where there can be one,
// and ends the program.
func Main(m *testing.M) {
	flag.Parse()
	switch {
	case testing.Short():
		os.Exit(m.Run())
	case os.Getenv(roleVariable) == roleInit:
		os.Exit(runInit())
	case os.Getenv(roleVariable) == roleTests:
		os.Exit(runTests(m))
	case missing() != "":
		os.Exit(m.Run())
	default:
		os.Exit(isolate())
	}
}

// runTests is the program that really tests.
func runTests(m *testing.M) int {
	daemon, err := start(os.Getenv(dirVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, "dockertest:", err)
		return 1
	}
	shared = daemon
	code := m.Run()
	if err := shared.terminate(); err != nil {
		fmt.Fprintln(os.Stderr, "dockertest:", err) // it ends with this program
	}
	return code
}

// Engine returns the package's engine, running. Where there can be none the
// test is skipped by name; in CI (CI=true) it fails. The inner loop goes without.
func Engine(t testing.TB) *Daemon {
	t.Helper()
	testenv.Long(t)
	if shared != nil {
		shared.ensure(t)
		return shared
	}
	why := missing()
	if why == "" {
		why = "TestMain with dockertest.Main"
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and in CI nothing may be skipped", why)
	}
	t.Skipf("%s is missing", why) //nolint:forbidigo // this is where it is decided
	return nil
}

// programs are what an engine of one's own takes (Debian: docker.io iptables
// iproute2).
var programs = []string{"dockerd", "containerd", "iptables", "ip"}

// find is the path of a program, also where the path lacks sbin.
func find(program string) (string, error) {
	for _, candidate := range []string{program, "/usr/sbin/" + program, "/sbin/" + program} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", program)
}
