package docker

import (
	"cmp"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/scale"
)

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
		down := len(all) > 0 // somebody must start the service first
		message := k.hand.did(down || k.hand.stopped)
		if !down {
			message += k.hand.follows(desired, k.complete() && k.staying() == desired)
		}
		all = append(all, scale.Condition{Type: scale.CountReset, Since: k.hand.began, Message: message})
	}
	return all
}

// did says what another hand did, and which command does that.
func (h *hand) did(down bool) string {
	var what, who string
	switch {
	case h.started == 0 && down:
		what, who = fmt.Sprintf("ended %d of %s", h.ended, scale.Count(h.before, "replica")), " (docker compose stop and down do)"
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
func (h *hand) follows(desired int, complete bool) string {
	switch {
	case complete && h.contest.Disturbed():
		return fmt.Sprintf("; there are %d now, as decided", desired)
	case !h.contest.Disturbed():
		return fmt.Sprintf("; brought back to %d", desired)
	case h.contest.Next().After(h.last.Add(handPause)):
		return fmt.Sprintf("; it is brought back to %d at %s", desired, h.contest.Next().UTC().Format(time.TimeOnly))
	default:
		return fmt.Sprintf("; it is about to be brought back to %d", desired)
	}
}
