package swarm_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
	targetswarm "github.com/flyball-io/flyball/target/swarm"
	"github.com/flyball-io/flyball/target/targettest"
)

// A manager loses the order to take tasks away when its scheduler writes to the
// same tasks at the same moment (why they find no node: it changes with each
// change of the node), the more so the more others want of it. About every
// twentieth time, here.
func TestAnOrderThatAManagerLosesIsGivenAgain(t *testing.T) {
	daemon := newSwarm(t)
	w := newWorld(t, daemon, 1, func(s *swarm.ServiceSpec) { s.TaskTemplate.Placement = &swarm.Placement{MaxReplicas: 2} })
	crowd := newWorld(t, daemon, 0, func(s *swarm.ServiceSpec) {
		s.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{"node.labels.nowhere == yes"}}
	})
	w.Run()
	w.Set(2)
	w.Until("2 are ready", targettest.Ready(2))
	quiet := w.hurry(crowd)
	told := false
	for end := time.Now().Add(time.Minute); !told && time.Now().Before(end); {
		w.Set(5)
		w.Until("there is no room for 3", targettest.Says(scale.CannotPlace, "3 of 5 replicas cannot be placed, 2 fit"))
		w.Set(2)
		s := w.Until("2 are left, or more stay", func(s target.Status) bool {
			return targettest.Ready(2)(s) || targettest.Told(targetswarm.SurplusTasks)(s)
		})
		told = targettest.Told(targetswarm.SurplusTasks)(s)
	}
	quiet()
	if !told {
		t.Log("no order was lost in a minute")
	}
	s := w.Until("2 are left", targettest.Ready(2))
	if targettest.Told(targetswarm.SurplusTasks)(s) {
		t.Errorf("still told %+v", s.Conditions)
	}
}

// hurry keeps the manager busy, with many tasks of another service that come and
// go, and with a node that takes tasks and does not, until quiet is called.
func (w *world) hurry(crowd *world) (quiet func()) {
	ctx, cancel := context.WithCancel(w.T.Context())
	var busy sync.WaitGroup
	alternate := func(wait time.Duration, steps ...func() error) {
		busy.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_ = steps[i%len(steps)]() // who is too slow for another change tries the next one
				time.Sleep(wait)
			}
		})
	}
	count := func(n uint64) func() error {
		return func() error {
			return crowd.changed(ctx, func(s *swarm.ServiceSpec) { s.Mode.Replicated.Replicas = &n })
		}
	}
	alternate(100*time.Millisecond, count(150), count(0))
	active, paused := w.turn(ctx, swarm.NodeAvailabilityActive), w.turn(ctx, swarm.NodeAvailabilityPause)
	alternate(70*time.Millisecond, paused, active)
	return func() {
		cancel()
		busy.Wait()
	}
}

// turn makes the node take tasks, or none beside those that it has.
func (w *world) turn(ctx context.Context, to swarm.NodeAvailability) func() error {
	return func() error {
		nodes, err := w.daemon.API.NodeList(ctx, client.NodeListOptions{})
		if err != nil {
			return err
		}
		n := nodes.Items[0]
		n.Spec.Availability = to
		_, err = w.daemon.API.NodeUpdate(ctx, n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec})
		return err
	}
}
