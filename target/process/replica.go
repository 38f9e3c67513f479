package process

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/scale"
)

// replica is one process group. Fields up to exited never change and are read
// by workers; the others belong to the engine.
type replica struct {
	id        string
	port      int
	config    string // hash of what it runs
	leader    *leader
	startedAt time.Time
	seenAt    time.Time // when it was started or adopted by this controller
	adopted   bool
	restarts  int           // failures of those it stands in for
	exited    chan struct{} // closed when the leader has ended and was reaped

	readiness scale.Readiness
	readyAt   time.Time // when it was first seen ready
	deletedAt time.Time
	how       ending
	exit      exit

	watched   bool
	stopProbe context.CancelFunc
	hurry     context.CancelFunc // set while it is being ended
}

// exit is how a process ended.
type exit struct {
	text    string
	success bool
}

func (r *replica) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

func (r *replica) gone() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// describe is the replica as Status shows it.
func (r *replica) describe() scale.Replica {
	d := scale.Replica{
		ID:         r.id,
		Address:    r.address(),
		Phase:      scale.Running,
		Readiness:  r.readiness,
		StartedAt:  r.startedAt,
		DeletedAt:  r.deletedAt,
		Restarts:   r.restarts,
		Containers: []scale.Container{{}},
	}
	switch {
	case r.gone() && r.exit.success:
		d.Phase = scale.Succeeded
	case r.gone():
		d.Phase = scale.Failed
	}
	return d
}

// member is the replica as planning sees it.
func (r *replica) member(config string) member {
	m := member{
		id:        r.id,
		deleted:   !r.deletedAt.IsZero(),
		unprobed:  r.adopted && !r.readiness.Known,
		ready:     r.readiness.Ready,
		everReady: !r.readyAt.IsZero(),
		outdated:  r.config != config,
		startedAt: r.startedAt,
		since:     r.seenAt,
	}
	if m.everReady {
		m.since = r.readiness.Since
	}
	return m
}

func sortedIDs(replicas map[string]*replica) []string { return slices.Sorted(maps.Keys(replicas)) }

// attend sees that a replica has the workers it needs now.
func (e *engine) attend(ctx context.Context, r *replica) {
	if !r.watched && !r.gone() {
		r.watched = true
		e.workers.Go(func() { e.watch(ctx, r) })
	}
	if r.deletedAt.IsZero() {
		if r.stopProbe == nil {
			var probing context.Context
			probing, r.stopProbe = context.WithCancel(ctx)
			p := prober{clock: e.clock, cfg: e.job.cfg.Readiness, address: r.address(), ready: r.readiness.Ready, started: !r.readyAt.IsZero()}
			e.workers.Go(func() {
				p.run(probing, func(ready bool) { e.post(probing, func() { e.probed(r, ready) }) })
			})
		}
		return
	}
	if r.stopProbe != nil {
		r.stopProbe()
	}
	if r.hurry == nil {
		var patient context.Context
		patient, r.hurry = context.WithCancel(ctx)
		if e.forced {
			r.hurry()
		}
		end := ender{clock: e.clock, log: e.log, traffic: e.traffic, cfg: e.job.cfg, owner: e.owner, replica: r, how: r.how}
		e.workers.Go(func() {
			if end.run(ctx, patient) {
				e.post(ctx, func() { e.ended(r) })
			}
		})
	}
}

// watch waits for the end of the replica's first process.
func (e *engine) watch(ctx context.Context, r *replica) {
	if r.leader.await(ctx) == nil {
		e.post(ctx, func() { e.exited(r) })
	}
}
