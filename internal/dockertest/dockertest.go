// Package dockertest gives tests a Docker engine of their own.
//
// Tests in it see nothing of the machine's engine and leave nothing behind:
// the test program runs apart (package isolate), where it starts dockerd by
// hand. When the program ends, however it ends, containers, bridges, rules and
// mounts are gone. In there tests reach containers by their addresses, and no
// network beyond.
//
//	func TestMain(m *testing.M) { dockertest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		engine := dockertest.Engine(t)
//		...
package dockertest

import (
	"testing"

	"github.com/flyball-io/flyball/internal/isolate"
	"github.com/flyball-io/flyball/internal/testenv"
)

// shared is the engine of the test program; nil where there can be none.
var shared *Daemon

// Main runs the tests of a package beside an engine, where there can be one,
// and ends the program.
func Main(m *testing.M) {
	isolate.Main(m, isolate.Rig{Name: "dockertest", Missing: missing, Start: begin})
}

// begin starts the engine that the tests share.
func begin(dir string) (end func() error, err error) {
	shared, err = start(dir)
	if err != nil {
		return nil, err
	}
	return shared.terminate, nil
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
	testenv.Missing(t, why)
	return nil
}

// programs are what an engine of one's own takes (Debian: docker.io iptables
// iproute2).
var programs = []string{"dockerd", "containerd", "iptables", "ip"}
