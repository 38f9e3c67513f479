package docker

import (
	"log/slog"
	"maps"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
)

// contact is what is known of the engine itself.
type contact struct {
	// listed: since the last gap the engine has said what there is.
	listed bool
	// before: it has done so before.
	before bool
	back   time.Time // when it last did after a gap
	lost   error     // why it cannot be reached; nil: it can, or was not asked
	since  time.Time // when it was lost
}

// learn takes note of what the engine tells.
func (k *keeper) learn(u docker.Update) {
	switch {
	case u.Err != nil:
		k.lose(u.Err)
	case u.Listed:
		k.compare(u)
	case u.One != nil:
		k.see(*u.One)
	case u.Asked != "":
		k.asked(u.Asked)
	case u.Gone != "":
		delete(k.hand.idle, u.Gone)
		for _, r := range k.replicas {
			if r.container == u.Gone {
				k.vanished(r)
			}
		}
	}
}

// lose takes note that the engine is away.
func (k *keeper) lose(err error) {
	k.contact.listed = false
	k.forgetAsked()
	known := k.contact.lost != nil
	k.contact.lost = err
	if !known {
		k.contact.since = k.clock.Now()
		k.log.Warn("engine away, nothing is started or ended until it is back", slog.Any("error", err))
		// One that is about to end fails what it is asked for in words of its
		// own, which say nothing of the replicas.
		k.failures = replicas.Failures{Restarts: k.failures.Restarts}
		k.changed = true
		k.sayWaiting()
	}
}

// compare holds a listing against what is known.
func (k *keeper) compare(u docker.Update) {
	if k.contact.lost != nil {
		k.log.Info("engine back")
		k.changed = true
	}
	if !k.contact.listed {
		k.contact.back = k.clock.Now()
	}
	there := map[string]bool{}
	clear(k.hand.idle)
	for _, c := range u.All {
		there[c.ID] = true
		k.see(c)
	}
	for _, id := range sortedIDs(k.replicas) {
		// One that was made after the listing began may not be in it.
		if r := k.replicas[id]; r.container != "" && !there[r.container] && r.madeAt.Before(u.At) {
			k.vanished(r)
		}
	}
	// All news from here on is younger than this listing.
	maps.DeleteFunc(k.removed, func(_ string, at time.Time) bool { return at.Before(u.At) })
	k.contact = contact{listed: true, before: true, back: k.contact.back}
	k.first()
}

// see takes note of what a container is now.
func (k *keeper) see(c docker.Container) {
	if _, removed := k.removed[c.ID]; removed {
		return // old news, which must not bring it back
	}
	r := k.of(c)
	if k.setAside(r, c) {
		return
	}
	if r != nil && r.runs() && c.State == docker.Running && !c.StartedAt.Equal(r.began) {
		r = k.supersede(r, c)
	}
	if r == nil {
		r = k.adopt(c)
		k.surplus(r)
	}
	if r.container == "" {
		r.container, r.madeAt = c.ID, k.clock.Now()
		k.changed = true
	}
	switch c.State {
	case docker.Running:
		k.begun(r, c)
	case docker.Exited:
		k.exited(r, c.Exit, c.ExitCode)
	case docker.Created: // it is about to be started
	}
}

// of is the replica whose container this is, by its ID, or by its name where
// that alone is known.
func (k *keeper) of(c docker.Container) *replica {
	var named *replica
	for _, r := range k.replicas {
		switch {
		case r.container == c.ID:
			return r
		case r.container == "" && r.name == c.Name:
			named = r
		}
	}
	return named
}

// begun takes note that a replica's container runs, and how healthy it is.
func (k *keeper) begun(r *replica, c docker.Container) {
	if r.gone() {
		return // old news
	}
	if address := k.job.address(c); r.began.IsZero() || r.address == "" && address != "" {
		r.began, r.address = c.StartedAt, address
		k.changed = true
		k.refusal = ""
		k.failures.Began(r.startedAt)
		k.log.Info("replica started", slog.String("replica", r.id), slog.String("address", r.address))
	}
	r.health, r.paused = c.Health, c.Paused
	if r.stopProbe != nil && r.stays() && !k.job.probes(r) {
		r.stopProbe() // its health check counts alone, as is known now
		r.stopProbe = nil
	}
	k.judge(r)
}

// exited takes note that a replica's container has ended.
func (k *keeper) exited(r *replica, text string, code int) {
	if r.gone() {
		return
	}
	r.exit, r.exitCode = text, code
	close(r.exited)
	k.changed = true
	switch {
	case !r.stays():
	case k.byHand(r):
		k.reset(r, text, true)
	case r.adopted && !k.contact.before:
		// It ended while nobody looked, with the machine perhaps: that says
		// nothing against starting another.
		k.end(r, removeAtOnce, text)
	default:
		k.fail(r, crashLoop("ended by itself: "+text))
		k.end(r, removeAtOnce, text)
	}
}

// vanished takes note that a container was taken away by another hand.
func (k *keeper) vanished(r *replica) {
	if r.stays() && r.adopted && !k.contact.before {
		delete(k.replicas, r.id)
		k.changed = true
		return
	}
	if k.project != nil && r.stays() {
		close(r.exited)
		k.reset(r, "removed", false)
		return
	}
	k.exited(r, "removed by another hand", 1)
}

// adopt makes a container with our mark one of ours again.
func (k *keeper) adopt(c docker.Container) *replica {
	now := k.clock.Now()
	r := &replica{
		id: c.Name, name: c.Name, config: c.Labels[labelConfig], adopted: true,
		startedAt: now, seenAt: now, exited: make(chan struct{}),
	}
	if !c.StartedAt.IsZero() {
		r.startedAt = replicas.NotAfter(c.StartedAt, now)
	}
	if k.project != nil {
		r.id, r.config = startID(c.Name, c.StartedAt), k.job.hash
	}
	k.replicas[r.id] = r
	k.changed = true
	k.log.Info("replica adopted", slog.String("replica", r.id))
	return r
}

// supersede lets go of a replica whose container another hand has started
// again: the next start has an address of its own, so it is another replica.
func (k *keeper) supersede(r *replica, c docker.Container) *replica {
	if !r.stays() {
		return r // it goes either way
	}
	k.release(r)
	next := k.adopt(c)
	delete(k.replicas, next.id)
	next.id, next.restarts = startID(c.Name, c.StartedAt), r.restarts+1
	k.replicas[next.id] = next
	return next
}

// release forgets a replica whose container goes on as another one.
func (k *keeper) release(r *replica) {
	if r.stopProbe != nil {
		r.stopProbe()
	}
	delete(k.replicas, r.id)
	k.log.Info("replica was started again by another hand", slog.String("replica", r.id))
}
