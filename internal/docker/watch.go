package docker

import (
	"context"
	"errors"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
)

// Update is news of the containers that are watched: all of them, one of
// them, one that is gone, or that there is no news.
type Update struct {
	// Listed: All is every container there was at At. One that was made
	// since is not missing.
	Listed bool
	At     time.Time
	All    []Container
	// One has changed.
	One *Container
	// Gone is the ID of one that was taken away.
	Gone string
	// Asked is the ID of one that somebody asked to end.
	Asked string
	// Err is why nothing is known until the next listing.
	Err error
}

// Between two attempts to reach the engine, and between two listings that
// nothing gave cause for: what an event did not tell is seen then, and an
// engine that hangs is found out.
const (
	retryMin    = 100 * time.Millisecond
	retryMax    = 2 * time.Second
	listedAgain = 15 * time.Second
)

// Watch reports what becomes of all containers with these labels until ctx is
// done. Every listing begins after the events it is followed by, so nothing
// falls between; after a gap there is a new listing.
//
//	events begin ─► listing ─► event, event, … ─► gap ─► Err ─► events begin ─► …
func Watch(ctx context.Context, clk clock.Clock, e Engine, labels map[string]string, report func(Update)) {
	wait := retryMin
	for {
		err := follow(ctx, clk, e, labels, func(u Update) {
			wait = retryMin
			report(u)
		})
		if ctx.Err() != nil {
			return
		}
		report(Update{Err: err})
		select {
		case <-clk.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, retryMax)
	}
}

// follow reports until something is missed, and returns why.
func follow(ctx context.Context, clk clock.Clock, e Engine, labels map[string]string, report func(Update)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, failed := e.Events(ctx, labels)
	list := func() error {
		at := clk.Now()
		all, err := e.List(ctx, labels)
		if err == nil {
			report(Update{Listed: true, At: at, All: all})
		}
		return err
	}
	if err := list(); err != nil {
		return err
	}
	again := clk.NewTicker(listedAgain)
	defer again.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err = <-failed:
		case <-again.C:
			err = list()
		case event := <-events:
			err = look(ctx, e, event, report)
		}
		if err != nil {
			return err
		}
	}
}

// look reports what an event has made of a container.
func look(ctx context.Context, e Engine, event Event, report func(Update)) error {
	if event.Asked {
		report(Update{Asked: event.ID})
		return nil
	}
	if event.Destroyed {
		report(Update{Gone: event.ID})
		return nil
	}
	one, err := e.Inspect(ctx, event.ID)
	switch {
	case errors.Is(err, ErrGone):
		report(Update{Gone: event.ID})
	case err != nil:
		return err
	default:
		report(Update{One: &one})
	}
	return nil
}
