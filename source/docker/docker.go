// Package docker is a source that measures what the containers of the
// replicas use: CPU and memory as shares of their limits, networks, disks,
// the layer that they write, health and restarts. The engine of this machine
// tells it, or the agents of many nodes, which need no engine.
package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/source"
)

// Source measures the containers of one target.
type Source struct {
	signal, measure string
	cfg             Config
	env             source.Env
	meter           *containers.Meter
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Runner = (*Source)(nil)
)

// errNoReplicas is returned where nobody knows what exists of the target.
var errNoReplicas = errors.New("nobody knows the replicas of the target")

// New returns the source of a signal. It does no I/O.
func New(signal string, cfg Config, env source.Env) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{signal: signal, measure: cfg.Measure, cfg: cfg, env: env}
	if s.measure == "" {
		s.measure = signal
	}
	if known := containers.Signals(); !slices.Contains(known, s.measure) {
		return nil, fmt.Errorf("measure: must be given unless the signal's name is one of %s, got %q", strings.Join(known, ", "), signal)
	}
	if slices.Contains(cfg.Also, signal) {
		return nil, fmt.Errorf("also: %s is the signal itself", signal)
	}
	s.meter = containers.NewMeter(cfg.requested(), env.Clock, env.Log)
	return s, nil
}

// Signals names the signal and what is delivered beside it.
func (s *Source) Signals() []string { return append([]string{s.signal}, s.cfg.Also...) }

// Collect returns what the replicas use now.
func (s *Source) Collect(ctx context.Context) ([]scale.Sample, error) {
	all, err := s.meter.Collect(ctx)
	var wanted []scale.Sample
	for _, sample := range all {
		if slices.Contains(s.cfg.Also, sample.Signal) {
			wanted = append(wanted, sample)
		}
		if sample.Signal == s.measure {
			sample.Signal = s.signal
			wanted = append(wanted, sample)
		}
	}
	if err != nil {
		return wanted, fmt.Errorf("docker: signal %s: %w", s.signal, err)
	}
	return wanted, nil
}

// Run measures until ctx is done.
func (s *Source) Run(ctx context.Context) error {
	replicas := s.env.Replicas
	if replicas == nil {
		replicas = func(context.Context) ([]scale.Replica, error) { return nil, errNoReplicas }
	}
	if s.cfg.From == FromAgents {
		agents := containers.Agents{Meter: s.meter, Target: s.env.Target, Subscribe: s.env.Subscribe, Replicas: replicas}
		return agents.Run(ctx)
	}
	engine, err := docker.Open(s.cfg.Endpoint)
	if err != nil {
		s.meter.Fail(err) // Collect says so
		<-ctx.Done()
		return nil
	}
	defer func() { _ = engine.Close() }() // nothing is under way any more
	return containers.Measured{Meter: s.meter, Engine: engine, Replicas: replicas}.Run(ctx)
}
