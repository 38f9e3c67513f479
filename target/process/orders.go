package process

import (
	"context"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/diskfull"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// setDesired writes the count down before anything is done about it. A full
// disk does not hold it up where somebody looks after the target: replicas are
// found without the file, and the count is written when there is room.
func (e *engine) setDesired(n int) error {
	if e.stopping {
		return ErrStopped
	}
	attended := e.store.Held()
	if !attended {
		if err := e.store.Lock(); err != nil {
			return err
		}
		defer e.store.Unlock()
		if err := e.load(); err != nil {
			return err
		}
	}
	before := e.desired
	e.desired = n
	if err := e.keep(); err != nil && (!attended || !diskfull.Is(err)) {
		e.desired = before
		return err
	}
	e.changed = e.changed || before != n
	return nil
}

// update changes the configuration.
func (e *engine) update(j job) {
	if j.hash != e.job.hash {
		e.failures = replicas.Failures{} // what failed before says nothing of the new command
	}
	e.job, e.changed = j, true
	e.ports.limit(j.cfg)
	for _, r := range e.replicas {
		if r.stopProbe != nil { // attend starts another by the new rules
			r.stopProbe()
			r.stopProbe = nil
		}
	}
}

func (e *engine) stopAll() {
	if !e.stopping {
		close(e.ending)
	}
	e.stopping, e.changed = true, true
}

// killAll takes away the patience with every replica on its way out.
func (e *engine) killAll() {
	e.forced = true
	for _, r := range e.replicas {
		if r.hurry != nil {
			r.hurry()
		}
	}
}

// status says what is. Where nobody runs the target, here or elsewhere, it
// has to look first.
func (e *engine) status(ctx context.Context) (target.Status, error) {
	if !e.store.Held() {
		if err := e.load(); err != nil {
			return target.Status{}, err
		}
		e.probeOnce(ctx)
	}
	s := target.Status{At: e.clock.Now(), SpecReplicas: e.desired}
	if e.stopping {
		s.SpecReplicas = 0
	}
	requests := e.job.cfg.Resources.requests()
	for _, id := range sortedIDs(e.replicas) {
		s.Replicas = append(s.Replicas, e.replicas[id].describe(requests))
	}
	if c, ok := e.failures.Condition(); ok && s.SpecReplicas > 0 {
		s.Conditions = append(s.Conditions, c)
	}
	if c, ok := e.unready(s.At); ok && s.SpecReplicas > 0 {
		s.Conditions = append(s.Conditions, c)
	}
	if c, ok := replicas.BehindCondition(e.lingering()); ok {
		s.Conditions = append(s.Conditions, c)
	}
	if !e.rollout.IsZero() {
		s.Conditions = append(s.Conditions, scale.Condition{
			Type: scale.RolloutInProgress, Since: e.rollout,
			Message: "replicas of an earlier command are being replaced one by one",
		})
	}
	return s, nil
}

// slow is how long nobody may be ready before it is worth a word: most services
// have started by then.
const slow = 10 * time.Second

// unready is what an operator should see while no replica is ready: what the
// probe of the one that is awaited for longest says.
func (e *engine) unready(now time.Time) (scale.Condition, bool) {
	var c scale.Condition
	for _, id := range sortedIDs(e.replicas) {
		r := e.replicas[id]
		if r.readiness.Ready && r.stays() {
			return scale.Condition{}, false
		}
		if since := r.awaitedSince(); r.stays() && r.unready != "" && (c.Since.IsZero() || since.Before(c.Since)) {
			c = scale.Condition{Type: scale.NotReady, Since: since, Message: "no replica is ready: " + r.unready}
		}
	}
	return c, !c.Since.IsZero() && now.Sub(c.Since) >= slow
}

// probeOnce asks every replica once, all at a time.
func (e *engine) probeOnce(ctx context.Context) {
	var asked sync.WaitGroup
	answers := make(map[*replica]*replicas.Finding, len(e.replicas))
	for _, r := range e.replicas {
		if r.stays() {
			answer, p := new(replicas.Finding), e.prober(r)
			answers[r] = answer
			asked.Go(func() { *answer = p.Once(ctx) })
		}
	}
	asked.Wait()
	for r, found := range answers {
		r.unready = found.Why
		r.note(found.Ready, e.clock.Now())
	}
}
