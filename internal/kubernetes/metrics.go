package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	customMetrics   = "custom.metrics.k8s.io"
	externalMetrics = "external.metrics.k8s.io"
	// metricServes is how long one answer serves everybody who asks the same.
	metricServes = time.Second
)

// MetricValue is one value that an adapter tells of.
type MetricValue struct {
	Object string // name of what it is measured of; "" where it is of no object
	At     time.Time
	Window time.Duration // 0: not told
	Milli  int64         // in thousandths, rounded up
}

// PodsMetric is a metric of each of the pods that a selector chooses, of the
// series that another one does (custom.metrics.k8s.io).
func (c *Cluster) PodsMetric(ctx context.Context, namespace, metric string, pods, series labels.Selector) ([]MetricValue, error) {
	return c.customMetric(ctx, []string{"namespaces", namespace, "pods", "*", metric}, pods, series,
		fmt.Sprintf("metric %q of the pods of namespace %s", metric, namespace))
}

// ObjectMetric is a metric of one object (custom.metrics.k8s.io). A Namespace
// is that of the namespace, whatever the name.
func (c *Cluster) ObjectMetric(ctx context.Context, namespace string, kind schema.GroupKind, name, metric string, series labels.Selector) (MetricValue, error) {
	what := fmt.Sprintf("metric %q of %s %s in namespace %s", metric, kind.Kind, name, namespace)
	path := []string{"namespaces", namespace, "metrics", metric}
	if kind != (schema.GroupKind{Kind: "Namespace"}) {
		plural, err := c.plural(kind)
		if err != nil {
			return MetricValue{}, fmt.Errorf("%s: %w", what, err)
		}
		path = []string{"namespaces", namespace, plural, name, metric}
	}
	all, err := c.customMetric(ctx, path, nil, series, what)
	switch {
	case err != nil:
		return MetricValue{}, err
	case len(all) != 1:
		return MetricValue{}, fmt.Errorf("%s: got %d values, want one", what, len(all))
	}
	return all[0], nil
}

// ExternalMetric is a metric of something outside of the cluster, one value of
// each series (external.metrics.k8s.io).
func (c *Cluster) ExternalMetric(ctx context.Context, namespace, metric string, series labels.Selector) ([]MetricValue, error) {
	query := url.Values{}
	set(query, "labelSelector", series)
	return c.askMetrics(ctx, externalMetrics, "v1beta1", []string{"namespaces", namespace, metric}, query,
		fmt.Sprintf("external metric %q in namespace %s", metric, namespace))
}

// plural is the name of a kind in addresses: ingresses.networking.k8s.io. A
// kind may have come to the cluster after it was looked at.
func (c *Cluster) plural(kind schema.GroupKind) (string, error) {
	mapping, err := c.Mapper().RESTMapping(kind)
	if meta.IsNoMatchError(err) {
		c.Mapper().Reset()
		mapping, err = c.Mapper().RESTMapping(kind)
	}
	if err != nil {
		return "", err
	}
	return mapping.Resource.GroupResource().String(), nil
}

// customMetric asks in the newest version that the adapter knows.
func (c *Cluster) customMetric(ctx context.Context, path []string, objects, series labels.Selector, what string) ([]MetricValue, error) {
	query := url.Values{}
	set(query, "labelSelector", objects)
	set(query, "metricLabelSelector", series)
	all, err := c.askMetrics(ctx, customMetrics, "v1beta2", path, query, what)
	if errors.Is(err, ErrNoMetricsAPI) {
		return c.askMetrics(ctx, customMetrics, "v1beta1", path, query, what)
	}
	return all, err
}

func set(query url.Values, name string, s labels.Selector) {
	if s != nil && !s.Empty() {
		query.Set(name, s.String())
	}
}

// askMetrics asks one of the APIs that have no client which can be
// interrupted. Who asks for the same shares the answer.
func (c *Cluster) askMetrics(ctx context.Context, api, version string, path []string, query url.Values, what string) ([]MetricValue, error) {
	address := append([]string{"/apis", api, version}, path...)
	return c.asked.get(ctx, fmt.Sprint(address, query.Encode()), metricServes, func(ctx context.Context) ([]MetricValue, error) {
		body, err := ask(ctx, func(ctx context.Context) ([]byte, error) {
			request := c.typed.Discovery().RESTClient().Get().AbsPath(address...).SetHeader("Accept", "application/json")
			for name := range query {
				request.Param(name, query.Get(name))
			}
			result := request.Do(ctx)
			if err := result.Error(); err != nil { // which reads what the server says
				return nil, err
			}
			return result.Raw()
		})
		if err != nil {
			return nil, metricsFault(api, what, err)
		}
		return readMetrics(body, what)
	})
}

// metricList is what all of these APIs answer with, in all their versions.
type metricList struct {
	Items []struct {
		DescribedObject struct {
			Name string `json:"name"`
		} `json:"describedObject"`
		Timestamp     metav1.Time       `json:"timestamp"`
		Window        *int64            `json:"window"`        // of v1beta1
		WindowSeconds *int64            `json:"windowSeconds"` // of v1beta2
		Value         resource.Quantity `json:"value"`
	} `json:"items"`
}

func readMetrics(body []byte, what string) ([]MetricValue, error) {
	var list metricList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%s: the answer is no list of metrics: %w", what, err)
	}
	all := make([]MetricValue, len(list.Items))
	for i := range list.Items {
		item := &list.Items[i]
		if item.Timestamp.IsZero() {
			return nil, fmt.Errorf("%s: a value does not say when it was measured", what)
		}
		all[i] = MetricValue{Object: item.DescribedObject.Name, At: item.Timestamp.Time, Milli: item.Value.MilliValue()}
		for _, seconds := range []*int64{item.Window, item.WindowSeconds} {
			if seconds != nil {
				all[i].Window = time.Duration(*seconds) * time.Second
			}
		}
	}
	return all, nil
}

// ErrNoMetricsAPI is returned where nobody serves the API that was asked.
var ErrNoMetricsAPI = errors.New("nobody serves this API")

// metricsFault says what an API for metrics means by an error, and what helps.
func metricsFault(api, what string, err error) error {
	switch {
	case apierrors.IsNotFound(err) && unserved(err):
		return fmt.Errorf("%s: %w: %s is not installed; %s", what, ErrNoMetricsAPI, api, providers()[api])
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s: the server behind %s does not know it: %w", what, api, err)
	case apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("%s: the server behind %s is away (kubectl get apiservices says why): %w", what, api, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: the role needs get and list in the API group %s: %w", what, api, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// unserved tells an API that is not there, where the API server answers with
// a plain page, from an object that is not: the adapter says so in JSON.
func unserved(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// providers says who serves each API.
func providers() map[string]string {
	return map[string]string{
		resourceMetrics: "metrics-server serves it",
		customMetrics:   "an adapter such as prometheus-adapter serves it",
		externalMetrics: "an adapter such as prometheus-adapter or KEDA serves it",
	}
}
