package swarm

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/target"
)

// Times between two looks: while tasks come and go, which a manager does not
// tell, and after a manager did not answer. What was just asked for begins to
// happen within soon.
const (
	busy  = 200 * time.Millisecond
	retry = time.Second
	soon  = 3 * time.Second
)

// Run looks at the service whenever it may have changed, and puts its count
// back where somebody else has set it, until ctx is cancelled. The service
// stays as it is.
func (t *Target) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { _ = (&containers.Vitals{Meter: t.near, Ask: t.ask}).Run(ctx) }) // it ends with ctx alone
	w := &watcher{Target: t, beside: &beside, complaint: replicas.Complaint{Log: t.log, Of: "the service", Passes: docker.ErrUnreachable}}
	defer w.deafen()
	for ctx.Err() == nil {
		w.listen(ctx)
		wait := w.look(ctx)
		select {
		case <-ctx.Done():
		case <-t.wake:
			w.stirred = t.clock.Now()
		case h := <-w.begun:
			w.heard = h
		case <-w.happenings:
			w.stirred = t.clock.Now()
		case err := <-w.failed:
			w.deafen()
			if ctx.Err() == nil {
				t.log.Debug("the swarm is not heard of", slog.Any("error", err))
			}
			select {
			case <-t.clock.After(retry):
			case <-ctx.Done():
			}
		case <-t.clock.After(wait):
		}
	}
	return nil
}

// watcher is one Run.
type watcher struct {
	*Target
	beside    *sync.WaitGroup // of what runs with it
	stirred   time.Time       // when there was last cause to expect something
	last      target.Status
	complaint replicas.Complaint
	heard
	begun chan heard // receives once the manager has begun to tell
	deaf  context.CancelFunc
}

// heard is how a manager tells what happens.
type heard struct {
	happenings <-chan struct{}
	failed     <-chan error
}

// listen follows the manager, unless it does already. Until that begins to tell,
// which may take long where it hangs, nobody waits.
func (w *watcher) listen(ctx context.Context) {
	if w.deaf != nil {
		return
	}
	ctx, w.deaf = context.WithCancel(ctx)
	var engine docker.Cluster
	if w.use(ctx, func(v *view) error { engine = v.engine; return nil }) != nil {
		return // ctx is done
	}
	begun := make(chan heard, 1)
	w.begun = begun
	w.beside.Go(func() {
		happenings, failed := engine.Happenings(ctx)
		begun <- heard{happenings, failed}
	})
}

func (w *watcher) deafen() {
	if w.deaf != nil {
		w.deaf()
	}
	w.heard, w.begun, w.deaf = heard{}, nil, nil
}

// look looks, puts the count back where that is due, tells of what is new, and
// returns how long to wait for the next look.
func (w *watcher) look(ctx context.Context) time.Duration {
	var status target.Status
	interval := retry
	err := w.use(ctx, func(v *view) (err error) {
		interval = v.cfg.Interval.Std()
		if status, err = v.look(ctx, w.clock.Now()); err == nil && v.away.Type == "" {
			err = errors.Join(w.restore(ctx, v), w.remind(ctx, v))
		}
		return err
	})
	w.complaint.Report(ctx, err)
	if err == nil && !replicas.Same(w.last, status) {
		replicas.Told(w.changes)
		w.last = status
	}
	switch {
	case err != nil:
		return retry
	case unsettled(status) || w.clock.Now().Sub(w.stirred) < soon:
		return min(busy, interval)
	default:
		return interval
	}
}

// restore puts the count back where somebody else has set it.
func (w *watcher) restore(ctx context.Context, v *view) error {
	now := w.clock.Now()
	if !v.count.due(now, v.status.SpecReplicas) {
		return nil
	}
	before := v.count
	if _, err := docker.SetServiceReplicas(ctx, v.engine, v.cfg.Service, v.count.wanted); err != nil {
		return err
	}
	v.count.done(now)
	w.stirred = now
	if !before.unsure {
		w.log.Warn("somebody else set the count; put back", slog.Int("found", v.status.SpecReplicas), slog.Int("replicas", before.wanted))
	}
	return nil
}

// remind asks anew for what the swarm has forgotten: to place tasks, or to take
// them away.
func (w *watcher) remind(ctx context.Context, v *view) error {
	now := w.clock.Now()
	if !v.count.known || v.status.SpecReplicas != v.count.wanted {
		return nil
	}
	if v.surplus.nudge(now) {
		w.log.Warn("tasks stay although fewer are asked for; the swarm is told once more", slog.Int("tasks", v.surplus.tasks), slog.Int("replicas", v.count.wanted))
		w.stirred = now
		return docker.RepeatServiceReplicas(ctx, v.engine, v.cfg.Service)
	}
	if !v.room.nudge(now) {
		return nil
	}
	w.log.Warn("tasks wait for a node and the swarm does not say why; asking for them anew", slog.Int("waiting", v.room.waiting))
	w.stirred = now
	for _, n := range []int{v.room.limit, v.count.wanted} {
		if _, err := docker.SetServiceReplicas(ctx, v.engine, v.cfg.Service, n); err != nil {
			v.count.unsure = true // the whole count is asked for again
			return err
		}
	}
	return nil
}

// unsettled reports whether tasks are coming or going. One that finds no node
// is not: that may last.
func unsettled(s target.Status) bool {
	waiting := 0
	for i := range s.Replicas {
		switch r := &s.Replicas[i]; {
		case r.TakesWork():
		case r.DeletedAt.IsZero() && r.StartedAt.Add(time.Minute).Before(s.At):
			waiting++ // it has been for long
		default:
			return true
		}
	}
	return len(s.Replicas)-waiting < s.SpecReplicas && waiting == 0
}
