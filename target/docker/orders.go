package docker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/flyball-io/flyball/internal/diskfull"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/target"
)

// setDesired writes the count down before anything is done about it. A full
// disk does not hold it up where somebody looks after the target: containers
// are found without the file, and the count is written when there is room.
func (k *keeper) setDesired(n int) error {
	if k.stopping {
		return ErrStopped
	}
	attended := k.store.Held()
	if !attended {
		if err := k.store.Lock(); err != nil {
			return err
		}
		defer k.store.Unlock()
		if err := k.restore(); err != nil {
			return err
		}
	}
	before, fresh := k.desired, k.fresh
	k.desired, k.fresh = n, false
	if err := k.keep(); err != nil && (!attended || !diskfull.Is(err)) {
		k.desired, k.fresh = before, fresh
		return err
	}
	if before != n {
		k.changed = true
		k.hand.contest.Insist()
	}
	return nil
}

// update changes the configuration.
func (k *keeper) update(j job) {
	if j.hash != k.job.hash {
		k.failures, k.refusal = replicas.Failures{}, "" // what failed before says nothing of what comes
	}
	k.job, k.changed = j, true
	for _, r := range k.replicas {
		if r.stays() && r.stopProbe != nil { // attend starts another by the new rules
			r.stopProbe()
			r.stopProbe = nil
		}
	}
}

// status says what is. Where nobody runs the target, here or elsewhere, or
// nobody ever asked for a count, it has to look first.
func (k *keeper) status(ctx context.Context) (target.Status, error) {
	if !k.store.Held() || (k.project != nil && k.fresh) {
		if err := k.look(ctx); err != nil {
			return target.Status{}, err
		}
	}
	s := target.Status{At: k.clock.Now(), SpecReplicas: k.desired}
	if k.stopping {
		s.SpecReplicas = 0
	}
	requests := k.job.cfg.Limits.requests()
	for _, id := range sortedIDs(k.replicas) {
		s.Replicas = append(s.Replicas, k.replicas[id].describe(requests))
	}
	s.Conditions = k.conditions(s.At, s.SpecReplicas)
	return s, nil
}

// look reads what is on disk and on the engine, and probes once. What it finds
// is no news while nobody runs the target: the next look finds it again.
func (k *keeper) look(ctx context.Context) error {
	if !k.store.Held() {
		loud := k.log
		k.log = slog.New(slog.DiscardHandler)
		defer func() { k.log = loud }()
	}
	if err := k.restore(); err != nil {
		return err
	}
	update := docker.Update{Listed: true, At: k.clock.Now()}
	var err error
	if update.All, err = k.engine.List(ctx, k.labels()); err != nil {
		return fmt.Errorf("see what exists: %w", err)
	}
	k.learn(update)
	k.contact = contact{}
	var asked sync.WaitGroup
	answers := map[*replica]*replicas.Finding{}
	for _, r := range k.replicas {
		if r.stays() && r.runs() && r.address != "" && k.job.probes(r) {
			answer, p := new(replicas.Finding), k.prober(r)
			answers[r] = answer
			asked.Go(func() { *answer = p.Once(ctx) })
		}
	}
	asked.Wait()
	for r, found := range answers {
		k.probed(r, *found)
	}
	return nil
}
