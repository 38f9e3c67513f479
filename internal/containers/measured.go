package containers

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// Measured makes a source of a target that is made of containers: the target
// embeds it, or hands Signals and Collect on to it, and runs it beside its own
// work ([Measured.Beside]).
type Measured struct {
	*Meter
	// Engine is where the containers are; nil: nobody tells.
	Engine docker.Meter
	// Replicas lists what exists of the target. It is asked while Run runs.
	Replicas func(ctx context.Context) ([]scale.Replica, error)
}

// Run measures until ctx is done.
func (m Measured) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return (&Engine{Meter: m.Meter, Engine: m.Engine}).Run(ctx) })
	g.Go(func() error { return Lookup{Meter: m.Meter, Engine: m.Engine, Replicas: m.Replicas}.Run(ctx) })
	return g.Wait()
}

// Beside measures for as long as work runs, and returns what it returns.
func (m Measured) Beside(ctx context.Context, work func(context.Context) error) error {
	if m.Engine == nil {
		return work(ctx)
	}
	beside, cancel := context.WithCancel(ctx)
	var measuring errgroup.Group
	measuring.Go(func() error { return m.Run(beside) })
	err := work(ctx)
	cancel()
	_ = measuring.Wait() // it ends with its context and for no other reason
	return err
}
