package docker

import (
	"log/slog"
	"time"
)

// What a pass of the loop looks at, and when the next one is due.

func (k *keeper) view() view {
	v := view{
		now:             k.clock.Now(),
		desired:         k.desired,
		stopping:        k.stopping,
		retryAt:         k.failures.retryAt,
		startTimeout:    k.job.cfg.StartTimeout.Std(),
		livenessTimeout: k.job.cfg.LivenessTimeout.Std(),
		load:            k.traffic.Load,
	}
	quiet, never := k.quietAt()
	v.retryAt, v.held = later(v.retryAt, quiet), never
	for _, id := range sortedIDs(k.replicas) {
		v.replicas = append(v.replicas, k.replicas[id].member(k.job.hash, k.contact.back))
	}
	return v
}

// staying counts the replicas that are not on their way out.
func (k *keeper) staying() int {
	n := 0
	for _, r := range k.replicas {
		if r.stays() {
			n++
		}
	}
	return n
}

func (k *keeper) noteRollout(v view) {
	rolling := count(v.replicas, func(m member) bool { return m.outdated && !m.deleted }) > 0
	if rolling == !k.rollout.IsZero() {
		return
	}
	k.rollout, k.changed = time.Time{}, true
	if rolling {
		k.rollout = v.now
	}
}

// wake is when the loop must look again although nothing happened; zero when
// it need not.
func (k *keeper) wake() time.Time {
	at := earlier(k.settleAt(), k.forgetHandAt())
	v := k.view()
	if k.contact.listed {
		at = earlier(at, v.wake())
	}
	if k.unsaved {
		at = earlier(at, v.now.Add(saveAgain))
	}
	return at
}

// settleAt is when past failures will be forgotten.
func (k *keeper) settleAt() time.Time {
	return k.failures.settleAt(k.replicas, k.complete(), k.job.cfg.Backoff)
}

// complete is true when nothing is missing, starting or to be replaced.
func (k *keeper) complete() bool {
	ready := 0
	for _, r := range k.replicas {
		if !r.stays() {
			continue
		}
		if !r.readiness.Ready || r.config != k.job.hash {
			return false
		}
		ready++
	}
	return ready >= k.desired
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// publish writes down and announces what has changed.
func (k *keeper) publish() {
	if k.changed || k.unsaved {
		_ = k.keep() // it was said, and is tried again
	}
	if !k.changed {
		return
	}
	k.changed = false
	select {
	case k.changes <- struct{}{}:
	default:
	}
}

// saveAgain is the time between two attempts to write the state.
const saveAgain = 5 * time.Second

// keep writes the state down, and says when that begins to fail and when it
// succeeds again.
func (k *keeper) keep() error {
	err := k.save()
	switch {
	case err != nil && !k.unsaved:
		k.log.Error("state not written: it is tried again", slog.Any("error", err))
	case err == nil && k.unsaved:
		k.log.Info("state written again")
	}
	k.unsaved = err != nil
	return err
}

// save writes down what should be and what is.
func (k *keeper) save() error {
	if k.project != nil && k.fresh {
		return nil // until it is known how many there are
	}
	st := state{
		Owner: k.owner, Desired: k.desired, Replicas: []record{},
		Rollout: k.rollout, Failures: k.failures.trouble(k.job.hash),
	}
	for _, id := range sortedIDs(k.replicas) {
		st.Replicas = append(st.Replicas, k.replicas[id].record())
	}
	return k.store.write(st)
}
