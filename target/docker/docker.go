// Package docker is a target whose replicas are containers of a Docker engine,
// made from an image or like a container that exists.
//
// It promises that scaling loses no request (a replica is drained before it is
// asked to end), that a container which dies or hangs is replaced, and that
// nothing is started twice or left behind: each container carries the mark of
// its target, its name is written down before it is made, and what the engine
// lists is the truth. A controller that dies and returns, and an engine that
// does, find everything again.
//
// Who wants to write another target reads, in this order: package
// internal/replicas (what to do, a pure function), keeper.go (the loop: bring
// what is to what should be), seen.go (what the engine tells), start.go and
// end.go (one replica's work).
//
//	            ┌───────── keeper: one goroutine has the state ─────────┐
//	engine ───► │ seen ─► plan ─► written down ─► workers start and end │ ───► engine
//	(events)    └───────────────────────────────────────────────────────┘   (containers)
package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/target"
)

var (
	// ErrInUse is returned when another controller looks after the target.
	ErrInUse = replicas.ErrInUse
	// ErrStopped is returned once Stop was called.
	ErrStopped = errors.New("target was stopped")
)

// Options is what a target is given by who builds it.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Traffic is asked to leave a replica alone before it is ended; nil when
	// nobody balances.
	Traffic target.Traffic
	// StateDir holds what must outlive the controller: the desired count, the
	// lock and the mark by which containers are known. It is created where
	// missing. A controller with another StateDir does not know the replicas.
	StateDir string
	// Engine is where containers are made; nil: that of the configuration.
	Engine docker.Engine
	// Project is whose the containers are; nil: the target's alone.
	Project *Project
}

// Target is a service made of containers. All methods may be called from
// several goroutines; one of them owns the state at a time.
type Target struct {
	name string
	// idle holds the keeper while nobody runs it; calls reaches whoever does.
	idle    chan *keeper
	calls   chan func(*keeper)
	changes chan struct{}
	gone    chan struct{} // closed when stopped and no replica is left
	// stranded is closed when replicas are to be killed and the engine is away.
	stranded chan struct{}
	clock    clock.Clock
	// measured says what the containers use, where the engine tells.
	measured containers.Measured
}

var (
	_ target.Target  = (*Target)(nil)
	_ target.Runner  = (*Target)(nil)
	_ target.Stopper = (*Target)(nil)
)

var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// New checks the configuration; it asks the engine nothing and changes
// nothing. Faults are all reported at once.
func New(name string, cfg Config, opts Options) (*Target, error) {
	errs := []error{cfg.Validate()}
	if !validName.MatchString(name) {
		errs = append(errs, fmt.Errorf("name: must be 1 to 63 of a-z, 0-9 and -, got %q", name))
	}
	if opts.StateDir == "" {
		errs = append(errs, errors.New("state directory: must be given"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("docker target %s: %w", name, err)
	}
	if opts.Engine == nil {
		engine, err := docker.Open(cfg.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("docker target %s: %w", name, err)
		}
		opts.Engine = engine
	}
	if opts.Traffic == nil {
		opts.Traffic = target.NoTraffic{}
	}
	t := &Target{
		name:    name,
		idle:    make(chan *keeper, 1),
		calls:   make(chan func(*keeper)),
		changes: make(chan struct{}, 1),
		gone:    make(chan struct{}),
		clock:   opts.Clock,

		stranded: make(chan struct{}),
	}
	t.idle <- newKeeper(t, newJob(name, cfg, opts.Project), opts)
	t.measured = measured(t, opts)
	return t, nil
}

// Run looks after the replicas until ctx is cancelled; they stay. It returns
// ErrInUse when another controller does already. An engine that is away is
// waited for.
func (t *Target) Run(ctx context.Context) error { return t.wrap(t.measured.Beside(ctx, t.run)) }

func (t *Target) run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case k := <-t.idle:
		defer func() { t.idle <- k }()
		return k.run(ctx, t.calls)
	}
}

func (t *Target) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("docker target %s: %w", t.name, err)
}

// do calls f with the keeper, whoever runs it.
func (t *Target) do(ctx context.Context, f func(*keeper) error) error {
	var err error
	done := make(chan struct{})
	call := func(k *keeper) {
		defer close(done)
		err = f(k)
	}
	select {
	case t.calls <- call:
		<-done
	case k := <-t.idle:
		call(k)
		t.idle <- k
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return t.wrap(err)
}

// Status says what exists, by what the engine told last; while it is away a
// condition says so. While Run does not run it looks and probes for itself,
// also beside another controller.
func (t *Target) Status(ctx context.Context) (target.Status, error) {
	var status target.Status
	err := t.do(ctx, func(k *keeper) (err error) {
		status, err = k.status(ctx)
		return err
	})
	return status, err
}

// SetReplicas writes the count down, then acts on it as soon as Run runs and
// the engine answers.
func (t *Target) SetReplicas(ctx context.Context, n int) error {
	if n < 0 {
		return t.wrap(fmt.Errorf("replicas must be 0 or more, got %d", n))
	}
	return t.do(ctx, func(k *keeper) error {
		if err := k.setDesired(n); err != nil {
			return fmt.Errorf("set replicas to %d: %w", n, err)
		}
		return nil
	})
}

// Update changes the configuration, but not the engine. Replicas that are
// made of something else are replaced one by one without going below the
// desired count of ready ones.
func (t *Target) Update(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return t.wrap(err)
	}
	return t.do(ctx, func(k *keeper) error {
		k.update(newJob(t.name, cfg, k.project))
		return nil
	})
}

// Changes receives when Status may have changed.
func (t *Target) Changes() <-chan struct{} { return t.changes }
