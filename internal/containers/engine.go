package containers

import (
	"context"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/cgroups"
	"github.com/flyball-io/flyball/internal/docker"
)

// How often an engine is asked what it does not tell by itself, and when
// again after it could not be reached.
const (
	vitalsInterval = 10 * time.Second
	sizeInterval   = time.Minute
	retryInterval  = time.Second
)

// Engine is the back end that follows the streams of an engine, one for each
// container.
type Engine struct {
	Meter  *Meter
	Engine docker.Meter
}

// Run measures until ctx is done.
func (e *Engine) Run(ctx context.Context) error {
	var streams sync.WaitGroup
	defer streams.Wait()
	machine, known := e.machine(ctx)
	if !known {
		return nil
	}
	running := map[string]context.CancelFunc{}
	for {
		wanted := e.Meter.containers()
		for id, stop := range running {
			if !wanted[id] {
				stop()
				delete(running, id)
			}
		}
		for id := range wanted {
			if running[id] == nil {
				follow, stop := context.WithCancel(ctx)
				running[id] = stop
				streams.Go(func() { e.follow(follow, id, machine) })
			}
		}
		select {
		case <-e.Meter.changed:
		case <-ctx.Done():
			for _, stop := range running {
				stop()
			}
			return nil
		}
	}
}

// machine asks until the engine answers; false when ctx is done.
func (e *Engine) machine(ctx context.Context) (cgroups.Machine, bool) {
	for {
		machine, err := e.Engine.Machine(ctx)
		if ctx.Err() != nil {
			return machine, false
		}
		e.Meter.Fail(err)
		if err == nil {
			return machine, true
		}
		select {
		case <-e.Meter.clock.After(retryInterval):
		case <-ctx.Done():
			return machine, false
		}
	}
}

// follow measures one container until ctx is done.
func (e *Engine) follow(ctx context.Context, id string, machine cgroups.Machine) {
	var asking sync.WaitGroup
	defer asking.Wait()
	limited := make(chan struct{})
	asking.Go(func() { e.watch(ctx, id, limited) })
	select {
	case <-limited: // a reading says nothing before the limits are known
	case <-ctx.Done():
		return
	}
	for {
		err := e.Engine.Stats(ctx, id, func(s docker.Stats) {
			e.Meter.add(id, Reading{At: e.Meter.clock.Now(), Tick: s.At, Usage: s.Usage}, machine)
		})
		if ctx.Err() != nil {
			return
		}
		e.Meter.failOne(id, err)
		select {
		case <-e.Meter.clock.After(retryInterval):
		case <-ctx.Done():
			return
		}
	}
}

// watch asks for the vitals of one container until ctx is done, and closes
// known once it has them. Later the stream says what goes wrong.
func (e *Engine) watch(ctx context.Context, id string, known chan<- struct{}) {
	var sized time.Time
	for {
		now := e.Meter.clock.Now()
		withSize := known == nil && (sized.IsZero() || now.Sub(sized) >= sizeInterval)
		v, err := e.Engine.Vitals(ctx, id, withSize)
		wait := vitalsInterval
		switch {
		case err == nil && known != nil:
			e.Meter.learn(id, v, now, now)
			close(known)
			known, wait = nil, 0 // the size is next, which takes longer
		case err == nil:
			e.Meter.learn(id, v, now, now)
			if withSize {
				sized = now
			}
		default:
			wait = retryInterval
			if known != nil && ctx.Err() == nil {
				e.Meter.failOne(id, err)
			}
		}
		select {
		case <-e.Meter.clock.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
