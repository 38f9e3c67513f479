package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/flyball-io/flyball/app/roles"
	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/target"
)

// duty says whether this process is the executor of a target, where several
// processes have that role: one at a time looks after the replicas, carries
// out decisions and reports what is. The others wait.
//
//	              holds the lease │ cannot ask (Redis is away) │ another holds it
//	replicas      looked after    │ looked after, see below    │ left alone
//	decisions     carried out     │ none come                  │ left to the other
//	reports       told            │ nobody hears               │ left to the other
//
// Who cannot ask for longer than a lease lasts may have lost it to another that
// can. Where that sees the same replicas ([target.Shared]) they are then looked
// at alone; others nobody else can look after.
type duty struct {
	lease  RunningLease // nil: there is one executor
	clock  clock.Clock
	log    *slog.Logger
	target string
}

// dutyOf is that of a target.
func (d *Deps) dutyOf(target string) duty {
	own := duty{clock: d.Clock, log: d.Log, target: target}
	// A dry run has it too: it acknowledges decisions that another would miss.
	if d.Split != nil && d.Split.ExecutorLease != nil && d.has(roles.Executor) {
		own.lease = d.Split.ExecutorLease(target)
	}
	return own
}

// dutyLooked is the time between two looks at who has the duty, and dutySoon
// how long somebody who is alone may take to get it.
const (
	dutyLooked = 100 * time.Millisecond
	dutySoon   = 2 * time.Second
)

// run tries for the lease until ctx is done.
func (d *duty) run(ctx context.Context) error {
	if d.lease == nil {
		<-ctx.Done()
		return nil
	}
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		select {
		case <-ctx.Done():
		case <-d.clock.After(dutySoon):
			if !d.held() {
				d.log.Warn("waits: another executor looks after the target, or the bus does not answer", slog.String("target", d.target))
			}
		}
	})
	return d.lease.Run(ctx)
}

// held reports whether the lease is certainly this process's.
func (d *duty) held() bool {
	if d.lease == nil {
		return true
	}
	_, held := d.lease.Term()
	return held
}

// mine reports whether nobody else is known to have the lease since it was this
// process's: replicas are not left alone because the bus is away.
func (d *duty) mine() bool {
	if d.lease == nil {
		return true
	}
	term, _ := d.lease.Term()
	return term > 0
}

// alone says to a target that others see too whether they may look after it, until
// ctx is done.
func (d *duty) alone(ctx context.Context, t target.Managed) error {
	if dry, is := t.(roles.Dry); is {
		t = dry.Managed // it starts again what has died, too
	}
	shared, is := t.(target.Shared)
	if !is || d.lease == nil {
		<-ctx.Done()
		return nil
	}
	return d.during(ctx, d.held, func(ctx context.Context, held bool) error {
		shared.Alone(held)
		<-ctx.Done()
		return nil
	})
}

// while runs something whenever the duty is this process's, until ctx is done.
func (d *duty) while(ctx context.Context, run func(context.Context) error) error {
	return d.only(ctx, d.mine, run)
}

// whileHeld runs something whenever the duty is certainly this process's.
func (d *duty) whileHeld(ctx context.Context, run func(context.Context) error) error {
	return d.only(ctx, d.held, run)
}

func (d *duty) only(ctx context.Context, is func() bool, run func(context.Context) error) error {
	return d.during(ctx, is, func(ctx context.Context, now bool) error {
		if !now {
			<-ctx.Done()
			return nil
		}
		return run(ctx)
	})
}

// during runs something anew each time that an answer changes, until ctx is
// done or it ends by itself.
func (d *duty) during(ctx context.Context, is func() bool, run func(ctx context.Context, now bool) error) error {
	if d.lease == nil {
		return run(ctx, true)
	}
	for ctx.Err() == nil {
		now := is()
		turn, stop := context.WithCancelCause(ctx)
		var watching sync.WaitGroup
		watching.Go(func() {
			defer stop(target.ErrReplaced)
			for turn.Err() == nil && is() == now {
				select {
				case <-turn.Done():
				case <-d.clock.After(dutyLooked):
				}
			}
		})
		err := unlessDone(turn, run(turn, now))
		byItself := turn.Err() == nil
		stop(nil)
		watching.Wait()
		if err != nil || byItself {
			return err
		}
	}
	return nil
}
