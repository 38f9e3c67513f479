package kubernetes_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/clustertest"
	targetkubernetes "github.com/flyball-io/flyball/target/kubernetes"
	"github.com/flyball-io/flyball/target/targettest"
)

func TestMain(m *testing.M) { clustertest.Main(m) }

// nodes are fake ones: their pods are objects that become ready, which is all
// that a target sees of them.
const nodes = 2

// newCluster is a control plane with nodes.
func newCluster(t *testing.T, options ...clustertest.Option) *clustertest.Cluster {
	t.Helper()
	cluster := clustertest.Start(t, options...)
	cluster.FakeNodes(t, nodes)
	return cluster
}

// serial makes names different.
var serial atomic.Int64

// deployment is the manifest of one; more is put into its spec and podMore into
// that of its pods, in YAML.
func deployment(name string, replicas int, more, podMore string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  %[3]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      %[4]s
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: "rig.test/workload:1", resources: {requests: {cpu: 100m}}}
`, name, replicas, more, strings.Join([]string{strings.ReplaceAll(clustertest.OnFakeNodes, "}, ", "}\n      "), podMore}, "\n      "))
}

// world is one Deployment with the target that scales it.
type world struct {
	targettest.Controlled[*targetkubernetes.Target]
	cluster         *clustertest.Cluster
	namespace, name string
}

func (w *world) config(change func(*targetkubernetes.Config)) targetkubernetes.Config {
	cfg := targetkubernetes.Default()
	cfg.Name, cfg.Namespace, cfg.Kubeconfig, cfg.Port = w.name, w.namespace, w.cluster.Kubeconfig, 8080
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func (w *world) open(change func(*targetkubernetes.Config)) *targetkubernetes.Target {
	w.T.Helper()
	tgt, err := targetkubernetes.New("web", w.config(change), targetkubernetes.Options{Clock: clock.System, Log: targettest.Log(w.T)})
	if err != nil {
		w.T.Fatal(err)
	}
	return tgt
}

// newWorld has a Deployment of so many pods, ready.
func newWorld(t *testing.T, c *clustertest.Cluster, replicas int, change func(*targetkubernetes.Config), more string) *world {
	t.Helper()
	w := &world{cluster: c, namespace: c.Namespace(t), name: fmt.Sprintf("web%d", serial.Add(1))}
	w.T = t
	c.Apply(t, w.namespace, deployment(w.name, replicas, more, ""))
	w.Target = w.open(change)
	return w
}

// read is the Deployment as the API server has it.
func (w *world) read() *apps.Deployment {
	w.T.Helper()
	d, err := w.cluster.Client.AppsV1().Deployments(w.namespace).Get(w.T.Context(), w.name, metav1.GetOptions{})
	if err != nil {
		w.T.Fatal(err)
	}
	return d
}

// pods are those that are there and stay, by UID.
func (w *world) pods() map[string]core.Pod {
	w.T.Helper()
	list, err := w.cluster.Client.CoreV1().Pods(w.namespace).List(w.T.Context(), metav1.ListOptions{LabelSelector: "app=" + w.name})
	if err != nil {
		w.T.Fatal(err)
	}
	all := map[string]core.Pod{}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			all[string(p.UID)] = p
		}
	}
	return all
}

// keep says whether Flyball scales.
func (w *world) keep(on bool) {
	w.T.Helper()
	if err := w.Target.Keep(w.T.Context(), on); err != nil {
		w.T.Fatal(err)
	}
}

// eventually is true within a while.
func (w *world) eventually(what string, holds func() bool) {
	w.T.Helper()
	clustertest.Eventually(w.T, time.Minute, func(context.Context) error {
		if !holds() {
			return fmt.Errorf("not yet: %s", what)
		}
		return nil
	})
}

// applies an object of a kind that was defined a moment ago.
func (w *world) applies(manifest string) {
	w.T.Helper()
	w.eventually("the kind is served", func() bool {
		command := w.cluster.KubectlCommand(w.T.Context(), w.cluster.Kubeconfig, "apply", "--namespace", w.namespace, "-f", "-")
		command.Stdin = strings.NewReader(manifest)
		return command.Run() == nil
	})
}
