package docker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What callers branch on, of a swarm.
var (
	// ErrNoManager: the engine is no manager of a swarm, so it can answer
	// nothing about services. Tasks that run go on.
	ErrNoManager = errors.New("no swarm manager")
	// ErrNoService: there is no such service, or not any more.
	ErrNoService = errors.New("no such service")
	// ErrOutOfSequence: somebody else has changed the service meanwhile.
	ErrOutOfSequence = errors.New("changed meanwhile")
)

// Cluster is what targets need of an engine that manages a swarm. Its methods
// may be called from several goroutines.
type Cluster interface {
	// Service describes a service, by ID or name.
	Service(ctx context.Context, name string) (Service, error)
	// Services describes all services, by name.
	Services(ctx context.Context) ([]Service, error)
	// Scale sets the count of a replicated service as it was read, or returns
	// ErrOutOfSequence when somebody has changed it since.
	Scale(ctx context.Context, s Service, replicas int) error
	// Tasks describes all tasks of a service, those of its past included, by ID.
	Tasks(ctx context.Context, service string) ([]Task, error)
	// Nodes describes all nodes, by ID.
	Nodes(ctx context.Context) ([]Node, error)
	// Node is the ID of the engine's own node.
	Node(ctx context.Context) (string, error)
	// Inspect describes a container of the engine's own node.
	Inspect(ctx context.Context, id string) (Container, error)
	// Happenings receives when a service or a node has changed, or a container
	// of the engine's own node, until ctx is done or the error channel says why
	// it ends. A task on another node changes unheard.
	Happenings(ctx context.Context) (<-chan struct{}, <-chan error)
}

// Mode is how a service decides how many tasks it has.
type Mode string

// Modes of a service.
const (
	Replicated    Mode = "replicated"
	Global        Mode = "global"
	ReplicatedJob Mode = "replicated-job"
	GlobalJob     Mode = "global-job"
)

// Rollout is what becomes of a service whose definition was changed.
type Rollout string

// States of a rollout.
const (
	NoRollout     Rollout = ""
	RollingOut    Rollout = "in progress"
	RolloutPaused Rollout = "paused"
)

// Service is what a manager says of a service.
type Service struct {
	ID, Name string
	Labels   map[string]string
	Mode     Mode
	Replicas int
	// Version is that of the description: a change must name it.
	Version uint64
	Rollout Rollout
	// RolloutSince is when it began, RolloutSays what the engine says of it.
	RolloutSince time.Time
	RolloutSays  string
	// StopGracePeriod is the time from SIGTERM to SIGKILL.
	StopGracePeriod time.Duration
	// Checked: its description has a health check. An image may have one beside.
	Checked bool
	// Placement is everything but the count that decides what can be placed
	// where, in a form that is equal when it is.
	Placement string
	// Demands says that its tasks take something away from others: reserved
	// resources, or ports of the host.
	Demands bool

	raw any // what Scale sends back
}

// TaskState is how far a task has come.
type TaskState uint8

// States of a task. A container with a health check runs once it is healthy.
const (
	TaskPending  TaskState = iota // waits for a node
	TaskAssigned                  // has a node, which prepares it
	TaskStarting                  // its container runs, its health check not yet well
	TaskRunning
	TaskEnded  // ended, and was meant to
	TaskFailed // ended, and was not meant to, or could not be started
)

// Task is what a manager says of a task.
type Task struct {
	ID   string
	Slot int
	// Node is the ID of its node, Container that of its container; "" before.
	Node, Container string
	State           TaskState
	// Stays: it is meant to run, now or once the one before it has ended.
	Stays bool
	// Removed: it goes because fewer are asked for, and is soon forgotten.
	Removed bool
	// CreatedAt is when the manager made it, Since when its state changed.
	CreatedAt, Since time.Time
	// Says is why it is in its state, in the engine's own words.
	Says string
	// Networks are those it is in, in order, with its addresses there.
	Networks []Attachment
	// Published are the ports of its node by the container's TCP port.
	Published map[int]int
}

// Attachment is a task's part in a network. Only those that span nodes have
// an address that the manager knows.
type Attachment struct {
	Network string
	Ingress bool // the one behind published ports, which leads to any task
	Address string
}

// Node is what a manager says of a node.
type Node struct {
	ID, Name string
	// Address is where other nodes reach it.
	Address string
	// Down: nobody hears of it. What runs there may still run.
	Down bool
	// Room is everything that decides what can be placed on it, in a form that
	// is equal when it is.
	Room string
}

// scaleTries bounds attempts against somebody who changes the service without
// end: one in five of them comes between two changes. The wait between
// two is one to five times scalePause, so as not to keep step with them.
const (
	scaleTries = 60
	scalePause = 8 * time.Millisecond
)

// SetServiceReplicas sets the count of a service, again where somebody else
// changed the service at the same time. One that has the count is left alone.
// The service is returned as it was read last before.
func SetServiceReplicas(ctx context.Context, c Cluster, name string, replicas int) (Service, error) {
	for try := 1; ; try++ {
		s, err := c.Service(ctx, name)
		switch {
		case err != nil:
			return s, err
		case s.Mode != Replicated:
			return s, fmt.Errorf("service %s: %w", name, s.Scalable())
		case s.Replicas == replicas:
			return s, nil
		}
		err = c.Scale(ctx, s, replicas)
		if !errors.Is(err, ErrOutOfSequence) || try == scaleTries {
			return s, err
		}
		select {
		case <-time.After(time.Duration(1+2*try%5) * scalePause):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// RepeatServiceReplicas sets the count that a service has once more: whoever has
// missed it sees a change. One that somebody else has just made does as well.
func RepeatServiceReplicas(ctx context.Context, c Cluster, name string) error {
	s, err := c.Service(ctx, name)
	if err != nil {
		return err
	}
	if err := s.Scalable(); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if err := c.Scale(ctx, s, s.Replicas); !errors.Is(err, ErrOutOfSequence) {
		return err
	}
	return nil
}

// Scalable returns why the count of a service cannot be set, or nil.
func (s Service) Scalable() error {
	switch s.Mode {
	case Replicated:
		return nil
	case Global:
		return errors.New("its mode is global: it has one task on every node, and no count that could be set; use mode replicated")
	default:
		return fmt.Errorf("its mode is %s: its tasks end by themselves, so there is no count to keep; use mode replicated", s.Mode)
	}
}
