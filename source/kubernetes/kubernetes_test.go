package kubernetes_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes/metricstest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/source/kubernetes"
	"github.com/flyball-io/flyball/source/sourcetest"
)

const (
	hitsOfPods = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits"
	queue      = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue"
	usage      = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
)

// ago is a moment in whole seconds, as the APIs tell it.
func ago(d time.Duration) time.Time { return clock.System.Now().Add(-d).UTC().Truncate(time.Second) }

// hits is what an adapter says of pods.
func hits(at time.Time, values map[string]string) string {
	var items []string
	for _, pod := range []string{"web-1", "web-2", "web-3", "mail-1"} {
		if v, there := values[pod]; there {
			items = append(items, fmt.Sprintf(`{"describedObject":{"kind":"Pod","namespace":"shop","name":%q,"apiVersion":"/v1"},"metric":{"name":"hits","selector":null},"timestamp":%q,"windowSeconds":60,"value":%q}`,
				pod, at.Format(time.RFC3339), v))
		}
	}
	return `{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

func queues(at time.Time, values ...string) string {
	var items []string
	for _, v := range values {
		items = append(items, fmt.Sprintf(`{"metricName":"queue","metricLabels":{"queue":"mail"},"timestamp":%q,"value":%q}`, at.Format(time.RFC3339), v))
	}
	return `{"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

// replicas are pods that take work since a while.
func replicas(since time.Duration, names ...string) []scale.Replica {
	var all []scale.Replica
	for _, name := range names {
		all = append(all, scale.Replica{ID: name, Phase: scale.Running, Readiness: scale.Readiness{Known: true, Ready: true, Since: ago(since)}})
	}
	return all
}

func asking(t *testing.T, s *metricstest.Server, cfg kubernetes.Config, pods ...scale.Replica) *kubernetes.Source {
	t.Helper()
	cfg.Kubeconfig, cfg.Timeout = s.Kubeconfig(t, "shop"), scale.Duration(10*time.Second)
	made, err := kubernetes.New("load", cfg, source.Env{Target: "web", Clock: clock.System, Log: slog.New(slog.DiscardHandler), Interval: time.Second,
		Replicas: func(context.Context) ([]scale.Replica, error) { return pods, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func podsMetric() kubernetes.Config { return kubernetes.Config{Pods: &kubernetes.Pods{Metric: "hits"}} }

func TestConformance(t *testing.T) {
	at := ago(10 * time.Second)
	for name, cfg := range map[string]kubernetes.Config{
		"pods":              podsMetric(),
		"containerResource": {ContainerResource: &kubernetes.ContainerResource{Resource: "cpu", Container: "app"}},
		"external":          {External: &kubernetes.External{Metric: "queue"}},
	} {
		t.Run(name, func(t *testing.T) {
			servers := map[source.Source]*metricstest.Server{}
			sourcetest.Run(t, sourcetest.Harness{
				New: func(t *testing.T) source.Source {
					s := metricstest.New(t)
					s.Set(hitsOfPods, hits(at, map[string]string{"web-1": "1", "web-2": "2"}))
					s.Set(queue, queues(at, "3"))
					s.Set(usage, used(at, "web-1", "web-2"))
					made := asking(t, s, cfg, replicas(time.Hour, "web-1", "web-2")...)
					servers[made] = s
					return made
				},
				Now: clock.System.Now, Signals: []string{"load"},
				Break: func(_ *testing.T, s source.Source) {
					for _, address := range []string{hitsOfPods, queue, usage} {
						servers[s].Fail(address, 503, "ServiceUnavailable", "no")
					}
				},
			})
		})
	}
}

func used(at time.Time, pods ...string) string {
	var items []string
	for i, pod := range pods {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"app":"web"}},"timestamp":%q,"window":"15s","containers":[{"name":"app","usage":{"cpu":"%dm","memory":"1Mi"}},{"name":"proxy","usage":{"cpu":"9","memory":"9"}}]}`,
			pod, at.Format(time.RFC3339), 100*(i+1)))
	}
	return `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
}

func check(t *testing.T, s source.Source, want ...scale.Sample) {
	t.Helper()
	got, err := s.Collect(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// Values of pods that are not the target's count for nobody; the total is that
// of replicas that take work, and as old as the oldest.
func TestMetricOfPods(t *testing.T) {
	at := ago(20 * time.Second)
	s := metricstest.New(t)
	s.Set(hitsOfPods, hits(at, map[string]string{"web-1": "1500m", "web-2": "3", "web-3": "7", "mail-1": "100"}))
	pods := replicas(time.Hour, "web-1", "web-2", "web-3")
	pods[2].Readiness.Ready = false // measured, and takes no work
	of := func(pod string, value float64) scale.Sample {
		return scale.Sample{Signal: "load", Replica: pod, At: at, Window: time.Minute, Value: value}
	}
	check(t, asking(t, s, podsMetric(), pods...), of("web-1", 1.5), of("web-2", 3), of("web-3", 7), of("", 4.5))

	for how, want := range map[kubernetes.Aggregate]float64{kubernetes.Avg: 2.25, kubernetes.Max: 3, kubernetes.Min: 1.5} {
		cfg := podsMetric()
		cfg.Pods.Aggregate = how
		check(t, asking(t, s, cfg, pods...), of("web-1", 1.5), of("web-2", 3), of("web-3", 7), of("", want))
	}
}

// A sum without a replica would be too small: where one has no value although
// it has been ready for long there is none. One that is new is waited for.
func TestReplicaWithoutAValue(t *testing.T) {
	at := ago(20 * time.Second)
	s := metricstest.New(t)
	s.Set(hitsOfPods, hits(at, map[string]string{"web-1": "1"}))
	old, young := replicas(2*time.Minute, "web-1", "web-2"), append(replicas(time.Hour, "web-1"), replicas(20*time.Second, "web-2")...)
	got, err := asking(t, s, podsMetric(), old...).Collect(t.Context())
	if err == nil || !strings.Contains(err.Error(), "1 of 2 pods have no value (web-2)") || len(got) != 1 || got[0].Replica != "web-1" {
		t.Errorf("got %+v and %v, want the one of web-1 and a fault", got, err)
	}
	got, err = asking(t, s, podsMetric(), young...).Collect(t.Context())
	if err != nil || len(got) != 2 || got[1].Value != 1 {
		t.Errorf("got %+v and %v, want that of web-1 for both", got, err)
	}
}

// With a selector the pods need be nobody's replicas.
func TestMetricOfChosenPods(t *testing.T) {
	at := ago(5 * time.Second)
	s := metricstest.New(t)
	s.Set(hitsOfPods+"?labelSelector=app%3Dmail&metricLabelSelector=code%3D500", hits(at, map[string]string{"mail-1": "4"}))
	cfg := podsMetric()
	cfg.Pods.Pods, cfg.Pods.Selector = "app=mail", "code=500"
	one := scale.Sample{Signal: "load", Replica: "mail-1", At: at, Window: time.Minute, Value: 4}
	whole := one
	whole.Replica = ""
	check(t, asking(t, s, cfg), one, whole)
}

func TestResourceOfAContainer(t *testing.T) {
	at := ago(5 * time.Second)
	s := metricstest.New(t)
	s.Set(usage, used(at, "web-1", "web-2"))
	of := func(pod string, value float64) scale.Sample {
		return scale.Sample{Signal: "load", Replica: pod, Container: "app", At: at, Window: 15 * time.Second, Value: value}
	}
	one, two := 0.1, 0.2
	whole := of("", one+two)
	whole.Container = ""
	cfg := kubernetes.Config{ContainerResource: &kubernetes.ContainerResource{Resource: "cpu", Container: "app"}}
	check(t, asking(t, s, cfg, replicas(time.Hour, "web-1", "web-2")...), of("web-1", one), of("web-2", two), whole)
}

// The series of an external metric are added up, and as old as the oldest.
func TestExternalMetric(t *testing.T) {
	at, older := ago(5*time.Second), ago(time.Minute)
	s := metricstest.New(t)
	s.Set(queue+"?labelSelector=queue%3Dmail", strings.Replace(queues(at, "12", "500m", "9"), at.Format(time.RFC3339), older.Format(time.RFC3339), 1))
	cfg := kubernetes.Config{External: &kubernetes.External{Metric: "queue", Selector: "queue=mail"}, Namespace: "shop"}
	check(t, asking(t, s, cfg), scale.Sample{Signal: "load", At: older, Value: 21.5})

	s.Set(queue, queues(at, "9223372036854775807m", "1"))
	check(t, asking(t, s, kubernetes.Config{External: &kubernetes.External{Metric: "queue"}}), scale.Sample{Signal: "load", At: at, Value: 9223372036854775.807})
}

// A clock of the cluster that is ahead makes no value of the future.
func TestClockAhead(t *testing.T) {
	s := metricstest.New(t)
	s.Set(queue, queues(ago(-time.Hour), "1"))
	got, err := asking(t, s, kubernetes.Config{External: &kubernetes.External{Metric: "queue"}}).Collect(t.Context())
	if err != nil || len(got) != 1 || got[0].At.After(clock.System.Now()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whatever is wrong is said with what it is about, and what to do.
func TestFaults(t *testing.T) {
	at := ago(5 * time.Second)
	for name, tc := range map[string]struct {
		cfg  kubernetes.Config
		set  func(*metricstest.Server)
		says []string
	}{
		"no adapter":       {podsMetric(), func(*metricstest.Server) {}, []string{"signal load", `metric "hits" of the pods of namespace shop`, "custom.metrics.k8s.io is not installed", "prometheus-adapter"}},
		"no external":      {kubernetes.Config{External: &kubernetes.External{Metric: "queue"}}, func(*metricstest.Server) {}, []string{"external.metrics.k8s.io is not installed", "KEDA"}},
		"no such metric":   {podsMetric(), func(s *metricstest.Server) { s.Fail(hitsOfPods, 404, "NotFound", "no metric hits") }, []string{"does not know it", "no metric hits"}},
		"forbidden":        {podsMetric(), func(s *metricstest.Server) { s.Fail(hitsOfPods, 403, "Forbidden", "flyball may not") }, []string{"the role needs get and list", "flyball may not"}},
		"nothing measured": {podsMetric(), func(s *metricstest.Server) { s.Set(hitsOfPods, hits(at, nil)) }, []string{"1 of 1 pods have no value (web-1)"}},
		"no series":        {kubernetes.Config{External: &kubernetes.External{Metric: "queue"}}, func(s *metricstest.Server) { s.Set(queue, queues(at)) }, []string{"the metric has no series"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := metricstest.New(t)
			tc.set(s)
			got, err := asking(t, s, tc.cfg, replicas(time.Hour, "web-1")...).Collect(t.Context())
			if err == nil || len(got) > 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			for _, part := range tc.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
}

// A server that hangs is given up after the time-out, and said so.
func TestServerThatHangs(t *testing.T) {
	s := metricstest.New(t)
	s.Hang()
	made, err := kubernetes.New("load", kubernetes.Config{External: &kubernetes.External{Metric: "queue"}, Timeout: scale.Duration(100 * time.Millisecond), Kubeconfig: s.Kubeconfig(t, "shop")},
		source.Env{Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Collect(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("got %v", err)
	}
}

func TestNamespace(t *testing.T) {
	at := ago(5 * time.Second)
	s := metricstest.New(t)
	s.Set(strings.Replace(queue, "shop", "cart", 1), queues(at, "1"))
	for name, tc := range map[string]struct {
		own, target string
		found       bool
	}{"its own": {"cart", "shop", true}, "that of the target": {"", "cart", true}, "that of the context": {"", "", false}} {
		cfg := kubernetes.Config{External: &kubernetes.External{Metric: "queue"}, Namespace: tc.own, Timeout: scale.Duration(10 * time.Second), Kubeconfig: s.Kubeconfig(t, "shop")}
		made, err := kubernetes.New("load", cfg, source.Env{Namespace: tc.target, Clock: clock.System, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.Collect(t.Context()); (err == nil) != tc.found {
			t.Errorf("%s: got %v, asked %v", name, err, s.Asked())
		}
	}
}

func TestValidate(t *testing.T) {
	good := kubernetes.Default()
	good.Pods = &kubernetes.Pods{Metric: "hits", Selector: "env in (a,b)", Aggregate: kubernetes.Max}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v", err)
	}
	for says, change := range map[string]func(*kubernetes.Config){
		"pods: exactly one of pods, containerResource, object and external must be given, got 2": func(c *kubernetes.Config) { c.External = &kubernetes.External{Metric: "x"} },
		"got 0":                                func(c *kubernetes.Config) { c.Pods = nil },
		"pods.metric: must name a metric":      func(c *kubernetes.Config) { c.Pods.Metric = "../secrets" },
		"pods.selector: must be labels":        func(c *kubernetes.Config) { c.Pods.Selector = "a in b" },
		"pods.pods: must be labels":            func(c *kubernetes.Config) { c.Pods.Pods = "=" },
		"pods.aggregate: must be one of":       func(c *kubernetes.Config) { c.Pods.Aggregate = "median" },
		"namespace: must be":                   func(c *kubernetes.Config) { c.Namespace = "Shop" },
		"timeout: must be above 0 and at most": func(c *kubernetes.Config) { c.Timeout = scale.Duration(time.Hour) },
		"containerResource.resource: must be": func(c *kubernetes.Config) {
			c.ContainerResource = &kubernetes.ContainerResource{Resource: "gpu", Container: "app"}
		},
		"containerResource.container: must be": func(c *kubernetes.Config) { c.ContainerResource = &kubernetes.ContainerResource{Resource: "cpu"} },
		"object.kind: must be a kind":          func(c *kubernetes.Config) { c.Object = &kubernetes.Object{Metric: "x", Kind: "ingress", Name: "main"} },
		"object.name: must be the name":        func(c *kubernetes.Config) { c.Object = &kubernetes.Object{Metric: "x", Kind: "Ingress", Name: "a/b"} },
		"object.apiVersion: must be": func(c *kubernetes.Config) {
			c.Object = &kubernetes.Object{Metric: "x", Kind: "Ingress", Name: "a", APIVersion: "a/b/c"}
		},
		"external.metric: must name a metric":    func(c *kubernetes.Config) { c.External = &kubernetes.External{} },
		"external.selector: must be labels as k": func(c *kubernetes.Config) { c.External = &kubernetes.External{Metric: "x", Selector: "!!"} },
	} {
		cfg := good
		pods := *good.Pods
		cfg.Pods = &pods
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
}
