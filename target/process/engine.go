package process

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
)

// engine holds the state of a target. One goroutine has it at a time; workers
// (one prober and one watcher per replica, one more while it is ending) speak
// to it through events.
type engine struct {
	clock             clock.Clock
	log               *slog.Logger
	traffic           target.Traffic
	dieWithController bool
	store             *store
	logs              *logs
	owner             string
	name              string

	job      job
	desired  int
	stopping bool
	forced   bool // stopping without patience
	replicas map[string]*replica
	ports    ports
	failures failures
	rollout  time.Time // when the first outdated replica was seen
	dirty    bool      // something changed that Status or the store shows

	events  chan func()
	workers sync.WaitGroup
	changes chan<- struct{}
	gone    chan struct{}
	stopped sync.Once
}

func newEngine(t *Target, j job, dir string, opts Options) *engine {
	return &engine{
		clock:             opts.Clock,
		log:               opts.Log.With("target", t.name),
		traffic:           opts.Traffic,
		dieWithController: opts.DieWithController,
		store:             newStore(dir, t.name),
		logs:              newLogs(dir, t.name),
		owner:             ownerOf(dir, t.name),
		name:              t.name,
		job:               j,
		replicas:          map[string]*replica{},
		ports:             newPorts(j.cfg, ownerOf(dir, t.name)),
		events:            make(chan func()),
		changes:           t.changes,
		gone:              t.gone,
	}
}

// run is the loop: bring what is to what should be, wait until something
// happens.
func (e *engine) run(ctx context.Context, calls <-chan func(*engine)) error {
	if err := e.store.lock(); err != nil {
		return err
	}
	defer e.store.unlock()
	if err := e.load(); err != nil {
		return err
	}
	working, cancel := context.WithCancel(ctx)
	defer e.rest()
	defer cancel()
	for ctx.Err() == nil {
		if err := e.reconcile(working); err != nil {
			return err
		}
		var wake <-chan time.Time
		if at := e.wake(); !at.IsZero() {
			wake = e.clock.After(at.Sub(e.clock.Now()))
		}
		select {
		case <-ctx.Done():
		case f := <-e.events:
			f()
		case f := <-calls:
			f(e)
		case <-wake:
		}
	}
	return nil
}

// rest waits for the workers and forgets them, so that the next run starts
// them anew.
func (e *engine) rest() {
	e.workers.Wait()
	for _, r := range e.replicas {
		r.watched, r.stopProbe, r.hurry = false, nil, nil
	}
}

// post hands a worker's finding to whoever has the engine.
func (e *engine) post(ctx context.Context, f func()) {
	select {
	case e.events <- f:
	case <-ctx.Done():
	}
}

// reconcile does what the plan says and sees that every replica has its
// workers.
func (e *engine) reconcile(ctx context.Context) error {
	e.failures.settle(e.clock.Now(), e.replicas, e.job.cfg.Backoff)
	for _, a := range plan(e.view()) {
		e.apply(a)
	}
	for _, r := range e.replicas {
		e.attend(ctx, r)
	}
	if e.dirty {
		e.dirty = false
		select {
		case e.changes <- struct{}{}:
		default:
		}
		if err := e.save(); err != nil {
			e.log.Error("state not written", "error", err)
		}
	}
	if e.stopping && len(e.replicas) == 0 {
		e.stopped.Do(func() { close(e.gone) })
	}
	return nil
}

func (e *engine) view() view {
	v := view{
		now:             e.clock.Now(),
		desired:         e.desired,
		stopping:        e.stopping,
		retryAt:         e.failures.retryAt,
		startTimeout:    e.job.cfg.StartTimeout.Std(),
		livenessTimeout: e.job.cfg.LivenessTimeout.Std(),
		load:            e.traffic.Load,
	}
	outdated := false
	for _, r := range e.replicas {
		m := r.member(e.job.hash)
		outdated = outdated || (m.outdated && !m.deleted)
		v.replicas = append(v.replicas, m)
	}
	e.noteRollout(outdated)
	return v
}

func (e *engine) noteRollout(outdated bool) {
	switch {
	case !outdated && !e.rollout.IsZero():
		e.rollout, e.dirty = time.Time{}, true
	case outdated && e.rollout.IsZero():
		e.rollout, e.dirty = e.clock.Now(), true
	}
}

// wake is when the loop must look again although nothing happened.
func (e *engine) wake() time.Time {
	v := e.view()
	at := v.wake()
	if settle := e.failures.settleAt(e.replicas, e.job.cfg.Backoff); !settle.IsZero() && (at.IsZero() || settle.Before(at)) {
		at = settle
	}
	return at
}

func (e *engine) apply(a action) {
	switch a.verb {
	case start:
		e.start()
	case remove:
		e.end(e.replicas[a.id], drainFirst, a.cause)
	case replace:
		r := e.replicas[a.id]
		e.fail(r, a.cause)
		e.end(r, terminateFirst, a.cause)
	}
}

// end marks a replica as on its way out; attend starts the worker that ends
// it. Status shows the mark at once, so that routing drops the replica.
func (e *engine) end(r *replica, how ending, cause string) {
	r.deletedAt, r.how = e.clock.Now(), how
	e.dirty = true
	e.log.Info("ending replica", "replica", r.id, "reason", cause)
}

// exited takes note that a replica's first process has ended.
func (e *engine) exited(r *replica) {
	if r.deletedAt.IsZero() {
		r.leader.kill() // what it left behind, while its number is still its own
	}
	r.exit = r.leader.reap()
	close(r.exited)
	if r.deletedAt.IsZero() {
		e.fail(r, "ended by itself: "+r.exit.text)
		e.end(r, killAtOnce, r.exit.text)
	}
	e.dirty = true
}

// fail counts the failure of a replica.
func (e *engine) fail(r *replica, what string) {
	message := r.id + " " + what
	if line := e.logs.lastLine(r.id); line != "" {
		message += ": " + line
	}
	e.log.Warn("replica failed", "replica", r.id, "error", message)
	e.failures.add(e.clock.Now(), r, message, e.job.cfg.Backoff)
}

// ended forgets a replica of which nothing is left.
func (e *engine) ended(r *replica) {
	delete(e.replicas, r.id)
	e.logs.ended(r.id)
	r.leader.close()
	e.dirty = true
	e.log.Info("replica ended", "replica", r.id, "exit", r.exit.text)
}

func (e *engine) probed(r *replica, ready bool) {
	now := e.clock.Now()
	if !r.deletedAt.IsZero() || (r.readiness.Known && r.readiness.Ready == ready) {
		return
	}
	if ready && r.readyAt.IsZero() {
		r.readyAt = now
	}
	r.readiness.Since = now
	r.readiness.Known, r.readiness.Ready = true, ready
	e.dirty = true
	e.log.Info("readiness changed", "replica", r.id, "ready", ready)
}

func (e *engine) setDesired(n int) error {
	if e.stopping {
		return ErrStopped
	}
	release, err := e.store.hold()
	if err != nil {
		return err
	}
	defer release()
	if !e.store.loaded {
		if err := e.load(); err != nil {
			return err
		}
	}
	before := e.desired
	e.desired = n
	if err := e.save(); err != nil {
		e.desired = before
		return err
	}
	e.dirty = e.dirty || before != n
	return nil
}

func (e *engine) update(j job) {
	if j.hash != e.job.hash {
		e.failures = failures{} // what failed before says nothing of the new command
	}
	e.job, e.dirty = j, true
	e.ports.limit(j.cfg)
}

func (e *engine) stopAll() { e.stopping = true }

// killAll takes away the patience of every replica on its way out.
func (e *engine) killAll() {
	e.forced = true
	for _, r := range e.replicas {
		if r.hurry != nil {
			r.hurry()
		}
	}
}

func (e *engine) status() (target.Status, error) {
	if !e.store.held() {
		if err := e.load(); err != nil {
			return target.Status{}, fmt.Errorf("process target %s: %w", e.name, err)
		}
	}
	s := target.Status{At: e.clock.Now(), SpecReplicas: e.desired}
	if e.stopping {
		s.SpecReplicas = 0
	}
	for _, id := range sortedIDs(e.replicas) {
		s.Replicas = append(s.Replicas, e.replicas[id].describe())
	}
	if c, ok := e.failures.condition(); ok {
		s.Conditions = append(s.Conditions, c)
	}
	if !e.rollout.IsZero() {
		s.Conditions = append(s.Conditions, target.Condition{
			Type: "RolloutInProgress", Since: e.rollout,
			Message: "replicas of an older command are being replaced one by one",
		})
	}
	return s, nil
}
