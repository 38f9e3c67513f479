package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kubeconfig is a cluster that nobody asks.
func kubeconfig(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	text := `
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: c, cluster: {server: "https://cluster.test:6443"}}]
users: [{name: u, user: {token: none}}]
contexts: [{name: test, context: {cluster: c, user: u, namespace: team}}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
}

const deployment = `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: shop-web}
spec:
  target: {kubernetes: {name: web}}
  replicas: {min: 2, max: 8}
  policy: {hpa: {metrics: [{signal: cpuUtilization, averageUtilization: 60}]}}
`

// A document says no more than it must: the balancer is the cluster's own, the
// namespace that of the document, else that of the context.
func TestShortestDocumentOfACluster(t *testing.T) {
	kubeconfig(t)
	for _, tc := range []struct{ from, to, want string }{
		{"", "", "Deployment team/web"},
		{"name: shop-web", "name: shop-web, namespace: shop", "Deployment shop/web"},
		{"name: shop-web", "name: shop-web, namespace: shop", "Deployment shop/web"},
		{"{name: web}", "{name: web, namespace: own}", "Deployment own/web"},
		{"{name: web}", "{name: web, kind: StatefulSet}", "StatefulSet team/web"},
	} {
		specs, err := decode(strings.Replace(deployment, tc.from, tc.to, 1))
		if err != nil {
			t.Errorf("%s: %v", tc.to, err)
			continue
		}
		if got := specs[0].Target.Facts().Description; got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.to, got, tc.want)
		}
		if signals := specs[0].Balancer.Facts().Signals; len(signals) != 0 {
			t.Errorf("the Service of a cluster measures %v", signals)
		}
	}
}

func TestFaultsOfADocumentOfACluster(t *testing.T) {
	kubeconfig(t)
	for name, tc := range map[string]struct{ document, want string }{
		"a signal of nobody's": {strings.Replace(deployment, "signal: cpuUtilization, averageUtilization: 60", "signal: requestRate, averageValue: 60", 1),
			`nobody measures the signal "requestRate"; measured here: cpu, cpuUtilization, memory, memoryUtilization; others come from an entry below signals`},
		"one object for two": {deployment + "---" + strings.NewReplacer("shop-web", "shop-api", "{name: web}", "{name: web, namespace: team}").Replace(deployment),
			"spec.target: shop-api scales the apps Deployment team/web of the cluster at https://cluster.test:6443, and so does shop-web"},
		"a kind without a count": {strings.Replace(deployment, "{name: web}", "{name: web, kind: DaemonSet}", 1),
			"-:6: spec.target.kubernetes.kind: a DaemonSet has no count that could be set: it has a pod on every node"},
		"a kind of whom nobody knows": {strings.Replace(deployment, "{name: web}", "{name: web, kind: Rollout}", 1),
			"spec.target.kubernetes.apiVersion: must be given for kind Rollout"},
		"no name": {strings.Replace(deployment, "{name: web}", "{name: Web_1}", 1),
			`spec.target.kubernetes.name: must be the name of an object`},
	} {
		if _, err := decode(tc.document); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}
