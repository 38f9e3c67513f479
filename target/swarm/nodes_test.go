package swarm_test

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/internal/dockertest"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	"github.com/flyball-io/flyball/target/targettest"
)

// Two engines on one machine, connected by a cable: what is placed where is
// the swarm's own doing.
func TestANodeThatDiesTakesItsRoomWithIt(t *testing.T) {
	daemon := dockertest.Engine(t)
	daemon.Image(t, image)
	worker := daemon.SwarmOfTwo(t)
	worker.Image(t, image)
	overlay(t, daemon)
	w := newWorld(t, daemon, 1, func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Networks = []swarm.NetworkAttachmentConfig{{Target: "far"}}
		s.TaskTemplate.Placement = &swarm.Placement{MaxReplicas: 2}
	})
	w.Run()
	w.Set(4)
	s := w.Until("4 are ready, on two nodes", targettest.Ready(4))
	if len(s.Conditions) != 0 {
		t.Errorf("told %+v", s.Conditions)
	}
	for _, r := range s.Replicas {
		if !strings.HasPrefix(r.Address, "10.") || !strings.HasSuffix(r.Address, ":8080") {
			t.Errorf("%s is reached at %q, which is not in the overlay network", r.ID, r.Address)
		}
	}
	w.Set(5)
	w.Until("5 are too many", targettest.Says(scale.CannotPlace, "1 of 5 replicas cannot be placed, 4 fit"))
	worker.Kill(t)
	s = w.Until("half of the room is gone", func(s target.Status) bool {
		return targettest.ReadyCount(s) == 2 && targettest.Says(scale.CannotPlace, "3 of 5 replicas cannot be placed, 2 fit")(s)
	})
	t.Log(targettest.Condition(s, scale.CannotPlace).Message)
	for _, r := range s.Replicas {
		if r.Readiness.Ready && !r.TakesWork() {
			t.Errorf("one on a dead node is left: %+v", r)
		}
	}
	w.Set(2)
	w.Until("2 are left", targettest.Ready(2))
}

func overlay(t *testing.T, d *dockertest.Daemon) {
	t.Helper()
	if _, err := d.API.NetworkCreate(t.Context(), "far", client.NetworkCreateOptions{Driver: "overlay"}); err != nil {
		t.Fatal(err)
	}
}
