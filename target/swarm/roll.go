package swarm

import (
	"context"
	"fmt"
	"time"

	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
)

var _ containers.Roller = (*Target)(nil)

// Roll is which container each task is, as was seen last, for those who
// measure on the nodes, with what is known of it beside what it uses:
//
//	which container, health, restarts   of every task: a manager says so
//	the layer that it writes            of tasks on the manager's own node: no
//	                                    other engine can be asked
func (t *Target) Roll(ctx context.Context) (containers.Roll, error) {
	roll := containers.Roll{Target: t.name, At: t.clock.Now(), Replicas: map[string]containers.Entry{}}
	err := t.use(ctx, func(v *view) error {
		restarts := map[string]int{}
		for i := range v.status.Replicas {
			restarts[v.status.Replicas[i].ID] = v.status.Replicas[i].Restarts
		}
		near := v.near.Roll(t.name)
		for i := range v.tasks {
			task := &v.tasks[i]
			if !runs(task) {
				continue
			}
			entry := near.Replicas[task.ID]
			if entry.Vitals == nil {
				entry = containers.Entry{Container: task.Container, Vitals: &docker.Vitals{Health: v.health(task)}, At: v.seenAt}
			}
			entry.Vitals.Restarts = restarts[task.ID]
			roll.Replicas[task.ID] = entry
		}
		return nil
	})
	return roll, err
}

// runs reports whether a task has a container that has not ended.
func runs(t *docker.Task) bool {
	return t.Container != "" && (t.State == docker.TaskStarting || t.State == docker.TaskRunning)
}

// health is that of a task as a manager says it: a task with a health check
// runs once it is well, and is ended when it is not any more. A check that the
// image alone has is not known.
func (v *view) health(t *docker.Task) docker.Health {
	switch {
	case !v.checked:
		return docker.NoHealthCheck
	case t.State == docker.TaskRunning:
		return docker.Healthy
	default:
		return docker.HealthStarting
	}
}

// follow sets of whom the manager's own node is asked. It knows the name of its
// node for as long as it is the same engine.
func (v *view) follow(ctx context.Context) {
	near := map[string]containers.Subject{}
	for i := range v.tasks {
		task := &v.tasks[i]
		if !runs(task) || task.State == docker.TaskStarting {
			continue // what it writes to begin with is counted when it has
		}
		if v.node == "" {
			node, err := v.engine.Node(ctx)
			if err != nil {
				return // the next look asks again
			}
			v.node = node
		}
		if task.Node == v.node {
			near[task.ID] = containers.Subject{Container: task.Container}
		}
	}
	v.near.Follow(near)
}

// ask asks the manager's own engine about a container. The view is free
// meanwhile: to count a writable layer takes long.
func (t *Target) ask(ctx context.Context, id string, withSize bool) (docker.Vitals, error) {
	var engine docker.Cluster
	if err := t.use(ctx, func(v *view) error { engine = v.engine; return nil }); err != nil {
		return docker.Vitals{}, err
	}
	meter, can := engine.(docker.Meter)
	if !can {
		return docker.Vitals{}, t.wrap(fmt.Errorf("container %s: this engine cannot be asked about it", id))
	}
	return meter.Vitals(ctx, id, withSize)
}

// known is what was seen of the service last, beside its status.
type known struct {
	tasks   []docker.Task
	checked bool // it has a health check
	seenAt  time.Time
}
