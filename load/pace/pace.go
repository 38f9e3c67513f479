// Package pace has something done again and again: at the instants of a
// workload whatever became of what was done before (an open loop, as users who
// know nothing of each other), or by a number of users who begin anew when they
// are done (a closed loop). Whoever does it is told when it was meant to begin,
// so that waits are measured from there.
package pace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/workload"
)

// Turn is one time that something is done.
type Turn struct {
	Number   int // from 0 on
	Intended time.Time
}

// Options say when it is a turn. Exactly one of Arrivals and Users is given.
type Options struct {
	Clock clock.Clock
	// Arrivals are the turns of an open loop; MaxInFlight bounds those under way:
	// one that is due beyond it is dropped, and never late.
	Arrivals    *workload.Arrivals
	MaxInFlight int
	// Users take turns one after the other, until For is over; 0: it never is.
	Users int
	For   time.Duration
	// Most bounds the turns in all; 0: nothing does.
	Most int
}

// Run has do called for each turn, by goroutines of their own, and returns once
// all have returned. No turn begins after ctx is done. drop is told of turns
// that were dropped.
func (o Options) Run(ctx context.Context, do, drop func(Turn)) {
	var running sync.WaitGroup
	defer running.Wait()
	if o.Arrivals == nil {
		o.closed(ctx, &running, do)
		return
	}
	start, slots := o.Clock.Now(), make(chan struct{}, o.MaxInFlight)
	for n := 0; o.Most == 0 || n < o.Most; n++ {
		at, more := o.Arrivals.Next()
		if !more || !o.wait(ctx, start.Add(at)) {
			return
		}
		t := Turn{n, start.Add(at)}
		select {
		case slots <- struct{}{}:
			running.Go(func() { do(t); <-slots })
		default:
			drop(t)
		}
	}
}

// wait returns true once an instant has come, and false when ctx ends.
func (o Options) wait(ctx context.Context, until time.Time) bool {
	left := until.Sub(o.Clock.Now())
	if left <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-o.Clock.After(left):
		return true
	case <-ctx.Done():
		return false
	}
}

func (o Options) closed(ctx context.Context, running *sync.WaitGroup, do func(Turn)) {
	var turns atomic.Int64
	start := o.Clock.Now()
	for range o.Users {
		running.Go(func() {
			for ctx.Err() == nil {
				now := o.Clock.Now()
				n := int(turns.Add(1)) - 1
				if (o.Most > 0 && n >= o.Most) || (o.For > 0 && now.Sub(start) >= o.For) {
					return
				}
				do(Turn{n, now})
			}
		})
	}
}
