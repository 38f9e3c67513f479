package docker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// forceTimeout is how long Stop waits for the engine to kill what is left.
const forceTimeout = 20 * time.Second

// Stop drains and ends every replica, for good: Run then has nothing to do. An
// engine that is away is waited for. Once ctx is done what is left is killed
// and ctx's error returned, or where the engine is away or does not do it an
// error that names the containers which are left. The desired count on disk
// stays, for whoever starts the target again.
func (t *Target) Stop(ctx context.Context) error {
	// Where Run does not run, or ends meanwhile, Stop does its work.
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var helper sync.WaitGroup
	defer helper.Wait()
	defer cancel(nil)
	helper.Go(func() {
		if err := t.run(running); err != nil {
			cancel(err)
		}
	})
	if err := t.do(running, (*keeper).stopAll); err != nil {
		return err
	}
	select {
	case <-t.gone:
		return nil
	case <-running.Done():
		return t.wrap(fmt.Errorf("stop: %w", context.Cause(running)))
	case <-ctx.Done():
	}
	if err := t.do(running, (*keeper).killAll); err != nil {
		return err
	}
	select {
	case <-t.gone:
		return t.wrap(fmt.Errorf("replicas were killed: %w", ctx.Err()))
	case <-running.Done():
		return t.wrap(fmt.Errorf("stop: %w", context.Cause(running)))
	case <-t.stranded:
	case <-t.clock.After(forceTimeout):
	}
	return t.do(running, (*keeper).leave)
}

func (k *keeper) stopAll() error {
	if !k.stopping {
		close(k.ending)
	}
	k.stopping, k.changed = true, true
	k.sayWaiting()
	return nil
}

// killAll takes away the patience with every replica on its way out.
func (k *keeper) killAll() error {
	k.forced = true
	for _, r := range k.replicas {
		if r.hurry != nil {
			r.hurry()
		}
	}
	return nil
}

// sayWaiting says that the end of the replicas waits for the engine.
func (k *keeper) sayWaiting() {
	if k.stopping && !k.forced && k.contact.lost != nil && len(k.replicas) > 0 {
		k.log.Warn("replicas cannot be ended while the engine is away: waiting for it; one more interrupt leaves them",
			slog.String("containers", strings.Join(k.containers(), ", ")), slog.Any("error", k.contact.lost))
	}
}

// tellStop tells who waits for the end of all replicas that none is left, or
// that waiting on is in vain. Each is written down before it is made, so that
// there is none is known without the engine too.
func (k *keeper) tellStop() {
	away := k.contact.lost != nil
	switch {
	case !k.stopping:
	case len(k.replicas) == 0 && (k.contact.listed || (away && !k.unsaved)):
		k.stopped.Do(func() { close(k.gone) })
	case k.forced && away:
		k.stopped.Do(func() { close(k.stranded) })
	}
}

// leave says which containers are left, why, and who may end them.
func (k *keeper) leave() error {
	why := fmt.Errorf("the engine did not kill them in %v", forceTimeout)
	if k.contact.lost != nil {
		why = k.contact.lost
	}
	return fmt.Errorf("stop: containers are left: %s (flyball run looks after them again, flyball stop %s ends them): %w",
		strings.Join(k.containers(), ", "), k.job.target, why)
}

// containers are the names of those that there may be.
func (k *keeper) containers() []string {
	var names []string
	for _, r := range k.replicas {
		if r.container != "" || r.made != nil {
			names = append(names, r.name)
		}
	}
	slices.Sort(names)
	return names
}
