package docker

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/target"
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
	clock   clock.Clock
	log     *slog.Logger
	traffic target.Traffic
	engine  docker.Engine
	cfg     Config

	id     string
	made   <-chan struct{} // closed when its starter has finished; nil: none has begun
	exited <-chan struct{}
	how    ending
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
		clock: k.clock, log: k.log, traffic: k.traffic, engine: k.engine, cfg: k.job.cfg,
		id: r.id, made: r.made, exited: r.exited, how: r.how,
	}
	k.workers.Go(func() {
		if e.wait(ctx, patient) {
			k.post(ctx, func() { k.endMade(ctx, patient, e, r) })
		}
	})
}

// endMade goes on where it is known which container the replica has.
func (k *keeper) endMade(ctx, patient context.Context, e ender, r *replica) {
	if r.container == "" {
		k.ended(r)
		return
	}
	container := r.container
	k.workers.Go(func() {
		if e.run(ctx, patient, container) {
			k.post(ctx, func() { k.ended(r) })
		}
	})
}

// wait drains the replica and waits until nobody makes it any more; false
// when ctx is done.
func (e *ender) wait(ctx, patient context.Context) bool {
	if e.how == drainFirst {
		e.drain(patient)
	}
	if e.made != nil {
		select {
		case <-e.made:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// drain waits until no request is in progress, the replica has ended by
// itself or drainTimeout has passed.
func (e *ender) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.DrainTimeout.Std())
	var exiting sync.WaitGroup
	defer exiting.Wait()
	defer cancel()
	exiting.Go(func() { // what has ended by itself needs no waiting for
		select {
		case <-e.exited:
			cancel()
		case <-ctx.Done():
		}
	})
	err := e.traffic.Drain(ctx, e.id)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.log.Warn("requests still in progress after drainTimeout", slog.String("replica", e.id), slog.Any("error", err))
	}
}

// run returns true when nothing of the container is left, false when ctx was
// cancelled before. Once patient is cancelled it is killed.
func (e *ender) run(ctx, patient context.Context, container string) bool {
	if e.how != removeAtOnce {
		e.insist(patient, "stop", func() error { return e.engine.Stop(patient, container, e.cfg.StopGracePeriod.Std()) })
	}
	return e.insist(ctx, "remove", func() error { return e.engine.Remove(ctx, container) })
}

// insist does what it takes until it succeeds or there is nothing left to do
// it to; false when ctx is done.
func (e *ender) insist(ctx context.Context, what string, try func() error) bool {
	for said := false; ctx.Err() == nil; said = true {
		err := try()
		if err == nil || errors.Is(err, docker.ErrGone) {
			return true
		}
		if !said && ctx.Err() == nil && !errors.Is(err, docker.ErrUnreachable) {
			e.log.Warn("container is not ended, it is tried again", slog.String("replica", e.id), slog.String("step", what), slog.Any("error", err))
		}
		select {
		case <-e.clock.After(engineRetry):
		case <-ctx.Done():
		}
	}
	return false
}
