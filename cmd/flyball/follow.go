package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/flyball-io/flyball/internal/client"
	"github.com/flyball-io/flyball/internal/clock"
)

// Waits between two tries to connect again.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// follower writes what a journal holds and then each line as it comes. After
// a broken connection it lists again what came meanwhile, so that nothing is
// missed, whether the network or the instance was away:
//
//	ID of the stream ─► list ─► stream from that ID ─► broken ─► wait ─┐
//	        ▲──────────────────────────────────────────────────────────┘
type follower struct {
	client  *client.Client
	journal journal
	out     *historyWriter
	notes   io.Writer
	query   client.Query

	started bool // the first listing was written
	lost    bool // and the connection after it
	written written
}

// errStartOver ends a stream that missed something.
var errStartOver = errors.New("start over")

// run follows until ctx is done.
func (f *follower) run(ctx context.Context) error {
	wait := firstRetry
	for {
		connected, err := f.session(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !f.started, errors.Is(err, client.ErrUnauthorized), errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrRefused):
			return err
		case errors.Is(err, errBrokenOutput):
			return err
		case errors.Is(err, errStartOver):
			f.lost = true
			continue
		}
		if connected {
			wait = firstRetry
		}
		if !f.lost {
			fmt.Fprintln(f.notes, "(connection lost, trying again)")
		}
		f.lost = true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-clock.System.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

// session lists what is new and follows the stream until it breaks; connected
// is true once the instance answered.
func (f *follower) session(ctx context.Context) (connected bool, err error) {
	overview, err := f.client.Targets(ctx)
	if err != nil {
		return false, err
	}
	if err := f.catchUp(ctx); err != nil {
		return true, err
	}
	return true, f.client.Stream(ctx, f.journal.target(), overview.LastID, func(m client.Message) error {
		if m.Kind == client.ResetMessage {
			return errStartOver
		}
		l, ours, err := f.journal.read(m)
		if err != nil || !ours || !f.isNew(l) {
			return err
		}
		return f.write(l)
	})
}

// mostMissed is how many lines are looked through after a broken connection,
// and lateness how far before the last one: the time of an event is that of
// the observation behind it, and an instance's clock may have been set back a
// little by a restart.
const (
	mostMissed = 2000
	lateness   = 10 * time.Minute
)

// catchUp writes the first listing, and later what came while nobody
// listened.
func (f *follower) catchUp(ctx context.Context) error {
	q := f.query
	if f.started {
		q.Limit = mostMissed
		if last := f.written.last; !last.IsZero() && last.Add(-lateness).After(q.From) {
			q.From = last.Add(-lateness)
		}
	}
	lines, err := f.journal.list(ctx, q)
	if err != nil {
		return err
	}
	f.out.head(f.journal)
	if !f.started && len(lines) > 0 && len(lines) == q.Limit {
		f.written.forget(lines[0].at) // nobody asked for older ones
	}
	missed, more := 0, f.started && len(lines) == mostMissed && !f.written.listed(lines[0])
	for _, l := range lines {
		if f.started && (f.written.listed(l) || !f.isNew(l)) {
			continue
		}
		missed++
		if err := f.write(l); err != nil {
			return err
		}
	}
	f.reconnected(missed, more)
	f.started, f.lost = true, false
	return nil
}

// reconnected says what came of a broken connection.
func (f *follower) reconnected(missed int, more bool) {
	switch {
	case !f.started || !f.lost:
	case more:
		fmt.Fprintf(f.notes, "(reconnected, the newest %d missed are shown, there may be more)\n", missed)
	default:
		fmt.Fprintf(f.notes, "(reconnected, %d missed are shown)\n", missed)
	}
}

// isNew is false for what was written before. Decisions of a target come in
// the order of time, and one that goes on under another ID, because a listing
// cut its run, is not new.
func (f *follower) isNew(l line) bool {
	return !f.written.has(l) && (!f.journal.inOrder() || l.at.After(f.written.last))
}

// errBrokenOutput: nobody reads what is written.
var errBrokenOutput = errors.New("output")

func (f *follower) write(l line) error {
	f.written.add(l)
	if err := f.out.write(l); err != nil {
		return fmt.Errorf("%w: %w", errBrokenOutput, err)
	}
	return nil
}
