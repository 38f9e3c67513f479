// Package kubernetes is a target whose replicas are the pods of an object with
// a scale subresource: a Deployment, a StatefulSet, or anything else of which
// the cluster keeps a number of pods.
//
// The object is its user's: a manifest says what a pod is, the cluster chooses
// where it runs, starts what is missing and picks what goes. This package sets
// the count, by the scale subresource alone and under its own name, so that
// whoever applies the manifest again has no quarrel with it. It promises to
// tell what the cluster makes of the count: pods of a rollout, pods that are
// not ready and pods without a node are told as such; a count that somebody
// else has set is put back and said; and an object that an HPA or KEDA scales
// is left alone, unless the document says that it is to be taken over.
//
// Who wants to understand it reads, in this order: config.go, seen.go (what the
// API server says, as replicas; pure), conditions.go, reset.go (whose count it
// is), rivals.go (who else scales), watch.go (when to look again).
//
//	SetReplicas ──► scale ──► controller ──► pods ──► Status
//	                  ▲                                 │
//	kubectl scale ────┘     put back ◄── not our count ─┘
package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Options is what a target is given by who builds it.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Traffic knows how busy a pod is; nil: nobody does.
	Traffic target.Traffic
	// API is the cluster; nil: that of the configuration.
	API kubernetes.API
}

// Target is an object of a cluster. All methods may be called from several
// goroutines; one of them has the view at a time.
type Target struct {
	name string
	// idle holds the view while nobody uses it.
	idle    chan *view
	changes chan struct{}
	wake    chan struct{} // there is something to look at
	others  atomic.Bool   // may look after the object
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
	v := &view{name: name, given: opts.API, traffic: opts.Traffic, log: t.log}
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
	return fmt.Errorf("kubernetes target %s: %w", t.name, err)
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

// Status says what exists, as the API server says it now. While it cannot be
// asked it is what was seen last, and a condition says so: what runs goes on.
func (t *Target) Status(ctx context.Context) (target.Status, error) {
	var status target.Status
	err := t.use(ctx, func(v *view) (err error) {
		status, err = v.look(ctx, t.clock.Now())
		return err
	})
	return status, err
}

// SetReplicas sets the count of the object, unless it has it already or somebody
// else scales it.
func (t *Target) SetReplicas(ctx context.Context, n int) error {
	if n < 0 {
		return t.wrap(fmt.Errorf("replicas must be 0 or more, got %d", n))
	}
	defer replicas.Told(t.wake)
	return t.use(ctx, func(v *view) error { return v.set(ctx, t.clock.Now(), n) })
}

// Keep says whether the count is ours: one that somebody else sets is put back,
// and who else scales is taken over where the document says so. What was taken
// over is handed back once it is not.
func (t *Target) Keep(ctx context.Context, on bool) error {
	return t.use(ctx, func(v *view) error {
		if v.count.keep(on) {
			defer replicas.Told(t.wake)
		}
		return v.govern(ctx, t.clock.Now())
	})
}

// Alone says whether this controller is certainly the only one. Others may have
// set the count meanwhile, and taken over: afterwards what is found is where it
// goes on.
func (t *Target) Alone(yes bool) {
	t.others.Store(!yes)
	replicas.Told(t.wake)
}

// Changes receives when Status may have changed, while Run runs.
func (t *Target) Changes() <-chan struct{} { return t.changes }

// Update takes over a changed configuration. It changes nothing of an object.
func (t *Target) Update(ctx context.Context, changed target.Config) error {
	cfg, err := configOf(changed)
	if err != nil {
		return t.wrap(err)
	}
	defer replicas.Told(t.wake)
	return t.use(ctx, func(v *view) error {
		if v.moves(cfg) {
			if err := v.handBack(ctx); err != nil {
				return err
			}
		}
		return v.take(cfg)
	})
}

func configOf(changed target.Config) (Config, error) {
	switch cfg := changed.(type) {
	case Config:
		return cfg, nil
	case *Config:
		return *cfg, nil
	default:
		return Config{}, fmt.Errorf("update: must be a configuration of an object of a cluster, got %T", changed)
	}
}

// view is what is known of the object. Whoever has it may ask the cluster.
type view struct {
	name    string
	cfg     Config
	api     kubernetes.API
	given   kubernetes.API // nil: that of the configuration
	ref     kubernetes.Ref
	traffic target.Traffic
	log     *slog.Logger

	count  count
	loop   loop
	rivals rivals
	costs  costs
	usage  usage

	seen    bool
	status  target.Status // as seen last
	pods    []kubernetes.Pod
	matched kubernetes.Workload
	away    scale.Condition
}

// moves reports whether a configuration is of another object.
func (v *view) moves(cfg Config) bool {
	ref, err := cfg.ref()
	return err == nil && (ref != v.ref || cfg.access() != v.cfg.access())
}

// take begins with a configuration, or goes on with a changed one.
func (v *view) take(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	ref, err := cfg.ref()
	if err != nil && v.given == nil {
		return err
	}
	if v.api == nil || cfg.access() != v.cfg.access() {
		if v.api, err = cfg.open(v.given); err != nil {
			return err
		}
	}
	if ref != v.ref {
		v.count, v.loop, v.rivals, v.costs, v.seen = count{}, loop{}, rivals{}, costs{}, false
	}
	v.cfg, v.ref = cfg, ref
	return nil
}
