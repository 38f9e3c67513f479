package control

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
)

// leavingFor is how long a backend is left alone after nobody wants it drained
// any more: a report from before that may still be under way.
const leavingFor = 5 * time.Second

// leaveWithin is how long a balancer may take to leave a backend before it is
// said why it does not.
const leaveWithin = 3 * time.Second

// Drainer drains what the executor of a target wants drained, beside a
// [Router] in the balancer's process, and tells how far that is.
type Drainer struct {
	Name     string
	Balancer balancer.Balancer
	Wanted   bus.Topic[Drains]
	Done     bus.Topic[Drained]
	Clock    clock.Clock
	Log      *slog.Logger

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	drains  map[string]*drain
	leaving map[string]time.Time // until when a backend is left alone though nobody wants it drained
}

// drain is that of one backend.
type drain struct {
	stop       context.CancelFunc
	left, idle bool
	why        string // it is not left yet
}

// Run drains until ctx is done. What is drained stays so.
func (d *Drainer) Run(ctx context.Context) error {
	wanted, err := d.Wanted.SubscribeLatest(ctx, func(Drains) bool { return true })
	if err != nil {
		return err
	}
	ticker := d.Clock.NewTicker(drainTold)
	defer ticker.Stop()
	var draining sync.WaitGroup
	defer draining.Wait()
	news := make(chan struct{}, 1)
	for {
		select {
		case w, open := <-wanted:
			if !open {
				return nil
			}
			for id, its := range d.follow(ctx, w.IDs) {
				draining.Go(func() { d.drain(its.ctx, id, its.drain, news) })
			}
		case <-news:
		case <-ticker.C:
		}
		d.tell(ctx)
	}
}

// begun is a drain that is to be run.
type begun struct {
	ctx   context.Context // of the drain: it ends when nobody wants it any more
	drain *drain
}

// follow ends drains that nobody wants any more and returns those to begin.
func (d *Drainer) follow(ctx context.Context, ids []string) map[string]begun {
	now := d.Clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drains == nil {
		d.drains, d.leaving = map[string]*drain{}, map[string]time.Time{}
	}
	for id, its := range d.drains {
		if !slices.Contains(ids, id) {
			its.stop()
			delete(d.drains, id)
			d.leaving[id] = now.Add(leavingFor)
		}
	}
	maps.DeleteFunc(d.leaving, func(_ string, until time.Time) bool { return now.After(until) })
	fresh := map[string]begun{}
	for _, id := range ids {
		if d.drains[id] == nil {
			running, stop := context.WithCancel(ctx)
			d.drains[id] = &drain{stop: stop}
			fresh[id] = begun{running, d.drains[id]}
		}
	}
	return fresh
}

// drain waits until a backend is left, then until it is idle.
func (d *Drainer) drain(ctx context.Context, id string, its *drain, news chan<- struct{}) {
	leave := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, leaveWithin)
		defer cancel()
		return d.Balancer.Leave(ctx, id)
	}
	for _, step := range []struct {
		do   func(context.Context) error
		done *bool
	}{
		{leave, &its.left},
		{func(ctx context.Context) error { return d.Balancer.Drain(ctx, id) }, &its.idle},
	} {
		if !d.insist(ctx, id, its, step.do) {
			return
		}
		d.mu.Lock()
		*step.done, its.why = true, ""
		d.mu.Unlock()
		select {
		case news <- struct{}{}:
		default: // it is about to be told
		}
	}
}

// insist does one step until it succeeds; false when ctx is done before. A
// balancer that cannot be asked is asked again.
func (d *Drainer) insist(ctx context.Context, id string, its *drain, do func(context.Context) error) bool {
	for failing := false; ; failing = true {
		err := do(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			return true
		}
		d.mu.Lock()
		its.why = err.Error()
		d.mu.Unlock()
		if !failing {
			d.Log.Warn("cannot drain: it is tried again", slog.String("target", d.Name), slog.String("backend", id), slog.Any("error", err))
		}
		select {
		case <-d.Clock.After(drainTold):
		case <-ctx.Done():
			return false
		}
	}
}

// Leaving reports whether a backend is to get no requests, whatever a report
// says.
func (d *Drainer) Leaving(id string) bool {
	now := d.Clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	until, left := d.leaving[id]
	return d.drains[id] != nil || (left && now.Before(until))
}

func (d *Drainer) tell(ctx context.Context) {
	state := Drained{Target: d.Name, At: d.Clock.Now(), InFlight: map[string]int{}, Behind: map[string]string{}}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	backends, err := d.Balancer.Backends(call)
	cancel()
	if err != nil {
		backends = nil // how busy they are is not known
	}
	d.mu.Lock()
	for id, its := range d.drains {
		state.Heard = append(state.Heard, id)
		if its.left {
			state.Left = append(state.Left, id)
		} else if its.why != "" {
			state.Behind[id] = its.why
		}
		if its.idle {
			state.Idle = append(state.Idle, id)
		}
	}
	d.mu.Unlock()
	slices.Sort(state.Heard)
	slices.Sort(state.Left)
	slices.Sort(state.Idle)
	for _, b := range backends {
		if b.State != balancer.Draining && !slices.Contains(state.Heard, b.ID) {
			state.InFlight[b.ID] = b.InFlight
		}
	}
	if err := d.Done.Publish(ctx, state); err != nil && ctx.Err() == nil {
		d.Log.Debug("drained not told: it is told again", slog.String("target", d.Name), slog.Any("error", err))
	}
}
