// Package memory is a target without a world: its replicas are entries in a
// table that become ready after a delay and that tests can crash, unsettle or
// leave without room. It keeps the promises of a target, so that whatever
// drives one can be tested quickly and without luck.
package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// Config is the nature of the world.
type Config struct {
	// StartupDelay is the time from start to ready.
	StartupDelay time.Duration
	// Capacity is how many replicas there is room for; more stay Pending. 0
	// is no limit.
	Capacity int
	// TerminationDelay is the time from drained to gone.
	TerminationDelay time.Duration
}

// Target is a service that exists only in memory. Replicas become ready and
// go while Run runs.
type Target struct {
	cfg     Config
	clock   clock.Clock
	traffic target.Traffic
	changes chan struct{}
	kick    chan struct{} // wakes Run

	mu        sync.Mutex // guards what follows
	spec      int
	created   int
	replicas  []*replica
	stopping  bool
	force     chan struct{} // closed once Stop loses patience
	statusErr error
	setErr    error
}

type replica struct {
	scale.Replica
	draining bool             // a worker of Run waits for its requests
	behind   *scale.Condition // that its balancer does not leave it; nil: it does
	goneAt   time.Time        // when it will be gone; zero: not known yet
	sick     bool             // SetReady(false)
}

var (
	_ target.Target  = (*Target)(nil)
	_ target.Runner  = (*Target)(nil)
	_ target.Stopper = (*Target)(nil)
)

// New makes a target without replicas. Traffic may be nil.
func New(cfg Config, clk clock.Clock, traffic target.Traffic) *Target {
	if traffic == nil {
		traffic = target.NoTraffic{}
	}
	return &Target{
		cfg: cfg, clock: clk, traffic: traffic,
		changes: make(chan struct{}, 1), kick: make(chan struct{}, 1), force: make(chan struct{}),
	}
}

// Status says what exists now.
func (t *Target) Status(context.Context) (target.Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.statusErr != nil {
		return target.Status{}, t.statusErr
	}
	t.advance()
	status := target.Status{At: t.clock.Now(), SpecReplicas: t.spec}
	for _, r := range t.replicas {
		status.Replicas = append(status.Replicas, r.Replica)
		if r.behind != nil {
			status.Conditions = append(status.Conditions, *r.behind)
		}
	}
	return status, nil
}

// SetReplicas sets the count.
func (t *Target) SetReplicas(_ context.Context, n int) error {
	if n < 0 {
		return fmt.Errorf("memory target: replicas must be 0 or more, got %d", n)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.setErr != nil:
		return t.setErr
	case t.stopping:
		return errors.New("memory target: stopped")
	case n != t.spec:
		t.spec = n
		t.changed()
	}
	t.advance()
	return nil
}

// Changes receives when Status may have changed.
func (t *Target) Changes() <-chan struct{} { return t.changes }

// Run lets time do its work until ctx is cancelled.
func (t *Target) Run(ctx context.Context) error {
	var drains sync.WaitGroup
	defer drains.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		select {
		case <-t.step(ctx, &drains):
		case <-t.kick:
		case <-ctx.Done():
			return nil
		}
	}
}

// step brings everything up to now, starts the drains that are due and
// returns what fires at the next event.
func (t *Target) step(ctx context.Context, drains *sync.WaitGroup) <-chan time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance()
	for _, r := range t.replicas {
		if !r.DeletedAt.IsZero() && r.goneAt.IsZero() && !r.draining {
			r.draining = true
			drains.Go(func() { t.drain(ctx, r) })
		}
	}
	if next := t.next(); !next.IsZero() {
		return t.clock.After(next.Sub(t.clock.Now()))
	}
	return nil
}

func (t *Target) drain(ctx context.Context, r *replica) {
	patient, cancel := context.WithCancel(ctx)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		select {
		case <-t.force:
			cancel()
		case <-patient.Done():
		}
	})
	t.leave(patient, r)
	_ = t.traffic.Drain(patient, r.ID) // when patience is over it goes all the same
	t.mu.Lock()
	defer t.mu.Unlock()
	r.draining = false
	if ctx.Err() == nil {
		r.goneAt = t.clock.Now().Add(t.cfg.TerminationDelay)
		t.changed()
	}
}

// leave returns once the balancer sends a replica nothing new, or patience is
// over.
func (t *Target) leave(patient context.Context, r *replica) {
	for {
		err := t.traffic.Leave(patient, r.ID)
		t.mu.Lock()
		if r.behind = nil; err != nil {
			r.behind = &scale.Condition{Type: scale.BalancerBehind, Since: r.DeletedAt, Message: r.ID + " is not left: " + err.Error()}
		}
		stopping := t.stopping
		t.changed()
		t.mu.Unlock()
		if err == nil || stopping {
			return
		}
		select {
		case <-t.clock.After(time.Second):
		case <-patient.Done():
			return
		}
	}
}

// Stop drains and ends every replica; Run must be running.
func (t *Target) Stop(ctx context.Context) error {
	t.mu.Lock()
	t.stopping, t.spec = true, 0
	t.advance()
	t.changed()
	t.mu.Unlock()
	ticker := t.clock.NewTicker(time.Millisecond)
	defer ticker.Stop()
	var err error
	for done := ctx.Done(); ; {
		t.mu.Lock()
		left := len(t.replicas)
		t.mu.Unlock()
		if left == 0 {
			return err
		}
		select {
		case <-ticker.C:
		case <-done:
			err, done = fmt.Errorf("memory target: replicas were killed: %w", ctx.Err()), nil
			close(t.force)
		}
	}
}

// changed tells Run and whoever listens; the caller holds mu.
func (t *Target) changed() {
	for _, c := range []chan struct{}{t.kick, t.changes} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// advance does what time and the count ask for; the caller holds mu.
func (t *Target) advance() {
	now := t.clock.Now()
	t.replicas = slices.DeleteFunc(t.replicas, func(r *replica) bool {
		gone := !r.goneAt.IsZero() && !r.goneAt.After(now)
		if gone {
			t.changed()
		}
		return gone
	})
	t.resize(now)
	t.place(now)
	for _, r := range t.replicas {
		t.ripen(r, now)
	}
	slices.SortFunc(t.replicas, func(a, b *replica) int { return cmp.Compare(a.ID, b.ID) })
}

// resize creates what is missing and marks what is too many.
func (t *Target) resize(now time.Time) {
	stay := t.staying()
	for range t.spec - len(stay) {
		t.created++
		t.replicas = append(t.replicas, &replica{Replica: scale.Replica{
			ID:      fmt.Sprintf("memory-%06d", t.created),
			Address: fmt.Sprintf("192.0.2.1:%d", 10000+t.created), // a documentation address
		}})
		t.changed()
	}
	for _, r := range t.victims(stay) {
		r.DeletedAt = now
		if r.Phase != scale.Running {
			r.goneAt = now
		}
		t.changed()
	}
}

func (t *Target) staying() []*replica {
	var stay []*replica
	for _, r := range t.replicas {
		if r.DeletedAt.IsZero() {
			stay = append(stay, r)
		}
	}
	return stay
}

// victims are those of the replicas that are too many: not ready ones first,
// then those with the least work, of equals the youngest.
func (t *Target) victims(stay []*replica) []*replica {
	rank := func(r *replica) int {
		load, known := t.traffic.Load(r.ID)
		switch {
		case !r.Readiness.Ready:
			return -2
		case !known:
			return -1
		default:
			return load
		}
	}
	slices.SortFunc(stay, func(a, b *replica) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.ID, a.ID))
	})
	return stay[:max(0, len(stay)-t.spec)]
}

// place starts pending replicas where there is room.
func (t *Target) place(now time.Time) {
	running := 0
	for _, r := range t.replicas {
		if r.Phase == scale.Running {
			running++
		}
	}
	for _, r := range t.replicas {
		if r.Phase == scale.Pending && r.DeletedAt.IsZero() && (t.cfg.Capacity == 0 || running < t.cfg.Capacity) {
			running++
			r.Phase, r.StartedAt = scale.Running, now
			r.Readiness = scale.Readiness{Known: true, Since: now}
			t.changed()
		}
	}
}

// ripen makes a replica ready when its time has come.
func (t *Target) ripen(r *replica, now time.Time) {
	ripe := r.Phase == scale.Running && !r.sick && !now.Before(r.StartedAt.Add(t.cfg.StartupDelay))
	if r.Phase == scale.Running && r.Readiness.Ready != ripe {
		r.Readiness = scale.Readiness{Known: true, Ready: ripe, Since: now}
		t.changed()
	}
}

// next is when something happens by itself; zero when nothing will.
func (t *Target) next() time.Time {
	var next time.Time
	for _, r := range t.replicas {
		at := r.goneAt
		if at.IsZero() && r.Phase == scale.Running && !r.Readiness.Ready && !r.sick {
			at = r.StartedAt.Add(t.cfg.StartupDelay)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
