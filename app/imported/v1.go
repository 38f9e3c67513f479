package imported

import (
	"encoding/json"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// The annotations in which version 1 keeps what it has no fields for
// (pkg/apis/autoscaling/annotations.go).
const (
	metricsAnnotation  = "autoscaling.alpha.kubernetes.io/metrics"
	behaviorAnnotation = "autoscaling.alpha.kubernetes.io/behavior"
)

// fromV1 is a HorizontalPodAutoscaler of version 1 in the words of version 2:
// Convert_v1_HorizontalPodAutoscaler (pkg/apis/autoscaling/v1/conversion.go).
func fromV1(old *autoscalingv1.HorizontalPodAutoscaler) (autoscaling.HorizontalPodAutoscaler, error) {
	hpa := autoscaling.HorizontalPodAutoscaler{ObjectMeta: old.ObjectMeta, Spec: autoscaling.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscaling.CrossVersionObjectReference(old.Spec.ScaleTargetRef), MinReplicas: old.Spec.MinReplicas, MaxReplicas: old.Spec.MaxReplicas}}
	if text := old.Annotations[metricsAnnotation]; text != "" {
		var metrics []autoscalingv1.MetricSpec
		if err := json.Unmarshal([]byte(text), &metrics); err != nil {
			return hpa, fmt.Errorf("annotation %s: %w", metricsAnnotation, err)
		}
		for i := range metrics {
			hpa.Spec.Metrics = append(hpa.Spec.Metrics, metricFromV1(&metrics[i]))
		}
	}
	if percent := old.Spec.TargetCPUUtilizationPercentage; percent != nil {
		hpa.Spec.Metrics = append(hpa.Spec.Metrics, autoscaling.MetricSpec{Type: autoscaling.ResourceMetricSourceType,
			Resource: &autoscaling.ResourceMetricSource{Name: corev1.ResourceCPU, Target: target(percent, nil)}})
	}
	if text := old.Annotations[behaviorAnnotation]; text != "" {
		hpa.Spec.Behavior = &autoscaling.HorizontalPodAutoscalerBehavior{}
		if err := json.Unmarshal([]byte(text), hpa.Spec.Behavior); err != nil {
			return hpa, fmt.Errorf("annotation %s: %w", behaviorAnnotation, err)
		}
	}
	return hpa, nil
}

// target is what an average is kept at.
func target(percent *int32, average *resource.Quantity) autoscaling.MetricTarget {
	if percent != nil {
		return autoscaling.MetricTarget{Type: autoscaling.UtilizationMetricType, AverageUtilization: percent}
	}
	return autoscaling.MetricTarget{Type: autoscaling.AverageValueMetricType, AverageValue: average}
}

// whole is what a value of everything is kept at: the average where one is
// stated.
func whole(value, average *resource.Quantity) autoscaling.MetricTarget {
	if average != nil {
		return target(nil, average)
	}
	return autoscaling.MetricTarget{Type: autoscaling.ValueMetricType, Value: value}
}

func metricFromV1(old *autoscalingv1.MetricSpec) autoscaling.MetricSpec {
	m := autoscaling.MetricSpec{Type: autoscaling.MetricSourceType(old.Type)}
	if o := old.Object; o != nil {
		m.Object = &autoscaling.ObjectMetricSource{DescribedObject: autoscaling.CrossVersionObjectReference(o.Target),
			Metric: autoscaling.MetricIdentifier{Name: o.MetricName, Selector: o.Selector}, Target: whole(&o.TargetValue, o.AverageValue)}
	}
	if p := old.Pods; p != nil {
		m.Pods = &autoscaling.PodsMetricSource{Metric: autoscaling.MetricIdentifier{Name: p.MetricName, Selector: p.Selector}, Target: target(nil, &p.TargetAverageValue)}
	}
	if r := old.Resource; r != nil {
		m.Resource = &autoscaling.ResourceMetricSource{Name: r.Name, Target: target(r.TargetAverageUtilization, r.TargetAverageValue)}
	}
	if c := old.ContainerResource; c != nil {
		m.ContainerResource = &autoscaling.ContainerResourceMetricSource{Name: c.Name, Container: c.Container, Target: target(c.TargetAverageUtilization, c.TargetAverageValue)}
	}
	if e := old.External; e != nil {
		m.External = &autoscaling.ExternalMetricSource{Metric: autoscaling.MetricIdentifier{Name: e.MetricName, Selector: e.MetricSelector}, Target: whole(e.TargetValue, e.TargetAverageValue)}
	}
	return m
}
