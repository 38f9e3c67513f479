package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// Project makes the replicas of a target containers of a project that others
// look after too, by hand or by docker compose. What differs then:
//
//	whose        every container with the project's labels that runs is a
//	             replica, whoever made it; at first they are as many as run
//	new ones     are twins of the newest, or the last one that was kept
//	the last one is stopped and not removed: it is what others are made like
//	by hand      what another hand ends is no failure: the count is restored a
//	             moment later, unless nothing is left that runs (that hand
//	             stopped the service, and starts it again). One that changes it
//	             again and again is waited for longer and longer
type Project struct {
	// Labels are those of all containers of the service.
	Labels map[string]string
	// Name returns the name of one more container beside those that exist.
	Name func(existing []string) string
	// Mark returns the labels by which the project knows the container of a
	// name.
	Mark func(name string) map[string]string
	// Fault says why there cannot be a second container like one of the
	// project; nil: nothing speaks against it.
	Fault func(docker.Container) error
	// Up is the command that starts the service.
	Up string
}

// ServiceDown is the condition of a target whose containers belong to a
// project: none of the service exists, or another hand stopped all of them.
// Nothing is started until somebody starts the service. Another hand that ends
// only some is told as [scale.CountReset].
const ServiceDown = "ServiceDown"

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
	contest        replicas.Contest
	down           time.Time // since when nothing is left that runs; zero: something is
	// idle are the containers that do not run and are nobody's replica, by ID.
	idle map[string]docker.Container
}

// ids of a project's replicas differ with each start, since names come back.
func startID(name string, at time.Time) string {
	return name + "." + strconv.FormatInt(at.UnixMilli(), 36)
}

// labels are those by which the replicas' containers are found.
func (k *keeper) labels() map[string]string {
	if k.project != nil {
		return k.project.Labels
	}
	return map[string]string{labelOwner: k.owner}
}

// nextOfProject is the replica that a project gets: a container of it that was
// stopped, or one of the next name.
func (k *keeper) nextOfProject(now time.Time) *replica {
	var existing []string
	taken := map[string]bool{}
	for _, id := range sortedIDs(k.replicas) {
		taken[k.replicas[id].name] = true
		existing = append(existing, k.replicas[id].name)
	}
	stopped := docker.Container{}
	for _, c := range k.hand.idle {
		existing = append(existing, c.Name)
		// The newest, and of equals the one with the smallest name.
		if c.State == docker.Exited && !taken[c.Name] && (stopped.ID == "" ||
			cmp.Or(c.StartedAt.Compare(stopped.StartedAt), -cmp.Compare(c.Name, stopped.Name)) > 0) {
			stopped = c
		}
	}
	if stopped.ID != "" {
		delete(k.hand.idle, stopped.ID)
		return &replica{id: startID(stopped.Name, now), name: stopped.Name, before: stopped.StartedAt}
	}
	name := k.project.Name(existing)
	return &replica{id: startID(name, now), name: name}
}

// setAside takes note of a container of the project that does not run and is
// no replica; false when it must be looked at as one.
func (k *keeper) setAside(r *replica, c docker.Container) bool {
	switch {
	case k.project == nil:
		return false
	case c.State == docker.Running:
		delete(k.hand.idle, c.ID)
		if !k.hand.down.IsZero() && (r == nil || r.stays()) {
			k.hand.down, k.changed = time.Time{}, true
			k.log.Info("service was started by another hand")
		}
		return false
	case r == nil:
		k.hand.idle[c.ID] = c
		return true
	default:
		r.name = c.Name // compose up gives a new container its final name last
		return c.State == docker.Exited && r.pastStart(c.StartedAt)
	}
}

// pastStart is true of a start that the container had before it was a replica.
func (r *replica) pastStart(at time.Time) bool {
	return !r.before.IsZero() && (at.Equal(r.before) || at.Before(r.began))
}

// asked takes note that somebody asked a container to end: unless it goes
// anyway, that was another hand.
func (k *keeper) asked(container string) {
	for _, r := range k.replicas {
		if k.project != nil && r.container == container && r.stays() {
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
		k.hand.down = now
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
		k.hand.before, k.hand.ended, k.hand.started = k.desired, 0, 0
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

// handConditions are what an operator should know of another hand.
func (k *keeper) handConditions(desired int) []scale.Condition {
	if k.project == nil || desired == 0 || !k.contact.before {
		return nil
	}
	var all []scale.Condition
	switch {
	case k.noContainer():
		all = append(all, scale.Condition{
			Type: ServiceDown, Since: cmp.Or(k.hand.down, k.contact.back),
			Message: "no container of the service exists to make others like: run " + k.project.Up,
		})
	case !k.hand.down.IsZero():
		all = append(all, scale.Condition{
			Type: ServiceDown, Since: k.hand.down,
			Message: "another hand stopped the service; to go on run " + k.project.Up,
		})
	}
	counting := k.hand.ended == 0 && k.clock.Now().Sub(k.hand.last) < handPause
	if !k.hand.began.IsZero() && !counting {
		message := k.hand.did()
		if len(all) == 0 { // somebody must start the service first
			message += k.hand.follows(desired)
		}
		all = append(all, scale.Condition{Type: scale.CountReset, Since: k.hand.began, Message: message})
	}
	return all
}

// did says what another hand did.
func (h *hand) did() string {
	var what, who string
	switch {
	case h.started == 0:
		what, who = fmt.Sprintf("ended %d of %s", h.ended, scale.Count(h.before, "replica")), " (docker compose up does, to the count of its file)"
	case h.ended == 0:
		what, who = fmt.Sprintf("started %d more than the %s asked for", h.started, scale.Count(h.before, "replica")), " (docker compose up --scale does)"
	default:
		what = fmt.Sprintf("ended %d and started %d where %s had been asked for", h.ended, h.started, scale.Count(h.before, "replica"))
	}
	if h.contest.Again() {
		who = ", and did so before: is there another autoscaler?"
	}
	return "another hand " + what + who
}

// follows says what becomes of that.
func (h *hand) follows(desired int) string {
	switch {
	case !h.contest.Disturbed():
		return fmt.Sprintf("; brought back to %d", desired)
	case h.contest.Next().After(h.last.Add(handPause)):
		return fmt.Sprintf("; it is brought back to %d at %s", desired, h.contest.Next().UTC().Format(time.TimeOnly))
	default:
		return fmt.Sprintf("; it is about to be brought back to %d", desired)
	}
}

// twin is what a container of a project is made of: like its newest one.
func (s *starter) twin(ctx context.Context) (docker.Spec, error) {
	siblings, err := s.engine.List(ctx, s.project.Labels)
	if err != nil {
		return docker.Spec{}, err
	}
	slices.SortFunc(siblings, func(a, b docker.Container) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.Name, a.Name))
	})
	for _, sibling := range siblings {
		if err := s.project.Fault(sibling); err != nil {
			return docker.Spec{}, fmt.Errorf("%w: %w", errNoTemplate, err)
		}
		like, err := s.engine.Template(ctx, sibling.ID)
		switch {
		case errors.Is(err, docker.ErrGone):
			continue // meanwhile
		case errors.Is(err, docker.ErrOnlyOne):
			return docker.Spec{}, fmt.Errorf("%w: %w", errNoTemplate, err)
		case err != nil:
			return docker.Spec{}, err
		}
		if port := like.FixedPort(); port != "" {
			return docker.Spec{}, fmt.Errorf("%w: %s has port %s of the host, which only one can have", errNoTemplate, sibling.Name, port)
		}
		spec := docker.Spec{Like: &like, Twin: true, Labels: s.project.Mark(s.name)}
		spec.Labels[labelTarget], spec.Labels[labelOwner] = s.job.target, s.owner
		return spec, nil
	}
	return docker.Spec{}, fmt.Errorf("%w: no container of the service is there: run %s", errNoTemplate, s.project.Up)
}
