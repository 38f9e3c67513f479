package hpadiff

import (
	"context"
	"errors"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corelisters "k8s.io/client-go/listers/core/v1"
	upstream "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	custommetrics "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	resourcemetrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	customclient "k8s.io/metrics/pkg/client/custom_metrics"
	externalclient "k8s.io/metrics/pkg/client/external_metrics"
)

const namespace, target = "shop", "web"

func podLabels() map[string]string { return map[string]string{"app": target} }

func selector() labels.Selector { return labels.SelectorFromSet(podLabels()) }

var errAPI = errors.New("the API does not answer")

// api gives the world of the moment through the clients that the controller
// reads: what it says follows every change of world.
type api struct{ world *world }

// metrics is the client of the three APIs of metrics, with upstream's own code
// between them and the controller.
func (a *api) metrics() upstream.MetricsClient {
	return upstream.NewRESTMetricsClient(resources{api: a}, customs{api: a}, externals{api: a})
}

// Pods of the lister.
func (a *api) List(labels.Selector) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for i := range a.world.pods {
		pods = append(pods, a.world.pods[i].object(a.world.now))
	}
	return pods, nil
}

type podLister struct{ *api }

func (l podLister) Pods(string) corelisters.PodNamespaceLister { return podNamespaceLister(l) }

type podNamespaceLister struct{ *api }

func (podNamespaceLister) Get(string) (*corev1.Pod, error) { return nil, errors.ErrUnsupported }

func (p *pod) object(now time.Time) *corev1.Pod {
	o := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: namespace, Labels: podLabels()}}
	if p.deleted {
		o.DeletionTimestamp = &metav1.Time{Time: now.Add(-time.Second)}
	}
	o.Status.Phase = map[phase]corev1.PodPhase{running: corev1.PodRunning, pending: corev1.PodPending,
		failed: corev1.PodFailed, succeeded: corev1.PodSucceeded, unknown: corev1.PodUnknown}[p.phase]
	if !p.started.IsZero() {
		o.Status.StartTime = &metav1.Time{Time: p.started}
	}
	if p.ready != noCondition {
		status := map[readiness]corev1.ConditionStatus{isReady: corev1.ConditionTrue, notReady: corev1.ConditionFalse, unknownReady: corev1.ConditionUnknown}[p.ready]
		o.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Time{Time: p.readySince}}}
	}
	for _, c := range p.containers {
		spec := corev1.Container{Name: c.name, Resources: corev1.ResourceRequirements{Requests: list(c.request)}}
		if c.sidecar {
			spec.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
			o.Spec.InitContainers = append(o.Spec.InitContainers, spec)
		} else {
			o.Spec.Containers = append(o.Spec.Containers, spec)
		}
	}
	if p.whole != nil {
		o.Spec.Resources = &corev1.ResourceRequirements{Requests: list(*p.whole)}
	}
	return o
}

func list(a amounts) corev1.ResourceList {
	all := corev1.ResourceList{}
	if a.cpu >= 0 {
		all[corev1.ResourceCPU] = milli(a.cpu)
	}
	if a.memory >= 0 {
		all[corev1.ResourceMemory] = milli(a.memory)
	}
	return all
}

func milli(v int64) resource.Quantity { return *resource.NewMilliQuantity(v, resource.DecimalSI) }

type resources struct {
	resourceclient.PodMetricsInterface
	*api
}

func (r resources) PodMetricses(string) resourceclient.PodMetricsInterface { return r }

func (r resources) List(context.Context, metav1.ListOptions) (*resourcemetrics.PodMetricsList, error) {
	if r.world.resourcesFail {
		return nil, errAPI
	}
	all := &resourcemetrics.PodMetricsList{}
	for i := range r.world.pods {
		p := &r.world.pods[i]
		if p.item == nil {
			continue
		}
		m := resourcemetrics.PodMetrics{ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: namespace},
			Timestamp: metav1.Time{Time: p.item.at}, Window: metav1.Duration{Duration: p.item.window}}
		for j, u := range p.item.usage {
			m.Containers = append(m.Containers, resourcemetrics.ContainerMetrics{Name: p.containers[j].name, Usage: list(u)})
		}
		all.Items = append(all.Items, m)
	}
	return all, nil
}

type customs struct{ *api }

func (c customs) NamespacedMetrics(string) customclient.MetricsInterface { return c }

func (c customs) RootScopedMetrics() customclient.MetricsInterface { return c }

func (c customs) GetForObject(_ schema.GroupKind, _ string, name string, _ labels.Selector) (*custommetrics.MetricValue, error) {
	values := c.world.values[name]
	if c.world.customFail || len(values) == 0 {
		return nil, errAPI
	}
	return &custommetrics.MetricValue{Value: milli(values[0]), Timestamp: metav1.Time{Time: c.world.now}}, nil
}

func (c customs) GetForObjects(_ schema.GroupKind, _ labels.Selector, name string, _ labels.Selector) (*custommetrics.MetricValueList, error) {
	if c.world.customFail {
		return nil, errAPI
	}
	all := &custommetrics.MetricValueList{}
	for i := range c.world.pods {
		if m, ok := c.world.pods[i].custom[name]; ok {
			all.Items = append(all.Items, custommetrics.MetricValue{DescribedObject: corev1.ObjectReference{Name: c.world.pods[i].name},
				Value: milli(m.value), Timestamp: metav1.Time{Time: m.at}, WindowSeconds: new(int64(m.window / time.Second))})
		}
	}
	return all, nil
}

type externals struct{ *api }

func (e externals) NamespacedMetrics(string) externalclient.MetricsInterface { return e }

func (e externals) List(name string, _ labels.Selector) (*externalmetrics.ExternalMetricValueList, error) {
	all := &externalmetrics.ExternalMetricValueList{}
	for _, v := range e.world.values[name] {
		all.Items = append(all.Items, externalmetrics.ExternalMetricValue{MetricName: name, Value: milli(v), Timestamp: metav1.Time{Time: e.world.now}})
	}
	return all, nil
}

// theirs is the metric as the object of the autoscaler states it.
func (m *metric) theirs() autoscalingv2.MetricSpec {
	var t autoscalingv2.MetricTarget
	switch {
	case m.utilization != 0:
		t = autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &m.utilization}
	case m.averageValue != 0:
		t = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(milli(m.averageValue))}
	default:
		t = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: new(milli(m.value))}
	}
	spec := autoscalingv2.MetricSpec{Type: autoscalingv2.MetricSourceType(m.kind)}
	id := autoscalingv2.MetricIdentifier{Name: m.name}
	switch m.kind {
	case "Resource":
		spec.Resource = &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceName(m.name), Target: t}
	case "ContainerResource":
		spec.ContainerResource = &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceName(m.name), Container: m.container, Target: t}
	case "Pods":
		spec.Pods = &autoscalingv2.PodsMetricSource{Metric: id, Target: t}
	case "Object":
		spec.Object = &autoscalingv2.ObjectMetricSource{Metric: id, Target: t, DescribedObject: autoscalingv2.CrossVersionObjectReference{Kind: "Service", Name: target}}
	case "External":
		spec.External = &autoscalingv2.ExternalMetricSource{Metric: id, Target: t}
	}
	return spec
}
