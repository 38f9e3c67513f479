package kubernetes

import (
	"context"
	"fmt"
	"slices"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

var _ source.Source = (*Target)(nil)

// What is measured of pods: what each container and each pod uses, and what
// those that take work use of what they request.
const (
	cpu    = kubernetes.CPU
	memory = kubernetes.Memory
)

func signals() []string {
	return []string{cpu, scale.CPUUtilization, memory, scale.MemoryUtilization}
}

// usage is what pods used when it was asked last.
type usage struct{ samples []scale.Sample }

// cores are what a pod used last; 0 where nobody knows.
func (u *usage) cores(pod string) float64 {
	for i := range u.samples {
		if s := &u.samples[i]; s.Signal == cpu && s.Replica == pod && s.Container == "" {
			return s.Value
		}
	}
	return 0
}

// Signals are what metrics.k8s.io tells, and what is made of it.
func (t *Target) Signals() []string { return signals() }

// Collect says what the pods use. The view is free while it is asked.
func (t *Target) Collect(ctx context.Context) ([]scale.Sample, error) {
	var replicas []scale.Replica
	var w kubernetes.Workload
	var api kubernetes.API
	err := t.use(ctx, func(v *view) error {
		replicas, w, api = v.status.Replicas, v.matched, v.api
		return nil
	})
	if err != nil || len(replicas) == 0 {
		return nil, err
	}
	samples, err := api.Usage(ctx, w.Ref.Namespace, w.Selector)
	if err != nil {
		return nil, t.wrap(fmt.Errorf("usage: %w", err))
	}
	err = t.use(ctx, func(v *view) error { v.usage = usage{samples}; return nil })
	return relevant(samples, replicas), err
}

// relevant are the samples of replicas, with what they come to of all that take
// work. A pod of somebody else, or one that is gone, says nothing.
func relevant(samples []scale.Sample, replicas []scale.Replica) []scale.Sample {
	known := map[string]*scale.Replica{}
	for i := range replicas {
		known[replicas[i].ID] = &replicas[i]
	}
	var all []scale.Sample
	used := map[string]*share{cpu: {}, memory: {}}
	for i := range samples {
		s := &samples[i]
		r := known[s.Replica]
		if r == nil {
			continue
		}
		all = append(all, *s)
		if of := used[s.Signal]; of != nil && working(r, s) {
			of.add(r, s)
		}
	}
	if s, measured := used[cpu].sample(scale.CPUUtilization); measured {
		all = append(all, s)
	}
	if s, measured := used[memory].sample(scale.MemoryUtilization); measured {
		all = append(all, s)
	}
	return all
}

// working reports whether a sample is of a replica that took work all the time
// of it: what one uses to start says nothing of the load.
func working(r *scale.Replica, s *scale.Sample) bool {
	return r.TakesWork() && !s.At.Add(-s.Window).Before(r.Readiness.Since)
}

// share is what replicas use of a resource, and what they request.
type share struct {
	used, requested float64
	newest          scale.Sample
}

// add adds a sample of a container, or of a replica as a whole where that is
// what requests.
func (u *share) add(r *scale.Replica, s *scale.Sample) {
	whole := slices.ContainsFunc(r.Containers, func(c scale.Container) bool { return c.Name == "" })
	for i := range r.Containers {
		c := &r.Containers[i]
		request := c.Requests[s.Signal]
		if c.Name != s.Container || (c.Name == "") != whole || request <= 0 {
			continue
		}
		u.used += s.Value
		u.requested += float64(request) / 1000
		if s.At.After(u.newest.At) {
			u.newest = *s
		}
	}
}

// sample is the share of what is requested that is used; none where nothing is
// requested.
func (u *share) sample(signal string) (scale.Sample, bool) {
	if u.requested == 0 {
		return scale.Sample{}, false
	}
	return scale.Sample{Signal: signal, At: u.newest.At, Window: u.newest.Window, Value: u.used / u.requested}, true
}
