// Package kubernetes is a source that asks the metrics APIs of a Kubernetes
// cluster, as the HorizontalPodAutoscaler does: custom metrics of pods and of
// objects, external metrics, and what single containers use. Values are dated
// with when they were measured. An API that nobody serves, one that may not be
// asked and one that does not answer are different faults.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// Source asks for one signal.
type Source struct {
	signal string
	cfg    Config
	env    source.Env

	mu      sync.Mutex          // guards cluster
	cluster *kubernetes.Cluster // nil: it has not been opened
}

var _ source.Source = (*Source)(nil)

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{signal: signal, cfg: cfg, env: env}, nil
}

// Signals names the one signal, of the target and of each of its replicas.
func (s *Source) Signals() []string { return []string{s.signal} }

// Independent reports whether there is a value while the target has no replica:
// of an object, of something outside of the cluster, or of other pods.
func (s *Source) Independent() bool {
	switch {
	case s.cfg.Pods != nil:
		return s.cfg.Pods.Pods != ""
	case s.cfg.ContainerResource != nil:
		return s.cfg.ContainerResource.Pods != ""
	default:
		return true
	}
}

// Collect asks for the newest values.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout.Std(), fmt.Errorf("no answer within %v", s.cfg.Timeout))
	defer cancel()
	samples, err := s.ask(ctx)
	if err != nil {
		return samples, fmt.Errorf("kubernetes: signal %s: %w", s.signal, err)
	}
	return samples, nil
}

// open returns the cluster, which is the same from the first time on.
func (s *Source) open() (*kubernetes.Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil {
		cluster, err := kubernetes.Open(kubernetes.Access{Kubeconfig: s.cfg.Kubeconfig, Context: s.cfg.Context})
		if err != nil {
			return nil, err
		}
		s.cluster = cluster
	}
	return s.cluster, nil
}

func (s *Source) ask(ctx context.Context) ([]scale.Sample, error) {
	cluster, err := s.open()
	if err != nil {
		return nil, err
	}
	namespace := cmp.Or(s.cfg.Namespace, s.env.Namespace, cluster.Namespace)
	switch {
	case s.cfg.Pods != nil:
		p := s.cfg.Pods
		values, err := cluster.PodsMetric(ctx, namespace, p.Metric, selected(p.Pods), selected(p.Selector))
		if err != nil {
			return nil, err
		}
		return s.ofPods(ctx, s.samples(values))
	case s.cfg.ContainerResource != nil:
		return s.ofContainers(ctx, cluster, namespace)
	case s.cfg.Object != nil:
		o := s.cfg.Object
		value, err := cluster.ObjectMetric(ctx, namespace, o.groupKind(), o.Name, o.Metric, selected(o.Selector))
		value.Object = ""
		if err != nil {
			return nil, err
		}
		return s.samples([]kubernetes.MetricValue{value}), nil
	default:
		e := s.cfg.External
		values, err := cluster.ExternalMetric(ctx, namespace, e.Metric, selected(e.Selector))
		if err != nil {
			return nil, err
		}
		return s.sum(values)
	}
}

func (s *Source) samples(values []kubernetes.MetricValue) []scale.Sample {
	all := make([]scale.Sample, len(values))
	for i, v := range values {
		all[i] = scale.Sample{Signal: s.signal, Replica: v.Object, At: s.notAhead(v.At), Window: v.Window, Value: float64(v.Milli) / 1000}
	}
	return all
}

// notAhead takes what a clock that is ahead of ours dates later as of now.
func (s *Source) notAhead(at time.Time) time.Time {
	if now := s.env.Clock.Now(); at.After(now) {
		return now
	}
	return at
}

// sum adds up the series of an external metric: GetExternalMetricReplicas
// (pkg/controller/podautoscaler/replica_calculator.go). It is as old as the
// oldest of them.
func (s *Source) sum(values []kubernetes.MetricValue) ([]scale.Sample, error) {
	if len(values) == 0 {
		return nil, errors.New("the metric has no series")
	}
	total := kubernetes.MetricValue{At: values[0].At}
	for _, v := range values {
		if v.Milli > 0 && total.Milli > math.MaxInt64-v.Milli {
			total.Milli = math.MaxInt64
		} else {
			total.Milli += v.Milli
		}
		total.Window = max(total.Window, v.Window)
		if v.At.Before(total.At) {
			total.At = v.At
		}
	}
	return s.samples([]kubernetes.MetricValue{total}), nil
}

// ofContainers is the resource of one container of each pod.
func (s *Source) ofContainers(ctx context.Context, cluster *kubernetes.Cluster, namespace string) ([]scale.Sample, error) {
	wanted := s.cfg.ContainerResource
	all, err := cluster.Usage(ctx, namespace, selected(wanted.Pods))
	if err != nil {
		return nil, err
	}
	var samples []scale.Sample
	for _, sample := range all {
		if sample.Signal == wanted.Resource && sample.Container == wanted.Container {
			sample.Signal, sample.At = s.signal, s.notAhead(sample.At)
			samples = append(samples, sample)
		}
	}
	return s.ofPods(ctx, samples)
}
