package docker

import (
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
)

// What a pass of the loop looks at, and when the next one is due.

func (k *keeper) view() replicas.View {
	v := replicas.View{
		Now:             k.clock.Now(),
		Desired:         k.desired,
		Stopping:        k.stopping,
		RetryAt:         k.failures.RetryAt,
		StartTimeout:    k.job.cfg.StartTimeout.Std(),
		LivenessTimeout: k.job.cfg.LivenessTimeout.Std(),
		Load:            k.traffic.Load,
	}
	v.Behind = len(k.lingering()) > 0
	quiet, never := k.quietAt()
	v.RetryAt, v.Held, v.SpareAt = later(v.RetryAt, quiet), never, k.restoreAt()
	for _, id := range sortedIDs(k.replicas) {
		v.Replicas = append(v.Replicas, k.replicas[id].member(k.job.hash, k.contact.back))
	}
	return v
}

// staying counts the replicas that are not on their way out.
func (k *keeper) staying() int { return k.view().Staying() }

// complete is true when nothing is missing, starting or to be replaced.
func (k *keeper) complete() bool { return k.view().Complete() }

func (k *keeper) noteRollout(v replicas.View) {
	rolling := v.Rolling()
	if rolling == !k.rollout.IsZero() {
		return
	}
	k.rollout, k.changed = time.Time{}, true
	if rolling {
		k.rollout = v.Now
	}
}

// wake is when the loop must look again although nothing happened; zero when
// it need not.
func (k *keeper) wake() time.Time {
	at := replicas.Earlier(k.settleAt(), k.forgetHandAt())
	v := k.view()
	if k.contact.listed {
		at = replicas.Earlier(at, v.Wake())
	}
	if k.unsaved {
		at = replicas.Earlier(at, v.Now.Add(saveAgain))
	}
	return at
}

// settleAt is when past failures will be forgotten.
func (k *keeper) settleAt() time.Time {
	return k.failures.SettleAt(k.view(), k.job.cfg.Backoff)
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
		Rollout: k.rollout, Failures: k.failures.Trouble(k.job.hash), Ending: k.rules(),
	}
	for _, id := range sortedIDs(k.replicas) {
		st.Replicas = append(st.Replicas, k.replicas[id].record())
	}
	return k.store.Write(st)
}

// rules are those by which replicas end now.
func (k *keeper) rules() *rules {
	r := &rules{Endpoint: k.endpoint, DrainTimeout: k.job.cfg.DrainTimeout, StopGracePeriod: k.job.cfg.StopGracePeriod}
	if k.project != nil {
		r.Up = k.project.Up
	}
	return r
}
