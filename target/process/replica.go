package process

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
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
	seenAt    time.Time // when this controller started or adopted it
	adopted   bool
	restarts  int           // failures of those it stands in for
	exited    chan struct{} // closed when the leader has ended and was reaped

	readiness  scale.Readiness
	unready    string    // why it was not ready when last probed
	readyAt    time.Time // when this controller first saw it ready
	readySince time.Time // when it became ready, also before it was adopted; zero while it is not
	deletedAt  time.Time
	askedAt    time.Time       // when it was told to end, after its drain; zero: not yet
	behind     replicas.Behind // with ending it, where the balancer is
	how        ending
	exit       exit

	watched   bool
	stopProbe context.CancelFunc // set while it is being probed
	hurry     context.CancelFunc // set while it is being ended
}

// exit is how a process ended.
type exit struct {
	text    string
	success bool
}

func (r *replica) address() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// stays is false once the end of the replica was asked for.
func (r *replica) stays() bool { return r.deletedAt.IsZero() }

// gone is true once its first process has ended.
func (r *replica) gone() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// note keeps the result of a probe; false when it says nothing new.
func (r *replica) note(ready bool, now time.Time) bool {
	if r.readiness.Known && r.readiness.Ready == ready {
		return false
	}
	switch {
	case !ready:
		r.readySince = time.Time{}
	case r.readiness.Known || r.readySince.IsZero():
		r.readySince = now
	}
	if ready && r.readyAt.IsZero() {
		r.readyAt = now
	}
	r.readiness = scale.Readiness{Known: true, Ready: ready, Since: now}
	if ready {
		r.readiness.Since = r.readySince
	}
	return true
}

// awaitedSince is when a replica that is not ready was started, or ceased to be.
func (r *replica) awaitedSince() time.Time {
	if r.readyAt.IsZero() {
		return r.startedAt
	}
	return r.readiness.Since
}

// because adds to a cause what the newest probe found.
func (r *replica) because(cause string) string {
	if r.unready == "" {
		return cause
	}
	return cause + ": " + r.unready
}

// describe is the replica as Status shows it, which requests the same as all.
func (r *replica) describe(requests map[string]int64) scale.Replica {
	d := scale.Replica{
		ID:         r.id,
		Address:    r.address(),
		Phase:      scale.Running,
		Readiness:  r.readiness,
		StartedAt:  r.startedAt,
		DeletedAt:  r.deletedAt,
		Restarts:   r.restarts,
		Containers: []scale.Container{{Requests: requests}},
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
func (r *replica) member(config string) replicas.Member {
	m := replicas.Member{
		ID:        r.id,
		Deleted:   !r.stays(),
		Unprobed:  r.adopted && !r.readiness.Known,
		Ready:     r.readiness.Known && r.readiness.Ready,
		EverReady: !r.readyAt.IsZero(),
		Outdated:  r.config != config,
		StartedAt: r.startedAt,
		Since:     r.seenAt,
	}
	if m.EverReady {
		m.Since = r.readiness.Since
	}
	return m
}

func sortedIDs(replicas map[string]*replica) []string { return slices.Sorted(maps.Keys(replicas)) }

// attend sees that a replica has the workers it needs now.
func (e *engine) attend(ctx context.Context, r *replica) {
	if !r.watched && !r.gone() {
		r.watched = true
		e.workers.Go(func() {
			if r.leader.await(ctx) == nil {
				e.post(ctx, func() { e.exited(r) })
			}
		})
	}
	switch {
	case r.stays() && r.stopProbe == nil:
		e.probe(ctx, r)
	case !r.stays() && r.hurry == nil:
		e.endNow(ctx, r)
	}
}

// probe starts the worker that asks a replica whether it is ready.
func (e *engine) probe(ctx context.Context, r *replica) {
	ctx, r.stopProbe = context.WithCancel(ctx)
	p := e.prober(r)
	e.workers.Go(func() {
		p.Run(ctx, func(found replicas.Finding) { e.post(ctx, func() { e.probed(r, found) }) })
	})
}

// prober asks a replica whether it is ready.
func (e *engine) prober(r *replica) *replicas.Prober {
	cfg := e.job.cfg.Readiness
	return replicas.NewProber(e.clock, replicas.Probing{
		Path: cfg.Path, Interval: cfg.Interval.Std(), Timeout: cfg.Timeout.Std(),
		FailureThreshold: cfg.FailureThreshold, Port: "the port that it was given as PORT",
	}, r.address(), r.readiness.Ready, !r.readyAt.IsZero())
}

// endNow starts the worker that ends a replica.
func (e *engine) endNow(ctx context.Context, r *replica) {
	if r.stopProbe != nil {
		r.stopProbe()
	}
	var patient context.Context
	patient, r.hurry = context.WithCancel(ctx)
	if e.forced {
		r.hurry()
	}
	end := ender{clock: e.clock, log: e.log, drain: e.draining(ctx, r), cfg: e.job.cfg, owner: e.owner, replica: r, how: r.how, asked: r.askedAt,
		note: func(ctx context.Context) { e.noteAsked(ctx, r) }}
	e.workers.Go(func() {
		if end.run(ctx, patient) {
			e.post(ctx, func() { e.ended(r) })
		}
	})
}

// noteAsked has it on disk that a replica is told to end, before it is: a
// controller that returns must not tell it again.
func (e *engine) noteAsked(ctx context.Context, r *replica) {
	noted := make(chan struct{})
	e.post(ctx, func() {
		defer close(noted)
		r.askedAt, e.changed = e.clock.Now(), true
		e.publish()
	})
	select {
	case <-noted:
	case <-ctx.Done():
	}
}

// draining is how the balancer is asked to leave a replica.
func (e *engine) draining(ctx context.Context, r *replica) replicas.Draining {
	return replicas.Draining{
		Clock: e.clock, Log: e.log, Traffic: e.traffic, ID: r.id, Timeout: e.job.cfg.DrainTimeout.Std(),
		Served: !r.readyAt.IsZero() || !r.readySince.IsZero(), Exited: r.exited, Stopping: e.ending,
		Behind: func(why error) { e.post(ctx, func() { e.behind(r, why) }) },
	}
}

// behind takes note that the balancer goes on sending requests to a replica that
// is to end, or no longer does.
func (e *engine) behind(r *replica, why error) {
	r.behind = r.behind.Next(e.log, r.id, e.clock.Now(), why)
	e.changed = true
}

// lingering are the replicas that the balancer does not leave.
func (e *engine) lingering() []replicas.Behind {
	var all []replicas.Behind
	for _, id := range sortedIDs(e.replicas) {
		if b := e.replicas[id].behind; b.Why != nil {
			all = append(all, b)
		}
	}
	return all
}
