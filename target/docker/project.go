package docker

import (
	"cmp"
	"strconv"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
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
const ServiceDown = scale.ServiceDown

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
