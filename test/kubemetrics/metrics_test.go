//go:build linux

// Package kubemetrics asks the metrics APIs of a real cluster as Flyball does:
// the real metrics-server, and APIs of a test behind the real API server, which
// answers for those that are missing, away or forbidden.
package kubemetrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/clustertest"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	sourcekubernetes "github.com/flyball-io/flyball/source/kubernetes"
)

func TestMain(m *testing.M) { clustertest.Main(m) }

func open(t *testing.T, kubeconfig string) *kubernetes.Cluster {
	t.Helper()
	c, err := kubernetes.Open(kubernetes.Access{Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What 20 fake pods use is what the test says that they do, by the real
// metrics-server, and who may not list pods of metrics.k8s.io is told so.
func TestUsageOfTheRealMetricsServer(t *testing.T) {
	cluster := clustertest.Start(t)
	namespace := cluster.Namespace(t)
	everyone := labels.SelectorFromSet(labels.Set{"app": "app"})
	if _, err := open(t, cluster.Kubeconfig).Usage(t.Context(), namespace, everyone); !errors.Is(err, kubernetes.ErrNoMetricsAPI) && !errors.Is(err, kubernetes.ErrUnreachable) {
		t.Errorf("before there is a metrics-server: got %v", err)
	}
	cluster.FakeNodes(t, 2)
	cluster.Metrics(t)
	cluster.Apply(t, namespace, fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 20
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}, annotations: {kwok.x-k8s.io/usage-cpu: 40m}}
    spec: {%s, containers: [{name: app, image: none, resources: {requests: {cpu: 100m}}}]}
`, clustertest.OnFakeNodes))
	cluster.Ready(t, 2*time.Minute, namespace, "app", 20)
	c := open(t, cluster.Kubeconfig)
	clustertest.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		samples, err := c.Usage(ctx, namespace, everyone)
		if err != nil {
			return err
		}
		pods, of := map[string]float64{}, map[string]float64{}
		for _, s := range samples {
			age := clock.System.Now().Sub(s.At)
			switch {
			case s.Window < 5*time.Second || s.Window > time.Minute || age < 0 || age > time.Minute:
				return fmt.Errorf("%+v is %v old", s, age)
			case s.Signal == "cpu" && s.Container == "":
				pods[s.Replica] = s.Value
			case s.Signal == "cpu":
				of[s.Replica] = s.Value
			}
		}
		for pod, cores := range pods {
			if cores < 0.035 || cores > 0.045 || of[pod] != cores {
				return fmt.Errorf("%s uses %v, its one container %v; want 0.04", pod, cores, of[pod])
			}
		}
		if len(pods) != 20 {
			return fmt.Errorf("%d pods are measured, want 20", len(pods))
		}
		return nil
	})
	nobody := cluster.Account(t, namespace, "nobody", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}})
	if _, err := open(t, nobody).Usage(t.Context(), namespace, everyone); !errors.Is(err, kubernetes.ErrForbidden) {
		t.Errorf("without the right: got %v", err)
	}
	reader := cluster.Account(t, namespace, "reader", rbacv1.PolicyRule{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"pods"}, Verbs: []string{"list"}})
	if samples, err := open(t, reader).Usage(t.Context(), namespace, everyone); err != nil || len(samples) == 0 {
		t.Errorf("with the right that the manual names: got %d samples and %v", len(samples), err)
	}
}

// An adapter behind the real API server: what it tells, and how its absence,
// its silence and a metric that it does not know look.
func TestAdaptersBehindTheRealAPIServer(t *testing.T) {
	cluster := clustertest.Start(t)
	namespace := cluster.Namespace(t)
	asking := func(cfg sourcekubernetes.Config) func() ([]scale.Sample, error) {
		cfg.Kubeconfig, cfg.Namespace, cfg.Timeout = cluster.Kubeconfig, namespace, scale.Duration(10*time.Second)
		s, err := sourcekubernetes.New("load", cfg, source.Env{Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return func() ([]scale.Sample, error) { return s.Collect(t.Context()) }
	}
	queue := asking(sourcekubernetes.Config{External: &sourcekubernetes.External{Metric: "queue", Selector: "name in (a,b)"}})
	pods := asking(sourcekubernetes.Config{Pods: &sourcekubernetes.Pods{Metric: "hits", Pods: "app=web"}})
	object := asking(sourcekubernetes.Config{Object: &sourcekubernetes.Object{Metric: "hits", APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}})
	for name, ask := range map[string]func() ([]scale.Sample, error){"external": queue, "pods": pods, "object": object} {
		if got, err := ask(); !errors.Is(err, kubernetes.ErrNoMetricsAPI) || len(got) > 0 {
			t.Errorf("%s without an adapter: got %v, %v", name, got, err)
		}
	}
	at := time.Now().UTC().Truncate(time.Second)
	cluster.ServeAPI(t, "external.metrics.k8s.io", "v1beta1", adapter("/apis/external.metrics.k8s.io/v1beta1", map[string]string{
		"/namespaces/" + namespace + "/queue?name in (a,b)": fmt.Sprintf(`{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","items":[{"metricName":"queue","timestamp":%q,"value":"12"},{"metricName":"queue","timestamp":%q,"value":"500m"}]}`, at.Format(time.RFC3339), at.Format(time.RFC3339)),
	}))
	value := fmt.Sprintf(`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","items":[{"describedObject":{"kind":"X","name":"web-1"},"metric":{"name":"hits"},"timestamp":%q,"value":"7"}]}`, at.Format(time.RFC3339))
	cluster.ServeAPI(t, "custom.metrics.k8s.io", "v1beta2", adapter("/apis/custom.metrics.k8s.io/v1beta2", map[string]string{
		"/namespaces/" + namespace + "/pods/*/hits?app=web":        value,
		"/namespaces/" + namespace + "/deployments.apps/web/hits?": value,
	}))
	for _, tc := range []struct {
		name string
		ask  func() ([]scale.Sample, error)
		want float64
	}{{"external", queue, 12.5}, {"pods", pods, 7}, {"object", object, 7}} {
		clustertest.Eventually(t, time.Minute, func(context.Context) error {
			got, err := tc.ask()
			if err != nil {
				return err
			}
			if last := got[len(got)-1]; last.Value != tc.want || last.Replica != "" || !last.At.Equal(at) {
				return fmt.Errorf("%s: got %+v, want %v of %v", tc.name, got, tc.want, at)
			}
			return nil
		})
	}
	_, err := asking(sourcekubernetes.Config{Pods: &sourcekubernetes.Pods{Metric: "unknown", Pods: "app=web"}})()
	if !errors.Is(err, kubernetes.ErrNotFound) || errors.Is(err, kubernetes.ErrNoMetricsAPI) || !strings.Contains(err.Error(), "does not know it") {
		t.Errorf("a metric that the adapter does not know: got %v", err)
	}
	reader := cluster.Account(t, namespace, "plain", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}})
	if _, err := open(t, reader).ExternalMetric(t.Context(), namespace, "queue", nil); !errors.Is(err, kubernetes.ErrForbidden) {
		t.Errorf("without the right: got %v", err)
	}
}

// adapter answers an address with its label selector, and says of what it does
// not know what adapters say (custom-metrics-apiserver, provider/errors.go).
func adapter(path string, answers map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		group := strings.TrimPrefix(path, "/apis/")
		answer, known := answers[strings.TrimPrefix(r.URL.Path, path)+"?"+r.URL.Query().Get("labelSelector")]
		switch {
		case r.URL.Path == path:
			fmt.Fprintf(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":%q,"resources":[]}`, group)
		case known:
			fmt.Fprint(w, answer)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the metric","reason":"NotFound","code":404}`)
		}
	})
}
