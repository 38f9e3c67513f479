package docker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// replica is one start of one container.
//
//	asked for ─► made ─► begun ─► ended
//	 (name)   (container) (address)
//
// Its fields belong to the keeper; workers get copies of what they need.
type replica struct {
	id        string
	name      string // of the container
	config    string // hash of what it is made of
	startedAt time.Time
	seenAt    time.Time // when this controller asked for it or found it
	adopted   bool
	restarts  int // failures of those it stands in for

	before    time.Time // the last start of its container before it was a replica; zero: none
	askedAt   time.Time // when another hand asked it to end
	removed   bool      // its container is being removed
	refused   bool      // it could not be started, as was said
	container string    // the engine's ID, once it is made
	madeAt    time.Time // when this controller learned of the container
	began     time.Time // the engine's date of its start, once it has begun
	address   string
	health    docker.Health
	paused    bool             // by another hand: what it is sent waits
	probed    bool             // the prober has found something
	found     replicas.Finding // what it found last
	readiness scale.Readiness  // what follows from it and from health
	readyAt   time.Time        // when this controller first saw it ready
	// readySince is when it became ready, also before it was adopted; zero
	// while it is not.
	readySince time.Time
	deletedAt  time.Time
	toldAt     time.Time       // when its container was told to end, after its drain; zero: not yet
	behind     replicas.Behind // with ending it, where the balancer is
	how        ending
	exit       string
	exitCode   int
	exited     chan struct{} // closed when the container has ended

	made      chan struct{}      // closed when its starter has finished; nil: none has begun
	stopProbe context.CancelFunc // set while it is being probed
	hurry     context.CancelFunc // set while it is being ended
}

// stays is false once the end of the replica was asked for.
func (r *replica) stays() bool { return r.deletedAt.IsZero() }

// gone is true once its container has ended.
func (r *replica) gone() bool {
	select {
	case <-r.exited:
		return true
	default:
		return false
	}
}

// runs is true between its start and its end.
func (r *replica) runs() bool { return !r.began.IsZero() && !r.gone() }

// judge makes readiness of what prober and health check say; false when that
// is nothing new.
func (r *replica) judge(j job, now time.Time) bool {
	known, ready := r.runs(), r.runs() && (j.cfg.Port == 0 || r.address != "")
	if j.probes(r) {
		known, ready = known && r.probed, ready && r.found.Ready
	}
	if j.watches(r) {
		ready = ready && r.health == docker.Healthy
	}
	if r.paused { // its port accepts connections, and nobody answers
		known, ready = r.runs(), false
	}
	ready = ready && !r.askedToEnd(now)
	return known && r.note(ready, now)
}

// note keeps whether it is ready; false when that is nothing new.
func (r *replica) note(ready bool, now time.Time) bool {
	if r.readiness.Known && r.readiness.Ready == ready {
		return false
	}
	switch {
	case !ready:
		r.readySince = time.Time{}
	case r.readiness.Known || r.readySince.IsZero():
		r.readySince = now
	}
	if ready && r.readyAt.IsZero() {
		r.readyAt = now
	}
	r.readiness = scale.Readiness{Known: true, Ready: ready, Since: now}
	if ready {
		r.readiness.Since = r.readySince
	}
	return true
}

// unready is why a replica that runs is not ready; "" when that is not known.
func (r *replica) unready(j job) string {
	switch {
	case !r.runs():
		return ""
	case r.paused:
		return "its container is paused: docker unpause " + r.name
	case j.cfg.Port > 0 && r.address == "":
		return "its container has no address"
	case j.probes(r) && r.found.Why != "":
		return r.found.Why
	case j.watches(r) && r.health != docker.Healthy:
		return "its health check says " + r.health.String()
	default:
		return ""
	}
}

// awaitedSince is when a replica that is not ready was started, or ceased to be.
func (r *replica) awaitedSince() time.Time {
	if r.readyAt.IsZero() {
		return r.startedAt
	}
	return r.readiness.Since
}

// because adds to a cause why the replica was not ready.
func (r *replica) because(j job, cause string) string {
	if why := r.unready(j); why != "" {
		return cause + ": " + why
	}
	return cause
}

// describe is the replica as Status shows it, with the requests of all.
func (r *replica) describe(requests map[string]int64) scale.Replica {
	d := scale.Replica{
		ID:         r.id,
		Address:    r.address,
		Phase:      scale.Running,
		Readiness:  r.readiness,
		StartedAt:  r.startedAt,
		DeletedAt:  r.deletedAt,
		Restarts:   r.restarts,
		Containers: []scale.Container{{Requests: requests}},
	}
	switch {
	case r.gone() && r.exitCode == 0:
		d.Phase = scale.Succeeded
	case r.gone():
		d.Phase = scale.Failed
	case r.began.IsZero():
		d.Phase = scale.Pending
	}
	return d
}

// member is the replica as planning sees it. The time for which the engine
// was away does not count against it.
func (r *replica) member(config string, back time.Time) replicas.Member {
	m := replicas.Member{
		ID:        r.id,
		Deleted:   !r.stays(),
		Unprobed:  r.adopted && !r.readiness.Known,
		Ready:     r.readiness.Known && r.readiness.Ready,
		EverReady: !r.readyAt.IsZero(),
		Outdated:  r.config != config,
		StartedAt: r.startedAt,
		Since:     r.seenAt,
	}
	if m.EverReady {
		m.Since = r.readiness.Since
	}
	if !m.Ready && m.Since.Before(back) {
		m.Since = back
	}
	return m
}

func (r *replica) record() record {
	return record{
		ID: r.id, Name: r.name, Container: r.container, Config: r.config, Began: r.began, Address: r.address,
		StartedAt: r.startedAt, ReadySince: r.readySince, DeletedAt: r.deletedAt, ToldAt: r.toldAt, Restarts: r.restarts,
	}
}

func sortedIDs(replicas map[string]*replica) []string { return slices.Sorted(maps.Keys(replicas)) }
