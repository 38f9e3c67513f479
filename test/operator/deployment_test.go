//go:build linux

package operator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/operator"
)

// prometheus is a server that knows one value.
func prometheus(t *testing.T, value *atomic.Int64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Unix()
		answer := fmt.Sprint(value.Load())
		if r.FormValue("query") == "newest" {
			answer = fmt.Sprint(now)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[%d,"%s"]}]}}`, now, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A Deployment of a real cluster, by what ships, with the rights that ship. Its
// pods are fake.
func TestADeploymentIsScaled(t *testing.T) {
	c := install(t)
	c.FakeNodes(t, 1)
	c.Apply(t, "default", read(t, "../../deploy/chart/operator/files/crds.yaml"))
	t.Setenv("KUBECONFIG", c.rights) // as targets find the cluster
	var rate atomic.Int64
	rate.Store(45)
	c.operate(t, func(o *operator.Options) { o.Plugins, o.Rules = builtin.New(), operator.InCluster() })
	c.Apply(t, c.namespace, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {`+clustertest.OnFakeNodes+`, containers: [{name: web, image: web}]}`+"\n")
	scaled := `
apiVersion: flyball.io/v1alpha1
kind: Autoscaler
metadata: {name: %[1]s}
spec:
  target: {kubernetes: {name: %[1]s}}
  replicas: {min: 1, max: 9}
  sync: 1s
  behavior: {scaleUp: {policies: [{type: Pods, value: 9, periodSeconds: 1}]}, scaleDown: {stabilizationWindowSeconds: 0}}
  signals: [{name: requestRate, interval: 1s, prometheus: {server: %[2]q, query: rate, newestQuery: newest}}]
  policy: {hpa: {metrics: [{signal: requestRate, averageValue: 10}]}}
`
	server := prometheus(t, &rate)
	c.Apply(t, c.namespace, fmt.Sprintf(scaled, "web", server))
	c.Ready(t, time.Minute, c.namespace, "web", 5)
	c.says(t, "web", "{.status.target} {.status.currentReplicas} {.status.readyReplicas}", "Deployment/web 5 5")
	c.says(t, "web", condition("DataFresh"), "True Fresh")
	rate.Store(12)
	c.Ready(t, time.Minute, c.namespace, "web", 2)

	c.Apply(t, c.namespace, fmt.Sprintf(scaled, "missing", server))
	c.says(t, "missing", condition("Ready"), "False Refused: ")
	c.says(t, "missing", condition("AbleToScale"), "False FailedGetScale: ")
	told(t, c, "missing", "missing")
	c.Kubectl(t, "delete", "fas", "web", "-n", c.namespace)
	time.Sleep(2 * time.Second)
	c.Ready(t, time.Minute, c.namespace, "web", 2)
}
