package docker

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// open takes the lock, reads what was written down and writes down whose the
// containers will be, before there are any.
func (k *keeper) open(ctx context.Context) error {
	if err := k.store.LockPatiently(ctx, k.clock); err != nil {
		return err
	}
	err := k.restore()
	if err == nil && k.fresh && k.project == nil {
		err = k.save()
	}
	if err != nil {
		k.store.Unlock()
	}
	return err
}

// restore reads what was written down: what should be, and what was when it
// was written. Whatever was known before is forgotten: another controller may
// have worked meanwhile. What is, only the engine knows.
func (k *keeper) restore() error {
	st, found, err := k.store.Read()
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
	k.owner, k.desired, k.rollout = st.Owner, max(0, st.Desired), replicas.NotAfter(st.Rollout, now)
	k.failures = st.Failures.Restore(now, k.job.hash, k.job.cfg.Backoff)
	for _, was := range st.Replicas {
		k.replicas[was.ID] = &replica{
			id: was.ID, name: was.Name, container: was.Container, config: was.Config, began: was.Began, address: was.Address,
			startedAt: was.StartedAt, seenAt: now, adopted: true, restarts: was.Restarts,
			readySince: was.ReadySince, deletedAt: was.DeletedAt, toldAt: was.ToldAt, exited: make(chan struct{}),
			// Until somebody asks it, it takes work as before: a balancer that is
			// told of none would send requests away.
			readiness: scale.Readiness{Ready: !was.ReadySince.IsZero(), Since: was.ReadySince},
		}
	}
	return nil
}

// Unattended returns ErrInUse when a controller looks after the target of
// this name and state directory, or why what an earlier one left cannot be
// taken over: whoever is about to become its controller learns so before
// touching anything.
func Unattended(ctx context.Context, clk clock.Clock, stateDir, name string) error {
	return newStore(stateDir, name).Unattended(ctx, clk)
}
