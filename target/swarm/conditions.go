package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// conditions are what an operator should know.
func (v *view) conditions(s *seen, replicas []scale.Replica) []scale.Condition {
	var all []scale.Condition
	add := func(c scale.Condition, holds bool) {
		if holds {
			all = append(all, c)
		}
	}
	add(v.room.condition(s.service.Replicas))
	add(v.surplus.condition(s.at))
	add(v.loop.condition(s, replicas))
	add(v.count.condition(s.at))
	add(s.unready(replicas))
	return append(all, s.rollout()...)
}

// rollout says that tasks are being replaced by others of a changed
// definition. One that is paused is one still: whatever changes the count sets
// it going again, with what made it stop.
func (s *seen) rollout() []scale.Condition {
	since := s.service.RolloutSince
	if since.IsZero() || since.After(s.at) {
		since = s.at
	}
	says := s.service.RolloutSays
	switch s.service.Rollout {
	case docker.RollingOut:
		return []scale.Condition{{Type: scale.RolloutInProgress, Since: since, Message: "tasks are being replaced: " + says}}
	case docker.RolloutPaused:
		return []scale.Condition{
			{Type: scale.RolloutInProgress, Since: since, Message: "some tasks are of a new definition and some of the old one"},
			{Type: scale.RolloutPaused, Since: since, Message: says + "; go on with docker service update, or back with docker service rollback"},
		}
	default:
		return nil
	}
}

// A swarm starts what fails again without end. So many failures within the
// time are a loop.
const (
	loopFailures = 3
	loopWithin   = 3 * time.Minute
)

// loop is a row of tasks that fail.
type loop struct{ since time.Time }

// condition says that tasks keep failing, while fewer are ready than are asked
// for.
func (l *loop) condition(s *seen, replicas []scale.Replica) (scale.Condition, bool) {
	ready := 0
	for i := range replicas {
		if replicas[i].TakesWork() {
			ready++
		}
	}
	failed := s.failures()
	if len(failed) < loopFailures || ready >= s.service.Replicas {
		*l = loop{}
		return scale.Condition{}, false
	}
	if l.since.IsZero() {
		l.since = notAfter(failed[0].Since, s.at)
	}
	return scale.Condition{Type: scale.CrashLoop, Since: l.since,
		Message: fmt.Sprintf("%d tasks have failed within %v: %s", len(failed), scale.Duration(loopWithin), failed[len(failed)-1].Says)}, true
}

// failures are the tasks that failed lately, the last one last.
func (s *seen) failures() []docker.Task {
	var failed []docker.Task
	for _, t := range s.tasks {
		if t.State == docker.TaskFailed && !t.Removed && s.at.Sub(t.Since) < loopWithin {
			failed = append(failed, t)
		}
	}
	slices.SortFunc(failed, func(a, b docker.Task) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return failed
}

// slow is how long nobody may be ready before it is worth a word.
const slow = 10 * time.Second

// unready is what an operator should see while no task is ready: why the one
// that is awaited for longest is not.
func (s *seen) unready(replicas []scale.Replica) (scale.Condition, bool) {
	if s.service.Replicas == 0 || slices.ContainsFunc(replicas, func(r scale.Replica) bool { return r.TakesWork() }) {
		return scale.Condition{}, false
	}
	var oldest *docker.Task
	for i := range s.tasks {
		if t := &s.tasks[i]; t.Stays && (oldest == nil || t.CreatedAt.Before(oldest.CreatedAt)) {
			oldest = t
		}
	}
	if oldest == nil || s.at.Sub(oldest.CreatedAt) < slow {
		return scale.Condition{}, false
	}
	return scale.Condition{Type: scale.NotReady, Since: oldest.CreatedAt, Message: "no task is ready: " + oldest.Says}, true
}
