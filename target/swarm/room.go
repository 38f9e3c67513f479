package swarm

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

// noNode is how a manager says that a task finds no node.
const noNode = "no suitable node"

// roomFor is how long it is believed that there is no more room, although
// nothing waits for it any more: what it depends on is known but for things
// like a port that a program on the node has.
const roomFor = 10 * time.Minute

// room is what was learned of how many tasks can be placed. The scheduler is
// the judge: those that have a node fit, and of the same kind no more do. It
// holds until a node, the service or what others reserve changes.
type room struct {
	known       bool
	limit       int
	waiting     int
	says        string
	since, seen time.Time
	nudged      time.Time
	terms       string
}

// learn takes over what a manager says of the tasks. The terms, which take
// another question, are asked for only where they matter.
func (r *room) learn(s *seen, terms func() (string, error)) error {
	placed, waiting, says := s.placed()
	if waiting == 0 && !r.known {
		return nil
	}
	now, err := terms()
	if err != nil {
		return err
	}
	same := r.known && now == r.terms
	switch {
	case waiting > 0 && same:
		r.limit = max(r.limit, placed)
	case waiting > 0:
		if !r.known {
			r.since = s.at
		}
		r.known, r.limit, r.terms = true, placed, now
	case !same || s.service.Replicas > r.limit || s.at.Sub(r.seen) > roomFor:
		*r = room{nudged: r.nudged}
		return nil
	}
	r.waiting = waiting
	if waiting > 0 {
		r.says, r.seen = says, s.at
	}
	return nil
}

// unplaced is how long a task has no node before it is believed that it finds
// none: the scheduler takes milliseconds, and does not always write down why.
const unplaced = 5 * time.Second

// silent is told of tasks that wait without a word.
const silent = "the scheduler does not say why"

// A scheduler that is busy loses a task now and then (seen in 20.10): it has no
// node, gets no word, and gets none when there is room either. It goes when it
// is asked for no more, and one that is asked for anew is thought of again.
const (
	forgotten = 20 * time.Second
	nudgeWait = 5 * time.Minute
)

// nudge reports whether what waits has been forgotten, and notes that it is
// about to be asked for anew.
func (r *room) nudge(now time.Time) bool {
	if !r.known || r.waiting == 0 || r.says != silent || now.Sub(r.since) < forgotten || now.Sub(r.nudged) < nudgeWait {
		return false
	}
	r.nudged = now
	return true
}

// placed counts the slots that have a node, and those that find none. What the
// scheduler says of one that waits holds for all.
func (s *seen) placed() (placed, waiting int, says string) {
	has, lacks, long := map[int]bool{}, map[int]bool{}, false
	for i := range s.tasks {
		switch t := &s.tasks[i]; {
		case !t.Stays:
		case t.State == docker.TaskPending:
			lacks[t.Slot] = true
			long = long || s.at.Sub(t.CreatedAt) > unplaced
			if strings.Contains(t.Says, noNode) {
				says = t.Says
			}
		case t.Node != "" && !s.down(t.Node):
			has[t.Slot] = true
		}
	}
	if says == "" && !long {
		return len(has), 0, "" // the scheduler has yet to think of them
	}
	if waiting = min(len(lacks), s.service.Replicas-len(has)); waiting <= 0 {
		return len(has), 0, "" // those that wait are to go
	}
	return len(has), waiting, cmp.Or(says, silent)
}

// terms are what decides how many tasks can be placed, in a form that is equal
// when it is: the nodes, the service, and what others take away.
func (v *view) terms(ctx context.Context, s *seen) (string, error) {
	var b strings.Builder
	for _, n := range s.nodes {
		b.WriteString(n.Room + "\n")
	}
	b.WriteString(s.service.Placement + "\n")
	services, err := v.engine.Services(ctx)
	if err != nil {
		return "", err
	}
	for i := range services {
		if other := &services[i]; other.ID != s.service.ID && other.Demands {
			fmt.Fprintf(&b, "%s %d %s\n", other.ID, other.Replicas, other.Placement)
		}
	}
	return b.String(), nil
}

// condition says how many fit, in the manager's words why no more do.
func (r *room) condition(asked int) (scale.Condition, bool) {
	c := scale.Condition{Type: scale.CannotPlace, Since: r.since, Limit: r.limit}
	if r.waiting > 0 {
		c.Message = fmt.Sprintf("%d of %s cannot be placed, %d fit: %s", r.waiting, scale.Count(asked, "replica"), r.limit, r.says)
	} else {
		c.Message = fmt.Sprintf("no more than %d fit: %s", r.limit, r.says)
	}
	return c, r.known
}
