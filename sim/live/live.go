// Package live puts a simulated service in the place of a real one: one world
// of package sim is the target, the balancer before it and what both measure,
// for the live loop as it is. The world is played up to the clock's present at
// each call, so nobody needs to run it, and what it shows is of that instant.
package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/sim"
)

// World is a simulated service. All methods, and those of its target and
// balancer, may be called from several goroutines.
type World struct {
	scenario *sim.Scenario
	clock    *clock.Fast
	changes  chan struct{}

	mu      sync.Mutex // guards what follows
	world   sim.World
	at      time.Duration // up to which it was played
	counts  counts
	most    int // replicas that existed at once, draining ones left out
	actions int
	ended   bool        // nothing is played any more
	lead    *clock.Lead // nil: nobody watches
}

// counts are what a change of is told.
type counts struct{ specified, existing, ready int }

// New returns the service of a scenario at its beginning, which should be the
// clock's present. Its objective may be one that no policy can keep.
func New(s sim.Scenario, clk *clock.Fast) (*World, error) {
	if err := s.Playable(); err != nil {
		return nil, fmt.Errorf("simulated service: %w", err)
	}
	w := &World{scenario: &s, clock: clk, changes: make(chan struct{}, 1), world: sim.NewEvents(&s)}
	w.look(func(scale.Observation) {})
	return w, nil
}

// Target is what is scaled.
func (w *World) Target() *Target { return &Target{w} }

// Balancer is what carries the requests.
func (w *World) Balancer() *Balancer { return &Balancer{w} }

// Objective is what the service promises.
func (w *World) Objective() scale.Objective { return w.scenario.Objective }

// Outcome is what became of the service until now.
type Outcome struct {
	sim.Result
	Length      time.Duration // that was played
	MaxReplicas int
}

// Outcome plays up to the present and returns what it came to.
func (w *World) Outcome() Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.play()
	o := Outcome{Result: *w.world.Result(), Length: w.at, MaxReplicas: w.most}
	o.Actions = w.actions
	return o
}

// look plays up to the present and lends what is known then.
func (w *World) look(see func(obs scale.Observation)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.play()
	if w.lead != nil {
		w.lead.Follow()
	}
	obs := w.world.Observe()
	w.note(&obs)
	see(obs)
}

// play brings the world to the present, at most to the end of its load. The clock stands still meanwhile: a
// load that this machine cannot simulate that fast slows the time down instead
// of being decided on ever later.
func (w *World) play() {
	if w.ended {
		return
	}
	release := w.clock.Hold()
	defer release()
	w.at = min(max(w.at, w.clock.Now().Sub(w.scenario.Start)), w.scenario.Length())
	w.world.Advance(w.at)
}

// watched keeps the time from leaving those behind who look every interval,
// until ctx is done: what they see must not be old although it is new.
func (w *World) watched(ctx context.Context) {
	w.mu.Lock()
	w.lead = w.clock.Lead(w.scenario.Metrics.BalancerInterval * 3 / 2)
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lead.Release()
	w.lead = nil
}

// end plays up to the present and nothing after it.
func (w *World) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.play()
	w.ended = true
}

// note tells whoever waits for it that the replicas are not what they were.
func (w *World) note(obs *scale.Observation) {
	now := counts{obs.CurrentReplicas, len(obs.Replicas), obs.ReadyReplicas()}
	w.most = max(w.most, obs.ObservedReplicas)
	if now == w.counts {
		return
	}
	w.counts = now
	select {
	case w.changes <- struct{}{}:
	default: // it is told already
	}
}

// scale asks for n replicas from now on.
func (w *World) scale(ctx context.Context, n int) error {
	if n < 0 {
		return fmt.Errorf("simulated service: replicas must be 0 or more, got %d", n)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.play()
	if n != w.counts.specified {
		w.actions++
	}
	w.world.SetReplicas(n)
	obs := w.world.Observe()
	w.note(&obs)
	return nil
}
