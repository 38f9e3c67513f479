// Package swarm is a target whose replicas are the tasks of a replicated
// service of a Docker swarm.
//
// The service is its user's: a stack file says what a task is, the swarm
// chooses where it runs, starts what is missing and picks what goes. This
// package sets the count, and nothing but the count. It promises to tell what
// the swarm makes of it: what is on its way out is told as such at once, what
// cannot be placed is a condition and not tried over and over, a count that
// somebody else has set (docker stack deploy sets that of its file) is put
// back and said.
//
// Who wants to understand it reads, in this order: seen.go (what a manager
// says, as replicas; pure), conditions.go, room.go (what can be placed),
// surplus.go (what stays beyond the count),
// reset.go (whose count it is), watch.go (when to look again), roll.go (for who
// measures on the nodes), labels.go (a stack file as a document).
//
//	SetReplicas ──► service ──► swarm ──► tasks ──► Status ──► balancer
//	                   ▲                              │
//	stack deploy ──────┘  put back ◄── not our count ─┘
package swarm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Options is what a target is given by who builds it.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Engine is a manager of the swarm; nil: that of the configuration.
	Engine docker.Cluster
}

// Target is a service of a swarm. All methods may be called from several
// goroutines; one of them has the view at a time.
type Target struct {
	name string
	// idle holds the view while nobody uses it.
	idle    chan *view
	changes chan struct{}
	wake    chan struct{} // there is something to look at
	others  atomic.Bool   // may look after the service
	near    *containers.Meter
	clock   clock.Clock
	log     *slog.Logger
}

var (
	_ target.Managed = (*Target)(nil)
	_ target.Keeper  = (*Target)(nil)
	_ target.Shared  = (*Target)(nil)
)

// New checks the configuration; it asks nobody and changes nothing.
func New(name string, cfg Config, opts Options) (*Target, error) {
	t := &Target{
		name:    name,
		idle:    make(chan *view, 1),
		changes: make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		clock:   opts.Clock,
		log:     opts.Log.With(slog.String("target", name)),
	}
	t.near = containers.NewMeter(containers.Requested{}, opts.Clock, nil)
	v := &view{engine: opts.Engine, near: t.near, leaving: map[string]mark{}, local: map[string]docker.Container{}}
	if err := v.take(cfg); err != nil {
		return nil, t.wrap(err)
	}
	t.idle <- v
	return t, nil
}

func (t *Target) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("swarm target %s: %w", t.name, err)
}

// use calls f with the view once nobody else uses it.
func (t *Target) use(ctx context.Context, f func(*view) error) error {
	select {
	case v := <-t.idle:
		defer func() { t.idle <- v }()
		v.count.share(t.others.Load())
		return t.wrap(f(v))
	case <-ctx.Done():
		return t.wrap(context.Cause(ctx))
	}
}

// Status says what exists, as a manager says it now. While none can be asked
// it is what was seen last, and a condition says so: what runs goes on.
func (t *Target) Status(ctx context.Context) (target.Status, error) {
	var status target.Status
	err := t.use(ctx, func(v *view) (err error) {
		status, err = v.look(ctx, t.clock.Now())
		return err
	})
	return status, err
}

// SetReplicas sets the count of the service, unless it has it already.
func (t *Target) SetReplicas(ctx context.Context, n int) error {
	if n < 0 {
		return t.wrap(fmt.Errorf("replicas must be 0 or more, got %d", n))
	}
	defer replicas.Told(t.wake)
	return t.use(ctx, func(v *view) error { return v.set(ctx, n) })
}

// Keep says whether a count that somebody else sets is put back.
func (t *Target) Keep(ctx context.Context, on bool) error {
	defer replicas.Told(t.wake)
	return t.use(ctx, func(v *view) error {
		v.keep(on)
		return nil
	})
}

// Alone says whether this controller is certainly the only one. Others may have
// set the count meanwhile: afterwards the one that is found is where it goes on.
func (t *Target) Alone(yes bool) {
	t.others.Store(!yes)
	replicas.Told(t.wake)
}

// Changes receives when Status may have changed, while Run runs.
func (t *Target) Changes() <-chan struct{} { return t.changes }

// Signals is empty: what tasks use is measured where they run.
func (t *Target) Signals() []string { return nil }

// Collect measures nothing.
func (t *Target) Collect(context.Context) ([]scale.Sample, error) { return nil, nil }

// Update takes over a changed configuration. It changes nothing of a service.
func (t *Target) Update(ctx context.Context, changed target.Config) error {
	cfg, err := configOf(changed)
	if err != nil {
		return t.wrap(err)
	}
	defer replicas.Told(t.wake)
	return t.use(ctx, func(v *view) error { return v.take(cfg) })
}

func configOf(changed target.Config) (Config, error) {
	switch cfg := changed.(type) {
	case Config:
		return cfg, nil
	case *Config:
		return *cfg, nil
	default:
		return Config{}, fmt.Errorf("update: must be a configuration of a swarm service, got %T", changed)
	}
}

// view is what is known of the service. Whoever has it may ask the manager.
type view struct {
	cfg    Config
	engine docker.Cluster
	opened *docker.Client // engine, where it is ours to close

	node    string                      // the manager's own; "": not known yet
	local   map[string]docker.Container // of the manager's node, by ID
	leaving map[string]mark             // when tasks were first seen to go
	count   count
	room    room
	surplus surplus
	loop    loop

	seen   bool
	status target.Status // as seen last
	known                // likewise
	away   scale.Condition

	near *containers.Meter // of the manager's own node, for the roll
}

// take begins with a configuration, or goes on with a changed one.
func (v *view) take(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if v.engine == nil || v.opened != nil && cfg.Endpoint != v.cfg.Endpoint {
		engine, err := docker.Open(cfg.Endpoint)
		if err != nil {
			return err
		}
		if v.opened != nil {
			_ = v.opened.Close() // nobody waits for an answer
		}
		v.engine, v.opened, v.node = engine, engine, ""
	}
	if cfg.Service != v.cfg.Service {
		v.count, v.room, v.surplus, v.loop, v.seen = count{}, room{}, surplus{}, loop{}, false
	}
	v.cfg = cfg
	return nil
}

// set asks for a count. An order whose answer is lost may have been carried
// out: it counts, and is given again once a manager answers.
func (v *view) set(ctx context.Context, n int) error {
	service, err := docker.SetServiceReplicas(ctx, v.engine, v.cfg.Service, n)
	if err == nil || errors.Is(err, docker.ErrUnreachable) {
		v.count.ask(service.ID, n, err != nil)
	}
	return err
}
