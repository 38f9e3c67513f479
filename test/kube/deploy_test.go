//go:build linux

package kube

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// flyballImage is the program as users have it in a cluster.
const flyballImage = "rig.test/flyball:1"

// What flyball deploy applies runs: the operator with the rights that are
// shipped, and an app that it scales. Applied again it changes nothing, and it
// goes without leaving anything of its own but kinds and namespaces.
func TestDeployedOperatorScalesTheDeployedApp(t *testing.T) {
	l := newLab(t)
	l.cluster.Metrics(t)
	l.cluster.Image(t, flyballImage, map[string]string{"/flyball": flyball(t)}, "/flyball")
	// One node, and no patience for a budget of pods: staging brings everything
	// that a cluster has by itself, local what a laptop has.
	values := filepath.Join(l.dir, "values.yaml")
	if err := os.WriteFile(values, []byte("app: {resources: {requests: {cpu: 50m, memory: 32Mi}}}\noperator: {resources: {requests: {cpu: 20m, memory: 64Mi}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deploy := func(more ...string) string {
		t.Helper()
		_, said := l.run(append([]string{"deploy", "kubernetes", "local", "-n", l.namespace, "--name", "shop", "--flyball-image", flyballImage, "--values", values}, more...)...)
		return said
	}
	if said := deploy("--apply"); !strings.Contains(said, "deployment/flyball made") || !strings.Contains(said, "autoscaler/shop made") {
		t.Errorf("said %s", said)
	}
	t.Cleanup(func() { deploy("--delete") })
	l.cluster.Ready(t, patience, "flyball-system", "flyball", 2)
	get := func(path string) string {
		return strings.TrimSpace(l.cluster.Kubectl(t, "get", "autoscaler", "--namespace", l.namespace, "shop", "--output", "jsonpath="+path))
	}
	l.eventually("the Autoscaler is looked after", func() string { return get(`{.status.conditions[?(@.type=="Ready")].status}`) }, "True")
	if again := deploy("--apply"); strings.Contains(again, " made") || strings.Contains(again, " changed") {
		t.Errorf("applied again it said %s", again)
	}
	three := filepath.Join(l.dir, "three.yaml")
	if err := os.WriteFile(three, []byte("app: {autoscaler: {min: 3}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := deploy("--apply", "--values", three); !strings.Contains(said, "autoscaler/shop changed") {
		t.Errorf("said %s", said)
	}
	l.eventually("the Autoscaler sets the count", func() string {
		return strings.TrimSpace(l.cluster.Kubectl(t, "get", "deployment", "--namespace", l.namespace, "shop", "--output", "jsonpath={.spec.replicas}"))
	}, "3")
	deploy("--apply", "--values", three) // nobody's count is set back: the Deployment says none
	if n := strings.TrimSpace(l.cluster.Kubectl(t, "get", "deployment", "--namespace", l.namespace, "shop", "--output", "jsonpath={.spec.replicas}")); n != "3" {
		t.Errorf("applied again the Deployment has %s replicas, want 3", n)
	}
	wrong := l.cluster.KubectlCommand(t.Context(), l.cluster.Kubeconfig, "patch", "autoscaler", "--namespace", l.namespace, "shop", "--type", "merge", "--patch", `{"spec":{"replicas":{"min":9}}}`)
	if out, err := wrong.CombinedOutput(); err == nil || !strings.Contains(string(out), "min") {
		t.Errorf("a wrong one was taken: %v, %s", err, out)
	}
	if said := deploy("--delete"); !strings.Contains(said, "deployment/flyball deleted") || strings.Contains(said, "customresourcedefinition") {
		t.Errorf("said %s", said)
	}
	l.eventually("nothing runs any more", func() string {
		return strings.TrimSpace(l.cluster.Kubectl(t, "get", "pods", "--namespace", "flyball-system", "--output", "name"))
	}, "")
}

func (l *lab) eventually(what string, get func() string, want string) {
	l.t.Helper()
	clustertest.Eventually(l.t, patience, func(context.Context) error {
		if got := get(); got != want {
			return fmt.Errorf("%s: got %q, want %q", what, got, want)
		}
		return nil
	})
}
