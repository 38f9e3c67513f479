package live

import (
	"context"
	"slices"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Target is the replicas of a simulated service. It measures them as the real
// ones are: the CPU of each, and of those that take work.
type Target struct{ w *World }

var (
	_ target.Target  = (*Target)(nil)
	_ target.Runner  = (*Target)(nil)
	_ target.Stopper = (*Target)(nil)
	_ source.Source  = (*Target)(nil)
)

// Status says what exists now.
func (t *Target) Status(ctx context.Context) (status target.Status, err error) {
	if ctx.Err() != nil {
		return target.Status{}, context.Cause(ctx)
	}
	t.w.look(func(obs scale.Observation) {
		status = target.Status{At: obs.At, SpecReplicas: obs.CurrentReplicas, Replicas: slices.Clone(obs.Replicas)}
	})
	for i := range status.Replicas {
		status.Replicas[i].Samples = nil // they are lent, and Collect has them
	}
	return status, nil
}

// SetReplicas asks for n replicas.
func (t *Target) SetReplicas(ctx context.Context, n int) error { return t.w.scale(ctx, n) }

// Changes receives when Status has changed by itself or was asked to.
func (t *Target) Changes() <-chan struct{} { return t.w.changes }

// Run has nothing to do until ctx is done.
func (t *Target) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Stop ends the service: from now on nothing happens to it.
func (t *Target) Stop(context.Context) error {
	t.w.end()
	return nil
}

// Signals names what Collect delivers.
func (t *Target) Signals() []string { return []string{scale.CPUUtilization} }

// Collect says how much of its CPU each replica and the target has used.
func (t *Target) Collect(ctx context.Context) (samples []scale.Sample, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.w.look(func(obs scale.Observation) {
		for i := range obs.Replicas {
			samples = append(samples, obs.Replicas[i].Samples...)
		}
		samples = append(samples, newest(obs.Signal(scale.CPUUtilization))...)
	})
	return samples, nil
}
