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
	machine, known := e.machine(ctx)
	if !known {
		return nil
	}
	e.Meter.attend(ctx, func(ctx context.Context, id string) { e.follow(ctx, id, machine) })
	return nil
}

// Vitals is the back end of who measures nothing itself and has an engine: what
// it knows of containers beside what they use goes into the roll.
type Vitals struct {
	Meter *Meter
	// Ask asks the engine, as docker.Meter says.
	Ask func(ctx context.Context, id string, withSize bool) (docker.Vitals, error)
}

// Run asks until ctx is done.
func (v *Vitals) Run(ctx context.Context) error {
	v.Meter.attend(ctx, func(ctx context.Context, id string) { v.watch(ctx, id, make(chan struct{})) })
	return nil
}

// attend calls follow for each container while it is to be measured, until ctx
// is done.
func (m *Meter) attend(ctx context.Context, follow func(ctx context.Context, id string)) {
	var following sync.WaitGroup
	defer following.Wait()
	running := map[string]context.CancelFunc{}
	for {
		wanted := m.containers()
		for id, stop := range running {
			if !wanted[id] {
				stop()
				delete(running, id)
			}
		}
		for id := range wanted {
			if running[id] == nil {
				one, stop := context.WithCancel(ctx)
				running[id] = stop
				following.Go(func() { follow(one, id) })
			}
		}
		select {
		case <-m.changed:
		case <-ctx.Done():
			for _, stop := range running {
				stop()
			}
			return
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
	vitals := Vitals{Meter: e.Meter, Ask: e.Engine.Vitals}
	asking.Go(func() { vitals.watch(ctx, id, limited) })
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
func (v *Vitals) watch(ctx context.Context, id string, known chan<- struct{}) {
	var sized time.Time
	for {
		now := v.Meter.clock.Now()
		withSize := known == nil && (sized.IsZero() || now.Sub(sized) >= sizeInterval)
		found, err := v.Ask(ctx, id, withSize)
		wait := vitalsInterval
		switch {
		case err == nil && known != nil:
			v.Meter.learn(id, found, now, now)
			close(known)
			known, wait = nil, 0 // the size is next, which takes longer
		case err == nil:
			v.Meter.learn(id, found, now, now)
			if withSize {
				sized = now
			}
		default:
			wait = retryInterval
			if known != nil && ctx.Err() == nil {
				v.Meter.failOne(id, err)
			}
		}
		select {
		case <-v.Meter.clock.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
