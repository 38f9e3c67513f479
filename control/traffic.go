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

var _ target.Traffic = (*RemoteTraffic)(nil)

// RemoteTraffic is the balancer of a target as its executor sees it where they
// are two processes: it asks on the bus, and a [Drainer] answers.
//
//	executor  drains {a, b} ──►                   balancer
//	                        ◄── heard {a, b}, idle {b}
//	          drains {a}    ──►      b may end
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
	wanted  map[string]int
	state   Drained
	at      time.Time     // when state came
	changed chan struct{} // closed when state changes
}

// NewRemoteTraffic returns the traffic of a target on a bus.
func NewRemoteTraffic(name string, b bus.Bus, patience time.Duration, clk clock.Clock, log *slog.Logger) *RemoteTraffic {
	return &RemoteTraffic{Name: name, Wanted: WantedDrains(b, name), Done: DoneDrains(b, name), Events: Events(b, name), Patience: patience,
		Clock: clk, Log: log, wanted: map[string]int{}, changed: make(chan struct{})}
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
	ids := slices.Sorted(maps.Keys(t.wanted))
	t.mu.Unlock()
	err := t.Wanted.Publish(ctx, Drains{Target: t.Name, At: t.Clock.Now(), IDs: ids})
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

// Drain implements [target.Traffic]. Where no balancer has heard of it when
// ctx's time is over it waits for Patience more.
func (t *RemoteTraffic) Drain(ctx context.Context, id string) error {
	t.want(ctx, id, 1)
	defer t.want(context.WithoutCancel(ctx), id, -1)
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

// want adds to what is to be drained, or takes from it, and tells that.
func (t *RemoteTraffic) want(ctx context.Context, id string, more int) {
	t.mu.Lock()
	t.wanted[id] += more
	if t.wanted[id] <= 0 {
		delete(t.wanted, id)
	}
	t.mu.Unlock()
	t.tell(ctx)
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
