package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
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

// asleep is a document of a cluster that may go to zero, with one more signal.
func asleep(signal, source string) string {
	text := strings.NewReplacer("min: 2", "min: 0", "[{signal: cpuUtilization, averageUtilization: 60}]", "[{signal: "+signal+", averageValue: 10}]").Replace(deployment)
	return text + "  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}\n  signals: [{name: jobs, " + source + "}]\n"
}

// Nobody holds requests in a cluster: what wakes a service there is a signal
// that goes on without it.
func TestWhoWakesAServiceOfACluster(t *testing.T) {
	kubeconfig(t)
	const query = `prometheus: {server: "http://prometheus:9090", query: "sum(jobs)"}`
	for source, wakes := range map[string]bool{
		query: true,
		`prometheus: {server: "http://prometheus:9090", preset: {name: ingressNginxRequestRate, namespace: shop, deployment: web}}`: true,
		`prometheus: {server: "http://prometheus:9090", preset: {name: kubeCPU, namespace: shop, deployment: web}}`:                 false,
		`kubernetes: {external: {metric: jobs}}`:                           true,
		`kubernetes: {object: {metric: jobs, kind: Service, name: web}}`:   true,
		`kubernetes: {pods: {metric: jobs}}`:                               false,
		`kubernetes: {pods: {metric: jobs, pods: "app=broker"}}`:           true,
		`kubernetes: {containerResource: {resource: cpu, container: app}}`: false,
		`openmetrics: {metric: jobs}`:                                      false,
		`probe: {url: "http://web.shop/"}`:                                 false,
	} {
		switch _, err := decode(asleep("jobs", source)); {
		case wakes && err != nil:
			t.Errorf("%s: %v", source, err)
		case !wakes && (err == nil || !strings.Contains(err.Error(), "what hpa decides on (jobs) is measured of replicas alone")):
			t.Errorf("%s: got %v, want to be refused", source, err)
		}
	}
	if _, err := decode(asleep("cpu", query)); err == nil || !strings.Contains(err.Error(), "what hpa decides on (cpu)") {
		t.Errorf("a signal that nobody decides on: got %v, want to be refused", err)
	}
	if _, err := decode(strings.Replace(asleep("cpu", query), "name: jobs", "name: queueDepth", 1)); err != nil {
		t.Errorf("who waits wakes it, whatever is decided on: %v", err)
	}
}

func TestAServiceOfAClusterGoesToZeroAndBack(t *testing.T) {
	kubeconfig(t)
	spec := load(t, asleep("jobs", `kubernetes: {external: {metric: jobs}}`))
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		replicas int
		signals  []scale.Signal
		want     int
	}{
		{2, []scale.Signal{scaletest.Fresh("jobs", scaletest.At(0), 0)}, 0},
		{0, []scale.Signal{scaletest.Fresh("jobs", scaletest.At(time.Minute), 0)}, 0},
		{0, nil, 0}, // nobody knows
		{0, []scale.Signal{scaletest.Fresh("jobs", scaletest.At(3*time.Minute), 31)}, 4},
		{4, nil, 4},
	} {
		if got := plan.Decider.Decide(scaletest.Observation(time.Duration(i)*time.Minute, tc.replicas, tc.signals...)).DesiredReplicas; got != tc.want {
			t.Errorf("minute %d, %d replicas: got %d, want %d", i, tc.replicas, got, tc.want)
		}
	}
}
