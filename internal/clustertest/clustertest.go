// Package clustertest gives tests a Kubernetes cluster of their own: the real
// etcd, API server, controller manager and scheduler and, on demand, a real
// node with real pods, metrics-server, and fake pods by the thousand.
//
// As with dockertest the test program runs apart (package isolate), so nothing
// of the cluster is left on the machine. The programs of Kubernetes are one,
// bin/cluster, which scripts/test-binaries builds once.
//
//	func TestMain(m *testing.M) { clustertest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		cluster := clustertest.Start(t) // API, controllers, scheduler: once per package
//		cluster.Node(t)                 // only where pods must run
//		namespace := cluster.Namespace(t)
//		...
package clustertest

import (
	"testing"

	"github.com/flyball-io/flyball/internal/isolate"
	"github.com/flyball-io/flyball/internal/testenv"
)

// shared is the cluster of the test program; nil where there can be none.
var shared *Cluster

// Main runs the tests of a package where they may have a cluster, and ends
// the program.
func Main(m *testing.M) {
	isolate.Main(m, isolate.Rig{Name: "clustertest", Missing: missing, Prepare: prepare, Start: begin})
}

// begin leaves starting the cluster to the first test that asks for it.
func begin(dir string) (end func() error, err error) {
	shared, err = newCluster(dir)
	if err != nil {
		return nil, err
	}
	return shared.end, nil
}

// Start returns the package's cluster, with all that earlier tests started in
// it running. Where there can be none the test is skipped by name; in CI
// (CI=true) it fails. The inner loop goes without.
//
// The options are this test's: a component that runs with other flags is
// started again with them.
func Start(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	testenv.Long(t)
	if shared == nil {
		why := missing()
		if why == "" {
			why = "TestMain with clustertest.Main"
		}
		testenv.Missing(t, why)
	}
	shared.tellOnFailure(t)
	if err := shared.ensure(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	return shared
}
