package docker

import (
	"log/slog"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
)

// What another hand does to the replicas of a project, and when the count is
// brought back.

const (
	// handPatience is how long another hand may take to end what it asked to.
	handPatience = time.Minute
	// handPause is how long after the last end by another hand replicas are
	// made again, so as not to meet that hand at work.
	handPause = time.Second
	// toldFor is how long a reset is told at least; one of many until there has
	// been peace.
	toldFor = 30 * time.Second
)

// hand is what another hand did to the replicas of a project.
type hand struct {
	began, last    time.Time // of what is told; zero: nothing is
	before         int       // desired when its newest round began
	ended, started int       // in that
	stopped        bool      // all of the service, in that
	contest        replicas.Contest
	down           time.Time // since when nothing is left that runs; zero: something is
	// idle are the containers that do not run and are nobody's replica, by ID.
	idle map[string]docker.Container
}

// asked takes note that somebody asked a container to end: unless it goes
// anyway, that was another hand. One that goes is not told a second time: it is
// written down before anything else is done.
func (k *keeper) asked(container string) {
	for _, r := range k.replicas {
		switch {
		case r.container != container:
		case !r.stays() && r.toldAt.IsZero():
			r.toldAt, k.changed = k.clock.Now(), true
		case r.stays() && k.project != nil:
			r.askedAt = k.clock.Now()
			k.judge(r) // nobody should send it more
		}
	}
}

// forgetAsked takes back what was thought of another hand a moment ago: an
// engine that ends asks all containers to.
func (k *keeper) forgetAsked() {
	k.hand.down = time.Time{}
	if k.clock.Now().Sub(k.hand.last) <= handPatience {
		k.hand.began, k.hand.last = time.Time{}, time.Time{}
		k.hand.contest.Withdraw()
	}
	for _, r := range k.replicas {
		r.askedAt = time.Time{}
	}
}

// byHand is true when another hand ended a replica of a project.
func (k *keeper) byHand(r *replica) bool {
	return k.project != nil && r.askedToEnd(k.clock.Now())
}

// askedToEnd is true of a replica that another hand asked to end a moment ago.
func (r *replica) askedToEnd(now time.Time) bool {
	return !r.askedAt.IsZero() && now.Sub(r.askedAt) <= handPatience
}

// reset takes note that another hand ended a replica: it is nobody's any more.
// Stopped it stays for who may need it.
func (k *keeper) reset(r *replica, text string, exists bool) {
	now := k.clock.Now()
	k.noteHand(now)
	k.hand.ended++
	k.log.Warn("another hand ended a replica", slog.String("replica", r.id), slog.String("exit", text))
	if exists {
		k.setIdle(r)
	}
	if r.stopProbe != nil {
		r.stopProbe()
	}
	delete(k.replicas, r.id)
	k.changed = true
	if k.desired > 0 && !k.runsOn() && k.hand.down.IsZero() {
		k.hand.down, k.hand.stopped = now, true
		k.hand.contest.Calm()                      // who stops a service sets no count
		for _, id := range sortedIDs(k.replicas) { // those that are only just made
			if pending := k.replicas[id]; pending.stays() && !pending.runs() {
				k.end(pending, removeAtOnce, "the service was stopped")
			}
		}
		k.log.Warn("another hand stopped the service: nothing is started until it is started again", slog.String("by", k.project.Up))
	}
}

// noteHand takes note that another hand is at work.
func (k *keeper) noteHand(now time.Time) {
	if k.hand.contest.Disturb(now) {
		k.hand.before, k.hand.ended, k.hand.started, k.hand.stopped = k.desired, 0, 0, false
	}
	if k.hand.began.IsZero() {
		k.hand.began = now
	}
	k.hand.last, k.changed = now, true
}

// restoreAt is when the count may be brought back as far as another hand is
// concerned: once that has done what it does, and later each time it comes
// again. What dies meanwhile is replaced where nothing else is left.
func (k *keeper) restoreAt() (at time.Time) {
	if k.project == nil || k.hand.last.IsZero() {
		return at
	}
	at = k.hand.last.Add(handPause)
	if k.hand.contest.Disturbed() && k.runsOn() {
		at = later(at, k.hand.contest.Next())
	}
	return at
}

// noteRestored takes note that the count is being brought back.
func (k *keeper) noteRestored(a replicas.Action, now time.Time) {
	if k.project == nil || a.Verb == replicas.Replace || !k.hand.contest.Disturbed() {
		return
	}
	if k.hand.contest.Restore(now); k.hand.contest.Again() {
		k.log.Warn("another hand changes the count again and again: is there another autoscaler?", slog.Time("until", k.hand.contest.Next()))
	}
	k.changed = true
}

// surplus takes note of a replica that another hand started beyond the count.
func (k *keeper) surplus(r *replica) {
	if k.project == nil || !k.contact.before || k.staying() <= k.desired {
		return
	}
	k.noteHand(k.clock.Now())
	k.hand.started++
	k.log.Warn("another hand started a replica beyond the count", slog.String("replica", r.id), slog.Int("count", k.desired))
}

// setIdle keeps the stopped container of a replica in mind.
func (k *keeper) setIdle(r *replica) {
	k.hand.idle[r.container] = docker.Container{ID: r.container, Name: r.name, State: docker.Exited, StartedAt: r.began}
}

// runsOn is true while a replica of a project runs that nobody asked to end.
func (k *keeper) runsOn() bool {
	for _, r := range k.replicas {
		if r.stays() && r.runs() && !k.byHand(r) {
			return true
		}
	}
	return false
}

// noContainer is true when a project has nothing to make replicas like.
func (k *keeper) noContainer() bool {
	for _, r := range k.replicas {
		if r.container != "" || !r.before.IsZero() {
			return false
		}
	}
	return len(k.hand.idle) == 0
}

// quietAt is when replicas of a project may be started as far as another hand
// is concerned; never says that it must start the service first.
func (k *keeper) quietAt() (at time.Time, never bool) {
	if k.project == nil {
		return at, false
	}
	at = k.restoreAt()
	for _, r := range k.replicas {
		if r.stays() && k.byHand(r) { // it is about to end
			at = later(at, r.askedAt.Add(handPatience))
		}
	}
	return at, !k.hand.down.IsZero() || k.noContainer() || k.lastIsDead()
}

// lastIsDead is true while the only containers that are left have died and are
// about to be kept: one of them is started again rather than a copy of it.
func (k *keeper) lastIsDead() bool {
	dead := false
	for _, r := range k.replicas {
		if r.stays() && (r.container != "" || !r.before.IsZero()) {
			return false
		}
		dead = dead || (!r.stays() && r.gone())
	}
	return dead
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// forgetHand ends what is told of another hand, once everything is as it
// should be again; forgetHandAt says when to look.
func (k *keeper) forgetHand() {
	if at := k.forgetHandAt(); !at.IsZero() && !at.After(k.clock.Now()) {
		k.hand.began, k.hand.last, k.changed = time.Time{}, time.Time{}, true
		k.hand.contest.Withdraw()
		k.log.Info("count restored", slog.Int("replicas", k.desired))
	}
}

func (k *keeper) forgetHandAt() time.Time {
	switch {
	case k.hand.began.IsZero() || !k.complete() || k.staying() > k.desired:
		return time.Time{}
	case k.hand.contest.Again():
		return k.hand.last.Add(replicas.ContestPeace)
	default:
		return k.hand.last.Add(toldFor)
	}
}

// first counts what runs where nothing was ever asked for: the count was
// somebody's choice.
func (k *keeper) first() {
	if k.project == nil || !k.fresh {
		return
	}
	k.fresh, k.desired, k.changed = false, k.staying(), true
}

// keeps is true of the last container of a project: without it there is
// nothing to make others like.
func (k *keeper) keeps(r *replica) bool {
	if k.project == nil || len(k.hand.idle) > 0 {
		return false
	}
	for _, other := range k.replicas {
		if other != r && other.container != "" && !other.removed {
			return false
		}
	}
	return true
}
