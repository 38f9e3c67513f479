package kubernetes

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/flyball-io/flyball/scale"
)

// The resources that metrics.k8s.io tells of, by the names that requests have
// too (scale.Container).
const (
	CPU    = string(corev1.ResourceCPU)    // in cores
	Memory = string(corev1.ResourceMemory) // in bytes
)

const resourceMetrics = "metrics.k8s.io"

// usageServes is how long one list of what the pods of a namespace use serves
// everybody: metrics-server measures every 15 s, so it adds a fifth of that to
// an age of 15 s at most. A thousand Autoscalers of one namespace that look
// once a second ask every 3 s, not a thousand times a second.
const usageServes = 3 * time.Second

// podUsage is what one pod uses.
type podUsage struct {
	labels  labels.Set
	samples []scale.Sample
}

// Usage is what the pods of a namespace that a selector chooses use, as
// metrics.k8s.io has measured it: CPU in cores and memory in bytes, rounded up
// to thousandths as the HorizontalPodAutoscaler does, dated with when they were
// measured and over how long. The replica of a sample is the name of its pod.
// There is one of each container, and one of the pod where no container that
// is measured lacks it. Pods that are not measured yet have none.
//
// All who ask for one namespace share one list. The error is [ErrNoMetricsAPI]
// where nobody measures.
func (c *Cluster) Usage(ctx context.Context, namespace string, selector labels.Selector) ([]scale.Sample, error) {
	pods, err := c.usage.get(ctx, namespace, usageServes, func(ctx context.Context) ([]podUsage, error) {
		return c.listUsage(ctx, namespace, metav1.ListOptions{})
	})
	if err == nil && len(pods) > 0 && !selector.Empty() && unlabelled(pods) {
		chosen := selector.String()
		pods, err = c.usage.get(ctx, namespace+" "+chosen, usageServes, func(ctx context.Context) ([]podUsage, error) {
			return c.listUsage(ctx, namespace, metav1.ListOptions{LabelSelector: chosen})
		})
		selector = labels.Everything()
	}
	if err != nil {
		return nil, err
	}
	var samples []scale.Sample
	for i := range pods {
		if selector.Matches(pods[i].labels) {
			samples = append(samples, pods[i].samples...)
		}
	}
	return samples, nil
}

// unlabelled reports that the API does not tell the labels of its pods, as
// metrics-server does: then it must choose itself.
func unlabelled(pods []podUsage) bool {
	for i := range pods {
		if len(pods[i].labels) > 0 {
			return false
		}
	}
	return true
}

func (c *Cluster) listUsage(ctx context.Context, namespace string, options metav1.ListOptions) ([]podUsage, error) {
	list, err := ask(ctx, func(ctx context.Context) (*metrics.PodMetricsList, error) {
		return c.metrics.MetricsV1beta1().PodMetricses(namespace).List(ctx, options)
	})
	if err != nil {
		return nil, metricsFault(resourceMetrics, "what the pods of namespace "+namespace+" use", err)
	}
	pods := make([]podUsage, len(list.Items))
	for i := range list.Items {
		pods[i] = podUsage{list.Items[i].Labels, samplesOf(&list.Items[i])}
	}
	return pods, nil
}

// samplesOf are those of a pod: getPodMetrics and getContainerMetrics
// (pkg/controller/podautoscaler/metrics/client.go).
func samplesOf(pod *metrics.PodMetrics) []scale.Sample {
	var all []scale.Sample
	for _, resource := range []string{CPU, Memory} {
		s := scale.Sample{Signal: resource, Replica: pod.Name, At: pod.Timestamp.Time, Window: pod.Window.Duration}
		total, whole := int64(0), len(pod.Containers) > 0
		for i := range pod.Containers {
			used, measured := pod.Containers[i].Usage[corev1.ResourceName(resource)]
			if whole = whole && measured; !measured {
				continue
			}
			s.Container, s.Value = pod.Containers[i].Name, float64(used.MilliValue())/1000
			all = append(all, s)
			total += used.MilliValue()
		}
		if whole {
			s.Container, s.Value = "", float64(total)/1000
			all = append(all, s)
		}
	}
	return all
}
