package swarm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/containers"
	"github.com/flyball-io/flyball/internal/docker"
)

// twoNodes is a swarm whose tasks that have a node have a container: the first
// of them on the manager's own node, whose engine can be asked about it. The
// second one's place was taken from one that failed.
type twoNodes struct {
	*fakeSwarm
	docker.Meter // nothing is measured by it
	written      int64
}

func (n twoNodes) Tasks(ctx context.Context, service string) ([]docker.Task, error) {
	all, err := n.fakeSwarm.Tasks(ctx, service)
	now := clock.System.Now()
	for i := range all {
		all[i].CreatedAt = now
		if all[i].Node == "" {
			continue
		}
		all[i].Container = "container-" + all[i].ID
		if i > 0 {
			all[i].Node = "n2"
		}
	}
	failed := docker.Task{ID: "t99", Slot: 2, State: docker.TaskFailed, Container: "failed", Node: "n2", CreatedAt: now.Add(-time.Minute), Since: now}
	return append(all, failed), err
}

func (n twoNodes) Vitals(_ context.Context, id string, withSize bool) (docker.Vitals, error) {
	if id != "container-t00" {
		return docker.Vitals{}, errors.Join(n.ask("far"), errors.New("no such container here: "+id))
	}
	v := docker.Vitals{Health: docker.Unhealthy, CPULimit: 2}
	if withSize {
		v.Size = &n.written
	}
	return v, n.ask("vitals")
}

func (f *fakeSwarm) ask(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reach(what)
}

func rollOf(t *testing.T, tgt *Target) containers.Roll {
	t.Helper()
	roll, err := tgt.Roll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return roll
}

// A manager knows the containers of all nodes, how healthy they are and how
// often they failed; its own engine knows more of those that are near. Who
// measures on the nodes is told both.
func TestARollOfTasks(t *testing.T) {
	fake := newFakeSwarm(3, 2)
	fake.service.Checked = true
	tellOf(t, fake, twoNodes{fakeSwarm: fake, written: 70}, func(s *story) {
		s.after(15 * time.Second)
		roll := rollOf(s.t, s.target)
		near, far := roll.Replicas["t00"], roll.Replicas["t01"]
		if roll.Target != "web" || len(roll.Replicas) != 2 || near.Container != "container-t00" || far.Container != "container-t01" {
			s.t.Fatalf("got %+v; want the two tasks that run", roll)
		}
		if v := near.Vitals; v.Health != docker.Unhealthy || v.Size == nil || *v.Size != 70 || v.Restarts != 0 || near.SizeAt.IsZero() {
			s.t.Errorf("near is %+v of %v, want what its engine says", v, near.At)
		}
		if v := far.Vitals; v.Health != docker.Healthy || v.Size != nil || v.Restarts != 1 || !far.SizeAt.IsZero() {
			s.t.Errorf("far is %+v, want what a manager says", v)
		}
		if n := fake.times("far"); n != 0 {
			s.t.Errorf("an engine was asked %d times about a container of another node", n)
		}
		last := far.At
		fake.set(func() { fake.away = docker.ErrUnreachable })
		s.after(time.Minute)
		roll = rollOf(s.t, s.target)
		if far = roll.Replicas["t01"]; far.At.Sub(last) > 5*time.Second || roll.Replicas["t00"].At.Sub(last) > 15*time.Second {
			s.t.Errorf("without a manager what is known grows no older: known at %v, %v before it went away", far.At, last)
		}
	})
}

// Without a health check in the description nobody knows whether the image has
// one: no health is not the same as a good one.
func TestARollWithoutAHealthCheck(t *testing.T) {
	fake := newFakeSwarm(2, 2)
	tellOf(t, fake, twoNodes{fakeSwarm: fake}, func(s *story) {
		s.after(15 * time.Second)
		if v := rollOf(s.t, s.target).Replicas["t01"].Vitals; v == nil || v.Health != docker.NoHealthCheck {
			s.t.Errorf("far is %+v", v)
		}
	})
}
