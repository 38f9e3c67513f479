package clustertest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// A metric that a test serves reaches the real controller: 25 of an average of
// 10 per replica are three replicas.
func TestMetricsOfTheTestsOwn(t *testing.T) {
	cluster := clustertest.Start(t, clustertest.HPA(5*time.Second, 15*time.Second))
	cluster.ServeAPI(t, "external.metrics.k8s.io", "v1beta1", external("queue", 25))
	namespace := cluster.Namespace(t)
	cluster.Apply(t, namespace, deployment("app", 1)+`
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
  minReplicas: 1
  maxReplicas: 5
  metrics: [{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: "10"}}}]
`)
	sees(t, cluster, namespace, time.Minute, func(is autoscalingv2.HorizontalPodAutoscalerStatus) bool { return is.DesiredReplicas == 3 })
}

// external is the API of one external metric of one value.
func external(name string, value int) http.Handler {
	const path = "/apis/external.metrics.k8s.io/v1beta1"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"external.metrics.k8s.io/v1beta1",
			"resources":[{"name":%q,"namespaced":true,"kind":"ExternalMetricValueList","verbs":["get"]}]}`, name)
	})
	mux.HandleFunc("GET "+path+"/namespaces/{namespace}/"+name, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},
			"items":[{"metricName":%q,"metricLabels":{},"timestamp":%q,"value":"%d"}]}`, name, time.Now().UTC().Format(time.RFC3339), value)
	})
	return mux
}
