package process

import (
	"context"
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/replicas"
)

// ending is how patiently a replica is ended.
//
//	drainFirst ─► no new requests, those in progress finish (drainTimeout)
//	                 │
//	terminateFirst ──┴─► SIGTERM ─► terminationGracePeriod
//	                                    │
//	killAtOnce ─────────────────────────┴─► SIGKILL ─► nothing left
type ending uint8

const (
	drainFirst ending = iota
	terminateFirst
	killAtOnce
)

// groupPoll is how often the rest of a process group is looked at once its
// leader has ended.
const groupPoll = 20 * time.Millisecond

// ender ends one replica.
type ender struct {
	clock   clock.Clock
	log     *slog.Logger
	drain   replicas.Draining
	cfg     Config
	owner   string
	replica *replica
	how     ending
	// asked is when the replica was told to end by who looked after it before;
	// zero: it was not. note writes down that it is about to be.
	asked time.Time
	note  func(context.Context)
	empty bool // the process group was seen empty
}

// run returns true when nothing of the replica is left, false when ctx was
// cancelled before. Once patient is cancelled the replica is killed.
func (e *ender) run(ctx, patient context.Context) bool {
	if e.how == drainFirst {
		e.drain.Run(patient)
	}
	if e.how != killAtOnce && patient.Err() == nil {
		e.ask(patient)
	}
	if ctx.Err() != nil {
		return false
	}
	return e.kill(ctx)
}

// ask asks the replica to end and gives it time to. What was asked before is
// given the rest of its time: many a program ends at once when it is asked
// twice, whatever it is doing.
func (e *ender) ask(ctx context.Context) {
	grace := e.cfg.TerminationGracePeriod.Std()
	if !e.asked.IsZero() {
		e.waitGone(ctx, min(grace, max(0, grace-e.clock.Now().Sub(e.asked))))
		return
	}
	if e.note(ctx); ctx.Err() != nil {
		return
	}
	if err := e.replica.leader.terminate(); err != nil {
		e.log.Warn("replica cannot be asked to end, it is killed", slog.String("replica", e.replica.id), slog.Any("error", err))
		return
	}
	e.waitGone(ctx, grace)
}

// waitGone waits until the whole process group has ended, at most for grace.
func (e *ender) waitGone(ctx context.Context, grace time.Duration) {
	over := e.clock.After(grace)
	select {
	case <-e.replica.exited:
	case <-over:
		e.log.Warn("replica did not end on SIGTERM in time", slog.String("replica", e.replica.id), slog.Duration("after", grace))
		return
	case <-ctx.Done():
		return
	}
	for !e.groupGone() {
		select {
		case <-e.clock.After(groupPoll):
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// kill ends what is left of the group, and processes that left the group but
// carry the replica's mark.
func (e *ender) kill(ctx context.Context) bool {
	ours := func(id string) bool { return id == e.replica.id }
	for wait := groupPoll; ; wait = min(2*wait, time.Second) {
		if !e.groupGone() {
			e.replica.leader.kill()
		}
		if killMarked(e.owner, ours) == 0 && e.groupGone() {
			return true
		}
		select {
		case <-e.clock.After(wait):
		case <-ctx.Done():
			return false
		}
	}
}

// groupGone is true for good once the group was seen empty: from then on its
// number may be given to others.
func (e *ender) groupGone() bool {
	e.empty = e.empty || (e.replica.gone() && e.replica.leader.groupEmpty())
	return e.empty
}
