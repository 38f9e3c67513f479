package process

import (
	"context"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// A controller that is killed while it starts a replica leaves a child behind
// that holds the lock until its program is loaded and shows its mark a moment
// after. So the table of processes is read a moment after the lock was taken.
const markPause = 20 * time.Millisecond

// open takes the lock, finds the replicas that are there and ends what those
// that are gone left behind.
func (e *engine) open(ctx context.Context) error {
	if err := e.store.LockPatiently(ctx, e.clock); err != nil {
		return err
	}
	e.pause(ctx, markPause)
	if err := e.load(); err != nil {
		e.store.Unlock()
		return err
	}
	killMarked(e.owner, func(id string) bool { return e.replicas[id] == nil })
	return nil
}

// pause waits; false when ctx ended first.
func (e *engine) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-e.clock.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// load reads what should be and finds what is.
func (e *engine) load() error {
	st, found, err := e.store.Read()
	if err != nil {
		return err
	}
	e.forgetDead()
	e.adopt(st.Replicas)
	if !found {
		e.desired = e.view().Staying()
		return nil
	}
	now := e.clock.Now()
	e.desired, e.rollout = max(0, st.Desired), replicas.NotAfter(st.Rollout, now)
	e.failures = st.Failures.Restore(now, e.job.hash, e.job.cfg.Backoff)
	return nil
}

// forgetDead drops replicas that ended while nobody was looking. Nothing is
// signalled: their numbers may belong to others by now.
func (e *engine) forgetDead() {
	for id, r := range e.replicas {
		if r.leader.alive() {
			continue
		}
		if !r.gone() {
			r.leader.reap()
		}
		r.leader.close()
		delete(e.replicas, id)
		e.changed = true
	}
}

// adopt makes every replica that runs and is not known one of ours again.
func (e *engine) adopt(records []record) {
	known := map[string]record{}
	for _, r := range records {
		known[r.ID] = r
	}
	for id, m := range findLeaders(e.owner, known) {
		if e.replicas[id] != nil {
			continue
		}
		l, ok := adoptLeader(m.pid, m.identity)
		if !ok {
			continue
		}
		now := e.clock.Now()
		r := &replica{
			id: id, port: m.port, config: m.config, leader: l, adopted: true,
			startedAt: now, seenAt: now, exited: make(chan struct{}),
		}
		if written, ok := known[id]; ok {
			r.recall(written)
		}
		e.replicas[id] = r
		e.changed = true
		e.log.Info("replica adopted", slog.String("replica", id), slog.Int("pid", l.pid), slog.Int("port", r.port))
	}
}

// recall takes over what was written down of a replica. Until somebody asks it,
// it takes work as before: a balancer that is told of none would send requests
// away.
func (r *replica) recall(written record) {
	r.startedAt, r.readySince = written.StartedAt, written.ReadySince
	r.deletedAt, r.askedAt, r.restarts = written.DeletedAt, written.AskedAt, written.Restarts
	r.readiness = scale.Readiness{Ready: !r.readySince.IsZero(), Since: r.readySince}
}

// save writes down what should be and what is.
func (e *engine) save() error {
	st := state{Desired: e.desired, Replicas: []record{}, Rollout: e.rollout, Failures: e.failures.Trouble(e.job.hash)}
	for _, id := range sortedIDs(e.replicas) {
		r := e.replicas[id]
		st.Replicas = append(st.Replicas, record{
			ID: r.id, PID: r.leader.pid, Identity: r.leader.identity, Port: r.port, Config: r.config,
			StartedAt: r.startedAt, ReadySince: r.readySince, DeletedAt: r.deletedAt, AskedAt: r.askedAt, Restarts: r.restarts,
		})
	}
	return e.store.Write(st)
}
