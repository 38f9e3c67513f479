package swarm

import (
	"context"

	"github.com/flyball-io/flyball/internal/containers"
)

var _ containers.Roller = (*Target)(nil)

// Roll is which container each task is, as was seen last, for those who
// measure on the nodes: a manager knows the containers of all.
func (t *Target) Roll(ctx context.Context) (containers.Roll, error) {
	roll := containers.Roll{Target: t.name, At: t.clock.Now(), Replicas: map[string]containers.Entry{}}
	err := t.use(ctx, func(v *view) error {
		for i := range v.tasks {
			if task := &v.tasks[i]; task.Container != "" {
				roll.Replicas[task.ID] = containers.Entry{Container: task.Container}
			}
		}
		return nil
	})
	return roll, err
}
