package docker

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

var (
	_ source.Source     = (*Target)(nil)
	_ containers.Roller = (*Target)(nil)
)

// measured measures the containers of a target. An engine that cannot tell
// leaves it without a back end: then there is nothing to say.
func measured(t *Target, opts Options) containers.Measured {
	engine, _ := opts.Engine.(docker.Meter)
	return containers.Measured{
		Meter: containers.NewMeter(containers.Requested{}, opts.Clock, opts.Log), Engine: engine,
		Replicas: func(ctx context.Context) ([]scale.Replica, error) {
			status, err := t.Status(ctx)
			return status.Replicas, err
		},
	}
}

// Signals are those of containers.
func (t *Target) Signals() []string { return t.measured.Signals() }

// Collect says what the containers use, of their limits, while Run runs.
func (t *Target) Collect(ctx context.Context) ([]scale.Sample, error) {
	samples, err := t.measured.Collect(ctx)
	if err != nil {
		return samples, fmt.Errorf("docker target %s: usage: %w", t.name, err)
	}
	return samples, nil
}

// Roll is which container each replica is, for who measures without an engine.
func (t *Target) Roll(context.Context) (containers.Roll, error) {
	return t.measured.Roll(t.name), nil
}
