package docker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
)

// ending is how patiently a replica is ended.
//
//	drainFirst ─► no new requests, those in progress finish (drainTimeout)
//	                 │
//	terminateFirst ──┴─► stop signal ─► stopGracePeriod ─► SIGKILL
//	                                                          │
//	removeAtOnce ─────────────────────────────────────────────┴─► removed
type ending uint8

const (
	drainFirst ending = iota
	terminateFirst
	removeAtOnce
)

// ender ends one replica and leaves nothing of it.
type ender struct {
	clock  clock.Clock
	log    *slog.Logger
	engine docker.Engine
	cfg    Config

	id    string
	drain replicas.Draining
	made  <-chan struct{} // closed when its starter has finished; nil: none has begun
	how   ending
	// told is when the container was told to end, maybe by a controller before
	// this one; zero: it was not. exited is closed when it has ended.
	told   func(context.Context) time.Time
	exited <-chan struct{}
	keep   bool // the container is to stay, stopped
	lost   bool // but another hand has taken it away
}

// endNow starts the worker that ends a replica, once whoever makes it has
// finished: only then it is known what there is to end.
func (k *keeper) endNow(ctx context.Context, r *replica) {
	if r.stopProbe != nil {
		r.stopProbe()
	}
	var patient context.Context
	patient, r.hurry = context.WithCancel(ctx)
	if k.forced {
		r.hurry()
	}
	e := ender{
		clock: k.clock, log: k.log, engine: k.engine, cfg: k.job.cfg,
		id: r.id, drain: k.draining(ctx, r), made: r.made, how: r.how, exited: r.exited,
		told: func(ctx context.Context) time.Time { return k.toldAt(ctx, r) },
	}
	k.workers.Go(func() {
		if e.wait(ctx, patient) {
			k.post(ctx, func() { k.endMade(ctx, patient, e, r) })
		}
	})
}

// draining is how the balancer is asked to leave a replica.
func (k *keeper) draining(ctx context.Context, r *replica) replicas.Draining {
	return replicas.Draining{
		Clock: k.clock, Log: k.log, Traffic: k.traffic, ID: r.id, Timeout: k.job.cfg.DrainTimeout.Std(),
		Served: !r.readyAt.IsZero() || !r.readySince.IsZero(), Exited: r.exited, Stopping: k.ending,
		Behind: func(why error) { k.post(ctx, func() { k.behind(r, why) }) },
	}
}

// behind takes note that the balancer goes on sending requests to a replica that
// is to end, or no longer does.
func (k *keeper) behind(r *replica, why error) {
	r.behind = r.behind.Next(k.log, r.id, k.clock.Now(), why)
	k.changed = true
}

// lingering are the replicas that the balancer does not leave.
func (k *keeper) lingering() []replicas.Behind {
	var all []replicas.Behind
	for _, id := range sortedIDs(k.replicas) {
		if b := k.replicas[id].behind; b.Why != nil {
			all = append(all, b)
		}
	}
	return all
}

// endMade goes on where it is known which container the replica has.
func (k *keeper) endMade(ctx, patient context.Context, e ender, r *replica) {
	if r.container == "" {
		k.ended(r)
		return
	}
	container := r.container
	e.keep = k.keeps(r)
	r.removed = !e.keep
	k.workers.Go(func() {
		if e.run(ctx, patient, container) {
			k.post(ctx, func() { k.over(e, r) })
		}
	})
}

// toldAt is when a replica's container was told to end, as the engine says.
func (k *keeper) toldAt(ctx context.Context, r *replica) time.Time {
	answer := make(chan time.Time, 1)
	k.post(ctx, func() { answer <- r.toldAt })
	select {
	case at := <-answer:
		return at
	case <-ctx.Done():
		return time.Time{}
	}
}

// over forgets a replica that has ended.
func (k *keeper) over(e ender, r *replica) {
	k.ended(r)
	if e.keep && !e.lost {
		k.setIdle(r)
		delete(k.removed, r.container)
	}
}

// wait drains the replica and waits until nobody makes it any more; false
// when ctx is done.
func (e *ender) wait(ctx, patient context.Context) bool {
	if e.how == drainFirst {
		e.drain.Run(patient)
	}
	if e.made != nil {
		select {
		case <-e.made:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// run returns true when nothing of the container is left, false when ctx was
// cancelled before. Once patient is cancelled it is killed.
func (e *ender) run(ctx, patient context.Context, container string) bool {
	if e.how != removeAtOnce || e.keep {
		e.ask(patient, container)
	}
	if e.keep {
		return ctx.Err() == nil
	}
	for {
		err := e.engine.Remove(ctx, container)
		if err == nil || errors.Is(err, docker.ErrGone) {
			return true
		}
		e.complain(ctx, "remove", err)
		if !e.pause(ctx) {
			return false
		}
	}
}

// ask asks the container to end, which takes until it has or was killed after
// its grace period. An engine that is away is waited for; where it refuses,
// removing is left.
func (e *ender) ask(patient context.Context, container string) {
	for {
		err := e.tell(patient, container)
		if !errors.Is(err, docker.ErrUnreachable) {
			if e.lost = errors.Is(err, docker.ErrGone); err != nil && !e.lost {
				e.complain(patient, "stop", err)
			}
			return
		}
		if !e.pause(patient) {
			return
		}
	}
}

// tell tells the container to end, unless it was told to before: many a program
// ends at once when it is told twice, whatever it is doing. It then has the rest
// of its time.
func (e *ender) tell(ctx context.Context, container string) error {
	at := e.told(ctx)
	if at.IsZero() {
		return e.engine.Stop(ctx, container, e.cfg.StopGracePeriod.Std())
	}
	rest, err := e.rest(ctx, container, at)
	if err != nil {
		return err
	}
	select {
	case <-e.exited:
	case <-e.clock.After(rest):
	case <-ctx.Done():
	}
	if !e.keep {
		return nil // what still runs is killed
	}
	return e.engine.Stop(ctx, container, time.Second)
}

// rest is what is left of the grace period of a container that was told to end.
func (e *ender) rest(ctx context.Context, container string, told time.Time) (time.Duration, error) {
	grace := e.cfg.StopGracePeriod.Std()
	if grace == 0 {
		c, err := e.engine.Inspect(ctx, container)
		if err != nil {
			return 0, err
		}
		grace = c.StopGrace
	}
	return max(0, min(grace, grace-e.clock.Now().Sub(told))), nil
}

// complain says what goes wrong, unless that is known: an engine that is away
// was told already.
func (e *ender) complain(ctx context.Context, step string, err error) {
	if ctx.Err() == nil && !errors.Is(err, docker.ErrUnreachable) {
		e.log.Warn("engine refuses to end a container, by force and again if need be",
			slog.String("replica", e.id), slog.String("step", step), slog.Any("error", err))
	}
}

// pause waits before the engine is asked again; false when ctx is done.
func (e *ender) pause(ctx context.Context) bool {
	select {
	case <-e.clock.After(engineRetry):
		return true
	case <-ctx.Done():
		return false
	}
}
