package swarm

import (
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// SurplusTasks is the condition of a service that keeps tasks although fewer
// are asked for.
const SurplusTasks = "SurplusTasks"

// A manager that takes tasks away marks each as it was a moment before. Where
// its scheduler has written to the task meanwhile (why it finds no node, which
// changes when a node dies) the mark is refused, and the manager logs "failed to
// update task: update out of sequence" and goes on: it looks at the service
// again only when that changes (swarmkit, manager/orchestrator/replicated:
// setTasksDesiredState and tickServices; so in 20.10, and in 2026). So it is
// given the same count once more, which changes the service's version and
// nothing else.
const (
	surplusNudged = 10 * time.Second
	surplusAgain  = 30 * time.Second
)

// surplus is how many tasks there are beyond the count, and since when.
type surplus struct {
	tasks, asked  int
	since, nudged time.Time
}

// learn takes over what a manager says. While definitions are being replaced
// there may be more.
func (u *surplus) learn(s *seen) {
	tasks := s.slots() - s.service.Replicas
	if tasks <= 0 || s.service.Rollout != docker.NoRollout {
		*u = surplus{nudged: u.nudged}
		return
	}
	if u.since.IsZero() || u.asked != s.service.Replicas {
		u.since, u.asked = s.at, s.service.Replicas
	}
	u.tasks = tasks
}

// slots counts those with a task that stays.
func (s *seen) slots() int {
	all := map[int]bool{}
	for i := range s.tasks {
		if t := &s.tasks[i]; t.Stays {
			all[t.Slot] = true
		}
	}
	return len(all)
}

// nudge reports whether the count must be given once more, and notes that it
// is about to be.
func (u *surplus) nudge(now time.Time) bool {
	if u.tasks == 0 || now.Sub(u.since) < surplusNudged || now.Sub(u.nudged) < surplusAgain {
		return false
	}
	u.nudged = now
	return true
}

// condition says that tasks are left, once a swarm should have taken them away.
func (u *surplus) condition(now time.Time) (scale.Condition, bool) {
	if u.tasks == 0 || now.Sub(u.since) < unplaced {
		return scale.Condition{}, false
	}
	return scale.Condition{Type: SurplusTasks, Since: u.since, Message: fmt.Sprintf(
		"the swarm keeps %s beyond the %d that it was asked for: its manager has missed the change, and is asked again", scale.Count(u.tasks, "task"), u.asked)}, true
}
