//go:build linux

package kube

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flyball-io/flyball/deploy/chart"
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
	// With tokens, which the operator takes from nobody but its own group.
	l.cluster.Apply(t, "default", "apiVersion: v1\nkind: Namespace\nmetadata: {name: flyball-system}\n")
	l.cluster.Apply(t, "flyball-system", "apiVersion: v1\nkind: Secret\nmetadata: {name: tokens}\nstringData: {tokens: 'me: 0123456789abcdef'}\n")
	values := filepath.Join(l.dir, "values.yaml")
	if err := os.WriteFile(values, []byte("app: {resources: {requests: {cpu: 50m, memory: 32Mi}}}\noperator: {resources: {requests: {cpu: 20m, memory: 64Mi}}, dashboard: {tokenSecret: tokens}}\n"), 0o600); err != nil {
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

// Before helm uninstall takes the rights away a Job of the same image, which may
// delete the operator's Deployment and nothing else, has its pods end. Run again
// it finds nothing to do.
func TestHelmEndsTheOperatorFirst(t *testing.T) {
	l := newLab(t)
	l.cluster.Image(t, flyballImage, map[string]string{"/flyball": flyball(t)}, "/flyball")
	values := filepath.Join(l.dir, "values.yaml")
	if err := os.WriteFile(values, []byte("operator: {resources: {requests: {cpu: 20m, memory: 64Mi}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	deploy := func(what string) {
		l.run("deploy", "kubernetes", "--without", "app", "--flyball-image", flyballImage, "--values", values, what)
	}
	deploy("--apply")
	t.Cleanup(func() { deploy("--delete") })
	l.cluster.Ready(t, patience, "flyball-system", "flyball", 2)
	get := func(what ...string) string {
		return strings.TrimSpace(l.cluster.Kubectl(t, append([]string{"get", "--namespace", "flyball-system", "--ignore-not-found", "--output", "name"}, what...)...))
	}
	for _, said := range []string{"flyball-system: deleted", "flyball-system: not there"} {
		l.cluster.Apply(t, "flyball-system", beforeDelete(t))
		l.cluster.Kubectl(t, "wait", "--namespace", "flyball-system", "--for=condition=complete", "--timeout=2m", "job/flyball-end")
		if got := l.cluster.Kubectl(t, "logs", "--namespace", "flyball-system", "job/flyball-end"); !strings.Contains(got, said) {
			t.Errorf("the job said %s, want %q", got, said)
		}
		if left := get("deployments,pods", "--selector", "app.kubernetes.io/name=flyball"); left != "" || get("clusterrolebinding/flyball") == "" {
			t.Errorf("of the operator there is %q, want nothing but its rights", left)
		}
		l.cluster.Kubectl(t, "delete", "--namespace", "flyball-system", "job/flyball-end", "serviceaccount/flyball-end", "role/flyball-end", "rolebinding/flyball-end")
	}
}

// beforeDelete is what Helm runs before it takes the operator away.
func beforeDelete(t *testing.T) string {
	t.Helper()
	image := chart.Values{"repository": "rig.test/flyball", "tag": "1"}
	text, err := chart.Render(chart.Operator, chart.Release{Name: "flyball", Namespace: "flyball-system", Helm: true}, chart.Values{"image": image})
	if err != nil {
		t.Fatal(err)
	}
	var hooks []string
	for one := range strings.SplitSeq(string(text), "---\n") {
		if strings.Contains(one, "helm.sh/hook: pre-delete") {
			hooks = append(hooks, one)
		}
	}
	return strings.Join(hooks, "---\n")
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
