package swarm

import (
	"context"
	"testing"
	"time"

	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
)

func TestWhatATaskIsAsAReplica(t *testing.T) {
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	for _, tc := range []struct {
		rule                string
		task                docker.Task
		exists, ready, goes bool
		phase               scale.Phase
		address             string
	}{
		{"waits for a node", docker.Task{Stays: true}, true, false, false, scale.Pending, ""},
		{"is prepared by its node", docker.Task{Stays: true, State: docker.TaskAssigned, Node: "up"}, true, false, false, scale.Pending, ""},
		{"its health check is not yet well", docker.Task{Stays: true, State: docker.TaskStarting, Node: "up"}, true, false, false, scale.Running, ""},
		{"runs", docker.Task{Stays: true, State: docker.TaskRunning, Node: "up"}, true, true, false, scale.Running, ""},
		{"has just failed", docker.Task{Stays: true, State: docker.TaskFailed, Node: "up"}, true, false, false, scale.Failed, ""},
		{"runs on a node that is down", docker.Task{Stays: true, State: docker.TaskRunning, Node: "dead"}, true, false, false, scale.Running, ""},
		{"is on its way out", docker.Task{State: docker.TaskRunning, Node: "up", Removed: true}, true, true, true, scale.Running, ""},
		{"went with its node", docker.Task{State: docker.TaskRunning, Node: "dead"}, false, false, false, 0, ""},
		{"never had a container", docker.Task{State: docker.TaskAssigned, Node: "up"}, false, false, false, 0, ""},
		{"is history", docker.Task{State: docker.TaskEnded, Node: "up"}, false, false, false, 0, ""},
		{"is reached in its first network that leads to it alone", docker.Task{Stays: true, State: docker.TaskRunning, Node: "up",
			Networks: []docker.Attachment{{Network: "ingress", Ingress: true, Address: "10.0.0.9"}, {Network: "shop", Address: "10.0.1.2"}}},
			true, true, false, scale.Running, "10.0.1.2:8080"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			tc.task.ID, tc.task.Slot, tc.task.CreatedAt, tc.task.Since = "t", 1, ago(time.Minute), ago(2*time.Minute)
			s := &seen{at: at, service: docker.Service{ID: "s", Replicas: 1}, tasks: []docker.Task{tc.task},
				nodes: []docker.Node{{ID: "dead", Down: true}, {ID: "up"}}}
			v := &view{cfg: Default(), leaving: map[string]mark{}, local: map[string]docker.Container{}}
			v.cfg.Port = 8080
			status := v.statusOf(s)
			if (len(status.Replicas) == 1) != tc.exists {
				t.Fatalf("got %+v", status.Replicas)
			}
			if !tc.exists {
				return
			}
			r := status.Replicas[0]
			if r.Phase != tc.phase || r.Readiness.Ready != tc.ready || r.DeletedAt.IsZero() == tc.goes || r.Address != tc.address {
				t.Errorf("got %+v", r)
			}
			if r.Readiness.Known && r.Readiness.Since.Before(r.StartedAt) {
				t.Errorf("ready before it was started, by the clock of another machine: %+v", r)
			}
		})
	}
}

// When a task was first seen to go is kept while it is seen, and not longer.
func TestSinceWhenATaskGoes(t *testing.T) {
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	v := &view{cfg: Default(), leaving: map[string]mark{}, local: map[string]docker.Container{}}
	s := &seen{at: at, tasks: []docker.Task{{ID: "t", State: docker.TaskRunning, Node: "up"}}}
	for range 3 {
		if r := v.statusOf(s).Replicas[0]; !r.DeletedAt.Equal(at) {
			t.Errorf("goes since %v, want %v", r.DeletedAt, at)
		}
		s.at = s.at.Add(time.Second)
	}
	s.tasks = nil
	v.statusOf(s)
	v.statusOf(s)
	if len(v.leaving) != 0 {
		t.Errorf("remembered for ever: %v", v.leaving)
	}
}

// startsSlowly is a swarm whose engine is starting a container, and says nothing
// of it until that is done.
type startsSlowly struct{ *fakeSwarm }

func (s startsSlowly) Tasks(context.Context, string) ([]docker.Task, error) {
	return []docker.Task{
		{ID: "t1", Slot: 1, Stays: true, State: docker.TaskRunning, Node: "n1", Container: "ready"},
		{ID: "t2", Slot: 2, Stays: true, State: docker.TaskStarting, Node: "n1", Container: "begins"},
	}, nil
}

func (s startsSlowly) Inspect(ctx context.Context, id string) (docker.Container, error) {
	if id == "begins" {
		<-ctx.Done()
		return docker.Container{}, ctx.Err()
	}
	return docker.Container{ID: id, Addresses: map[string]string{"near": "172.18.0.2"}}, nil
}

// Who looks at the tasks does not wait for one that starts.
func TestATaskThatStartsKeepsNobodyWaiting(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	v := &view{cfg: Default(), engine: startsSlowly{newFakeSwarm(2, 2)}, leaving: map[string]mark{}, local: map[string]docker.Container{}}
	v.cfg.Port = 8080
	s, err := v.ask(ctx, time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if r := v.statusOf(s).Replicas; len(r) != 2 || r[0].Address != "172.18.0.2:8080" || r[1].TakesWork() {
		t.Errorf("got %+v", r)
	}
	// The network that is named is the one in which the balancer is too.
	v.cfg.Network = "far"
	if r := v.statusOf(s).Replicas; r[0].Address != "" {
		t.Errorf("it is reached at %s, which is not in the network far", r[0].Address)
	}
}
