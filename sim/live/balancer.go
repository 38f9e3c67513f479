package live

import (
	"context"
	"slices"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
	"github.com/flyball-io/flyball/target"
)

// Balancer is what carries the requests of a simulated service and measures
// them. The service itself routes and drains, so there is nothing to tell it.
type Balancer struct{ w *World }

var (
	_ balancer.Balancer = (*Balancer)(nil)
	_ source.Source     = (*Balancer)(nil)
	_ target.Traffic    = (*Balancer)(nil)
)

// Run keeps the time at the pace of whoever collects, until ctx is done.
func (b *Balancer) Run(ctx context.Context) error {
	b.w.watched(ctx)
	return nil
}

// Address is none: nobody can send it requests.
func (b *Balancer) Address() string { return "" }

// SetBackends changes nothing: replicas take work as soon as they are ready.
func (b *Balancer) SetBackends(context.Context, []balancer.Backend) error { return nil }

// Backends lists the replicas that are ready.
func (b *Balancer) Backends(ctx context.Context) (all []balancer.BackendStatus, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b.w.look(func(obs scale.Observation) {
		for i := range obs.Replicas {
			if r := &obs.Replicas[i]; r.TakesWork() {
				all = append(all, balancer.BackendStatus{Backend: balancer.Backend{ID: r.ID}, State: balancer.Active})
			}
		}
	})
	return all, nil
}

// Leave has nobody to wait for.
func (b *Balancer) Leave(context.Context, string) error { return nil }

// Drain has nothing to wait for.
func (b *Balancer) Drain(context.Context, string) error { return nil }

// Load knows no replica.
func (b *Balancer) Load(string) (int, bool) { return 0, false }

// Signals names what Collect delivers: what the built-in balancer measures.
func (b *Balancer) Signals() []string {
	return []string{scale.Concurrency, scale.ErrorRate, scale.Latency, scale.QueueDepth, scale.RequestRate, scale.ViolationRatio}
}

// Collect returns what the balancer has measured last.
func (b *Balancer) Collect(ctx context.Context) (samples []scale.Sample, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b.w.look(func(obs scale.Observation) {
		for _, name := range b.Signals() {
			samples = append(samples, newest(obs.Signal(name))...)
		}
	})
	return samples, nil
}

// newest is the last value of a signal as a sample; none where none is known,
// and for a latency where nobody was answered.
func newest(s *scale.Signal) []scale.Sample {
	if s == nil || len(s.Points) == 0 || (s.Distribution != nil && s.Distribution.Count() == 0) {
		return nil
	}
	p := s.Points[len(s.Points)-1]
	sample := scale.Sample{Signal: s.Name, At: p.At, Window: s.Window, Value: p.Value}
	if s.Distribution != nil {
		lent := *s.Distribution
		sample.Distribution = &lent
	}
	return []scale.Sample{sample}
}

// Signals names all that is measured of a simulated service, sorted.
func Signals() []string {
	return slices.Sorted(slices.Values(append((*Balancer)(nil).Signals(), (*Target)(nil).Signals()...)))
}
