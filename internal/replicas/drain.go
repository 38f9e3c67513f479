package replicas

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
)

// leaveWithin is how long a balancer may take to leave a replica before it is
// behind, and the time between two tries then.
const leaveWithin = 5 * time.Second

// Draining is the time of a replica between the decision that it goes and its
// stop signal.
//
//	leave ─► the balancer sends it nothing new ─► drain, at most Timeout ─► over
//	  └ it does not follow: the replica serves on, Behind says why, again after 5 s
//
// The first step has no limit: to end a replica that gets requests loses them,
// and to keep it costs one replica. It is left out where that does not hold, for
// a replica that takes none (Served) and for a service that ends (Stopping).
type Draining struct {
	Clock   clock.Clock
	Log     *slog.Logger
	Traffic target.Traffic
	ID      string
	// Timeout is the longest wait for requests in progress.
	Timeout time.Duration
	// Served says that the replica takes requests.
	Served bool
	// Exited and Stopping are closed when the replica has ended by itself, and
	// when all of its service is to end.
	Exited, Stopping <-chan struct{}
	// Behind is told why the balancer does not leave the replica, and nil once it
	// has.
	Behind func(why error)
}

// Run returns when the replica may be asked to end, or ctx is done.
func (d Draining) Run(ctx context.Context) {
	ctx, cancel := until(ctx, d.Exited) // what has ended by itself needs no waiting for
	defer cancel()
	if d.Served {
		d.leave(ctx)
	}
	ctx, over := context.WithTimeout(ctx, d.Timeout)
	defer over()
	err := d.Traffic.Drain(ctx, d.ID)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		d.Log.Warn("requests still in progress after drainTimeout", slog.String("replica", d.ID), slog.Any("error", err))
	}
}

// leave returns once the balancer sends the replica nothing new, or need not.
func (d Draining) leave(ctx context.Context) {
	ctx, cancel := until(ctx, d.Stopping)
	defer cancel()
	for behind := false; ctx.Err() == nil; behind = true {
		again := d.Clock.After(leaveWithin)
		err := d.try(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil && behind {
			d.Behind(nil)
		}
		if err == nil {
			return
		}
		d.Behind(err)
		select {
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

func (d Draining) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	return d.Traffic.Leave(ctx, d.ID)
}

// until is ctx until a channel is closed. Its end waits for what it started.
func until(ctx context.Context, closed <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	select {
	case <-closed: // before anything is done, and not some time later
		cancel()
	default:
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-closed:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); watching.Wait() }
}
