package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/balancer"
	"github.com/flyball-io/flyball/bus"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/record"
	"github.com/flyball-io/flyball/target"
)

// DrainUnheard is the event of a replica that is ended although no balancer has
// said that it leaves it alone.
const DrainUnheard = "DrainUnheard"

// drainTold is how often drains and their state are told: a message that is
// lost is made up for by the next.
const drainTold = time.Second

// wantedOn is how long a backend that was to be left is wanted on: longer than
// the pause until that is asked again.
const wantedOn = 10 * time.Second

// wish is that a backend is drained.
type wish struct {
	callers int
	until   time.Time // wanted without any
}

var _ target.Traffic = (*RemoteTraffic)(nil)

// RemoteTraffic is the balancer of a target as its executor sees it where they
// are two processes: it asks on the bus, and a [Drainer] answers.
//
//	executor  drains {a, b} ──►                   balancer
//	                        ◄── heard {a, b}, left {b}, behind {a: why}
//	                        ◄── heard {a, b}, left {b}, idle {b}
//	          drains {a}    ──►      b may end, a serves on
type RemoteTraffic struct {
	Name   string
	Wanted bus.Topic[Drains]
	Done   bus.Topic[Drained]
	Events bus.Topic[record.Event]
	// Patience is how much longer than asked is waited for a balancer that has
	// not even heard of a drain: ending a replica that still gets requests loses
	// them.
	Patience time.Duration
	Clock    clock.Clock
	Log      *slog.Logger

	mu      sync.Mutex // guards what follows; nobody does I/O under it
	wanted  map[string]wish
	state   Drained
	at      time.Time     // when state came
	changed chan struct{} // closed when state changes
}

// NewRemoteTraffic returns the traffic of a target on a bus.
func NewRemoteTraffic(name string, b bus.Bus, patience time.Duration, clk clock.Clock, log *slog.Logger) *RemoteTraffic {
	return &RemoteTraffic{Name: name, Wanted: WantedDrains(b, name), Done: DoneDrains(b, name), Events: Events(b, name), Patience: patience,
		Clock: clk, Log: log, wanted: map[string]wish{}, changed: make(chan struct{})}
}

// Run listens to the balancer until ctx is done.
func (t *RemoteTraffic) Run(ctx context.Context) error {
	states, err := t.Done.Subscribe(ctx)
	if err != nil {
		return err
	}
	ticker := t.Clock.NewTicker(drainTold)
	defer ticker.Stop()
	t.tell(ctx) // what an executor before this one wanted is over
	for {
		select {
		case state, open := <-states:
			if !open {
				return nil
			}
			t.learn(state)
		case <-ticker.C:
			if t.wants() {
				t.tell(ctx)
			}
		}
	}
}

func (t *RemoteTraffic) learn(state Drained) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.at = state, t.Clock.Now()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *RemoteTraffic) wants() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.wanted) > 0
}

func (t *RemoteTraffic) tell(ctx context.Context) {
	t.mu.Lock()
	now := t.Clock.Now()
	maps.DeleteFunc(t.wanted, func(_ string, w wish) bool { return w.callers == 0 && !now.Before(w.until) })
	ids := slices.Sorted(maps.Keys(t.wanted))
	t.mu.Unlock()
	err := t.Wanted.Publish(ctx, Drains{Target: t.Name, At: now, IDs: ids})
	if err != nil && ctx.Err() == nil {
		t.Log.Debug("drain not told: it is told again", slog.String("target", t.Name), slog.Any("error", err))
	}
}

// Load implements [target.Traffic]. What was said long ago is not known.
func (t *RemoteTraffic) Load(id string) (int, bool) {
	now := t.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.at) > 10*drainTold {
		return 0, false
	}
	n, known := t.state.InFlight[id]
	return n, known
}

// Leave implements [target.Traffic]. A balancer that is not heard of has left
// nobody: the program that it steers may go on without it.
func (t *RemoteTraffic) Leave(ctx context.Context, id string) error {
	t.want(ctx, id)
	defer t.release(id, wantedOn)
	err := t.await(ctx, func(d Drained) bool { return slices.Contains(d.Left, id) || slices.Contains(d.Idle, id) })
	if err == nil {
		return nil
	}
	return &balancer.Behind{Why: t.why(id), Err: err}
}

// why says what the balancer said, or that it says nothing.
func (t *RemoteTraffic) why(id string) string {
	now := t.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	silent := now.Sub(t.at)
	switch {
	case t.at.IsZero():
		return "the role balancer was not heard of since the executor began: see that it runs, and reaches the bus"
	case silent > 3*drainTold:
		return fmt.Sprintf("the role balancer was not heard of for %v: see that it runs, and reaches the bus", silent.Round(time.Second))
	case t.state.Behind[id] != "":
		return t.state.Behind[id]
	}
	return "the role balancer has not left it yet"
}

// Drain implements [target.Traffic]. Where no balancer has heard of it when
// ctx's time is over it waits for Patience more.
func (t *RemoteTraffic) Drain(ctx context.Context, id string) error {
	t.want(ctx, id)
	defer t.tell(context.WithoutCancel(ctx))
	defer t.release(id, 0)
	err := t.await(ctx, func(d Drained) bool { return slices.Contains(d.Idle, id) })
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.Patience)
	defer cancel()
	if t.await(longer, func(d Drained) bool { return slices.Contains(d.Heard, id) || slices.Contains(d.Idle, id) }) != nil {
		t.unheard(ctx, id)
	}
	return err
}

func (t *RemoteTraffic) unheard(ctx context.Context, id string) {
	message := fmt.Sprintf("%s is ended although no balancer has said that it sends no more requests there", id)
	t.Log.Error("replica ends undrained: no balancer answers", slog.String("target", t.Name), slog.String("replica", id))
	e := record.Event{Type: DrainUnheard, Target: t.Name, At: t.Clock.Now(), Message: message}
	if err := t.Events.Publish(context.WithoutCancel(ctx), e); err != nil {
		t.Log.Error("event lost", slog.String("target", t.Name), slog.Any("error", err))
	}
}

// want adds a caller to those who want a backend drained, and tells that.
func (t *RemoteTraffic) want(ctx context.Context, id string) {
	t.mu.Lock()
	w := t.wanted[id]
	w.callers++
	t.wanted[id] = w
	t.mu.Unlock()
	t.tell(ctx)
}

// release takes a caller away. The backend is wanted on for a while: what is to
// be left is asked for again, and then drained, without a gap in between.
func (t *RemoteTraffic) release(id string, on time.Duration) {
	now := t.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.wanted[id]
	w.callers--
	w.until = now.Add(on)
	t.wanted[id] = w
}

// await returns once the balancer has said something, or with ctx's error.
func (t *RemoteTraffic) await(ctx context.Context, said func(Drained) bool) error {
	for {
		t.mu.Lock()
		state, changed := t.state, t.changed
		t.mu.Unlock()
		if said(state) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
