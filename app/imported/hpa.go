package imported

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	autoscaling "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
)

// metric is one metric of a HorizontalPodAutoscaler as the document has it.
type metric struct {
	fields fields
	remark string // "" or what has to be said
	left   string // why it cannot be taken over; "": it is
}

// signal is a source that the document names for a metric.
type signal struct{ name, source string }

// hpaDocument is a document that is being made.
type hpaDocument struct {
	hpa     *autoscaling.HorizontalPodAutoscaler
	options Options
	metrics []metric
	signals []signal
}

// OfHPA is the document of a HorizontalPodAutoscaler; of one that rests for
// Flyball as it was before.
func OfHPA(hpa *autoscaling.HorizontalPodAutoscaler, o Options) (string, error) {
	hpa = kubernetes.BeforeTakenOver(hpa)
	d := &hpaDocument{hpa: hpa, options: o}
	metrics := hpa.Spec.Metrics
	if len(metrics) == 0 { // SetDefaults_HorizontalPodAutoscaler (pkg/apis/autoscaling/v2/defaults.go)
		usual := int32(80)
		metrics = []autoscaling.MetricSpec{{Type: autoscaling.ResourceMetricSourceType, Resource: &autoscaling.ResourceMetricSource{Name: corev1.ResourceCPU, Target: target(&usual, nil)}}}
	}
	for i := range metrics {
		d.metrics = append(d.metrics, d.metric(&metrics[i]))
	}
	if !slices.ContainsFunc(d.metrics, func(m metric) bool { return m.left == "" }) {
		return "", fmt.Errorf("%s: none of its metrics can be taken over: %s", d.title(), d.metrics[0].left)
	}
	return d.text(), nil
}

func (d *hpaDocument) title() string {
	return fmt.Sprintf("%s %s", HPAKind, strings.TrimPrefix(d.hpa.Namespace+"/"+d.hpa.Name, "/"))
}

func (d *hpaDocument) text() string {
	t := &text{}
	t.remark(0, "Made of %s by flyball import hpa. It decides as that does, beside it,", d.title())
	t.remark(0, "and scales nothing. Before mode: Apply end the other one (kubectl delete hpa %s),", d.hpa.Name)
	t.remark(0, "or let Flyball rest it: takeOver: true below target. Two that scale one object undo each other.")
	t.head(d.hpa.Name, d.hpa.Namespace, d.hpa.Spec.ScaleTargetRef, d.options)
	t.line(1, "replicas: {min: %d, max: %d}", minReplicas(d.hpa), d.hpa.Spec.MaxReplicas)
	if len(d.signals) > 0 {
		t.line(1, "signals:")
	}
	for _, s := range d.signals {
		t.line(2, "- name: %s", quoted(s.name))
		t.line(3, "kubernetes: %s", s.source)
	}
	t.line(1, "policy:")
	t.line(2, "hpa:")
	t.line(3, "metrics:")
	for _, m := range d.metrics {
		if m.left != "" {
			t.remark(4, "NOT TAKEN OVER: %s. Without a value for it the HorizontalPodAutoscaler takes nothing away.", m.left)
			continue
		}
		if m.remark != "" {
			t.remark(4, "%s", m.remark)
		}
		t.line(4, "- %s", m.fields)
	}
	d.behavior(t)
	t.remark(1, "The HorizontalPodAutoscaler does not wait for rollouts. Without this line Flyball does, for 10 minutes at most.")
	t.line(1, "rollout: {maxHold: 0s}")
	t.line(1, "sync: 15s")
	return t.String()
}

func minReplicas(hpa *autoscaling.HorizontalPodAutoscaler) int32 {
	if n := hpa.Spec.MinReplicas; n != nil {
		return *n
	}
	return 1
}

// head writes everything up to the limits.
func (t *text) head(name, namespace string, of autoscaling.CrossVersionObjectReference, o Options) {
	t.line(0, "apiVersion: flyball.io/v1alpha1")
	t.line(0, "kind: Autoscaler")
	var metadata fields
	metadata.put("name", strings.ReplaceAll(name, ".", "-"))
	metadata.put("namespace", namespace)
	t.line(0, "metadata: %s", metadata)
	t.line(0, "spec:")
	t.line(1, "mode: Recommend")
	t.line(1, "target:")
	var object fields
	object.put("name", of.Name)
	if of.Kind != "Deployment" {
		object.put("kind", of.Kind)
	}
	if of.APIVersion != "apps/v1" {
		object.put("apiVersion", of.APIVersion)
	}
	o.put(&object)
	t.line(2, "kubernetes: %s", object)
}

// put adds how the cluster is reached.
func (o Options) put(f *fields) {
	f.put("kubeconfig", o.Kubeconfig)
	f.put("context", o.Context)
}

// metric is a metric as the document has it; what it needs is added to the
// signals.
func (d *hpaDocument) metric(m *autoscaling.MetricSpec) metric {
	of := metric{}
	of.fields.put("type", string(m.Type))
	switch {
	case m.Resource != nil:
		return of.resource(m.Resource.Name, "", &m.Resource.Target)
	case m.ContainerResource != nil:
		return of.resource(m.ContainerResource.Name, m.ContainerResource.Container, &m.ContainerResource.Target)
	case m.Pods != nil:
		return d.measured(of, "pods", m.Pods.Metric, nil, &m.Pods.Target)
	case m.Object != nil:
		return d.measured(of, "object", m.Object.Metric, &m.Object.DescribedObject, &m.Object.Target)
	case m.External != nil:
		return d.measured(of, "external", m.External.Metric, nil, &m.External.Target)
	}
	return metric{left: fmt.Sprintf("a metric of type %s without what it says", cmp.Or(string(m.Type), "none"))}
}

// resource is one of pods or of one of their containers, which the target
// measures.
func (m metric) resource(name corev1.ResourceName, container string, of *autoscaling.MetricTarget) metric {
	if name != corev1.ResourceCPU && name != corev1.ResourceMemory {
		return metric{left: fmt.Sprintf("resource %s, which metrics.k8s.io does not tell", name)}
	}
	m.fields.add("signal", string(name))
	m.fields.put("container", container)
	return m.target(of)
}

// target adds what the metric is kept at. An average value goes before a
// utilization where both are stated, as in reconcileMetric of the original
// (computeStatusForResourceMetricGeneric).
func (m metric) target(of *autoscaling.MetricTarget) metric {
	switch {
	case of.Type == autoscaling.ValueMetricType && of.Value != nil:
		m.amount("value", of.Value)
	case of.AverageValue != nil:
		m.amount("averageValue", of.AverageValue)
	case of.AverageUtilization != nil:
		m.fields.add("averageUtilization", strconv.Itoa(int(*of.AverageUtilization)))
	default:
		return metric{left: "a metric without a target"}
	}
	return m
}

// amount adds a number in units: 500Mi is 524288000.
func (m *metric) amount(name string, q *resource.Quantity) {
	written := strconv.FormatFloat(float64(q.MilliValue())/1000, 'f', -1, 64)
	m.fields.add(name, written)
	if said := q.String(); said != written {
		m.remark = fmt.Sprintf("%s is %s", name, said)
	}
}

// measured is a metric that a source is named for.
func (d *hpaDocument) measured(m metric, api string, id autoscaling.MetricIdentifier, object *autoscaling.CrossVersionObjectReference, of *autoscaling.MetricTarget) metric {
	var asks, source fields
	asks.put("metric", id.Name)
	if id.Selector != nil {
		selector, err := metav1.LabelSelectorAsSelector(id.Selector)
		if err != nil {
			return metric{left: fmt.Sprintf("metric %s, whose selector is wrong: %v", id.Name, err)}
		}
		asks.put("selector", selector.String())
	}
	if object != nil {
		asks.put("apiVersion", object.APIVersion)
		asks.put("kind", object.Kind)
		asks.put("name", object.Name)
	}
	source.add(api, asks.String())
	d.options.put(&source)
	name := d.name(id.Name)
	m.fields.put("signal", name)
	if m = m.target(of); m.left == "" {
		d.signals = append(d.signals, signal{name, source.String()})
	}
	return m
}

// name is that of a signal: the metric's, unless something else is called so.
func (d *hpaDocument) name(metric string) string {
	others := []string{"cpu", "memory", scale.CPUUtilization, scale.MemoryUtilization}
	for _, s := range d.signals {
		others = append(others, s.name)
	}
	name := metric
	for i := 2; slices.Contains(others, name); i++ {
		name = fmt.Sprintf("%s-%d", metric, i)
	}
	return name
}

// behavior writes the rules of both directions as they are.
func (d *hpaDocument) behavior(t *text) {
	b := d.hpa.Spec.Behavior
	if b == nil || (b.ScaleUp == nil && b.ScaleDown == nil) {
		t.remark(1, "No behavior: up by 4 replicas or 100 %% in 15 s, as with behavior: {}; without one the HorizontalPodAutoscaler goes up to twice the count, or 4, at each sync.")
		return
	}
	t.line(1, "behavior:")
	for _, direction := range []struct {
		name  string
		rules *autoscaling.HPAScalingRules
	}{{"scaleUp", b.ScaleUp}, {"scaleDown", b.ScaleDown}} {
		if direction.rules != nil {
			t.line(2, "%s: %s", direction.name, rulesOf(direction.rules))
		}
	}
}

func rulesOf(rules *autoscaling.HPAScalingRules) fields {
	var f fields
	if window := rules.StabilizationWindowSeconds; window != nil {
		f.add("stabilizationWindowSeconds", strconv.Itoa(int(*window)))
	}
	if rules.SelectPolicy != nil {
		f.put("selectPolicy", string(*rules.SelectPolicy))
	}
	if rules.Tolerance != nil {
		f.add("tolerance", strconv.FormatFloat(rules.Tolerance.AsApproximateFloat64(), 'f', -1, 64))
	}
	var policies []string
	for _, p := range rules.Policies {
		policies = append(policies, fmt.Sprintf("{type: %s, value: %d, periodSeconds: %d}", quoted(string(p.Type)), p.Value, p.PeriodSeconds))
	}
	if len(policies) > 0 {
		f.add("policies", "["+strings.Join(policies, ", ")+"]")
	}
	return f
}
