package process

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// engine holds the state of a target. One goroutine has it at a time; workers
// (a prober and a watcher per replica, one more while it is being ended)
// speak to it through events.
type engine struct {
	name, owner       string
	clock             clock.Clock
	log               *slog.Logger
	traffic           target.Traffic
	dieWithController bool
	store             *replicas.Store[state]
	logs              *logs
	meter             *meter

	job      job
	desired  int
	stopping bool // everything goes and nothing comes
	forced   bool // and without patience
	replicas map[string]*replica
	ports    ports
	failures replicas.Failures
	rollout  time.Time // when the first outdated replica was seen; zero: there is none
	changed  bool      // since the last pass, in something that Status shows
	unsaved  bool      // the state could not be written down

	events  chan func()
	workers sync.WaitGroup
	changes chan<- struct{}
	ending  chan struct{} // closed once stopping
	gone    chan struct{} // closed when stopping and nothing is left
	stopped sync.Once
}

func newEngine(t *Target, j job, dir string, opts Options) *engine {
	return &engine{
		name:              t.name,
		owner:             ownerOf(dir, t.name),
		clock:             opts.Clock,
		log:               opts.Log.With(slog.String("target", t.name)),
		traffic:           opts.Traffic,
		dieWithController: opts.DieWithController,
		store:             newStore(dir, t.name),
		logs:              newLogs(dir, t.name),
		meter:             t.meter,
		job:               j,
		replicas:          map[string]*replica{},
		ports:             newPorts(j.cfg, ownerOf(dir, t.name)),
		events:            make(chan func()),
		changes:           t.changes,
		ending:            make(chan struct{}),
		gone:              t.gone,
	}
}

// run is the loop: bring what is to what should be, wait until something
// happens.
func (e *engine) run(ctx context.Context, calls <-chan func(*engine)) error {
	if err := e.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer e.store.Unlock()
	working, cancel := context.WithCancel(ctx)
	defer e.rest()
	defer cancel()
	e.workers.Go(func() { e.logs.keepBounded(working, e.clock) })
	e.workers.Go(func() { e.meter.run(working, e.clock) })
	for ctx.Err() == nil {
		e.reconcile(working)
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
	e.meter.follow(e.job.cfg, nil)
}

// post hands a worker's finding to whoever has the engine.
func (e *engine) post(ctx context.Context, f func()) {
	select {
	case e.events <- f:
	case <-ctx.Done():
	}
}

// reconcile does what the plan says and sees that every replica has the
// workers it needs.
func (e *engine) reconcile(ctx context.Context) {
	if e.failures.Settle(e.clock.Now(), e.settleAt()) {
		e.changed = true
	}
	v := e.view()
	for _, a := range replicas.Plan(v) {
		e.apply(a)
	}
	e.noteRollout(v)
	e.failures.ForgetPredecessors(e.desired - e.view().Staying())
	// First on disk, then under way: a controller that returns must know
	// which replicas were asked to end.
	e.publish()
	e.meter.follow(e.job.cfg, e.subjects())
	for _, r := range e.replicas {
		e.attend(ctx, r)
	}
	if e.stopping && len(e.replicas) == 0 {
		e.stopped.Do(func() { close(e.gone) })
	}
}

// publish writes down and announces what has changed.
func (e *engine) publish() {
	if e.changed || e.unsaved {
		_ = e.keep() // it was said, and is tried again
	}
	if !e.changed {
		return
	}
	e.changed = false
	select {
	case e.changes <- struct{}{}:
	default:
	}
}

// saveAgain is the time between two attempts to write the state.
const saveAgain = 5 * time.Second

// keep writes the state down, and says when that begins to fail and when it
// succeeds again.
func (e *engine) keep() error {
	err := e.save()
	switch {
	case err != nil && !e.unsaved:
		e.log.Error("state not written: it is tried again", slog.Any("error", err))
	case err == nil && e.unsaved:
		e.log.Info("state written again")
	}
	e.unsaved = err != nil
	return err
}

// subjects is whose use of CPU and memory is measured.
func (e *engine) subjects() map[string]subject {
	all := make(map[string]subject, len(e.replicas))
	for id, r := range e.replicas {
		s := subject{pid: r.leader.pid, identity: r.leader.identity}
		if r.stays() && r.readiness.Ready {
			s.since = r.readiness.Since
		}
		all[id] = s
	}
	return all
}

func (e *engine) view() replicas.View {
	v := replicas.View{
		Now:             e.clock.Now(),
		Desired:         e.desired,
		Stopping:        e.stopping,
		RetryAt:         e.failures.RetryAt,
		StartTimeout:    e.job.cfg.StartTimeout.Std(),
		LivenessTimeout: e.job.cfg.LivenessTimeout.Std(),
		Load:            e.traffic.Load,
		Behind:          len(e.lingering()) > 0,
	}
	for _, id := range sortedIDs(e.replicas) {
		v.Replicas = append(v.Replicas, e.replicas[id].member(e.job.hash))
	}
	return v
}

func (e *engine) noteRollout(v replicas.View) {
	rolling := v.Rolling()
	if rolling == !e.rollout.IsZero() {
		return
	}
	e.rollout, e.changed = time.Time{}, true
	if rolling {
		e.rollout = v.Now
	}
}

// wake is when the loop must look again although nothing happened; zero when
// it need not.
func (e *engine) wake() time.Time {
	v := e.view()
	at := replicas.Earlier(v.Wake(), e.settleAt())
	if e.unsaved {
		at = replicas.Earlier(at, v.Now.Add(saveAgain))
	}
	return at
}

// settleAt is when past failures will be forgotten.
func (e *engine) settleAt() time.Time {
	return e.failures.SettleAt(e.view(), e.job.cfg.Backoff)
}

func (e *engine) apply(a replicas.Action) {
	switch a.Verb {
	case replicas.Start:
		e.start()
	case replicas.Remove:
		e.end(e.replicas[a.ID], drainFirst, a.Cause)
	case replicas.Replace:
		r := e.replicas[a.ID]
		e.fail(r, r.because(a.Cause))
		e.end(r, terminateFirst, a.Cause)
	}
}

// end marks a replica as on its way out; attend starts the worker that ends
// it. Status shows the mark at once, so that routing drops the replica.
func (e *engine) end(r *replica, how ending, cause string) {
	r.deletedAt, r.how = e.clock.Now(), how
	e.changed = true
	e.log.Info("ending replica", slog.String("replica", r.id), slog.String("reason", cause))
}

// exited takes note that a replica's first process has ended.
func (e *engine) exited(r *replica) {
	r.exit = r.leader.reap()
	close(r.exited)
	e.changed = true
	if r.stays() {
		e.fail(r, "ended by itself: "+r.exit.text)
		e.end(r, killAtOnce, r.exit.text)
	}
}

// fail counts the failure of a replica.
func (e *engine) fail(r *replica, what string) {
	message := r.id + " " + what
	if line := e.logs.lastLine(r.id); line != "" {
		message += ": " + line
	}
	e.log.Warn("replica failed", slog.String("replica", r.id), slog.String("error", message))
	e.failures.Add(e.clock.Now(), replicas.Failed{
		StartedAt: r.startedAt, ReadyAt: r.readyAt, Restarts: r.restarts, Kind: scale.CrashLoop, Message: message,
	}, e.job.cfg.Backoff)
}

// ended forgets a replica of which nothing is left.
func (e *engine) ended(r *replica) {
	delete(e.replicas, r.id)
	e.logs.prune(func(id string) bool { return e.replicas[id] != nil })
	r.leader.close()
	e.changed = true
	e.log.Info("replica ended", slog.String("replica", r.id), slog.String("exit", r.exit.text))
}

// probed takes note of what a prober found.
func (e *engine) probed(r *replica, found replicas.Finding) {
	r.unready = found.Why
	if !r.stays() || !r.note(found.Ready, e.clock.Now()) {
		return
	}
	e.changed = true
	e.log.Info("readiness changed", slog.String("replica", r.id), slog.Bool("ready", found.Ready))
}
