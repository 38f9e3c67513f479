package clustertest_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/clustertest"
)

// Requests that really use CPU bring real pods, by the real controller, and
// their end takes them away again.
func TestHPAScalesRealPodsOnRealCPU(t *testing.T) {
	cluster := clustertest.Start(t, clustertest.HPA(5*time.Second, 15*time.Second))
	cluster.Node(t)
	begun := time.Now()
	cluster.Metrics(t)
	t.Logf("metrics.k8s.io after %.1f s", time.Since(begun).Seconds())
	namespace := cluster.Namespace(t)
	begun = time.Now()
	cluster.Apply(t, namespace, deployment("app", 1)+service("app")+hpa("app", 4))
	sees(t, cluster, namespace, time.Minute, func(is autoscalingv2.HorizontalPodAutoscalerStatus) bool {
		return len(is.CurrentMetrics) > 0 && is.CurrentMetrics[0].Resource != nil
	})
	t.Logf("first figure after %.1f s", time.Since(begun).Seconds())

	begun = time.Now()
	// 10 requests per second of 20 ms are 200 millicores, four times the target
	// of one pod. Its limit is well above: a pod that is slowed down answers its
	// probes late, and the controller leaves out pods that were not ready.
	stop := load(t, cluster, namespace, 10, "20ms")
	sees(t, cluster, namespace, time.Minute, func(is autoscalingv2.HorizontalPodAutoscalerStatus) bool { return is.DesiredReplicas >= 3 })
	t.Logf("three or more wanted after %.1f s", time.Since(begun).Seconds())
	clustertest.Eventually(t, time.Minute, func(ctx context.Context) error { return atLeast(ctx, cluster, namespace, 3) })
	t.Logf("three or more ready after %.1f s", time.Since(begun).Seconds())
	for _, component := range cluster.Running() {
		t.Logf("%s: %d MiB", component.Name, component.MemoryMiB(t))
	}
	stop()

	begun = time.Now()
	cluster.Ready(t, 2*time.Minute, namespace, "app", 1)
	t.Logf("one again after %.1f s without load", time.Since(begun).Seconds())
}

// The CPU of fake pods is what a test says, and the real controller acts on it:
// 40 pods that use 90 of 100 millicores at a target of 50 % would be 72, and
// are the 60 that are allowed.
func TestHPAScalesFakePods(t *testing.T) {
	cluster := clustertest.Start(t, clustertest.HPA(5*time.Second, 15*time.Second))
	cluster.FakeNodes(t, 4)
	cluster.Metrics(t)
	namespace := cluster.Namespace(t)
	begun := time.Now()
	cluster.Apply(t, namespace, fakeDeployment("app", 40, "50m")+hpa("app", 60))
	cluster.Ready(t, time.Minute, namespace, "app", 40)
	t.Logf("40 fake pods ready after %.1f s", time.Since(begun).Seconds())
	sees(t, cluster, namespace, time.Minute, func(is autoscalingv2.HorizontalPodAutoscalerStatus) bool {
		return utilization(is) >= 45 && utilization(is) <= 55 && is.DesiredReplicas == 40
	})
	t.Logf("seen at 50 %% after %.1f s", time.Since(begun).Seconds())

	begun = time.Now()
	cluster.SetCPU(t, namespace, "app=app", "90m")
	sees(t, cluster, namespace, time.Minute, func(is autoscalingv2.HorizontalPodAutoscalerStatus) bool {
		return is.DesiredReplicas == 60
	})
	t.Logf("60 wanted %.1f s after each used 90m", time.Since(begun).Seconds())
	cluster.Ready(t, time.Minute, namespace, "app", 60)
}

// sees waits until the controller has written what is waited for.
func sees(t *testing.T, cluster *clustertest.Cluster, namespace string, within time.Duration, what func(autoscalingv2.HorizontalPodAutoscalerStatus) bool) {
	t.Helper()
	clustertest.Eventually(t, within, func(ctx context.Context) error {
		found, err := cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, "app", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !what(found.Status) {
			return fmt.Errorf("the status is %+v", found.Status)
		}
		return nil
	})
}

// utilization is what the controller saw last, in percent of what was asked for.
func utilization(is autoscalingv2.HorizontalPodAutoscalerStatus) int32 {
	for _, metric := range is.CurrentMetrics {
		if metric.Resource != nil && metric.Resource.Current.AverageUtilization != nil {
			return *metric.Resource.Current.AverageUtilization
		}
	}
	return -1
}

func atLeast(ctx context.Context, cluster *clustertest.Cluster, namespace string, ready int32) error {
	found, err := cluster.Client.AppsV1().Deployments(namespace).Get(ctx, "app", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if found.Status.ReadyReplicas < ready {
		return fmt.Errorf("%d ready, want %d", found.Status.ReadyReplicas, ready)
	}
	return nil
}

// load sends so many requests per second, whether or not they are answered,
// until it is stopped.
func load(t *testing.T, cluster *clustertest.Cluster, namespace string, perSecond int, cpu string) (stop func()) {
	t.Helper()
	found, err := cluster.Client.CoreV1().Services(namespace).Get(t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + found.Spec.ClusterIP + ":8080/burn?cpu=" + cpu
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				sending.Go(func() { ask(ctx, client, url) })
			}
		}
	})
	return func() { cancel(); sending.Wait() }
}

// ask does not mind being refused: pods come and go.
func ask(ctx context.Context, client *http.Client, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	if response, err := client.Do(request); err == nil {
		response.Body.Close()
	}
}

func hpa(name string, most int) string {
	return fmt.Sprintf(`
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %[1]s}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %[1]s}
  minReplicas: 1
  maxReplicas: %[2]d
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]
`, name, most)
}

// fakeDeployment has pods that use so much of the 100 millicores they ask for.
func fakeDeployment(name string, replicas int, cpu string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: {kwok.x-k8s.io/usage-cpu: %[3]s}}
    spec: {%[4]s, containers: [{name: app, image: none, resources: {requests: {cpu: 100m}}}]}
`, name, replicas, cpu, clustertest.OnFakeNodes)
}
