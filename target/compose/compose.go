// Package compose is a target whose replicas are the containers of a service of
// a running Docker Compose project: docker compose ps, up and down see those
// that are made here as their own.
//
// It is target/docker with other ways to find, name and make containers, told
// to it as a [docker.Project]: every container with the project's labels that
// runs is a replica, whoever made it; further ones are twins of the newest (its
// labels with config hash and all, networks with aliases, mounts, limits,
// health check, restart policy), under the next name and number that Compose
// would give. The loop, readiness, drain, back-off, adoption and what is written
// down are target/docker's and are read there; its project.go is what differs.
//
// The project stays the user's: replicas outlive the controller, of the last one
// the container is stopped and not removed, and when docker compose up resets
// the count, or another hand ends replicas, that is told and put right.
package compose

import (
	"context"
	"fmt"

	"github.com/flyball-io/flyball/internal/containers"
	engine "github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/docker"
)

// Target is a service of a Compose project. It is no [target.Stopper].
type Target struct {
	containers *docker.Target
	cfg        Config
	turn       turn
}

// New checks the configuration; it asks the engine nothing and changes
// nothing. A nil api is that of the configuration.
func New(name string, cfg Config, o target.Options, api engine.Engine) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("compose target %s: %w", name, err)
	}
	made, err := docker.New(name, cfg.containers(), docker.Options{
		Clock: o.Clock, Log: o.Log, Traffic: o.Traffic, StateDir: o.StateDir, Engine: api, Project: cfg.project(),
	})
	if err != nil {
		return nil, fmt.Errorf("compose service %s: %w", cfg.name(), err)
	}
	return &Target{containers: made, cfg: cfg, turn: newTurn()}, nil
}

// Status says what exists; until a count was asked for it is that which runs.
func (t *Target) Status(ctx context.Context) (target.Status, error) { return t.containers.Status(ctx) }

// SetReplicas writes the count down, then acts on it.
func (t *Target) SetReplicas(ctx context.Context, n int) error {
	return t.containers.SetReplicas(ctx, n)
}

// Changes receives when Status may have changed.
func (t *Target) Changes() <-chan struct{} { return t.containers.Changes() }

// Signals are those of containers.
func (t *Target) Signals() []string { return t.containers.Signals() }

// Collect says what the containers use.
func (t *Target) Collect(ctx context.Context) ([]scale.Sample, error) {
	return t.containers.Collect(ctx)
}

// Roll is which container each replica is.
func (t *Target) Roll(ctx context.Context) (containers.Roll, error) { return t.containers.Roll(ctx) }
