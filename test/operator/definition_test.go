//go:build linux

package operator

import (
	"strings"
	"testing"
)

// The API server takes the definition as it is checked in, tells what a field
// is, and refuses what the rules forbid.
func TestTheDefinitionInARealCluster(t *testing.T) {
	c := install(t)
	c.Apply(t, "default", read(t, "../../deploy/chart/operator/files/crds.yaml"))
	for _, tc := range []struct{ field, want string }{
		{"autoscaler.spec.policy.predictive", "FIELDS"},
		{"autoscaler.spec.policy.hpa.cpuUtilization", "DESCRIPTION"},
		{"autoscaler.spec.objective.latency.threshold", "Longest time a good request may take."},
		{"autoscaler.status.conditions", "AbleToScale"},
		{"fas.spec.sync", "Default: 15s."},
	} {
		if out := c.Kubectl(t, "explain", tc.field); !strings.Contains(out, tc.want) {
			t.Errorf("explain %s: %s; want %q in it", tc.field, out, tc.want)
		}
	}
	definitions := c.Kubectl(t, "get", "crd", "autoscalers.flyball.io", "-o", `jsonpath={range .status.conditions[*]}{.type}={.status} {end}`)
	if strings.Contains(definitions, "NonStructuralSchema=True") || !strings.Contains(definitions, "Established=True") {
		t.Errorf("the definition is %s", definitions)
	}
	// With a target of the test.
	c = install(t)
	right := document("web", "web")
	for _, tc := range []struct{ from, to, want string }{
		{"max: 9", "max: 0", "spec.replicas.max"},
		{"min: 1", "min: 10", "max: must not be below min"},
		{"hpa: {", "kpa: {}, hpa: {", "needs exactly one policy"},
		{"nobody: {}", "nobody: {}, builtin: {}", "needs exactly one balancer"},
		{"sync: 1s", "pausedUntil: 2030-01-01T00:00:00Z", "must be left out unless mode is Paused"},
		{"max: 9", "mx: 9", `unknown field "spec.replicas.mx"`},
		{"sync: 1s", "sync: soon", "spec.sync"},
		{"name: web}\nspec", "name: a.b}\nspec", "metadata.name"},
	} {
		if out := c.refuses(t, strings.Replace(right, tc.from, tc.to, 1)); !strings.Contains(out, tc.want) {
			t.Errorf("%s: kubectl says %s; want %q", tc.to, out, tc.want)
		}
	}
	c.Apply(t, c.namespace, right)
	table := c.Kubectl(t, "get", "fas", "-n", c.namespace)
	for _, column := range []string{"TARGET", "MODE", "MIN", "MAX", "CURRENT", "DESIRED", "REASON", "AGE"} {
		if !strings.Contains(table, column) {
			t.Errorf("kubectl get shows no %s:\n%s", column, table)
		}
	}
	if out := c.Kubectl(t, "get", "flyball", "-n", c.namespace, "-o", "name"); !strings.Contains(out, "web") {
		t.Errorf("the category flyball shows %s", out)
	}
	if out, err := c.KubectlCommand(t.Context(), c.Kubeconfig, "scale", "fas/web", "--replicas=3", "-n", c.namespace).CombinedOutput(); err == nil {
		t.Errorf("the count can be set past the policy: %s", out)
	}
}
