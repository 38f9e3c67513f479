package swarm

import (
	"context"
	"log/slog"
	"testing"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
)

// withContainers is a swarm whose tasks that have a node have a container.
type withContainers struct{ *fakeSwarm }

func (w withContainers) Tasks(ctx context.Context, service string) ([]docker.Task, error) {
	all, err := w.fakeSwarm.Tasks(ctx, service)
	for i := range all {
		if all[i].Node != "" {
			all[i].Container = "container-" + all[i].ID
		}
	}
	return all, err
}

// A manager knows the containers of all nodes: who measures there is told.
func TestARollOfTasks(t *testing.T) {
	cfg := Default()
	cfg.Service = "web"
	tgt, err := New("web", cfg, Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), Engine: withContainers{newFakeSwarm(3, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	if roll, err := tgt.Roll(t.Context()); err != nil || len(roll.Replicas) != 0 {
		t.Errorf("before anybody looked: %+v, %v", roll, err)
	}
	if _, err := tgt.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	roll, err := tgt.Roll(t.Context())
	if err != nil || roll.Target != "web" || len(roll.Replicas) != 2 || roll.Replicas["t01"].Container != "container-t01" {
		t.Errorf("got %+v, %v; want the two tasks that have a node", roll, err)
	}
}
