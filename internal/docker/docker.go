// Package docker is the one place that knows the wire of a Docker engine.
//
// Whoever scales containers sees an [Engine]: containers are made from a
// [Spec], described by a [Container], followed by [Watch], and what goes wrong
// has one of the names below, whatever version of the engine words it how.
package docker

import (
	"context"
	"errors"
	"time"
)

// What callers branch on. The error's text keeps the engine's own words.
var (
	// ErrNoImage: the image is not on the engine's machine.
	ErrNoImage = errors.New("image missing")
	// ErrNameTaken: another container has the name.
	ErrNameTaken = errors.New("name taken")
	// ErrNoNetwork: a network does not exist.
	ErrNoNetwork = errors.New("network missing")
	// ErrNoMount: a path of the host that is to be mounted does not exist.
	ErrNoMount = errors.New("mount missing")
	// ErrPortTaken: a port of the host is in use.
	ErrPortTaken = errors.New("port taken")
	// ErrUnreachable: the engine does not answer. Whether it did what it was
	// asked for is not known.
	ErrUnreachable = errors.New("docker engine unreachable")
	// ErrGone: the container does not exist, or not any more.
	ErrGone = errors.New("no such container")
	// ErrOnlyOne: of such a container there cannot be a second one.
	ErrOnlyOne = errors.New("cannot be copied")
)

// Engine is what targets need of a Docker engine. Its methods may be called
// from several goroutines.
type Engine interface {
	// Create makes a container and does not start it. What could not be
	// completed is taken away again.
	Create(ctx context.Context, name string, spec Spec) (id string, err error)
	// Start starts a container; one that runs already is left alone.
	Start(ctx context.Context, id string) error
	// Stop asks a container to end and kills it after the grace period, its
	// own where grace is 0.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Remove takes a container away with its anonymous volumes, also one that
	// runs. It returns ErrGone when there is none.
	Remove(ctx context.Context, id string) error
	// Inspect describes a container, by ID or name.
	Inspect(ctx context.Context, id string) (Container, error)
	// List describes all containers with these labels, by name, those that
	// have ended included.
	List(ctx context.Context, labels map[string]string) ([]Container, error)
	// Template reads what another container is made of.
	Template(ctx context.Context, id string) (Template, error)
	// Events tells what happens to containers with these labels from now on,
	// until ctx is done or the error channel says why it ends.
	Events(ctx context.Context, labels map[string]string) (<-chan Event, <-chan error)
}

// State is where a container is in its life.
type State uint8

// States of a container. One that is paused runs.
const (
	Created State = iota // never started
	Running
	Exited // has ended, or is about to be taken away
)

func (s State) String() string { return [...]string{"created", "running", "exited"}[s] }

// Health is what the engine's health check of a container says.
type Health uint8

// Results of a health check.
const (
	NoHealthCheck Health = iota
	HealthStarting
	Healthy
	Unhealthy
)

func (h Health) String() string { return [...]string{"nothing", "starting", "healthy", "unhealthy"}[h] }

// Container is what an engine says of a container.
type Container struct {
	ID, Name, Image string
	Labels          map[string]string
	State           State
	// Paused: it runs, and does nothing. Its ports accept connections all the same.
	Paused bool
	Health Health
	// StartedAt is its last start, by the engine's clock; zero before the
	// first. Addresses belong to one start: the next may have others.
	StartedAt time.Time
	// Network is the one it was made in.
	Network string
	// Addresses are its IP addresses by network, while it runs.
	Addresses map[string]string
	// Published are the host:port by the container's TCP port, while it runs.
	Published map[int]string
	// Exit says how it ended, in words, with the last line it wrote.
	Exit string
	// ExitCode is 0 when it ended without an error.
	ExitCode int
	// StopGrace is its own time from the stop signal to SIGKILL.
	StopGrace time.Duration
}

// Event is something that happened to a container.
type Event struct {
	ID string
	// Destroyed: it was taken away. Asked: somebody asked it to end. Otherwise
	// Inspect says what it is now.
	Destroyed, Asked bool
}
