package swarm

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flyball-io/flyball/internal/clock"
	"github.com/flyball-io/flyball/internal/docker"
	"github.com/flyball-io/flyball/scale"
	"github.com/flyball-io/flyball/target"
)

// fakeSwarm is a manager in memory that goes away and loses answers when it is
// told to: what a real one does too rarely for a test. It places what fits at
// once.
type fakeSwarm struct {
	mu         sync.Mutex // guards what follows
	away       error
	loseAnswer bool
	conflicts  int // so many updates come too late
	service    docker.Service
	others     []docker.Service
	fits       int
	forgets    int // so many of those that exist wait without a word
	surplus    int // so many wait and stay, until the service changes again
	updates    []int
	asked      map[string]int
}

func newFakeSwarm(replicas, fits int) *fakeSwarm {
	return &fakeSwarm{fits: fits, asked: map[string]int{},
		service: docker.Service{ID: "s1", Name: "web", Mode: docker.Replicated, Replicas: replicas, Placement: "here"}}
}

// set changes it.
func (f *fakeSwarm) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeSwarm) reach(what string) error {
	f.asked[what]++
	return f.away
}

func (f *fakeSwarm) Service(context.Context, string) (docker.Service, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.service, f.reach("service")
}

func (f *fakeSwarm) Services(context.Context) ([]docker.Service, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]docker.Service{f.service}, f.others...), f.reach("services")
}

func (f *fakeSwarm) Scale(_ context.Context, s docker.Service, replicas int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.reach("scale"); err != nil {
		return err
	}
	if f.conflicts > 0 {
		f.conflicts--
		f.service.Version++
	}
	if s.Version != f.service.Version {
		return docker.ErrOutOfSequence
	}
	f.forgets = max(0, f.forgets-max(0, f.service.Replicas-replicas))
	f.surplus = 0
	f.service.Replicas = replicas
	f.service.Version++
	f.updates = append(f.updates, replicas)
	if f.loseAnswer {
		f.loseAnswer = false
		return docker.ErrUnreachable
	}
	return nil
}

func (f *fakeSwarm) Tasks(context.Context, string) ([]docker.Task, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []docker.Task
	for i := range f.service.Replicas + f.surplus {
		t := docker.Task{ID: fmt.Sprintf("t%02d", i), Slot: i + 1, Stays: true, State: docker.TaskRunning, Node: "n1"}
		if i >= f.fits {
			t.State, t.Node, t.Says = docker.TaskPending, "", "no suitable node (full)"
		}
		if i >= f.service.Replicas {
			t.State, t.Node, t.Says = docker.TaskPending, "", "no suitable node (full)"
		} else if i >= f.service.Replicas-f.forgets {
			t.State, t.Node, t.Says = docker.TaskPending, "", "pending task scheduling"
		}
		all = append(all, t)
	}
	return all, f.reach("tasks")
}

func (f *fakeSwarm) Nodes(context.Context) ([]docker.Node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []docker.Node{{ID: "n1", Address: "10.0.0.1", Room: "n1"}}, f.reach("nodes")
}

func (f *fakeSwarm) Node(context.Context) (string, error) { return "n1", nil }

func (f *fakeSwarm) Inspect(context.Context, string) (docker.Container, error) {
	return docker.Container{}, docker.ErrGone
}

// Happenings tells nothing: the target sees what it looks at.
func (f *fakeSwarm) Happenings(context.Context) (<-chan struct{}, <-chan error) {
	return make(chan struct{}), make(chan error)
}

// byHand is somebody else who sets the count.
func (f *fakeSwarm) byHand(n int) {
	f.set(func() {
		f.service.Replicas = n
		f.service.Version++
	})
}

// orders are the counts that were set.
func (f *fakeSwarm) orders() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.updates)
}

// times is how often something was asked for.
func (f *fakeSwarm) times(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[what]
}

func (f *fakeSwarm) replicas() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.service.Replicas
}

// story is a target of a swarm in memory, in virtual time.
type story struct {
	t      *testing.T
	swarm  *fakeSwarm
	target *Target
}

// tell runs a story.
func tell(t *testing.T, fake *fakeSwarm, play func(s *story)) {
	tellOf(t, fake, fake, play)
}

// tellOf runs one in which the target sees more of the swarm than a manager.
func tellOf(t *testing.T, fake *fakeSwarm, engine docker.Cluster, play func(s *story)) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Default()
		cfg.Service = "web"
		tgt, err := New("web", cfg, Options{Clock: clock.System, Log: slog.New(slog.DiscardHandler), Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- tgt.Run(ctx) }()
		play(&story{t, fake, tgt})
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (s *story) set(n int) {
	s.t.Helper()
	if err := s.target.SetReplicas(s.t.Context(), n); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) status() target.Status {
	s.t.Helper()
	status, err := s.target.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return status
}

func (s *story) condition(kind string) scale.Condition {
	s.t.Helper()
	for _, c := range s.status().Conditions {
		if c.Type == kind {
			return c
		}
	}
	return scale.Condition{}
}

// after lets time pass.
func (s *story) after(d time.Duration) { time.Sleep(d) }
