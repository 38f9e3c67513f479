//go:build linux

package kube

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// newPlace is a namespace of a cluster whose pods are objects and nothing else.
func newPlace(t *testing.T, options ...clustertest.Option) *lab {
	cluster := clustertest.Start(t, options...)
	cluster.FakeNodes(t, 1)
	return &lab{t: t, cluster: cluster, namespace: cluster.Namespace(t), dir: t.TempDir()}
}

// deployFake starts a Deployment of such pods.
func (l *lab) deployFake(name string, replicas int) {
	l.t.Helper()
	l.cluster.Apply(l.t, l.namespace, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {%[3]s, terminationGracePeriodSeconds: 1, containers: [{name: app, image: none, resources: {requests: {cpu: 100m}}}]}
`, name, replicas, clustertest.OnFakeNodes))
	l.cluster.Ready(l.t, patience, l.namespace, name, int32(replicas))
}

// write writes a document of the namespace and returns the name of its file.
func (l *lab) write(document string) string {
	l.t.Helper()
	file := filepath.Join(l.dir, "web.yaml")
	text := "apiVersion: flyball.io/v1alpha1\nkind: Autoscaler\nmetadata: {name: web, namespace: " + l.namespace + "}\nspec:\n" + document
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return file
}

// queue is an adapter of external metrics that tells the length of a queue.
func (l *lab) queue(length *atomic.Int64) {
	l.t.Helper()
	const path = "/apis/external.metrics.k8s.io/v1beta1"
	l.cluster.ServeAPI(l.t, "external.metrics.k8s.io", "v1beta1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == path:
			fmt.Fprint(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"external.metrics.k8s.io/v1beta1","resources":[]}`)
		case strings.HasSuffix(r.URL.Path, "/namespaces/"+l.namespace+"/queue"):
			fmt.Fprintf(w, `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","items":[{"metricName":"queue","timestamp":%q,"value":"%d"}]}`, time.Now().UTC().Format(time.RFC3339), length.Load())
		default:
			http.NotFound(w, r)
		}
	}))
}

// What has no pods is woken by a queue that somebody else measures, and sleeps
// again when that is empty.
func TestAQueueWakesWhatSleeps(t *testing.T) {
	l := newPlace(t)
	l.deployFake("web", 2)
	var length atomic.Int64
	l.queue(&length)
	file := l.write(`  target: {kubernetes: {name: web}}
  replicas: {min: 0, max: 10}
  sync: 2s
  policy: {hpa: {metrics: [{signal: jobs, averageValue: 10}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  signals: [{name: jobs, kubernetes: {external: {metric: queue}}}]
`)
	l.run("validate", "-f", file)
	l.meanwhile("run", "-f", file, "--state-dir", "state", "--listen", "127.0.0.1:0")
	for _, step := range []struct {
		length   int64
		replicas int32
	}{{0, 0}, {35, 4}, {0, 0}} {
		length.Store(step.length)
		l.cluster.Ready(t, patience, l.namespace, "web", step.replicas)
	}
}

// Times alone wake what sleeps: that takes no signal.
func TestATimeWakesWhatSleeps(t *testing.T) {
	l := newPlace(t)
	l.deployFake("web", 1)
	file := l.write(`  target: {kubernetes: {name: web}}
  replicas: {min: 0, max: 10}
  sync: 1s
  policy: {schedule: {windows: [{cron: "* * * * *", duration: 30s, min: 3}]}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
`)
	l.run("validate", "-f", file)
	l.meanwhile("run", "-f", file, "--state-dir", "state", "--listen", "127.0.0.1:0")
	for _, replicas := range []int32{3, 0, 3} {
		l.cluster.Ready(t, patience, l.namespace, "web", replicas)
	}
}
