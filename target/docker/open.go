package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
)

// The lock of a controller that was just killed may be held for a moment by
// what it was starting, so it is asked for a few times.
const (
	lockTries = 10
	lockPause = 50 * time.Millisecond
)

// open takes the lock, reads what was written down and writes down whose the
// containers will be, before there are any.
func (k *keeper) open(ctx context.Context) error {
	if err := lockPatiently(ctx, k.clock, k.store); err != nil {
		return err
	}
	err := k.restore()
	if err == nil && k.fresh && k.project == nil {
		err = k.save()
	}
	if err != nil {
		k.store.unlock()
	}
	return err
}

// restore reads what was written down: what should be, and what was when it
// was written. Whatever was known before is forgotten: another controller may
// have worked meanwhile. What is, only the engine knows.
func (k *keeper) restore() error {
	st, found, err := k.store.read()
	if err != nil {
		return err
	}
	k.replicas, k.fresh = map[string]*replica{}, !found
	k.hand = hand{idle: map[string]docker.Container{}}
	if !found {
		k.owner = strings.ToLower(rand.Text())
		return nil
	}
	now := k.clock.Now()
	k.owner, k.desired, k.rollout = st.Owner, st.Desired, replicas.NotAfter(st.Rollout, now)
	k.failures = st.Failures.Restore(now, k.job.hash, k.job.cfg.Backoff)
	for _, was := range st.Replicas {
		k.replicas[was.ID] = &replica{
			id: was.ID, name: was.Name, container: was.Container, config: was.Config, began: was.Began, address: was.Address,
			startedAt: was.StartedAt, seenAt: now, adopted: true, restarts: was.Restarts,
			readySince: was.ReadySince, deletedAt: was.DeletedAt, exited: make(chan struct{}),
		}
	}
	return nil
}

func lockPatiently(ctx context.Context, clk clock.Clock, s *store) error {
	for try := 1; ; try++ {
		err := s.lock()
		if !errors.Is(err, ErrInUse) || try == lockTries {
			return err
		}
		select {
		case <-clk.After(lockPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unattended returns ErrInUse when a controller looks after the target of
// this name and state directory, or why what an earlier one left cannot be
// taken over: whoever is about to become its controller learns so before
// touching anything.
func Unattended(ctx context.Context, clk clock.Clock, stateDir, name string) error {
	s := newStore(stateDir, name)
	if err := lockPatiently(ctx, clk, s); err != nil {
		return err
	}
	defer s.unlock()
	_, _, err := s.read()
	return err
}
