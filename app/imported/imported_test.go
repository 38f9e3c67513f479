package imported_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flyball-io/flyball/api/v1alpha1"
	"github.com/flyball-io/flyball/app"
	"github.com/flyball-io/flyball/app/imported"
	"github.com/flyball-io/flyball/builtin"
	"github.com/flyball-io/flyball/guard"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/policy"
	"github.com/flyball-io/flyball/policy/hpa"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/scale/scaletest"
	"github.com/flyball-io/flyball/series"
)

// everything is a HorizontalPodAutoscaler with a metric of each type, as
// kubectl get -o yaml prints it.
const everything = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
  creationTimestamp: "2026-11-20T08:00:00Z"
  name: web
  namespace: shop
  resourceVersion: "4711"
  uid: 1f7e2a64-0000-4000-8000-000000000000
spec:
  behavior:
    scaleDown:
      policies: [{periodSeconds: 60, type: Percent, value: 10}, {periodSeconds: 60, type: Pods, value: 2}]
      selectPolicy: Min
      stabilizationWindowSeconds: 120
      tolerance: 200m
    scaleUp:
      policies: [{periodSeconds: 15, type: Pods, value: 4}, {periodSeconds: 15, type: Percent, value: 100}]
      selectPolicy: Max
      stabilizationWindowSeconds: 0
  maxReplicas: 30
  metrics:
  - resource: {name: cpu, target: {averageUtilization: 60, type: Utilization}}
    type: Resource
  - resource: {name: memory, target: {averageValue: 500Mi, type: AverageValue}}
    type: Resource
  - containerResource: {container: app, name: cpu, target: {averageUtilization: 70, type: Utilization}}
    type: ContainerResource
  - pods:
      metric: {name: http_requests, selector: {matchLabels: {code: "200"}, matchExpressions: [{key: verb, operator: In, values: [GET, PUT]}]}}
      target: {averageValue: 1500m, type: AverageValue}
    type: Pods
  - object:
      describedObject: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: main}
      metric: {name: hits}
      target: {type: Value, value: 2k}
    type: Object
  - external:
      metric: {name: queue, selector: {matchLabels: {queue: mail}}}
      target: {averageValue: "30", type: AverageValue}
    type: External
  minReplicas: 2
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
status:
  currentMetrics: null
  currentReplicas: 3
  desiredReplicas: 3
`

func document(t *testing.T, text string, o imported.Options) string {
	t.Helper()
	all, err := imported.HPAs(strings.NewReader(text))
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d and %v", len(all), err)
	}
	made, err := imported.OfHPA(&all[0], o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// loaded is the document as flyball run reads it.
func loaded(t *testing.T, document string) app.Spec {
	t.Helper()
	plugins := builtin.New()
	docs, err := v1alpha1.Loader{Plugins: plugins, Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(document)}.Load([]string{"-"})
	if err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	specs, err := app.NewSpecs(docs, plugins)
	if err != nil || len(specs) != 1 {
		t.Fatalf("%v in\n%s", err, document)
	}
	return specs[0]
}

// byHand is the policy of everything, as somebody would configure it.
func byHand() hpa.Config {
	cfg := hpa.Default()
	cfg.Metrics = []hpa.Metric{
		{Type: hpa.Resource, Signal: "cpu", AverageUtilization: new(60)},
		{Type: hpa.Resource, Signal: "memory", AverageValue: new(float64(500 << 20))},
		{Type: hpa.ContainerResource, Signal: "cpu", Container: "app", AverageUtilization: new(70)},
		{Type: hpa.Pods, Signal: "http_requests", AverageValue: new(1.5)},
		{Type: hpa.Object, Signal: "hits", Value: new(2000.0)},
		{Type: hpa.External, Signal: "queue", AverageValue: new(30.0)},
	}
	return cfg
}

func TestAllThatAHorizontalPodAutoscalerSays(t *testing.T) {
	spec := loaded(t, document(t, everything, imported.Options{}))
	if spec.Name != "web" || spec.Mode != scale.Recommend || spec.Min != 2 || spec.Max != 30 || spec.Sync != scale.Duration(15*time.Second) {
		t.Errorf("got %s %s %d-%d every %v", spec.Name, spec.Mode, spec.Min, spec.Max, spec.Sync)
	}
	if diff := cmp.Diff(new(byHand()), spec.Policy.Config); diff != "" {
		t.Errorf("policy, -want +got:\n%s", diff)
	}
	rates := func(kind string, value, period int) guard.RateConfig {
		return guard.RateConfig{Type: kind, Value: value, PeriodSeconds: period}
	}
	behavior := guard.BehaviorConfig{
		ScaleUp:   &guard.RulesConfig{StabilizationWindowSeconds: new(0), SelectPolicy: new("Max"), Policies: []guard.RateConfig{rates("Pods", 4, 15), rates("Percent", 100, 15)}},
		ScaleDown: &guard.RulesConfig{StabilizationWindowSeconds: new(120), SelectPolicy: new("Min"), Tolerance: new(0.2), Policies: []guard.RateConfig{rates("Percent", 10, 60), rates("Pods", 2, 60)}},
	}
	docs, err := v1alpha1.Loader{Plugins: builtin.New(), Stdin: strings.NewReader(document(t, everything, imported.Options{}))}.Load([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(behavior, docs[0].Spec.Behavior); diff != "" {
		t.Errorf("behavior, -want +got:\n%s", diff)
	}
	want := []string{
		`http_requests kubernetes {"pods":{"metric":"http_requests","selector":"code=200,verb in (GET,PUT)"}}`,
		`hits kubernetes {"object":{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metric":"hits","name":"main"}}`,
		`queue kubernetes {"external":{"metric":"queue","selector":"queue=mail"}}`,
	}
	var got []string
	for _, s := range docs[0].Spec.Signals {
		got = append(got, fmt.Sprintf("%s %s %s", s.Name, s.Source.Kind, s.Source.Body))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals, -want +got:\n%s", diff)
	}
	if docs[0].Metadata.Namespace != "shop" || string(docs[0].Spec.Target.Body) != `{"name":"web"}` {
		t.Errorf("got namespace %q and target %s", docs[0].Metadata.Namespace, docs[0].Spec.Target.Body)
	}
}

// One that rests because Flyball has taken it over is imported as what it was,
// and not as what keeps it from acting.
func TestOneThatRestsForFlyball(t *testing.T) {
	const resting = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop, annotations: {flyball.io/taken-over: '{"by":"shop.web","minReplicas":2,"maxReplicas":9}'}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 2147483647
  behavior: {scaleUp: {selectPolicy: Disabled}, scaleDown: {selectPolicy: Disabled}}
`
	text := document(t, resting, imported.Options{})
	if spec := loaded(t, text); spec.Min != 2 || spec.Max != 9 || strings.Contains(text, "Disabled") {
		t.Errorf("got %d to %d replicas, want 2 to 9:\n%s", spec.Min, spec.Max, text)
	}
}

// The document decides as the policy of the original configured by hand, on
// worlds of all kinds: pods that start, end, fail and are not measured.
func TestTheDocumentDecidesAsTheOriginal(t *testing.T) {
	spec := loaded(t, document(t, everything, imported.Options{}))
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	down := 0.2
	original, err := hpa.New(byHand(), policy.Env{Target: "web", Min: 2, Max: 30, ScaleDownTolerance: &down})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	counts := map[int]int{}
	for i := range 5000 {
		obs := world(random, scaletest.At(time.Duration(15*i)*time.Second))
		want, err := original.Recommend(obs)
		decision := plan.Decider.Decide(obs)
		if got := decision.Recommendation; decision.NoData != (err != nil) || (err == nil && got.Replicas != want.Replicas) {
			t.Fatalf("world %d: got %d (no data: %v), want %d (%v) for %+v", i, got.Replicas, decision.NoData, want.Replicas, err, obs)
		}
		counts[want.Replicas]++
	}
	if len(counts) < 20 {
		t.Errorf("only %d different counts were wanted: %v", len(counts), counts)
	}
}

// world is an observation that could be.
func world(random *rand.Rand, at time.Time) scale.Observation {
	n := 1 + random.IntN(12)
	obs := scale.Observation{Target: "web", At: at, CurrentReplicas: n, ObservedReplicas: n}
	load := random.Float64() * 2
	for i := range n {
		since := at.Add(-time.Duration(random.IntN(900)) * time.Second)
		r := scale.Replica{ID: fmt.Sprintf("web-%02d", i), Phase: scale.Phase(random.IntN(4)), StartedAt: since.Add(-20 * time.Second),
			Readiness:  scale.Readiness{Known: true, Ready: random.IntN(5) > 0, Since: since},
			Containers: []scale.Container{{Name: "app", Requests: map[string]int64{"cpu": 500, "memory": 256 << 20 * 1000}}}}
		if random.IntN(3) > 0 {
			r.Phase = scale.Running
		}
		if random.IntN(8) > 0 {
			add := func(signal, container string, value float64) {
				r.Samples = append(r.Samples, scale.Sample{Signal: signal, Replica: r.ID, Container: container, At: at.Add(-10 * time.Second), Window: 15 * time.Second, Value: value})
			}
			for _, container := range []string{"app", ""} {
				add("cpu", container, 0.5*load*random.Float64())
				add("memory", container, float64(500<<20)*load*random.Float64())
			}
			add("http_requests", "", 2*load)
		}
		obs.Replicas = append(obs.Replicas, r)
	}
	for name, value := range map[string]float64{"hits": 1500 * load, "queue": 25 * load * float64(n)} {
		if random.IntN(10) > 0 {
			obs.Signals = append(obs.Signals, scale.Signal{Name: name, Trust: scale.Fresh, Points: []series.Point{{At: at, Value: value}}})
		}
	}
	if len(obs.Signals) == 2 && obs.Signals[0].Name > obs.Signals[1].Name {
		obs.Signals[0], obs.Signals[1] = obs.Signals[1], obs.Signals[0]
	}
	return obs
}

// Version 1 keeps what it has no fields for in annotations.
func TestVersionOne(t *testing.T) {
	const old = `{"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
"metadata": {"name": "web.v1", "annotations": {
 "autoscaling.alpha.kubernetes.io/metrics": "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageUtilization\":75}},{\"type\":\"External\",\"external\":{\"metricName\":\"queue\",\"metricSelector\":{\"matchLabels\":{\"queue\":\"mail\"}},\"targetValue\":\"12\"}}]",
 "autoscaling.alpha.kubernetes.io/behavior": "{\"ScaleDown\":{\"StabilizationWindowSeconds\":60}}"}},
"spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"}, "targetCPUUtilizationPercentage": 55}}`
	spec := loaded(t, document(t, old, imported.Options{}))
	want := hpa.Default()
	want.Metrics = []hpa.Metric{{Type: hpa.Resource, Signal: "memory", AverageUtilization: new(75)}, {Type: hpa.External, Signal: "queue", Value: new(12.0)}, {Type: hpa.Resource, Signal: "cpu", AverageUtilization: new(55)}}
	if diff := cmp.Diff(&want, spec.Policy.Config); diff != "" || spec.Name != "web-v1" || spec.Min != 1 || spec.Max != 9 {
		t.Errorf("%s %d-%d, -want +got:\n%s", spec.Name, spec.Min, spec.Max, diff)
	}
	if text := document(t, old, imported.Options{}); !strings.Contains(text, "kind: StatefulSet") || !strings.Contains(text, "scaleDown: {stabilizationWindowSeconds: 60}") {
		t.Errorf("got\n%s", text)
	}
}

// What cannot be taken over is said where it would stand.
func TestWhatCannotBeTakenOver(t *testing.T) {
	const exotic = `
apiVersion: v1
kind: List
items:
- apiVersion: autoscaling/v2
  kind: HorizontalPodAutoscaler
  metadata: {name: odd, namespace: shop}
  spec:
    maxReplicas: 3
    scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: odd}
    metrics:
    - {type: Resource, resource: {name: ephemeral-storage, target: {type: Utilization, averageUtilization: 5}}}
    - {type: Pods, pods: {metric: {name: cpu}, target: {type: AverageValue, averageValue: "3"}}}
    - {type: External, external: {metric: {name: queue}, target: {type: Value, value: "3"}}}
    - {type: External, external: {metric: {name: queue, selector: {matchLabels: {a: b}}}, target: {type: Value, value: "4"}}}
`
	text := document(t, exotic, imported.Options{Access: kubernetes.Access{Context: "prod eu"}})
	for _, part := range []string{"# NOT TAKEN OVER: resource ephemeral-storage", "signal: cpu-2", "signal: queue-2", `context: "prod eu"`, "apiVersion: argoproj.io/v1alpha1", "# No behavior:"} {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in\n%s", part, text)
		}
	}
	loaded(t, text)
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	for says, text := range map[string]string{
		"there is no HorizontalPodAutoscaler in it":     "---\n",
		`kind: must be HorizontalPodAutoscaler, got "D`: "kind: Deployment\napiVersion: apps/v1",
		"kubectl get hpa.v2.autoscaling":                "kind: HorizontalPodAutoscaler\napiVersion: autoscaling/v2beta1",
		"annotation autoscaling.alpha.kubernetes.io/me": "kind: HorizontalPodAutoscaler\napiVersion: autoscaling/v1\nmetadata: {annotations: {autoscaling.alpha.kubernetes.io/metrics: '['}}",
		"it is no object of Kubernetes":                 "just words",
	} {
		if _, err := imported.HPAs(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
	all, err := imported.HPAs(strings.NewReader("kind: HorizontalPodAutoscaler\napiVersion: autoscaling/v2\nmetadata: {name: a}\nspec: {metrics: [{type: Resource, resource: {name: gpu, target: {}}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := imported.OfHPA(&all[0], imported.Options{}); err == nil || !strings.Contains(err.Error(), "none of its metrics can be taken over") {
		t.Errorf("got %v and\n%s", err, text)
	}
}

// Nobody's words can leave a comment or a string.
func FuzzDocument(f *testing.F) {
	f.Add("web", "queue", "a\nspec: {}", "$x")
	f.Add("a-b", "null", "\u2028x", "y\u0085")
	f.Fuzz(func(t *testing.T, name, metric, value, context string) {
		all, err := imported.HPAs(strings.NewReader(everything))
		if err != nil {
			t.Fatal(err)
		}
		h := &all[0]
		h.Name, h.Spec.ScaleTargetRef.Name = name, name
		h.Spec.Metrics[5].External.Metric.Name = metric
		h.Spec.Metrics[5].External.Metric.Selector.MatchLabels["queue"] = value
		text, err := imported.OfHPA(h, imported.Options{Access: kubernetes.Access{Context: context}})
		if err != nil {
			return
		}
		docs, err := v1alpha1.Loader{Plugins: builtin.New(), Env: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(text)}.Load([]string{"-"})
		if err == nil && (len(docs) != 1 || docs[0].Spec.Mode != scale.Recommend || docs[0].Spec.Replicas.Max != 30) {
			t.Errorf("another document was made:\n%s", text)
		}
	})
}

const vpa = `apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web-vpa, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: InPlaceOrRecreate, minReplicas: 2}
  resourcePolicy:
    containerPolicies:
    - containerName: app
      minAllowed: {cpu: 0.1, memory: 64Mi}
      maxAllowed: {cpu: 2}
      controlledResources: [cpu]
    - {containerName: "*", mode: "Off"}
`

func TestVerticalPodAutoscaler(t *testing.T) {
	all, err := imported.VPAs(strings.NewReader(vpa))
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	text, err := imported.OfVPA(&all[0], imported.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# NOT TAKEN OVER: how large pods are", "updateMode: InPlaceOrRecreate", "container app: minAllowed cpu 100m memory 64Mi, maxAllowed cpu 2, controlledResources cpu", "container *: mode Off", "# EDIT"} {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in\n%s", part, text)
		}
	}
	if spec := loaded(t, text); spec.Mode != scale.Recommend || spec.Name != "web-vpa" {
		t.Errorf("got %s %s", spec.Mode, spec.Name)
	}
	if _, err := imported.VPAs(strings.NewReader("kind: VerticalPodAutoscaler\napiVersion: v1")); err == nil {
		t.Error("another API is taken")
	}
}
