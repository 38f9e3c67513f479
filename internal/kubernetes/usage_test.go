package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/kubernetes/metricstest"
	"github.com/flyball-io/flyball/scale"
)

const podsOfShop = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"

// usage is what metrics-server v0.9.0 answers, in its words.
const usage = `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[
{"metadata":{"name":"web-1","namespace":"shop","creationTimestamp":"2026-11-23T04:00:30Z","labels":{"app":"web"}},
 "timestamp":"2026-11-23T04:00:19Z","window":"10.071s","containers":[
  {"name":"app","usage":{"cpu":"123456789n","memory":"21112Ki"}},{"name":"proxy","usage":{"cpu":"1m","memory":"1Mi"}}]},
{"metadata":{"name":"web-2","namespace":"shop","creationTimestamp":"2026-11-23T04:00:30Z","labels":{"app":"web"}},
 "timestamp":"2026-11-23T04:00:20Z","window":"15s","containers":[
  {"name":"app","usage":{"cpu":"2"}},{"name":"proxy","usage":{"cpu":"0","memory":"1500"}}]},
{"metadata":{"name":"web-3","namespace":"shop","creationTimestamp":"2026-11-23T04:00:30Z","labels":{"app":"web"}},
 "timestamp":"2026-11-23T04:00:20Z","window":"15s","containers":[]},
{"metadata":{"name":"mail-1","namespace":"shop","creationTimestamp":"2026-11-23T04:00:30Z","labels":{"app":"mail"}},
 "timestamp":"2026-11-23T04:00:20Z","window":"15s","containers":[{"name":"app","usage":{"cpu":"7","memory":"7"}}]}]}`

func cluster(t *testing.T, s *metricstest.Server) *kubernetes.Cluster {
	t.Helper()
	c, err := kubernetes.Open(kubernetes.Access{Kubeconfig: s.Kubeconfig(t, "shop")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func chosen(t *testing.T, selector string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each container counts as the HorizontalPodAutoscaler counts it: 123456789n
// cores are 124 thousandths there. A pod of which a container is not measured
// has no value as a whole, and one without containers has none at all.
func TestUsageOfPods(t *testing.T) {
	s := metricstest.New(t)
	s.Set(podsOfShop, usage)
	got, err := cluster(t, s).Usage(t.Context(), "shop", chosen(t, "app=web"))
	if err != nil {
		t.Fatal(err)
	}
	one, two := time.Date(2026, 11, 23, 4, 0, 19, 0, time.UTC), time.Date(2026, 11, 23, 4, 0, 20, 0, time.UTC)
	of := func(resource, pod, container string, at time.Time, window time.Duration, value float64) scale.Sample {
		return scale.Sample{Signal: resource, Replica: pod, Container: container, At: at, Window: window, Value: value}
	}
	want := []scale.Sample{
		of("cpu", "web-1", "app", one, 10071*time.Millisecond, 0.124),
		of("cpu", "web-1", "proxy", one, 10071*time.Millisecond, 0.001),
		of("cpu", "web-1", "", one, 10071*time.Millisecond, 0.125),
		of("memory", "web-1", "app", one, 10071*time.Millisecond, 21112<<10),
		of("memory", "web-1", "proxy", one, 10071*time.Millisecond, 1<<20),
		of("memory", "web-1", "", one, 10071*time.Millisecond, 22136<<10),
		of("cpu", "web-2", "app", two, 15*time.Second, 2),
		of("cpu", "web-2", "proxy", two, 15*time.Second, 0),
		of("cpu", "web-2", "", two, 15*time.Second, 2),
		of("memory", "web-2", "proxy", two, 15*time.Second, 1500),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A thousand Autoscalers of one namespace ask once.
func TestManyShareOneList(t *testing.T) {
	s := metricstest.New(t)
	s.Set(podsOfShop, usage)
	c := cluster(t, s)
	var asking sync.WaitGroup
	for i := range 1000 {
		asking.Go(func() {
			selector := []string{"app=web", "app=mail", "app=none"}[i%3]
			samples, err := c.Usage(t.Context(), "shop", chosen(t, selector))
			if want := []int{10, 4, 0}[i%3]; err != nil || len(samples) != want {
				t.Errorf("%s: got %d samples and %v, want %d", selector, len(samples), err, want)
			}
		})
	}
	asking.Wait()
	if asked := s.Asked(); len(asked) != 1 {
		t.Errorf("asked %d times: %.300v", len(asked), asked)
	}
}

// An API that does not tell labels must choose the pods itself.
func TestUsageWithoutLabels(t *testing.T) {
	s := metricstest.New(t)
	plain := strings.NewReplacer(`,"labels":{"app":"web"}`, "", `,"labels":{"app":"mail"}`, "").Replace(usage)
	s.Set(podsOfShop, plain)
	s.Set(podsOfShop+"?labelSelector=app%3Dmail", `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[`+plain[strings.Index(plain, `{"metadata":{"name":"mail-1"`):])
	samples, err := cluster(t, s).Usage(t.Context(), "shop", chosen(t, "app=mail"))
	if err != nil || len(samples) != 4 || samples[0].Replica != "mail-1" {
		t.Errorf("got %+v, %v; want the four of mail-1", samples, err)
	}
}

// One who gives up takes nobody with him.
func TestWhoGivesUpSpoilsNothing(t *testing.T) {
	s := metricstest.New(t)
	s.Set(podsOfShop, usage)
	c := cluster(t, s)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Usage(gone, "shop", labels.Everything()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	if _, err := c.Usage(t.Context(), "shop", labels.Everything()); err != nil {
		t.Errorf("the next one got %v", err)
	}
}

// What is missing, what is forbidden and what is away are told apart: the
// person has to do something else about each.
func TestFaultsOfMetricsAreToldApart(t *testing.T) {
	for name, tc := range map[string]struct {
		fail func(*metricstest.Server)
		is   error
		says string
	}{
		"no metrics-server": {func(*metricstest.Server) {}, kubernetes.ErrNoMetricsAPI,
			"what the pods of namespace shop use: nobody serves this API: metrics.k8s.io is not installed; metrics-server serves it"},
		"metrics-server away": {func(s *metricstest.Server) {
			s.Fail(podsOfShop, 503, "ServiceUnavailable", "the server is currently unable to handle the request")
		}, kubernetes.ErrUnreachable, "kubectl get apiservices"},
		"forbidden": {func(s *metricstest.Server) {
			s.Fail(podsOfShop, 403, "Forbidden", `pods.metrics.k8s.io is forbidden: User "flyball" cannot list`)
		}, kubernetes.ErrForbidden, "the role needs get and list in the API group metrics.k8s.io"},
		"unauthorized": {func(s *metricstest.Server) { s.Fail(podsOfShop, 401, "Unauthorized", "Unauthorized") }, kubernetes.ErrUnauthorized, "credentials"},
		"nonsense":     {func(s *metricstest.Server) { s.Set(podsOfShop, `{"kind":"Pod`) }, nil, "what the pods of namespace shop use"},
	} {
		t.Run(name, func(t *testing.T) {
			s := metricstest.New(t)
			tc.fail(s)
			samples, err := cluster(t, s).Usage(t.Context(), "shop", labels.Everything())
			if err == nil || len(samples) > 0 || (tc.is != nil && !errors.Is(err, tc.is)) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v and %d samples, want %v saying %q", err, len(samples), tc.is, tc.says)
			}
		})
	}
}

const customOf = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/"

// value is one item as prometheus-adapter answers it.
func value(kind, name, at, window, value string) string {
	return fmt.Sprintf(`{"describedObject":{"kind":%q,"namespace":"shop","name":%q,"apiVersion":"/v1"},"metric":{"name":"hits","selector":null},"timestamp":%q,%s"value":%q}`, kind, name, at, window, value)
}

func list(items ...string) string {
	return `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

func TestMetricsOfAdapters(t *testing.T) {
	const at = "2026-11-23T04:00:20Z"
	moment := time.Date(2026, 11, 23, 4, 0, 20, 0, time.UTC)
	s := metricstest.New(t)
	c := cluster(t, s)
	s.Set(customOf+"pods/*/hits?labelSelector=app%3Dweb&metricLabelSelector=code%3D500", list(value("Pod", "web-1", at, `"windowSeconds":60,`, "1500m"), value("Pod", "web-2", at, "", "2k")))
	pods, err := c.PodsMetric(t.Context(), "shop", "hits", chosen(t, "app=web"), chosen(t, "code=500"))
	want := []kubernetes.MetricValue{{Object: "web-1", At: moment, Window: time.Minute, Milli: 1500}, {Object: "web-2", At: moment, Milli: 2_000_000}}
	if diff := cmp.Diff(want, pods); err != nil || diff != "" {
		t.Errorf("pods: %v, -want +got:\n%s\nasked %v", err, diff, s.Asked())
	}

	s.Set("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue?labelSelector=name+in+%28a%2Cb%29", `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[
{"metricName":"queue","metricLabels":{"name":"a"},"timestamp":"2026-11-23T04:00:20Z","window":30,"value":"12"},{"metricName":"queue","metricLabels":{"name":"b"},"timestamp":"2026-11-23T04:00:20Z","value":"-1"}]}`)
	external, err := c.ExternalMetric(t.Context(), "shop", "queue", chosen(t, "name in (a,b)"))
	if diff := cmp.Diff([]kubernetes.MetricValue{{At: moment, Window: 30 * time.Second, Milli: 12_000}, {At: moment, Milli: -1000}}, external); err != nil || diff != "" {
		t.Errorf("external: %v, -want +got:\n%s\nasked %v", err, diff, s.Asked())
	}

	s.Set(customOf+"metrics/hits", list(value("Namespace", "shop", at, "", "3")))
	of, err := c.ObjectMetric(t.Context(), "shop", schema.GroupKind{Kind: "Namespace"}, "anything", "hits", nil)
	if err != nil || of.Milli != 3000 {
		t.Errorf("namespace: got %+v, %v", of, err)
	}
}

// Of the kind only its name in addresses is asked for, once.
func TestMetricOfAnObject(t *testing.T) {
	s := metricstest.New(t)
	s.Set("/api", `{"kind":"APIVersions","versions":["v1"]}`)
	s.Set("/api/v1", `{"kind":"APIResourceList","groupVersion":"v1","resources":[]}`)
	s.Set("/apis", `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"networking.k8s.io","versions":[{"groupVersion":"networking.k8s.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"networking.k8s.io/v1","version":"v1"}}]}`)
	s.Set("/apis/networking.k8s.io/v1", `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"networking.k8s.io/v1","resources":[{"name":"ingresses","singularName":"ingress","namespaced":true,"kind":"Ingress","verbs":["get"]}]}`)
	s.Set(customOf+"ingresses.networking.k8s.io/main/hits", list(value("Ingress", "main", "2026-11-23T04:00:20Z", "", "250m")))
	c := cluster(t, s)
	of, err := c.ObjectMetric(t.Context(), "shop", schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, "main", "hits", labels.Everything())
	if err != nil || of.Milli != 250 || of.Object != "main" {
		t.Errorf("got %+v, %v; asked %v", of, err, s.Asked())
	}
	_, err = c.ObjectMetric(t.Context(), "shop", schema.GroupKind{Group: "example.com", Kind: "Shop"}, "main", "hits", labels.Everything())
	if err == nil || !strings.Contains(err.Error(), `no matches for kind "Shop"`) {
		t.Errorf("a kind that nobody knows: got %v", err)
	}
}

// An adapter of before v1beta2 is asked in its own version.
func TestOldAdapter(t *testing.T) {
	s := metricstest.New(t)
	s.Set("/apis/custom.metrics.k8s.io/v1beta1/namespaces/shop/pods/*/hits", `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","items":[
{"describedObject":{"kind":"Pod","namespace":"shop","name":"web-1","apiVersion":"/v1"},"metricName":"hits","timestamp":"2026-11-23T04:00:20Z","window":60,"value":"1","selector":null}]}`)
	got, err := cluster(t, s).PodsMetric(t.Context(), "shop", "hits", labels.Everything(), nil)
	if err != nil || len(got) != 1 || got[0].Window != time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
}

// An adapter that does not know a metric is another thing than no adapter.
func TestUnknownMetric(t *testing.T) {
	s := metricstest.New(t)
	c := cluster(t, s)
	if _, err := c.ExternalMetric(t.Context(), "shop", "queue", nil); !errors.Is(err, kubernetes.ErrNoMetricsAPI) {
		t.Errorf("no adapter: got %v", err)
	}
	s.Fail(customOf+"pods/*/hits", 404, "NotFound", "the server could not find the metric hits for pods")
	_, err := c.PodsMetric(t.Context(), "shop", "hits", labels.Everything(), nil)
	if errors.Is(err, kubernetes.ErrNoMetricsAPI) || !errors.Is(err, kubernetes.ErrNotFound) || !strings.Contains(err.Error(), "does not know it") {
		t.Errorf("no metric: got %v", err)
	}
	s.Set(customOf+"pods/*/old", list(`{"describedObject":{"name":"web-1"},"metric":{"name":"old"},"value":"1"}`))
	if _, err = c.PodsMetric(t.Context(), "shop", "old", labels.Everything(), nil); err == nil || !strings.Contains(err.Error(), "when it was measured") {
		t.Errorf("a value without a time: got %v", err)
	}
}
