package docker

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// keeper keeps the count: it holds the state of a target. One goroutine has it
// at a time; workers (one watches the engine, one starts, probes or ends each
// replica) speak to it through events.
type keeper struct {
	clock   clock.Clock
	log     *slog.Logger
	traffic target.Traffic
	engine  docker.Engine
	// endpoint is where that answers.
	endpoint string
	store    *replicas.Store[state]
	newName  func(service string) string
	project  *Project // nil: the containers are the target's alone

	job      job
	owner    string
	fresh    bool // nothing was written down before
	desired  int
	stopping bool // everything goes and nothing comes
	forced   bool // and without patience
	replicas map[string]*replica
	// removed are the containers that this controller took away, by ID: the
	// engine may still tell of one what it saw before.
	removed  map[string]time.Time
	failures replicas.Failures
	refusal  string    // why starts are refused, as it was said last; "": they are not
	rollout  time.Time // when the first outdated replica was seen; zero: there is none
	contact  contact
	hand     hand
	changed  bool // since the last pass, in something that Status shows
	unsaved  bool // the state could not be written down

	events  chan func()
	workers sync.WaitGroup
	changes chan<- struct{}
	ending  chan struct{} // closed once stopping
	gone    chan struct{} // closed when stopping and nothing is left
	// stranded is closed instead when what is left cannot be ended.
	stranded chan struct{}
	stopped  sync.Once
}

func newKeeper(t *Target, j job, opts Options) *keeper {
	return &keeper{
		clock:    opts.Clock,
		log:      opts.Log.With(slog.String("target", t.name)),
		traffic:  opts.Traffic,
		engine:   opts.Engine,
		endpoint: endpointOf(opts.Engine, j.cfg),
		store:    newStore(opts.StateDir, t.name),
		newName:  randomName,
		project:  opts.Project,
		hand:     hand{idle: map[string]docker.Container{}},
		job:      j,
		replicas: map[string]*replica{},
		removed:  map[string]time.Time{},
		events:   make(chan func()),
		changes:  t.changes,
		ending:   make(chan struct{}),
		gone:     t.gone,
		stranded: t.stranded,
	}
}

// endpointOf is where an engine answers, as far as it says so itself.
func endpointOf(engine docker.Engine, cfg Config) string {
	if own, says := engine.(*docker.Client); says {
		return own.Endpoint()
	}
	return cfg.Endpoint
}

// randomName is one that was never used: 40 random bits.
func randomName(service string) string {
	return "flyball-" + service + "-" + strings.ToLower(rand.Text()[:8])
}

// run is the loop: bring what is to what should be, wait until something
// happens.
func (k *keeper) run(ctx context.Context, calls <-chan func(*keeper)) error {
	if err := k.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer k.store.Unlock()
	working, cancel := context.WithCancel(ctx)
	defer k.rest()
	defer cancel()
	k.workers.Go(func() {
		docker.Watch(working, k.clock, k.engine, k.labels(), func(u docker.Update) {
			k.post(working, func() { k.learn(u) })
		})
	})
	for ctx.Err() == nil {
		k.reconcile(working)
		var wake <-chan time.Time
		if at := k.wake(); !at.IsZero() {
			wake = k.clock.After(at.Sub(k.clock.Now()))
		}
		select {
		case <-ctx.Done():
		case f := <-k.events:
			f()
		case f := <-calls:
			f(k)
		case <-wake:
		}
	}
	return nil
}

// rest waits for the workers and writes down what they found last; the next
// run begins from there.
func (k *keeper) rest() {
	k.workers.Wait()
	k.publish()
	k.contact = contact{}
}

// post hands a worker's finding to whoever has the keeper.
func (k *keeper) post(ctx context.Context, f func()) {
	select {
	case k.events <- f:
	case <-ctx.Done():
	}
}

// reconcile does what the plan says and sees that every replica has the
// worker it needs. Without the engine nothing is planned: what is not known
// to be missing is not replaced.
func (k *keeper) reconcile(ctx context.Context) {
	if k.failures.Settle(k.clock.Now(), k.settleAt()) {
		k.changed = true
	}
	k.forgetHand()
	if k.contact.listed {
		v := k.view()
		for _, a := range replicas.Plan(v) {
			k.apply(a)
			k.noteRestored(a, v.Now)
		}
		k.noteRollout(v)
		k.failures.ForgetPredecessors(k.desired - k.staying())
	}
	// First on disk, then under way: a controller that returns must know
	// which containers were to be made and which were asked to end.
	k.publish()
	for _, r := range k.replicas {
		k.attend(ctx, r)
	}
	k.tellStop()
}

// attend sees that a replica has the worker it needs now.
func (k *keeper) attend(ctx context.Context, r *replica) {
	switch {
	case !r.stays() && r.hurry == nil:
		k.endNow(ctx, r)
	case r.stays() && r.began.IsZero() && r.made == nil && k.contact.listed:
		k.makeNow(ctx, r)
	case r.stays() && r.runs() && r.address != "" && r.stopProbe == nil && k.job.probes(r):
		k.probe(ctx, r)
	}
}

// probe starts the worker that asks a replica whether it is ready.
func (k *keeper) probe(ctx context.Context, r *replica) {
	ctx, r.stopProbe = context.WithCancel(ctx)
	p := k.prober(r)
	k.workers.Go(func() {
		p.Run(ctx, func(found replicas.Finding) { k.post(ctx, func() { k.probed(r, found) }) })
	})
}

// prober asks a replica whether it is ready.
func (k *keeper) prober(r *replica) *replicas.Prober {
	cfg := k.job.cfg.Readiness
	return replicas.NewProber(k.clock, replicas.Probing{
		Path: cfg.Path, Interval: cfg.Interval.Std(), Timeout: cfg.Timeout.Std(),
		FailureThreshold: cfg.FailureThreshold, Port: "the port of the configuration",
	}, r.address, r.found.Ready, !r.readyAt.IsZero())
}

// probed takes note of what a prober found.
func (k *keeper) probed(r *replica, found replicas.Finding) {
	r.probed, r.found = true, found
	k.judge(r)
}

// judge makes readiness of what is known of a replica.
func (k *keeper) judge(r *replica) {
	if r.stays() && r.judge(k.job, k.clock.Now()) {
		k.changed = true
		k.log.Info("readiness changed", slog.String("replica", r.id), slog.Bool("ready", r.readiness.Ready))
	}
}

// apply does one thing that the plan says.
func (k *keeper) apply(a replicas.Action) {
	switch a.Verb {
	case replicas.Start:
		k.start()
	case replicas.Remove:
		k.end(k.replicas[a.ID], drainFirst, a.Cause)
	case replicas.Replace:
		r := k.replicas[a.ID]
		k.fail(r, crashLoop(r.because(k.job, a.Cause)))
		k.end(r, terminateFirst, a.Cause)
	}
}

// start asks for one more replica; attend makes it.
func (k *keeper) start() {
	now := k.clock.Now()
	r := k.next(now)
	if k.replicas[r.id] != nil {
		return // the next pass finds another name
	}
	r.config, r.startedAt, r.seenAt = k.job.hash, now, now
	r.restarts, r.exited = k.failures.Succeed(), make(chan struct{})
	k.replicas[r.id] = r
	k.changed = true
}

// next is a replica with a name that no container has.
func (k *keeper) next(now time.Time) *replica {
	if k.project != nil {
		return k.nextOfProject(now)
	}
	name := k.newName(k.job.service)
	return &replica{id: name, name: name}
}

// end marks a replica as on its way out; attend starts the worker that ends
// it. Status shows the mark at once, so that routing drops the replica.
func (k *keeper) end(r *replica, how ending, cause string) {
	r.deletedAt, r.how = k.clock.Now(), how
	k.changed = true
	if !r.refused {
		k.log.Info("ending replica", slog.String("replica", r.id), slog.String("reason", cause))
	}
}

// fail counts the failure of a replica.
func (k *keeper) fail(r *replica, why reason) {
	message := r.id + " " + why.text
	k.log.Log(context.Background(), k.gravity(r, why), "replica failed", slog.String("replica", r.id), slog.String("error", message))
	k.failures.Add(k.clock.Now(), replicas.Failed{
		StartedAt: r.startedAt, ReadyAt: r.readyAt, Restarts: r.restarts, Kind: why.condition, Message: message,
	}, k.job.cfg.Backoff)
}

// gravity is how loudly a failure is told: a start that is refused for the same
// reason as the one before it is no news.
func (k *keeper) gravity(r *replica, why reason) slog.Level {
	before := k.refusal
	k.refusal = ""
	if r.refused {
		k.refusal = why.condition
	}
	if r.refused && why.condition == scale.CrashLoop { // what exactly, only the text says
		k.refusal = strings.ReplaceAll(why.text, r.name, "")
	}
	if r.refused && k.refusal == before {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// ended forgets a replica of which nothing is left.
func (k *keeper) ended(r *replica) {
	delete(k.replicas, r.id)
	if r.container != "" {
		k.removed[r.container] = k.clock.Now()
	}
	k.changed = true
	if !r.refused {
		k.log.Info("replica ended", slog.String("replica", r.id), slog.String("exit", r.exit))
	}
}
