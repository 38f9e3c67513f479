package docker

import (
	"errors"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/internal/replicas"
	"github.com/flyball-io/flyball/scale"
)

// Conditions of a docker target, besides [scale.CrashLoop] and
// [scale.RolloutInProgress]. Each is tried again, ever more rarely, until
// somebody has put it right.
const (
	// EngineUnreachable: the engine does not answer. Nothing is started or
	// ended; replicas are still probed.
	EngineUnreachable = "EngineUnreachable"
	// ImageMissing: the image is not on the engine's machine.
	ImageMissing = "ImageMissing"
	// NameTaken: a container that is not ours has the name of a replica.
	NameTaken = "NameTaken"
	// NetworkMissing: a network of the configuration does not exist.
	NetworkMissing = "NetworkMissing"
	// MountMissing: a path of the host that is to be mounted does not exist.
	MountMissing = "MountMissing"
	// PortTaken: no port of the host is left for a replica.
	PortTaken = "PortTaken"
	// TemplateMissing: the container that replicas are made like does not
	// exist, or is one of which there cannot be two.
	TemplateMissing = "TemplateMissing"
)

var errNoTemplate = errors.New("template missing")

// reason is why a replica failed.
type reason struct {
	condition string
	text      string
}

func crashLoop(text string) reason { return reason{scale.CrashLoop, text} }

// reasonOf is why a replica could not be started.
func reasonOf(err error) reason {
	r := crashLoop("cannot be started: " + err.Error())
	for _, named := range []struct {
		err       error
		condition string
	}{
		{errNoTemplate, TemplateMissing},
		{docker.ErrNoImage, ImageMissing},
		{docker.ErrNameTaken, NameTaken},
		{docker.ErrNoNetwork, NetworkMissing},
		{docker.ErrNoMount, MountMissing},
		{docker.ErrPortTaken, PortTaken},
	} {
		if errors.Is(err, named.err) {
			r.condition = named.condition
			break
		}
	}
	return r
}

// conditions are what an operator should know.
func (k *keeper) conditions(now time.Time, desired int) []scale.Condition {
	var all []scale.Condition
	if k.contact.lost != nil {
		all = append(all, scale.Condition{Type: EngineUnreachable, Since: k.contact.since, Message: k.contact.lost.Error()})
	}
	// What cannot be started matters while it is missing.
	c, ok := k.failures.Condition()
	if ok && desired > 0 && (c.Type == scale.CrashLoop || !k.complete()) {
		all = append(all, c)
	}
	if c, ok := k.unready(now); ok && desired > 0 {
		all = append(all, c)
	}
	if c, ok := replicas.BehindCondition(k.lingering()); ok {
		all = append(all, c)
	}
	all = append(all, k.handConditions(desired)...)
	if !k.rollout.IsZero() {
		all = append(all, scale.Condition{
			Type: scale.RolloutInProgress, Since: k.rollout,
			Message: "replicas made of something else are being replaced one by one",
		})
	}
	return all
}

// slow is how long nobody may be ready before it is worth a word: most
// services have started by then.
const slow = 10 * time.Second

// unready is what an operator should see while no replica is ready: why the
// one that is awaited for longest is not.
func (k *keeper) unready(now time.Time) (scale.Condition, bool) {
	var c scale.Condition
	for _, id := range sortedIDs(k.replicas) {
		r := k.replicas[id]
		if r.readiness.Ready && r.stays() {
			return scale.Condition{}, false
		}
		why, since := r.unready(k.job), r.awaitedSince()
		if r.stays() && why != "" && (c.Since.IsZero() || since.Before(c.Since)) {
			c = scale.Condition{Type: scale.NotReady, Since: since, Message: "no replica is ready: " + why}
		}
	}
	return c, !c.Since.IsZero() && now.Sub(c.Since) >= slow
}
