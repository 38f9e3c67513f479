package kubernetes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/kubernetes"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/target"
)

// Times: between what is told and the look at it, so that a hundred pods that
// start at once are one look; after the cluster did not answer; and for handing
// back when all ends.
const (
	gather   = 50 * time.Millisecond
	retry    = time.Second
	farewell = 10 * time.Second
)

// Run looks at the object whenever it may have changed, and puts its count back
// where somebody else has set it, until ctx is cancelled. Then it hands back to
// those whom it has taken over from, unless another controller goes on. The object
// stays as it is.
func (t *Target) Run(ctx context.Context) error {
	w := &watcher{Target: t, complaint: replicas.Complaint{Log: t.log, Of: "the object", Passes: kubernetes.ErrUnreachable}}
	defer w.deafen()
	for ctx.Err() == nil {
		w.listen(ctx)
		wait := w.look(ctx)
		select {
		case <-ctx.Done():
		case <-t.clock.After(wait):
		case <-t.wake:
			select {
			case <-t.clock.After(gather):
			case <-ctx.Done():
			}
		}
	}
	w.deafen()
	if errors.Is(context.Cause(ctx), target.ErrReplaced) {
		return nil // whoever has it now scales, and hands back
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := t.use(last, func(v *view) error { return v.handBack(last) }); err != nil {
		t.log.Error("not handed back: it is when Flyball scales it again, or by hand (docs/kubernetes.md)", slog.Any("error", err))
	}
	return nil
}

// watcher is one Run.
type watcher struct {
	*Target
	last      target.Status
	complaint replicas.Complaint

	followed  kubernetes.Ref
	by        kubernetes.API
	following sync.WaitGroup
	deaf      context.CancelFunc
}

// listen follows the object, unless it does already.
func (w *watcher) listen(ctx context.Context) {
	var ref kubernetes.Ref
	var api kubernetes.API
	if w.use(ctx, func(v *view) error { ref, api = v.ref, v.api; return nil }) != nil || w.deaf != nil && ref == w.followed && api == w.by {
		return
	}
	w.deafen()
	ctx, w.deaf = context.WithCancel(ctx)
	w.followed, w.by = ref, api
	w.following.Go(func() { api.Follow(ctx, ref, func() { replicas.Told(w.wake) }) })
}

func (w *watcher) deafen() {
	if w.deaf != nil {
		w.deaf()
		w.following.Wait()
	}
	w.deaf = nil
}

// look looks, does what is due, tells of what is new, and returns how long to
// wait for the next look.
func (w *watcher) look(ctx context.Context) time.Duration {
	var status target.Status
	interval, away := retry, false
	err := w.use(ctx, func(v *view) (err error) {
		now := w.clock.Now()
		interval = v.cfg.Interval.Std()
		if status, err = v.look(ctx, now); err != nil || v.away.Type != "" {
			away = true
			return err
		}
		err = errors.Join(w.restore(ctx, v, now), v.govern(ctx, now))
		interval = v.again(now, interval)
		return err
	})
	w.complaint.Report(ctx, err)
	if err == nil && !replicas.Same(w.last, status) {
		replicas.Told(w.changes)
		w.last = status
	}
	if err != nil || away {
		return min(retry, interval)
	}
	return interval
}

// again is how long it is until somebody else is answered with whom we are in a
// contest, and most where that is farther away or there is none.
func (v *view) again(now time.Time, most time.Duration) time.Duration {
	var next []time.Time
	if v.count.contest.Disturbed() {
		next = append(next, v.count.contest.Next())
	}
	if v.count.keeping && v.cfg.TakeOver && len(v.rivals.foreign(v.name)) > 0 {
		next = append(next, v.rivals.contest.Next())
	}
	for _, at := range next {
		if at.After(now) {
			most = min(most, at.Sub(now))
		}
	}
	return most
}

// restore puts the count back where that is due.
func (w *watcher) restore(ctx context.Context, v *view, now time.Time) error {
	found, wanted, by := v.status.SpecReplicas, v.count.wanted, v.count.by
	put, err := v.restore(ctx, now)
	if put {
		replicas.Told(w.wake)
		w.log.Warn("somebody else set the count; put back", slog.Int("found", found), slog.Int("replicas", wanted), slog.String("by", by))
	}
	return err
}
